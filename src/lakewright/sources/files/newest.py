"""The newest row of each key over several files of a dataset, computed in a DuckDB that spills to disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import TableSchema
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.dataset import LINE
from lakewright.sources.files.definition import Definition
from lakewright.sources.files.deletes import is_delete
from lakewright.sources.files.scan import opened

BATCH_ROWS = 100_000
_ARRIVAL = '"arrival number"'
_DELETED = '"is deleted"'


class Newest:
    """Collects rows of files with a key; then gives the newest of each key, by arrival and line, that is not a delete.

    It may be asked for some keys alone: those of `want`, less those of `spare`. A column that a file has not is NULL.
    """

    def __init__(self, connection: Any, table: TableSchema) -> None:
        self._con = connection
        self._keys = ", ".join(map(quote, table.key))
        self._alive = f"""
            SELECT * EXCLUDE ({_ARRIVAL}, {_DELETED}) FROM (
                SELECT * FROM rows
                QUALIFY row_number() OVER (PARTITION BY {self._keys} ORDER BY {_ARRIVAL} DESC, {quote(LINE)} DESC) = 1
            ) WHERE NOT {_DELETED}"""
        with self._piece(table.arrow().append(pa.field(LINE, pa.int64())).empty_table()):
            connection.execute(f"CREATE TABLE rows AS SELECT *, 0::BIGINT AS {_ARRIVAL}, false AS {_DELETED} FROM piece")
            connection.execute(f"CREATE TABLE wanted AS SELECT {self._keys} FROM piece")

    def add(self, arrival: Arrival, definition: Definition, rows: pa.RecordBatch, *, wanted: bool = False) -> None:
        """Take rows of an arrival as that definition has them; with `wanted` those whose key is."""
        some = f" SEMI JOIN wanted USING ({self._keys})" if wanted else ""
        told = rows.append_column(_DELETED.strip('"'), is_delete(rows, definition.deleted))
        with self._piece(told):
            self._con.execute(f"INSERT INTO rows BY NAME SELECT *, {arrival.number} AS {_ARRIVAL} FROM piece{some}")

    def want(self, rows: pa.RecordBatch) -> None:
        """Ask for the keys of these rows."""
        with self._piece(rows):
            self._con.execute(f"INSERT INTO wanted SELECT DISTINCT {self._keys} FROM piece ANTI JOIN wanted USING ({self._keys})")

    def spare(self, rows: pa.RecordBatch) -> None:
        """Ask no more for the keys of these rows."""
        with self._piece(rows):
            self._con.execute(f"DELETE FROM wanted WHERE ({self._keys}) IN (SELECT ({self._keys}) FROM piece)")

    def newest(self) -> Iterator[pa.RecordBatch]:
        """The newest row of each key, with the columns of the dataset and the line, in no particular order."""
        yield from self._con.sql(self._alive).to_arrow_reader(BATCH_ROWS)

    def lost(self) -> Iterator[pa.RecordBatch]:
        """The wanted keys that have no such row."""
        yield from self._con.sql(f"SELECT * FROM wanted ANTI JOIN ({self._alive}) USING ({self._keys})").to_arrow_reader(
            BATCH_ROWS
        )

    @contextlib.contextmanager
    def _piece(self, rows: pa.RecordBatch | pa.Table) -> Iterator[None]:
        self._con.register("piece", rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows]))
        try:
            yield
        finally:
            self._con.unregister("piece")


@contextlib.contextmanager
def collecting(table: TableSchema, scratch: Path) -> Iterator[Newest]:
    """An empty `Newest` of rows of a table with a key, whose files are below `scratch`; it ends with the block."""
    with opened(scratch, table.name.table) as connection:
        yield Newest(connection, table)
