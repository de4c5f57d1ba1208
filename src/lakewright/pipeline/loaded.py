"""The rows of a load that no change follows yet, as a table stores them: read and passed on, for there is nothing to compute."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.model.numbered import numbered
from lakewright.model.table import DELETED_COLUMN, POSITION_COLUMN, ROW_COLUMN
from lakewright.pipeline.table_at import TableAt
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.storage.reading import StoredFile


def is_all(at: TableAt) -> bool:
    """Whether the table is its load, row by row: under one schema, without a column that is computed."""
    alone = at.snapshot is None and not at.tail and not at.mirror.partition
    return alone and {file.schema for file in at.load} == {at.schema.number}


def batches(at: TableAt, log: RawLog, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows with the columns of the spec, at most `rows` at once: those of `folding.Fold.rows_sql`, letter for letter."""
    spec = at.spec.arrow()
    for number, file in enumerate(at.load, 1):
        start, position = 0, f"{at.generation:04d}.{file.first}"  # that of each row of a load
        for batch in _read(at, log, file, rows):
            found = dict(zip(batch.schema.names, batch.columns, strict=True))
            found[POSITION_COLUMN] = pa.repeat(pa.scalar(position), batch.num_rows)
            found[DELETED_COLUMN] = pa.nulls(batch.num_rows, pa.bool_())
            if not at.schema.key:
                found[ROW_COLUMN] = numbered(f"{position}-{number}-", start, batch.num_rows)
            start += batch.num_rows
            yield pa.RecordBatch.from_arrays([found[field.name].cast(field.type) for field in spec], schema=spec)


def _read(at: TableAt, log: RawLog, file: RawFile, rows: int) -> Iterator[pa.RecordBatch]:
    stored = StoredFile(log.store, log.folder + file.name, file.bytes)
    with pq.ParquetFile(pa.PythonFile(stored, mode="r"), pre_buffer=True) as reader:
        for group in range(reader.num_row_groups):  # one after the other, for what is asked for at once is held at once
            yield from reader.iter_batches(rows, row_groups=[group], columns=at.schema.column_names)
