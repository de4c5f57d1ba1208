"""Rows that are taken by their numbers, however long their texts are together: an Arrow array holds 2 GiB of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.base_file import ROW_GROUP_BYTES, ROW_GROUP_ROWS

_MOST_TEXT = (1 << 31) - 1
"""Bytes of texts in one Arrow array, but for those with large offsets."""
_LARGE = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}


class NumberedRows:
    """Rows of a table. ``width`` are the bytes of one in memory, on average, ``step`` so many as are worth a row group."""

    def __init__(self, rows: pa.Table) -> None:
        self._plain = rows.schema
        columns = zip(rows.schema, rows.columns, strict=True)
        fields = [f.with_type(_LARGE.get(f.type, f.type)) if column.nbytes > _MOST_TEXT else f for f, column in columns]
        self._rows = rows.cast(pa.schema(fields)).combine_chunks()
        self.width = float(rows.nbytes / max(1, rows.num_rows))
        self.step = max(1, min(ROW_GROUP_ROWS, int(ROW_GROUP_BYTES / max(1, self.width))))

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def taken(self, numbers: Numbers) -> pa.Table:
        """The rows with these numbers, whose texts together are no longer than an Arrow array takes."""
        return self._rows.take(pa.array(numbers)).cast(self._plain)


def in_order(rows: pa.Table, numbers: Numbers) -> pa.Table:
    """The rows with these numbers, which ascend: in one chunk, or in several where the texts of all are too long for one."""
    if all(column.nbytes <= _MOST_TEXT for column in rows.columns):
        return rows.take(pa.array(numbers))
    parts, start = [rows.slice(0, 0)], 0
    for batch in rows.to_batches():
        first, end = np.searchsorted(numbers, [start, start + batch.num_rows])
        parts.append(pa.Table.from_batches([batch]).take(pa.array(numbers[first:end] - start)))
        start += batch.num_rows
    return pa.concat_tables(parts)
