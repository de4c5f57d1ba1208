"""A table's columns as Avro and Arrow, with Hudi's five meta columns in front.

The Avro schema has the shape that Spark derives for the same table (record ``<table>_record`` in namespace ``hoodie.<table>``,
nullable-first unions), because Spark refuses to upsert into a table whose commits name things otherwise.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, TypeVar

import pyarrow as pa

from lakewright.errors import FormatError
from lakewright.model import types
from lakewright.model.table import TableSpec

COMMIT_TIME = "_hoodie_commit_time"
COMMIT_SEQNO = "_hoodie_commit_seqno"
RECORD_KEY = "_hoodie_record_key"
PARTITION_PATH = "_hoodie_partition_path"
FILE_NAME = "_hoodie_file_name"
META_COLUMNS = (COMMIT_TIME, COMMIT_SEQNO, RECORD_KEY, PARTITION_PATH, FILE_NAME)

KEY_TYPES = frozenset({types.STRING, types.INT, types.BIGINT, types.DATE, types.BOOLEAN})
"""Lake types that every engine turns into the same record key and partition path; decimals are the other ones."""

Columns = tuple[tuple[str, str], ...]
"""Names and lake types in order."""
Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)

_AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FROM_AVRO = {
    "boolean": types.BOOLEAN,
    "int": types.INT,
    "long": types.BIGINT,
    "float": types.FLOAT,
    "double": types.DOUBLE,
    "string": types.STRING,
    "bytes": types.BINARY,
    "date": types.DATE,
    "timestamp-micros": types.TIMESTAMP,
}
_FROM_ARROW = {
    pa.bool_(): types.BOOLEAN,
    pa.int8(): types.INT,
    pa.int16(): types.INT,
    pa.int32(): types.INT,
    pa.int64(): types.BIGINT,
    pa.float32(): types.FLOAT,
    pa.float64(): types.DOUBLE,
    pa.string(): types.STRING,
    pa.large_string(): types.STRING,
    pa.string_view(): types.STRING,
    pa.binary(): types.BINARY,
    pa.large_binary(): types.BINARY,
    pa.binary_view(): types.BINARY,
    pa.date32(): types.DATE,
    pa.timestamp("us", tz="UTC"): types.TIMESTAMP,
}
_FROM_INT96 = {pa.timestamp("us"): types.TIMESTAMP}
"""What a file of another engine may hold besides, as old versions of Parquet wrote timestamps."""


def check_spec(spec: TableSpec) -> None:
    """Raise `FormatError` LW-408 if Hudi cannot hold such a table so that every engine reads and writes it alike."""
    kinds = dict(spec.columns)
    for name, kind in spec.columns:
        if not _AVRO_NAME.fullmatch(name) or name in META_COLUMNS:
            raise _cannot_hold(spec, f"a column cannot be named {name!r}", "name it with letters, digits and _ only")
        if not types.is_lake_type(kind):
            raise _cannot_hold(spec, f"column {name} has the unknown type {kind!r}", None)
    if not spec.key:
        raise _cannot_hold(spec, "it has no key", "a table without key is stored under the row's position")
    for use, names in (("key", spec.key), ("partition", spec.partition)):
        for name in names:
            kind = kinds.get(name, "no column")
            if kind not in KEY_TYPES and types.decimal_parts(kind) is None:
                raise _cannot_hold(spec, f"{use} column {name} is {kind}, which engines write as text in different ways", None)


def record_name(table: str) -> str:
    """The table's name as part of an Avro name; other characters become ``__`` as in Hudi's ``sanitizeName``."""
    first, rest = table[:1], table[1:]
    return re.sub(r"[^A-Za-z_]", "__", first) + re.sub(r"[^A-Za-z0-9_]", "__", rest)


def avro_schema(table: str, columns: Columns, *, meta: bool = False) -> str:
    """The Avro schema of the table's rows as JSON, with the meta columns in front if ``meta``."""
    name = record_name(table)
    fields: list[dict[str, Any]] = []
    if meta:
        fields += [{"name": column, "type": ["null", "string"], "doc": "", "default": None} for column in META_COLUMNS]
    for column, kind in columns:
        fields.append(
            {"name": column, "type": ["null", types.to_avro(kind, f"hoodie.{name}.{name}_record.{column}")], "default": None}
        )
    record = {"type": "record", "name": f"{name}_record", "namespace": f"hoodie.{name}", "fields": fields}
    return json.dumps(record, separators=(",", ":"))


