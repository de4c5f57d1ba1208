"""Mirrors: the tables of the lake that follow from its settings and from what the sources have, and what cannot be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lakewright.errors import LakewrightError
from lakewright.model.names import TableName
from lakewright.model.schema import TableSchema
from lakewright.pipeline.mirror import Mirror
from lakewright.project.load import Project
from lakewright.project.tables import Misfit, lake_tables
from lakewright.project.values import Origin


def mirrors(project: Project, known: Mapping[str, Sequence[TableSchema]]) -> tuple[list[Mirror], list[Misfit]]:
    """The lake's tables over what the sources are known to have, in name order, and what cannot be one of them."""
    tables, misfits = lake_tables(project.settings, known)
    found = [
        Mirror(
            name=table.name,
            source=table.origin.source,
            origin=table.origin.table,
            path=f"{_zone(project, table.origin)}/{table.name}",
            day_of=table.settings.partition.column if table.settings.partition else None,
            recent=table.settings.retention.recent,
        )
        for table in tables
    ]
    return found, misfits


def _zone(project: Project, origin: Origin) -> str:
    """The zone of a table: rejected rows are kept apart from those of the lake."""
    zones = project.settings.zones.folders()
    is_rejected = origin.table.schema == project.settings.sources[origin.source].rejected_schema
    return zones.quarantine if is_rejected else zones.curated


def misfits(
    project: Project, known: Mapping[str, Sequence[TableSchema]], source: str, newcomers: Sequence[TableSchema]
) -> dict[TableName, LakewrightError]:
    """Which of the newcomers of a source cannot be tables of the lake, and why; a table that is `known` keeps its name."""
    refused: dict[TableName, LakewrightError] = {}
    names = {schema.name for schema in newcomers}
    taken = {name: list(schemas) for name, schemas in known.items()}
    taken[source] = [schema for schema in taken.get(source, []) if schema.name not in names]
    before = {table.name: table.origin for table in lake_tables(project.settings, taken)[0]}
    while True:
        joining = [schema for schema in newcomers if schema.name not in refused]
        tables, unfit = lake_tables(project.settings, {**taken, source: [*taken[source], *joining]})
        errors = {(misfit.source, misfit.table): misfit.error for misfit in unfit}
        refused |= {schema.name: errors[source, schema.name] for schema in joining if (source, schema.name) in errors}
        usurpers = [table for table in tables if before.get(table.name, table.origin) != table.origin]
        if not usurpers:
            return refused
        for table in usurpers:
            former = before[table.name]
            refused[table.origin.table] = errors[former.source, former.table]
