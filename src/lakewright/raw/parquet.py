"""Raw files: rows streamed to Parquet, with what a manifest tells of them measured on the way."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakewright.model.batch import COMMIT_TIME, raw_schema
from lakewright.model.contracts import Store
from lakewright.model.schema import TableSchema
from lakewright.storage.encodings import encodings

ROW_GROUP_ROWS = 128 * 1024
ROW_GROUP_BYTES = 64 * 1024 * 1024
"""A row group has about so many, and ends at whichever comes first (bytes in memory), which bounds what a writer holds."""


@dataclasses.dataclass(frozen=True)
class Written:
    """A file's rows, bytes and SHA-256 (hexadecimal), and the earliest and latest commit time in it; None without rows."""

    rows: int
    bytes: int
    sha256: str
    first_time: datetime.datetime | None
    last_time: datetime.datetime | None


def write(store: Store, name: str, schema: TableSchema, batches: Iterable[pa.RecordBatch | pa.Table]) -> Written:
    """Write rows with the columns of `raw_schema` as a new object; memory is bounded by a batch and a row group.

    A table takes over the columns of a load as they are encoded here, so they are so as readers of tables like them: with
    statistics and checksums.
    """
    columns, times, rows = raw_schema(schema), [], 0
    groups = _row_groups(batches)
    with store.upload(name) as file:
        first = next(groups, None)
        sink, settings = _Hashed(file), encodings(columns.empty_table() if first is None else first)
        with pq.ParquetWriter(sink, columns, write_page_checksum=True, **settings) as writer:
            for group in itertools.chain([first] if first is not None else [], groups):
                bounds = pc.min_max(group.column(COMMIT_TIME)).as_py()
                times += [time for time in bounds.values() if time is not None]
                rows += group.num_rows
                parts = max(1, round(group.num_rows / ROW_GROUP_ROWS))
                writer.write_table(group, row_group_size=-(-group.num_rows // parts))
    return Written(rows, sink.size, sink.digest.hexdigest(), min(times, default=None), max(times, default=None))


def _row_groups(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables that are worth a row group."""
    held: list[pa.Table] = []
    rows = size = 0
    for batch in batches:
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        held.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
            yield pa.concat_tables(held)
            held, rows, size = [], 0, 0
    if rows:
        yield pa.concat_tables(held)


class _Hashed:
    """A file for pyarrow to write to, that counts and hashes what passes."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
