"""Rows that DMS wrote, as rows of the raw log: columns by name, types as the lake has them, deletes by their key alone.

DMS's Parquet has its own types of some columns: whole numbers of 16 bits, times of day in milliseconds, truth values as text or
not, a number without precision with 6 decimals. What of PostgreSQL's value is lost there stays lost; what is there is kept.
"""

from __future__ import annotations

import dataclasses
import decimal
import json

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.model import types
from lakewright.model.batch import COMMIT_TIME, DELETE, EXACT, OLD_KEY, OP, POSITION, UNAVAILABLE, raw_schema
from lakewright.model.evolution import compare
from lakewright.model.schema import Column, TableSchema

_OURS = (OP, COMMIT_TIME, POSITION)
_OPS = pa.array(["I", "U", "D"])
_ADDED = {
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
    pa.binary(): "bytea",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.time32("ms"): "time without time zone",
}
"""PostgreSQL's type of a column that nobody told of, by what DMS makes of it; other types of that are in it as well."""
_AMBIGUOUS = (pa.decimal128(28, 6), pa.decimal128(38, 4))
"""What DMS makes of a number without precision and of money, which the lake has as text."""


def adapted(schema: TableSchema, found: pa.Schema, rendered: TableSchema) -> TableSchema:
    """The table's schema for a file with these columns, as the table goes on from `schema`.

    A column that came is taken up, as `rendered` has it or else as its values say, one that is gone stays in the lake's table.
    Raises ValueError for a column whose type nobody can tell, or of the key that is gone.
    """
    names = [name for name in found.names if name not in _OURS]
    if gone := [name for name in schema.key if name not in names]:
        raise ValueError(f"it has no column {gone[0]} of the key")
    known = {column.name: column for column in schema.columns}
    told = {column.name: column for column in rendered.columns}
    highest = max((column.number for column in schema.stored), default=0)
    columns = [known[name] for name in schema.column_names if name in names]
    for number, name in enumerate((name for name in names if name not in known), highest + 1):
        columns.append(_added(name, told.get(name), found.field(name).type, number))
    change = compare(schema, dataclasses.replace(schema, columns=tuple(columns), number=0), is_rewritten=False)
    if change.refusal is not None:
        raise ValueError(change.refusal)
    return change.schema if change.is_evolved else schema


def loaded(former: TableSchema | None, found: pa.Schema | None, rendered: TableSchema) -> TableSchema:
    """The schema of a load with these columns (None: no rows); a column that `former` has by that name keeps its number."""
    numbers = {column.name: column.number for column in former.stored} if former else {}
    highest = max(numbers.values(), default=0)
    start = []
    for column in rendered.columns:
        highest += column.name not in numbers
        start.append(dataclasses.replace(column, number=numbers.get(column.name, highest)))
    schema = TableSchema(rendered.name, tuple(start), rendered.key)
    if found is None:
        return schema
    fitting = adapted(schema, found, rendered)
    return dataclasses.replace(fitting, dropped=(), vacated=())


def convert(rows: pa.Table, schema: TableSchema, positions: pa.Array) -> pa.Table:
    """Rows of a file as raw rows under `schema`, at these positions; raises ValueError for what a column cannot hold."""
    ops = pc.fill_null(rows.column(OP).cast(pa.string()), "?").combine_chunks()
    if not pc.all(pc.is_in(ops, _OPS)).as_py():
        raise ValueError(f"{OP} is not I, U or D")
    gone = pc.equal(ops, DELETE)
    made = {OP: ops, COMMIT_TIME: _times(rows.column(COMMIT_TIME)), POSITION: positions}
    exact: dict[int, dict[str, str]] = {}
    for column in schema.columns:
        values = _values(rows.column(column.name), column, exact)
        if column.name in schema.key:
            if values.null_count:
                raise ValueError(f"a row has no {column.name}, which is of its key")
        else:
            values = pc.if_else(gone, pa.scalar(None, values.type), values)
        made[column.name] = values
    for name in (UNAVAILABLE, OLD_KEY, EXACT):
        field = raw_schema(schema).field(name) if name in raw_schema(schema).names else None
        if field is not None:
            made[name] = pa.nulls(rows.num_rows, field.type)
    if exact:
        made[EXACT] = _exact_column(rows.num_rows, exact)
    return pa.table(made).select(raw_schema(schema).names).cast(raw_schema(schema))


