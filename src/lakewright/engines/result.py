"""Answers: rows as a stream of Arrow batches, with the types that Athena names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import QueryError
from lakewright.model.times import FarTime

# DuckDB type -> (Athena's name, the Arrow type it leaves as, where that is another one than DuckDB's)
_PLAIN: dict[str, tuple[str, pa.DataType | None]] = {
    "BOOLEAN": ("boolean", None),
    "TINYINT": ("tinyint", None),
    "SMALLINT": ("smallint", None),
    "INTEGER": ("integer", None),
    "BIGINT": ("bigint", None),
    "HUGEINT": ("bigint", pa.int64()),
    "UTINYINT": ("bigint", pa.int64()),
    "USMALLINT": ("bigint", pa.int64()),
    "UINTEGER": ("bigint", pa.int64()),
    "UBIGINT": ("bigint", pa.int64()),
    "FLOAT": ("float", None),
    "DOUBLE": ("double", None),
    "VARCHAR": ("varchar", None),
    "JSON": ("json", pa.string()),
    "BLOB": ("varbinary", None),
    "DATE": ("date", None),
    "TIME": ("time", None),
    "TIMESTAMP": ("timestamp", None),
    "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", None),
    '"NULL"': ("unknown", pa.null()),
}

_YEAR_2000 = 10_957
"""In days since 1970."""


@dataclasses.dataclass(frozen=True)
class Result:
    """An answer: (name, Athena type) of each column, and its rows, which are computed as they are read.

    Names may repeat. Reading raises `QueryError` for what fails in a row; what was read before stays valid.
    ``close`` ends the reading early and frees the connection for the next statement.
    """

    columns: tuple[tuple[str, str], ...]
    reader: pa.RecordBatchReader
    close: Callable[[], None] = lambda: None


def of_rows(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Result:
    """A small answer of strings."""
    arrays = [pa.array([row[index] for row in rows], pa.string()) for index in range(len(names))]
    schema = pa.schema([(name, pa.string()) for name in names])
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return Result(tuple((name, "varchar") for name in names), pa.RecordBatchReader.from_batches(schema, [batch]))


def athena_columns(described: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Athena's types for (name, DuckDB type); raises `QueryError` LW-502 for a type it does not show, such as an interval."""
    return tuple((name, athena_name(name, kind)) for name, kind in described)


def arrow_schema(described: Sequence[tuple[str, str]], given: pa.Schema) -> pa.Schema:
    """The Arrow schema of the answer, whose rows DuckDB gives as `given`."""
    fields = zip(described, given, strict=True)
    return pa.schema([pa.field(name, _PLAIN.get(kind, ("", None))[1] or field.type) for (name, kind), field in fields])


def converted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch under `schema`; raises `QueryError` LW-508 for a sum that is larger than a bigint."""
    return pa.RecordBatch.from_arrays(
        [_as(array, field) for array, field in zip(batch.columns, schema, strict=True)], schema=schema
    )


def rows(batch: pa.RecordBatch | pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as Python's values, `FarTime` where Python has none."""
    return zip(*map(_values, batch.columns), strict=True)


def _values(array: pa.Array | pa.ChunkedArray) -> list[Any]:
    try:
        return array.to_pylist()  # type: ignore[no-any-return]
    except (OverflowError, ValueError):
        return [_value(scalar) for scalar in array]


def _value(scalar: pa.Scalar) -> Any:
    if not scalar.is_valid:
        return None
    if isinstance(scalar, pa.MapScalar):
        return [(_value(key), _value(value)) for key, value in zip(scalar.values.field(0), scalar.values.field(1), strict=True)]
    if isinstance(scalar, pa.ListScalar):
        return [_value(item) for item in scalar.values]
    if isinstance(scalar, pa.StructScalar):
        return {name: _value(item) for name, item in scalar.items()}
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        # The calendar repeats every 400 years.
        day = 1 if pa.types.is_date(scalar.type) else 86_400_000_000
        cycles, within = divmod(scalar.value - _YEAR_2000 * day, 146_097 * day)
        near = pa.scalar(within + _YEAR_2000 * day, scalar.type).as_py()
        return FarTime(near.year + 400 * cycles, near)


def athena_name(column: str, kind: str) -> str:
    """Athena's name of a DuckDB type; `column` is for the message."""
    if kind in _PLAIN:
        return _PLAIN[kind][0]
    if kind.startswith("DECIMAL("):
        return kind.lower()
    if kind.endswith("[]"):
        return f"array({athena_name(column, kind[:-2])})"
    if kind.startswith("MAP("):
        key, value = _split(kind[4:-1])
        return f"map({athena_name(column, key)},{athena_name(column, value)})"
    raise QueryError(
        "LW-502", f"column {column} is of type {kind.lower()}, which cannot be shown", hint="CAST it or use date_diff"
    )


def _split(text: str) -> tuple[str, str]:
    """The two types of a map, parted at the comma outside of parentheses."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            return text[:index].strip(), text[index + 1 :].strip()
    raise ValueError(text)


def _as(array: pa.Array, field: pa.Field) -> pa.Array:
    if array.type == field.type:
        return array
    try:
        return array.storage.cast(field.type) if isinstance(array, pa.ExtensionArray) else pc.cast(array, field.type)
    except pa.ArrowInvalid:
        raise QueryError("LW-508", f"a value of column {field.name} is out of the range of its type") from None