def columns_of_avro(avro: str) -> Columns:
    """The columns of a schema that Hudi or `avro_schema` wrote, meta columns left out.

    Raises ValueError or KeyError for a type that no lake type stands for (lists, maps, records).
    """
    fields = json.loads(avro)["fields"]
    return tuple((field["name"], lake_type_of(field["type"])) for field in fields if field["name"] not in META_COLUMNS)


def lake_type_of(avro: Any) -> str:
    """The lake type of a field's Avro type; raises ValueError or KeyError where there is none."""
    if isinstance(avro, list):
        (avro,) = [branch for branch in avro if branch != "null"]
    if isinstance(avro, dict):
        logical = avro.get("logicalType")
        if logical == "decimal":
            return types.decimal_type(avro["precision"], avro["scale"])
        avro = logical or avro["type"]
    return _FROM_AVRO[avro]


def arrow_schema(columns: Columns, *, meta: bool = False) -> pa.Schema:
    """The columns as Arrow fields, with the meta columns in front if ``meta``; all nullable, as in the Avro schema."""
    front = [pa.field(name, pa.string()) for name in META_COLUMNS] if meta else []
    return pa.schema([*front, *(pa.field(name, types.to_arrow(kind)) for name, kind in columns)])


def lake_type(arrow: pa.DataType) -> str | None:
    """The lake type that holds values of an Arrow type, or None."""
    if pa.types.is_decimal(arrow):
        return types.decimal_type(arrow.precision, arrow.scale)
    return _FROM_ARROW.get(arrow)


def holds(columns: pa.Schema, stored: pa.Field) -> bool:
    """Whether values of a file's column are those of the column of its name, whichever engine wrote them."""
    if stored.name not in columns.names:
        return False
    return _stored_type(stored) == lake_type(columns.field(stored.name).type)


def plain(rows: pa.Table) -> pa.Table:
    """The rows of a file with the Arrow types that ours have: engines write one lake type as several. Others stay as they are."""
    kinds = [_stored_type(field) for field in rows.schema]
    fields = [field.with_type(types.to_arrow(kind)) if kind else field for field, kind in zip(rows.schema, kinds, strict=True)]
    return rows.cast(pa.schema(fields))


def _stored_type(field: pa.Field) -> str | None:
    return lake_type(field.type) or _FROM_INT96.get(field.type)


def extended(spec: TableSpec, rows: pa.Schema) -> TableSpec:
    """The table's spec with the columns of `rows` that it does not have yet, in their order.

    Raises `FormatError` LW-412 where `rows` lack a column of the table, or hold one with another type, LW-408 for a new one that
    Hudi cannot hold.
    """
    kinds = dict(spec.columns)
    missing = [name for name in kinds if name not in rows.names]
    if missing:
        raise FormatError("LW-412", f"rows for table {spec.name} lack its column {missing[0]}")
    for field in rows:
        kind = lake_type(field.type)
        if kind is None:
            raise FormatError("LW-412", f"column {field.name} of table {spec.name} cannot hold the type {field.type}")
        known = kinds.setdefault(field.name, kind)
        if known != kind:
            raise FormatError("LW-412", f"column {field.name} of table {spec.name} is {known}, the rows hold {kind}")
    added = tuple((name, kind) for name, kind in kinds.items() if name not in dict(spec.columns))
    if not added:
        return spec
    wider = dataclasses.replace(spec, columns=(*spec.columns, *added))
    check_spec(wider)
    return wider


def fitted(rows: Rows, columns: pa.Schema, table: str) -> Rows:
    """`rows` with these columns and no other; raises `FormatError` LW-412 where one is missing or cannot hold a value."""
    found = []
    for field in columns:
        if field.name not in rows.schema.names:
            raise FormatError("LW-412", f"rows for table {table} lack its column {field.name}")
        try:
            found.append(rows.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            message = f"column {field.name} of table {table} cannot hold a value: {str(error).partition(chr(10))[0]}"
            raise FormatError("LW-412", message) from error
    return rows.from_arrays(found, schema=columns)


def _cannot_hold(spec: TableSpec, why: str, hint: str | None) -> FormatError:
    return FormatError("LW-408", f"table {spec.name} cannot be a Hudi table: {why}", hint=hint)
