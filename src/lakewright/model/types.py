"""The one type table: PostgreSQL, the lake's column types, Arrow, Avro and DuckDB.

A column's type is written with the name that the Glue Data Catalog and Athena use (``bigint``, ``decimal(10,2)``,
``timestamp``), so the catalog needs no translation. What no such type can hold without loss is exact text (``string``):
``time``, ``uuid``, ``json``, enums, ``numeric`` without precision or beyond 38 digits, and every type not listed. Arrays are
JSON text. ``timestamp`` with and without zone is stored as UTC microseconds.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

BOOLEAN, INT, BIGINT, FLOAT, DOUBLE = "boolean", "int", "bigint", "float", "double"
STRING, BINARY, DATE, TIMESTAMP = "string", "binary", "date", "timestamp"
MAX_DECIMAL_PRECISION = 38

# lake type -> (Arrow, Avro as Hudi 0.15 writes it, DuckDB)
_PLAIN: dict[str, tuple[pa.DataType, Any, str]] = {
    BOOLEAN: (pa.bool_(), "boolean", "BOOLEAN"),
    INT: (pa.int32(), "int", "INTEGER"),
    BIGINT: (pa.int64(), "long", "BIGINT"),
    FLOAT: (pa.float32(), "float", "FLOAT"),
    DOUBLE: (pa.float64(), "double", "DOUBLE"),
    STRING: (pa.string(), "string", "VARCHAR"),
    BINARY: (pa.binary(), "bytes", "BLOB"),
    DATE: (pa.date32(), {"type": "int", "logicalType": "date"}, "DATE"),
    TIMESTAMP: (pa.timestamp("us", tz="UTC"), {"type": "long", "logicalType": "timestamp-micros"}, "TIMESTAMP WITH TIME ZONE"),
}

# PostgreSQL's format_type() without its modifier -> lake type; what is missing here is exact text.
_POSTGRES: dict[str, str] = {
    "boolean": BOOLEAN,
    "smallint": INT,
    "integer": INT,
    "bigint": BIGINT,
    "real": FLOAT,
    "double precision": DOUBLE,
    "bytea": BINARY,
    "date": DATE,
    "timestamp without time zone": TIMESTAMP,
    "timestamp with time zone": TIMESTAMP,
}

_TEXTS = {"character varying", "text"}

_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_MODIFIER = re.compile(r"\(\d+\)")


def decimal_type(precision: int, scale: int) -> str:
    """``decimal(p,s)``."""
    return f"decimal({precision},{scale})"


def decimal_parts(lake_type: str) -> tuple[int, int] | None:
    """(precision, scale) of ``decimal(p,s)``; None for another type."""
    match = _DECIMAL.fullmatch(lake_type)
    return (int(match[1]), int(match[2])) if match else None


def is_lake_type(text: str) -> bool:
    """Whether the text names a type a column may have."""
    parts = decimal_parts(text)
    return text in _PLAIN or (parts is not None and 0 < parts[0] <= MAX_DECIMAL_PRECISION and parts[1] <= parts[0])


def from_postgres(source_type: str) -> str:
    """The lake type of a PostgreSQL type as ``format_type(oid, typmod)`` prints it, domains already resolved."""
    match = _NUMERIC.fullmatch(source_type)
    if match:
        precision, scale = int(match[1]), int(match[2])
        return decimal_type(precision, scale) if precision <= MAX_DECIMAL_PRECISION and 0 <= scale <= precision else STRING
    return _POSTGRES.get(_MODIFIER.sub("", source_type), STRING)


def can_hold(lake_type: str, source_type: str) -> bool:
    """Whether a user may give a column of that PostgreSQL type this lake type: a decimal for numeric, exact text for any."""
    if decimal_parts(lake_type) is not None:
        return source_type.startswith("numeric") and not is_array(source_type)
    return lake_type == STRING


def widens(old: str, new: str) -> bool:
    """Whether a column may go from one type to another and stay the column that readers know: the same lake type, or one that
    Avro, Hudi and the engines read the former values as."""
    if old == new or (old, new) in ((INT, BIGINT), (FLOAT, DOUBLE)):
        return True
    before, after = decimal_parts(old), decimal_parts(new)
    return before is not None and after is not None and before[1] == after[1] and before[0] < after[0]


def reads_alike(old_source: str, new_source: str) -> bool:
    """Whether the bytes of a value, left as PostgreSQL stored them under one of its types, are that value under the other too."""
    bases = {re.sub(r"\(.*\)", "", source) for source in (old_source, new_source)}
    return bases <= _TEXTS or bases == {"numeric"}


def is_array(source_type: str) -> bool:
    """Whether a PostgreSQL type is an array; its values are stored as JSON text."""
    return source_type.endswith("[]")


def to_arrow(lake_type: str) -> pa.DataType:
    """The Arrow type of a lake type; raises KeyError for a name that is none."""
    parts = decimal_parts(lake_type)
    return pa.decimal128(*parts) if parts else _PLAIN[lake_type][0]


def to_duckdb(lake_type: str) -> str:
    """The DuckDB type of a lake type; raises KeyError for a name that is none."""
    parts = decimal_parts(lake_type)
    return f"DECIMAL({parts[0]},{parts[1]})" if parts else _PLAIN[lake_type][2]


def to_avro(lake_type: str, fixed_name: str) -> Any:
    """The Avro type that Hudi 0.15 writes; a decimal is a ``fixed`` in the namespace ``fixed_name``.

    Spark derives that namespace as ``hoodie.<table>.<table>_record.<column>`` and refuses another one.
    """
    parts = decimal_parts(lake_type)
    if parts is None:
        return _PLAIN[lake_type][1]
    return {
        "type": "fixed",
        "name": "fixed",
        "namespace": fixed_name,
        "size": decimal_bytes(parts[0]),
        "logicalType": "decimal",
        "precision": parts[0],
        "scale": parts[1],
    }


def decimal_bytes(precision: int) -> int:
    """The least number of bytes that hold a signed number of so many decimal digits."""
    return (int(10**precision - 1).bit_length() + 8) // 8
