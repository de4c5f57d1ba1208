"""A snapshot in a DuckDB connection: what its logs hold is kept as a table there, so that its rows are one SELECT."""

from __future__ import annotations

import itertools

import duckdb

from lakewright.model.contracts import Table
from lakewright.model.table import Snapshot
from lakewright.pipeline import scan


class Stored:
    """The rows of a snapshot of `table`. The SELECTs are valid until `close`, which drops what was made.

    Making it raises `FormatError` for a log that is damaged, and `NotFound` for one that a clean took meanwhile. The logs of
    some slices are in memory at once, no more than there has to be.
    """

    _serial = itertools.count()

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: Table, snapshot: Snapshot) -> None:
        self._con = connection
        self._snapshot = snapshot
        self._changes = f"_changes_{next(self._serial)}" if snapshot.logs else None
        if self._changes:
            try:
                self._keep(table, self._changes)
            except BaseException:
                self.close()
                raise

    def sql(self, selection: scan.Selection) -> str:
        """What `scan.snapshot_sql` gives of the snapshot."""
        return scan.snapshot_sql(self._snapshot, selection, self._changes)

    def close(self) -> None:
        """Drop what was made."""
        if self._changes:
            self._con.execute(f"DROP TABLE IF EXISTS {self._changes}")

    def _keep(self, table: Table, name: str) -> None:
        made = False
        for batch in table.changes(self._snapshot):
            self._con.register("_batch", scan.placed(self._snapshot, batch))
            try:
                self._con.execute(f"INSERT INTO {name} FROM _batch" if made else f"CREATE TEMP TABLE {name} AS FROM _batch")
            finally:
                self._con.unregister("_batch")
            made = True
        self._changes = name if made else None
