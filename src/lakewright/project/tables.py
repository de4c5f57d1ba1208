"""Which tables the lake has, from lake.yaml and from what the sources hold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lakewright.errors import ConfigError, LakewrightError
from lakewright.model import types
from lakewright.model.names import TableName, did_you_mean
from lakewright.model.schema import TableSchema
from lakewright.project.names import MAX_NAME, Origin, Partition, is_name
from lakewright.project.resolved import ResolvedLake, ResolvedTable

if TYPE_CHECKING:
    from lakewright.project.project import Project

_DAYS = frozenset({types.DATE, types.TIMESTAMP})
_VALUES = frozenset({types.STRING, types.INT, types.BIGINT, types.DATE, types.BOOLEAN})
"""Lake types whose values every engine writes alike as a folder's name."""


@dataclasses.dataclass(frozen=True)
class LakeTable:
    """A table of the lake: its name, the source table it mirrors as the source has it now, and its settings."""

    name: str
    origin: Origin
    schema: TableSchema
    settings: ResolvedTable


@dataclasses.dataclass(frozen=True)
class Misfit:
    """A table of a source that cannot be one of the lake, and why, with the ``name`` it would have there.

    ``table`` and ``name`` are None for all tables of the source.
    """

    source: str
    table: TableName | None
    error: LakewrightError
    name: str | None = None


def lake_tables(
    lake: ResolvedLake, discovered: Mapping[str, Sequence[TableSchema]], taken: Collection[str] = ()
) -> tuple[list[LakeTable], list[Misfit]]:
    """The lake's tables in name order, and what cannot be one; `discovered` is the captured tables of each source.

    A table that lake.yaml does not name has the name of its source table in small letters, with ``schema_`` before it where the
    schema is not the source's plain one (``public``, or that of datasets). Misfits are those whose name another table has or is
    among those `taken`, snapshots', and those whose settings do not fit their columns.
    A name is given first to a table that lake.yaml names, then to one that needs no change to have it.
    """
    named = {table.origin: (name, table) for name, table in lake.tables.items()}
    candidates = []
    for origin, schema in ((Origin(source, schema.name), schema) for source, schemas in discovered.items() for schema in schemas):
        name, settings = named.get(origin) or (_own_name(lake, origin), ResolvedTable(origin))
        candidates.append(LakeTable(name, origin, schema, settings))
    tables: dict[str, LakeTable] = {}
    misfits = []
    for table in sorted(candidates, key=lambda t: (t.origin not in named, t.name != t.origin.table.table, t.origin)):
        try:
            if (other := tables.get(table.name)) is not None:
                message = f"{table.origin} and {other.origin} would both be table {table.name}"
                raise ConfigError("LW-110", message, hint=_listed(table.origin))
            if table.name in taken:
                message = f"{table.origin} would be table {table.name}, which is a snapshot"
                raise ConfigError("LW-110", message, hint=_listed(table.origin))
            _check_names(table)
            for problem in _problems(table):
                raise _error(problem)
            tables[table.name] = table
        except ConfigError as error:
            misfits.append(Misfit(table.origin.source, table.origin.table, error, table.name))
    return [tables[name] for name in sorted(tables)], misfits


def lake_name(lake: ResolvedLake, origin: Origin) -> str:
    """The name of a source's table in the lake: lake.yaml's, or its own as `lake_tables` has it."""
    given = (name for name, table in lake.tables.items() if table.origin == origin)
    return next(given, None) or _own_name(lake, origin)


def setting_faults(project: Project, source: str, versions: Mapping[TableName, Sequence[TableSchema]]) -> list[ConfigError]:
    """Settings of a source's tables that fit nothing that is or ever was: misspelt ones.

    `versions` has each table that the source or its log knows, as it is now and as it was captured last; none of one that cannot
    be taken. What the source lost after it was captured is no fault of the settings: it stops its table.
    """
    faults = []
    for name, table in project.resolved.tables.items():
        if table.origin.source != source:
            continue
        settings = project.settings.sources[source]
        if table.origin.table not in versions:
            if settings.comes_later and settings.wants(table.origin.table):
                continue
            hint = (
                did_you_mean(str(table.origin.table), map(str, versions))
                or f"create it, or choose it for source {source} ({settings.choice()})"
            )
            where = project.document.where(("tables", name, "from"))
            faults.append(ConfigError("LW-111", f"tables.{name}: there is no table {table.origin}", hint=hint, where=where))
            continue
        found = [list(_problems(LakeTable(name, table.origin, version, table))) for version in versions[table.origin.table]]
        for problem in found[-1] if found and all(found) else ():
            faults.append(_error(problem, project.document.where(problem.path)))
    return faults


def can_divide(partition: Partition, kind: str | None) -> bool:
    """Whether a column of that lake type, None where there is no such column, can be what partitions a table."""
    return kind in (_DAYS if partition.is_day else _VALUES)


def _own_name(lake: ResolvedLake, origin: Origin) -> str:
    """The same whatever other tables there are, so that a table keeps its name and folder when another one appears."""
    name = origin.table
    full = name.table if name.schema == lake.sources[origin.source].plain_schema else f"{name.schema}_{name.table}"
    plain = re.sub(r"[^a-z0-9_]", "_", full.lower())[:MAX_NAME]
    return f"_{plain}" if plain[:1].isdigit() else plain


def _listed(origin: Origin) -> str:
    return f"give it a name in lake.yaml: tables: {{another_name: {{from: {origin}}}}}"


def _check_names(table: LakeTable) -> None:
    rule = f"(small letters, digits and _, no digit first, at most {MAX_NAME})"
    if not is_name(table.name):
        raise ConfigError("LW-110", f"{table.origin} cannot be a table named {table.name!r} {rule}", hint=_listed(table.origin))


class _Problem(NamedTuple):
    path: tuple[str, ...]
    message: str
    hint: str | None


def _problems(table: LakeTable) -> Iterator[_Problem]:
    """Columns that the settings name and that do not exist, or have a type that does not fit."""
    kinds = {column.name: column for column in (*table.schema.columns, *table.schema.dropped)}
    hint = f"its columns: {', '.join(kinds)}"
    path: tuple[str, ...] = ("tables", table.name, "partition")
    for partition in table.settings.partition:
        column = kinds.get(partition.column)
        if column is None:
            yield _Problem(path, f"{table.origin} has no column {partition.column}", hint)
        elif not can_divide(partition, column.type):
            needs = "a date or timestamp" if partition.is_day else "a text, a whole number, a date or a boolean"
            message = f"{partition.column} is {column.type}, and {partition} needs {needs}"
            yield _Problem(path, message, "choose another column, or leave partition out")
    kinds |= {column.name: column for column in table.schema.vacated}  # a renamed column keeps the type that it was given
    for name, kind in table.settings.types.items():
        path = ("tables", table.name, "types", name)
        if name not in kinds:
            yield _Problem(path, f"{table.origin} has no column {name}", did_you_mean(name, kinds) or hint)
        elif not types.can_hold(kind, source_type := kinds[name].source_type):
            yield _Problem(path, f"{name} is {source_type}, which cannot be {kind}", "only a numeric column can be a decimal")


def _error(problem: _Problem, where: str | None = None) -> ConfigError:
    return ConfigError("LW-113", f"{'.'.join(problem.path)}: {problem.message}", hint=problem.hint, where=where)
