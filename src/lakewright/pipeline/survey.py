"""Survey: which tables a lake has, by its settings and its raw logs, and what keeps others from being one.

A table has one of three faults. Its source cannot give it (`Source.refused`); the lake cannot name or hold it, which makes it a
misfit; or it stopped. A chosen table with any of them is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lakewright.errors import ConfigError, LakewrightError, LogError, NotLoaded, QueryError, together
from lakewright.model.names import TableName, did_you_mean
from lakewright.model.schema import TableSchema
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.mirror import Mirror
from lakewright.project import tables
from lakewright.project.names import Origin
from lakewright.project.resolved import ResolvedLake
from lakewright.project.tables import LakeTable, Misfit

if TYPE_CHECKING:
    from lakewright.pipeline.wiring import Wiring

_Known = Mapping[str, Sequence[TableSchema]]
"""By source the tables that its raw log knows, each under its newest schema."""


class Survey(NamedTuple):
    """The tables that the raw logs know, in name order, and what of them cannot be read or named."""

    mirrors: list[Mirror]
    misfits: list[Misfit]


def of(lake: Holdings) -> Survey:
    """The tables of a lake; no source has to answer."""
    known, damaged = _logged(lake)
    found, misfits = tables.lake_tables(lake.resolved, known, _taken(lake))
    return Survey([mirror_of(lake.resolved, table) for table in found], damaged + misfits)


def mirror_of(lake: ResolvedLake, table: LakeTable) -> Mirror:
    """What lake.yaml says of one of `lake_tables`."""
    return Mirror(
        name=table.name,
        source=table.origin.source,
        origin=table.origin.table,
        path=f"{_zone(lake, table.origin)}/{table.name}",
        divided_by=table.settings.partition,
        recent=table.settings.recent,
        savepoints=table.settings.savepoints,
        raw=table.settings.raw,
        small_files=table.settings.small_files,
        type=table.settings.type,
        compact_after=table.settings.compact_after,
        timeline_keep=table.settings.timeline_keep,
        archive_after=table.settings.archive_after,
    )


def schemas(lake: Holdings) -> Mapping[str, Sequence[TableSchema]]:
    """By source the tables that its raw log knows, each under its newest schema; what is damaged is none of them."""
    return _logged(lake).known


def mirrors(lake: Holdings, names: Sequence[str] | None = None) -> list[Mirror]:
    """The tables of the lake, in name order.

    `names` chooses among them, by their own or by the source table's name, as errors of a source have it. Raises what keeps
    one of those from being a table, `QueryError` with the nearest name where there is none.
    """
    found, misfits = of(lake)
    if names is None:
        return found
    unknown = sorted(set(names) - {name for mirror in found for name in (mirror.name, str(mirror.origin))})
    for misfit in misfits if unknown else ():
        if misfit.table is None or {misfit.name, str(misfit.table)} & set(unknown):
            raise misfit.error
    if unknown:
        raise _no_such_table(lake, unknown[0], [mirror.name for mirror in found])
    return [mirror for mirror in found if mirror.name in names or str(mirror.origin) in names]


def mirror(lake: Holdings, name: str) -> Mirror:
    """The table of that name; raises as `mirrors`."""
    return mirrors(lake, [name])[0]


def origin(lake: Holdings, name: str) -> Origin:
    """Of which table of a source that one is; raises as `mirror`, but for one whose schema in the log is lost: see `origins`."""
    for misfit in of(lake).misfits:
        if misfit.table and name in (misfit.name, str(misfit.table)) and isinstance(misfit.error, LogError):
            return Origin(misfit.source, misfit.table)
    found = mirror(lake, name)
    return Origin(found.source, found.origin)


def origins(lake: Holdings, source: str) -> list[TableName]:
    """The tables of a source that its raw log knows, in name order; also those whose schema is lost, which a load replaces."""
    found, misfits = of(lake)
    lost = {misfit.table for misfit in misfits if misfit.source == source and isinstance(misfit.error, LogError)}
    return sorted({mirror.origin for mirror in found if mirror.source == source} | {table for table in lost if table})


def left_out(lake: Wiring, source: str, *, loaded: bool = False) -> dict[TableName, LakewrightError]:
    """The tables of a source that lake.yaml chooses and that are not captured, with the reason of each.

    The source cannot give them, the lake cannot take them, or they stopped; with `loaded`, also those that are not loaded.
    """
    origin, wants, view = lake.source(source), lake.project.settings.sources[source].wants, lake.log(source).view()
    discovered = origin.discover()
    stopped = {stop.table: stop.error for stop in view.stopped() if wants(stop.table)}
    missing = {schema.name for schema in discovered.tables} - set(view.tables()) if loaded else ()
    absent = {table: NotLoaded(table) for table in missing}
    return {**absent, **discovered.refused, **misfits(lake, source, discovered.tables), **stopped}


def misfits(lake: Holdings, source: str, newcomers: Sequence[TableSchema]) -> dict[TableName, LakewrightError]:
    """Which of some tables of a source cannot be tables of the lake, and why; a table that is captured keeps its name."""
    settings, known, snapshots = lake.resolved, _logged(lake).known, _taken(lake)
    unfit: dict[TableName, LakewrightError] = {}
    names = {schema.name for schema in newcomers}
    taken = {name: list(schemas) for name, schemas in known.items()}
    taken[source] = [schema for schema in taken.get(source, []) if schema.name not in names]
    before = {table.name: table.origin for table in tables.lake_tables(settings, taken, snapshots)[0]}
    while True:
        joining = [schema for schema in newcomers if schema.name not in unfit]
        found, others = tables.lake_tables(settings, {**taken, source: [*taken[source], *joining]}, snapshots)
        errors = {(misfit.source, misfit.table): misfit.error for misfit in others}
        unfit |= {schema.name: errors[source, schema.name] for schema in joining if (source, schema.name) in errors}
        usurpers = [table for table in found if before.get(table.name, table.origin) != table.origin]
        if not usurpers:
            return unfit
        for table in usurpers:
            former = before[table.name]
            unfit[table.origin.table] = errors[former.source, former.table]


def setting_faults(lake: Wiring, source: str) -> list[ConfigError]:
    """Settings of the source's tables that fit nothing that the source has or its log ever had: misspelt ones."""
    discovered = lake.source(source).discover()
    versions: dict[TableName, list[TableSchema]] = {table: [] for table in discovered.refused}
    for schema in [*_logged(lake).known.get(source, ()), *discovered.tables]:
        versions.setdefault(schema.name, []).append(schema)
    return tables.setting_faults(lake.project, source, versions)


