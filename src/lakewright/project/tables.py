"""Which tables the lake has, from lake.yaml and from what the sources hold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from lakewright.errors import ConfigError, LakewrightError
from lakewright.model.names import TableName
from lakewright.model.schema import TableSchema
from lakewright.project.spec import Lake, Table
from lakewright.project.values import MAX_NAME, Origin, is_name


@dataclasses.dataclass(frozen=True)
class LakeTable:
    """A table of the lake: its name, the source table it mirrors as the source has it now, and its settings."""

    name: str
    origin: Origin
    schema: TableSchema
    settings: Table


@dataclasses.dataclass(frozen=True)
class Misfit:
    """A table of a source that cannot be one of the lake, and why; ``table`` None stands for all of the source's."""

    source: str
    table: TableName | None
    error: LakewrightError


def lake_tables(lake: Lake, discovered: Mapping[str, Sequence[TableSchema]]) -> tuple[list[LakeTable], list[Misfit]]:
    """The lake's tables in name order, and what cannot be one; `discovered` is the captured tables of each source.

    A table that lake.yaml does not name has the name of its source table in small letters, with ``schema_`` before it where the
    schema is not the source's plain one (``public``, or that of datasets). Misfits are those whose name another table has, and
    those whose settings do not fit their columns.
    A name is given first to a table that lake.yaml names, then to one that needs no change to have it.
    """
    named = {table.origin: (name, table) for name, table in lake.tables.items()}
    candidates = []
    for origin, schema in ((Origin(source, schema.name), schema) for source, schemas in discovered.items() for schema in schemas):
        plain = lake.sources[origin.source].plain_schema
        name, settings = named.get(origin) or (_own_name(origin, plain), Table.model_validate({"from": origin}))
        candidates.append(LakeTable(name, origin, schema, settings))
    tables: dict[str, LakeTable] = {}
    misfits = []
    for table in sorted(candidates, key=lambda t: (t.origin not in named, t.name != t.origin.table.table, t.origin)):
        try:
            if (other := tables.get(table.name)) is not None:
                message = f"{table.origin} and {other.origin} would both be table {table.name}"
                raise ConfigError("LW-110", message, hint=_listed(table.origin))
            _check_names(table)
            _check_settings(table)
            tables[table.name] = table
        except ConfigError as error:
            misfits.append(Misfit(table.origin.source, table.origin.table, error))
    return [tables[name] for name in sorted(tables)], misfits


def require_listed(lake: Lake, source: str, discovered: Sequence[TableSchema]) -> None:
    """Raise `ConfigError` for a table of lake.yaml that is not among all the tables that its source has."""
    known = {schema.name for schema in discovered}
    for name, table in lake.tables.items():
        if table.origin.source == source and table.origin.table not in known:
            hint = f"look for it in the database, or take {name} out of lake.yaml"
            raise ConfigError("LW-111", f"tables.{name}: there is no table {table.origin}", hint=hint)


def _own_name(origin: Origin, plain_schema: str) -> str:
    """The same whatever other tables there are, so that a table keeps its name and folder when another one appears."""
    name = origin.table
    full = name.table if name.schema == plain_schema else f"{name.schema}_{name.table}"
    plain = re.sub(r"[^a-z0-9_]", "_", full.lower())[:MAX_NAME]
    return f"_{plain}" if plain[:1].isdigit() else plain


def _listed(origin: Origin) -> str:
    return f"give it a name in lake.yaml: tables: {{another_name: {{from: {origin}}}}}"


def _check_names(table: LakeTable) -> None:
    rule = f"(small letters, digits and _, no digit first, at most {MAX_NAME})"
    if not is_name(table.name):
        raise ConfigError("LW-110", f"{table.origin} cannot be a table named {table.name!r} {rule}", hint=_listed(table.origin))


def _check_settings(table: LakeTable) -> None:
    """Columns that the settings name exist and have a type that fits."""
    partition = table.settings.partition
    if partition is not None:
        kind = _column_type(table, partition.column, "partition")
        if kind not in ("date", "timestamp"):
            message = f"tables.{table.name}.partition: {partition.column} is {kind}, and {partition} needs a date or timestamp"
            raise ConfigError("LW-113", message, hint="choose another column, or leave partition out")
    for name in table.settings.types:
        _column_type(table, name, "types")


def _column_type(table: LakeTable, name: str, setting: str) -> str:
    try:
        return table.schema.column(name).type
    except KeyError:
        known = ", ".join(table.schema.column_names)
        message = f"tables.{table.name}.{setting}: {table.origin} has no column {name}"
        raise ConfigError("LW-113", message, hint=f"its columns: {known}") from None
