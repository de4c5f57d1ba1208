"""Describe: a lake's tables and their columns, from metadata only."""

from __future__ import annotations

import dataclasses
import datetime

from lakewright.model.names import TableName
from lakewright.model.schema import TableSchema
from lakewright.model.table import ROW_COLUMN
from lakewright.pipeline import publish
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.published import Record


@dataclasses.dataclass(frozen=True)
class TableInfo:
    """A table of the lake: the source table it mirrors, its folder in the store, the columns that partition it.

    ``as_of`` is the time of a snapshot, None for a table that follows its source.
    """

    table: str
    source: str
    origin: TableName
    path: str
    partition: tuple[str, ...]
    as_of: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class ColumnInfo:
    """A column: its type in the lake, and PostgreSQL's; ``gone`` says that the source has it no longer, dropped or renamed.

    PostgreSQL's is empty where the source is not in lake.yaml any more.
    """

    column: str
    type: str
    source_type: str
    key: bool
    gone: bool = False


@dataclasses.dataclass(frozen=True)
class TableSchemaInfo:
    """A table's columns; an empty key makes it an append log."""

    table: str
    origin: TableName
    key: tuple[str, ...]
    partition: tuple[str, ...]
    columns: tuple[ColumnInfo, ...]


def table_info(mirror: Mirror, path: str) -> TableInfo:
    """What there is to say of a table, which is in the folder `path`, without its columns."""
    return TableInfo(mirror.name, mirror.source, mirror.origin, path, mirror.partition)


def snapshot_info(lake: Holdings, record: Record) -> TableInfo:
    """The same of a snapshot that is written."""
    table = lake.table(lake.records.mirror(record))
    partition = table.spec.partition if table else ()
    return TableInfo(record.name, record.source, record.origin, lake.records.path(record.name), partition, record.of.as_of)


def snapshot_schema(lake: Holdings, record: Record) -> TableSchemaInfo:
    """The columns of a snapshot that is written, with the types that the source had then, if lake.yaml still names that."""
    if record.source not in lake.resolved.sources:
        spec = publish.require_whole(lake, record).spec
        key = tuple(name for name in spec.key if name != ROW_COLUMN)
        columns = tuple(ColumnInfo(name, kind, "", name in key) for name, kind in spec.visible)
        return TableSchemaInfo(record.name, record.origin, key, spec.partition, columns)
    partition, schema = snapshot_info(lake, record).partition, lake.log(record.source).schema(record.origin, record.of.schema)
    return dataclasses.replace(schema_info(lake.records.mirror(record), schema), partition=partition)


def schema_info(mirror: Mirror, schema: TableSchema) -> TableSchemaInfo:
    """The columns of a table, with the source's types beside the lake's."""
    columns = tuple(
        ColumnInfo(c.name, c.type, c.source_type, c.name in schema.key, c not in schema.columns) for c in schema.stored
    )
    return TableSchemaInfo(mirror.name, mirror.origin, schema.key, mirror.partition, columns)
