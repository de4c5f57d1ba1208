"""The query that reads a table for a load, and its rows as raw rows: each value exactly as the stream would give it.

What ADBC hands over as Arrow without loss is taken natively, everything else as the server's text, through `values`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import SourceError
from lakewright.model import types
from lakewright.model.batch import COMMIT_TIME, EXACT, INSERT, OP, POSITION, raw_schema
from lakewright.model.names import quote_identifier
from lakewright.model.position import Position
from lakewright.model.schema import Column, TableSchema
from lakewright.sources.postgres.catalog import qualified
from lakewright.sources.postgres.values import decode, exact_column

CASTS_QUERY = """
SELECT format_type(castsource, NULL) FROM pg_cast
WHERE casttarget = 'text'::regtype AND castmethod = 'f'
"""
"""Types whose cast to text is a function of its own, not their output function (``inet``: with the mask or without)."""

_MODIFIER = re.compile(r"\([^)]*\)")
_TEXTS = frozenset({"text", "character varying", "character"})

# PostgreSQL counts days and microseconds from 2000; the driver adds the difference to 1970 and wraps around.
_DAYS = 10_957
_DAY = 86_400_000_000
_FIRST_DAY = -2_440_588
"""4714-11-24 BC, the first day there is; what is before it has wrapped around."""


class Projection:
    """Turns the result of `query` into raw rows of `schema`; not for several threads."""

    def __init__(self, schema: TableSchema, position: Position, time: datetime.datetime, casts: Collection[str]) -> None:
        self._schema = schema
        self._raw = raw_schema(schema)
        self._constants = {OP: INSERT, COMMIT_TIME: time, POSITION: str(position)}
        self._filled: dict[str, pa.Array] = {}
        self._casts = casts

    def query(self, *, only: bool) -> str:
        """The SELECT; with ``only`` the rows of the tables that inherit from this one are left out."""
        table = qualified(self._schema.name)
        columns = ", ".join(_expression(column, self._casts) for column in self._schema.columns)
        return f"SELECT {columns} FROM {'ONLY ' if only else ''}{table}"

    def rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The raw rows of a batch of the query's result. Raises `SourceError` for a value that is not understood."""
        arrays: dict[str, pa.Array] = {}
        exact: dict[str, Mapping[int, str]] = {}
        for column, array in zip(self._schema.columns, batch.columns, strict=True):
            if column.type in (types.DATE, types.TIMESTAMP):
                array, exact[column.name] = _times(column, array)
            elif types.decimal_parts(column.type) or types.is_array(column.source_type):
                decoded = decode(column, array)
                array, exact[column.name] = decoded.array, decoded.exact
            arrays[column.name] = array
        arrays[EXACT] = exact_column(batch.num_rows, exact)
        columns = [arrays[field.name] if field.name in arrays else self._constant(field, batch.num_rows) for field in self._raw]
        return pa.RecordBatch.from_arrays(columns, schema=self._raw)

    def _constant(self, field: pa.Field, rows: int) -> pa.Array:
        """A column of one value, or of nulls, shared by all batches."""
        filled = self._filled.get(field.name)
        if filled is None or len(filled) < rows:
            filled = self._filled[field.name] = pa.repeat(pa.scalar(self._constants.get(field.name), field.type), rows)
        return filled.slice(0, rows)


def _expression(column: Column, casts: Collection[str]) -> str:
    name = quote_identifier(column.name)
    base = _MODIFIER.sub("", column.source_type)
    if base == "smallint" and column.type == types.INT:
        return f"{name}::int4"
    if base in _TEXTS or (column.type != types.STRING and types.decimal_parts(column.type) is None):
        return name
    if base in casts:
        # concat() calls the output function, and has no NULL.
        return f"CASE WHEN {name} IS DISTINCT FROM NULL THEN concat({name}) END"
    return f"{name}::text"


def _times(column: Column, array: pa.Array) -> tuple[pa.Array, Mapping[int, str]]:
    """A date or timestamp column as `decode` gives it: what has wrapped around is looked at again by its text."""
    stored = types.to_arrow(column.type)
    storage, first = (pa.int32(), _FIRST_DAY) if column.type == types.DATE else (pa.int64(), _FIRST_DAY * _DAY)
    numbers = array.view(storage)
    lowest = pc.min(numbers).as_py()
    if lowest is None or lowest >= first:
        return array.view(stored), {}
    values = numbers.fill_null(0).to_numpy(zero_copy_only=False).copy()
    rows = np.flatnonzero(values < first)
    decoded = decode(column, pa.array([_text(column, number) for number in values[rows].tolist()], pa.string()))
    values[rows] = decoded.array.view(storage).to_numpy()
    exact = {int(rows[index]): text for index, text in decoded.exact.items()}
    return pa.array(values, storage, mask=array.is_null().to_numpy(zero_copy_only=False)).view(stored), exact


def _text(column: Column, number: int) -> str:
    """The server's text of a value that has wrapped around: an infinity, or a timestamp beyond 64 bits from 1970."""
    bits, shift = (32, _DAYS) if column.type == types.DATE else (64, _DAYS * _DAY)
    original = (number - shift) % 2**bits
    if original == 2 ** (bits - 1) - 1:
        return "infinity"
    if original == 2 ** (bits - 1):
        return "-infinity"
    if column.type == types.DATE or original > 2 ** (bits - 1):
        raise SourceError("LW-241", f"a value of column {column.name} is not a {column.source_type}")
    days, micros = divmod(original, _DAY)
    seconds, micros = divmod(micros, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    fraction = f".{micros:06}".rstrip("0") if micros else ""
    zone = "+00" if column.source_type.endswith("with time zone") else ""
    return f"{np.datetime64(days + _DAYS, 'D')} {clock}{fraction}{zone}"
