"""The rows of a load that no change follows yet, as a table stores them: passed on as they stand, for there is nothing to
compute."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.model.numbered import numbered
from lakewright.model.table import DELETED_COLUMN, POSITION_COLUMN, ROW_COLUMN, EncodedRows
from lakewright.pipeline.table_at import TableAt
from lakewright.raw.log import RawLog
from lakewright.storage.reading import StoredFile


def is_all(at: TableAt) -> bool:
    """Whether the table is its load, row by row: under one schema, without a column that is computed."""
    alone = at.snapshot is None and not at.tail and not at.mirror.partition
    return alone and {file.schema for file in at.load} == {at.schema.number}


def parts(at: TableAt, log: RawLog) -> Iterator[EncodedRows]:
    """The rows with the columns of the spec: those of `folding.Fold.rows_sql`, letter for letter."""
    for number, file in enumerate(at.load, 1):
        start, name = 0, log.folder + file.name
        position = f"{at.generation:04d}.{file.first}"  # that of each row of a load
        groups = pq.read_metadata(pa.PythonFile(StoredFile(log.store, name, file.bytes), mode="r"))
        for group in range(groups.num_row_groups):
            rows = groups.row_group(group).num_rows
            found = {POSITION_COLUMN: pa.repeat(pa.scalar(position), rows), DELETED_COLUMN: pa.nulls(rows, pa.bool_())}
            if not at.schema.key:
                found[ROW_COLUMN] = numbered(f"{position}-{number}-", start, rows)
            start += rows
            yield EncodedRows(name, file.bytes, group, pa.table(found))