def _added(name: str, told: Column | None, found: pa.DataType, number: int) -> Column:
    if told is not None:
        return dataclasses.replace(told, number=number, nullable=True)
    source_type = _ADDED.get(found)
    if pa.types.is_decimal(found) and found not in _AMBIGUOUS:
        source_type = f"numeric({found.precision},{found.scale})"
    if pa.types.is_timestamp(found):
        source_type = "timestamp with time zone"
    if source_type is None:
        raise ValueError(f"its new column {name} may be of several types: `lakewright deploy render` tells the job")
    return Column(name, source_type, types.from_postgres(source_type), number=number)


def _times(texts: pa.ChunkedArray) -> pa.Array:
    """``yyyy-MM-dd HH:mm:ss.SSSSSS``, in UTC."""
    plain = texts.cast(pa.string()).cast(pa.timestamp("us")).combine_chunks()
    if plain.null_count:
        raise ValueError(f"{COMMIT_TIME} is not in every row")
    return pc.assume_timezone(plain, "UTC")


def _values(found: pa.ChunkedArray, column: Column, exact: dict[int, dict[str, str]]) -> pa.Array:
    """A column's values in the lake's type; raises ValueError where DMS writes that type otherwise, or a value does not fit."""
    values = found.combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    target = types.to_arrow(column.type)
    if values.type == target or pa.types.is_null(values.type):
        return values.cast(target)
    try:
        if column.type == types.STRING:
            return _text(values)
        if column.type == types.BOOLEAN and pa.types.is_string(values.type):
            if not pc.all(pc.is_in(values, pa.array(["true", "false", None])), min_count=0).as_py():
                raise ValueError("neither true nor false")
            return pc.equal(values, "true")
        if column.type == types.TIMESTAMP and pa.types.is_timestamp(values.type):
            return values.cast(target) if values.type.tz else pc.assume_timezone(values.cast(pa.timestamp("us")), "UTC")
        if _is_number(values.type) and _is_number(target):
            return _number(values, target, column.name, exact)
    except ValueError as error:  # Arrow's own among them
        raise ValueError(f"column {column.name}, {column.source_type}: {error}") from error
    raise ValueError(f"column {column.name} is {values.type}, which DMS does not write for {column.source_type}")


def _text(values: pa.Array) -> pa.Array:
    texts = values.cast(pa.string())
    if pa.types.is_time(values.type):  # as PostgreSQL prints it: no zeros at the end of a fraction
        return pc.utf8_rtrim(pc.replace_substring_regex(texts, r"(\.\d*?)0+$", r"\1"), ".")
    return texts


def _is_number(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))


def _number(values: pa.Array, target: pa.DataType, name: str, exact: dict[int, dict[str, str]]) -> pa.Array:
    """Numbers in another type; what a decimal cannot hold is null, and its text goes to `exact`, as in a capture of our own."""
    try:
        return values.cast(target)
    except pa.ArrowInvalid:
        if not pa.types.is_decimal(target):
            raise
    room = decimal.Context(prec=target.precision, traps=[decimal.Inexact, decimal.InvalidOperation])
    unit = decimal.Decimal(1).scaleb(-target.scale)
    fitting = list[decimal.Decimal | None]()
    for row, value in enumerate(values.to_pylist()):
        try:
            fitting.append(None if value is None else decimal.Decimal(value).quantize(unit, context=room))
        except (decimal.Inexact, decimal.InvalidOperation):
            fitting.append(None)
            exact.setdefault(row, {})[name] = str(value)
    return pa.array(fitting, target)


def _exact_column(rows: int, exact: dict[int, dict[str, str]]) -> pa.Array:
    return pa.array([json.dumps(exact[row]) if row in exact else None for row in range(rows)], pa.string())