def require_fitting(lake: Wiring, source: str) -> None:
    """Raise the first of `setting_faults`, with the others in its notes."""
    faults = setting_faults(lake, source)
    if faults:
        raise together(faults)


class _Logged(NamedTuple):
    known: _Known
    damaged: list[Misfit]


def _logged(lake: Holdings) -> _Logged:
    """What the raw logs know of their tables; one that is damaged keeps nothing from the others."""
    known: dict[str, list[TableSchema]] = {}
    damaged: list[Misfit] = []
    for source in lake.resolved.sources:
        log = lake.log(source)
        try:
            logged = log.view().tables()
        except LogError as error:
            damaged.append(Misfit(source, None, error))
            continue
        known[source] = []
        for table in logged:
            try:
                known[source].append(log.newest_schema(table))
            except LogError as error:
                name = tables.lake_name(lake.resolved, Origin(source, table))
                damaged.append(Misfit(source, table, error, name))
    return _Logged(known, damaged)


def _zone(lake: ResolvedLake, origin: Origin) -> str:
    """The zone of a table: rejected rows are kept apart from those of the lake."""
    is_rejected = origin.table.schema == lake.sources[origin.source].rejected_schema
    return lake.folders["quarantine" if is_rejected else "curated"]


def _taken(lake: Holdings) -> set[str]:
    """The names that no table can have: those of snapshots that are written."""
    return {record.name for record in lake.published()}


def _no_such_table(lake: Holdings, name: str, known: Sequence[str]) -> QueryError:
    """The error for a name that is no table of the lake, or a snapshot's."""
    if name in lake.resolved.snapshots or name in _taken(lake):
        hint = "queries read it; `lakewright tables`, `schema`, `history` and `verify` tell of it"
        return QueryError("LW-528", f"{name} is a snapshot: it is written once and never changes", hint=hint)
    hint = did_you_mean(name, list(known)) or (f"tables: {', '.join(known)}" if known else "`lakewright capture` loads the first")
    return QueryError("LW-524", f"there is no table {name}", hint=hint)
