"""Folds in a DuckDB connection, made and kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from lakewright.engines.failures import known_errors
from lakewright.model.batch import POSITION
from lakewright.model.table import ROW_COLUMN
from lakewright.pipeline import damage, scan
from lakewright.pipeline.folded import Folded
from lakewright.pipeline.stored import Stored
from lakewright.pipeline.table_at import TableAt
from lakewright.raw.log import RawLog


class Fold(Folded):
    """A `Folded` in a DuckDB connection. Reading raises what making does; no error of DuckDB's."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, at: TableAt, log: RawLog) -> None:
        self._con = connection
        self._reading: pa.RecordBatchReader | None = None
        self._stored: Stored | None = None
        super().__init__(at, log)

    def reader(self, text: str, rows: int) -> pa.RecordBatchReader:
        """The answer to one of this fold's SELECTs, in batches of at most `rows`; it ends with `close`."""
        with self._named_failures():
            self._reading = self._con.sql(text).to_arrow_reader(rows)
        return pa.RecordBatchReader.from_batches(self._reading.schema, self._batches(self._reading))

    def close(self) -> None:
        """End what is still read, and drop what was made."""
        if self._reading is not None:
            self._reading.close()
        super().close()
        if self._stored is not None:
            with known_errors():
                self._stored.close()

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        with self._named_failures():
            yield from reader

    def _keep(self, name: str, text: str) -> None:
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {text}")

    def _drop(self, *names: str) -> None:
        with known_errors():
            for name in names:
                self._con.execute(f"DROP TABLE IF EXISTS {name}")

    def _one(self, text: str) -> Any:
        return self._con.execute(text).fetchall()[0][0]

    def _changes(self, extra: str, where: str) -> str:
        return scan.raw_sql(self._log, self.at.schema, self.at.tail, extra, where)

    def _base(self) -> str:
        at = self.at
        if at.snapshot is not None:
            if self._stored is None and at.table is not None:
                self._stored = Stored(self._con, at.table, at.snapshot)
            assert self._stored is not None
            return f"({self._stored.sql(scan.Selection(at.spec, at.schema.stored, dict(at.called)))})"
        if self._keyed:
            return f"({scan.raw_sql(self._log, at.schema, at.load, POSITION)})"
        # A row of a load without key is known by its file and its place in it; a named file never changes.
        files = scan.strings(self._log.location(file) for file in at.load)
        row = f"{POSITION} || '-' || list_position({files}, {scan.PATH}) || '-' || {scan.NUMBER} AS {ROW_COLUMN}"
        return f"({scan.raw_sql(self._log, at.schema, at.load, f'{POSITION}, {row}', numbered=True)})"

    def _named_failures(self) -> contextlib.AbstractContextManager[None]:
        return damage.named_for(self.at, self._log)


class Folds:
    """Folds kept for the next query: the newest of each table, which is still right while neither table nor log moved."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection
        self._newest: dict[str, Fold] = {}

    def take(self, at: TableAt, log: RawLog) -> Fold:
        """The fold of `at`: the kept one if it is the same, else a new one. Give it to `release` when its SELECTs are done."""
        kept = self._newest.get(at.mirror.name)
        return kept if kept is not None and kept.at == at else Fold(self._con, at, log)

    def release(self, fold: Fold) -> None:
        """Keep the fold, unless the one that is kept is of a later position; the other of the two is closed."""
        kept = self._newest.get(fold.at.mirror.name)
        if kept is fold:
            return
        if kept is not None and kept.at.feed == fold.at.feed and kept.at.upto > fold.at.upto:
            fold.close()
            return
        self._newest[fold.at.mirror.name] = fold
        if kept is not None:
            kept.close()
