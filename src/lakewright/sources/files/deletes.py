"""Deletes: the rows of a file that say of their key that it is gone, by the value of one column."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

Deleted = tuple[str, str]
"""A column and the text of the value which says so, as `deleted` in lake.yaml has them."""


def is_delete(rows: pa.RecordBatch, deleted: Deleted | None) -> pa.BooleanArray:
    """Which of the rows are deletes: those whose value equals that of the text, so that 1 is 1.0 in a column of doubles."""
    if deleted is None:
        return pa.repeat(pa.scalar(False), rows.num_rows)
    flag, text = deleted
    column = rows.column(flag)
    try:
        told = value(text, column.type)
    except pa.ArrowInvalid:  # in a former definition
        told = pa.scalar(None, column.type)
    return pc.fill_null(pc.equal(column, told), False)


def value(text: str, kind: pa.DataType) -> pa.Scalar:
    """The value that the text is of that type; raises `ArrowInvalid` where it is none."""
    return pa.scalar(text).cast(kind)
