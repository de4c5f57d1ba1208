"""Files as relations: the SQL that reads a table's base files and its raw files under one schema."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pyarrow as pa

from lakewright.model import types
from lakewright.model.names import quote_identifier as quote
from lakewright.model.names import quote_literal
from lakewright.model.schema import Column, TableSchema
from lakewright.model.table import Snapshot, TableSpec
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.sources.postgres import values


def snapshot_sql(snapshot: Snapshot, spec: TableSpec, schema: TableSchema) -> str:
    """A SELECT of a snapshot's rows with the columns of `spec`; columns newer than it have their missing value."""
    stored = {name for name, _ in snapshot.spec.columns}
    if not snapshot.files:
        nulls = (f"CAST(NULL AS {types.to_duckdb(kind)}) AS {quote(name)}" for name, kind in spec.columns)
        return f"SELECT {', '.join(nulls)} WHERE false"
    columns = ", ".join(quote(name) if name in stored else missing_sql(schema.column(name)) for name, _ in spec.columns)
    union = ", union_by_name = true" if any(stored - set(file.columns) for file in snapshot.files) else ""
    paths = strings(file.location for file in snapshot.files)
    return f"SELECT {columns} FROM read_parquet({paths}, hive_partitioning = false{union})"


def raw_sql(log: RawLog, schema: TableSchema, files: Sequence[RawFile], extra: str, where: str = "", option: str = "") -> str:
    """A SELECT of raw rows with the columns of `schema` and `extra`; older rows have the new columns' missing value."""
    parts = []
    for number, group in itertools.groupby(sorted(files, key=lambda file: file.schema), key=lambda file: file.schema):
        known = set(log.schema(schema.name, number).column_names)
        columns = ", ".join(quote(c.name) if c.name in known else missing_sql(c) for c in schema.columns)
        paths = strings(log.location(file) for file in group)
        parts.append(f"SELECT {columns}, {extra} FROM read_parquet({paths}{option}){where}")
    return " UNION ALL ".join(parts)


def missing_sql(column: Column) -> str:
    """The value that rows older than the column have, named as the column."""
    kind, name = types.to_duckdb(column.type), quote(column.name)
    value = None if column.missing is None else values.decode(column, pa.array([column.missing])).array[0].as_py()
    if value is None:
        return f"CAST(NULL AS {kind}) AS {name}"
    if isinstance(value, bytes):
        return f"from_hex('{value.hex()}') AS {name}"
    return f"CAST({quote_literal(str(value))} AS {kind}) AS {name}"


def strings(texts: Iterable[str]) -> str:
    """A list of strings as SQL."""
    return "[" + ", ".join(map(quote_literal, texts)) + "]"
