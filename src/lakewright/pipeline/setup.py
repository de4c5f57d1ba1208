"""Set-up: the tables that follow from the settings and from what the sources have, and what a source needs before capture."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence

from lakewright.errors import RESYNC, ConfigError, LakewrightError, QueryError, SourceError
from lakewright.model.contracts import Finding, Source
from lakewright.model.names import QUARANTINE, TableName, did_you_mean
from lakewright.model.schema import TableSchema
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.moved import moved
from lakewright.project.load import Project
from lakewright.project.spec import FilesSource
from lakewright.project.tables import Misfit, lake_tables
from lakewright.project.values import Origin
from lakewright.raw.log import RawLog

LOW_DISK = 5 * 2**30
"""Free bytes below which `doctor` complains."""


def mirrors(project: Project, known: Mapping[str, Sequence[TableSchema]]) -> tuple[list[Mirror], list[Misfit]]:
    """The lake's tables over what the sources are known to have, in name order, and what cannot be one of them."""
    tables, misfits = lake_tables(project.lake, known)
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
    zones, is_files = project.lake.zones.folders(), isinstance(project.lake.sources[origin.source], FilesSource)
    return zones.quarantine if is_files and origin.table.schema == QUARANTINE else zones.curated


def misfits(
    project: Project, known: Mapping[str, Sequence[TableSchema]], source: str, newcomers: Sequence[TableSchema]
) -> dict[TableName, LakewrightError]:
    """Which of the newcomers of a source cannot be tables of the lake, and why; a table that is `known` keeps its name."""
    refused: dict[TableName, LakewrightError] = {}
    names = {schema.name for schema in newcomers}
    taken = {name: list(schemas) for name, schemas in known.items()}
    taken[source] = [schema for schema in taken.get(source, []) if schema.name not in names]
    before = {table.name: table.origin for table in lake_tables(project.lake, taken)[0]}
    while True:
        joining = [schema for schema in newcomers if schema.name not in refused]
        tables, unfit = lake_tables(project.lake, {**taken, source: [*taken[source], *joining]})
        errors = {(misfit.source, misfit.table): misfit.error for misfit in unfit}
        refused |= {schema.name: errors[source, schema.name] for schema in joining if (source, schema.name) in errors}
        usurpers = [table for table in tables if before.get(table.name, table.origin) != table.origin]
        if not usurpers:
            return refused
        for table in usurpers:
            former = before[table.name]
            refused[table.origin.table] = errors[former.source, former.table]


def no_such_table(name: str, known: Sequence[str]) -> QueryError:
    """The error for a name that is no table of the lake."""
    hint = did_you_mean(name, list(known)) or (f"tables: {', '.join(known)}" if known else "`lakewright capture` loads the first")
    return QueryError("LW-524", f"there is no table {name}", hint=hint)


def doctor(
    project: Project, source: Callable[[str], Source], log: Callable[[str], RawLog], faults: Callable[[str], list[ConfigError]]
) -> list[Finding]:
    """Everything that capture needs, in the order a person would look; `faults` are those of a source's settings."""
    free = shutil.disk_usage(project.folder).free
    mend = "make room, or move the lake's folder to a larger disk"
    findings = [
        Finding("disk", free > LOW_DISK, f"{free / 2**30:.0f} GiB free in {project.folder}", None if free > LOW_DISK else mend)
    ]
    for name in project.lake.sources:
        try:
            findings += source(name).examine()
            findings += [Finding(f"{name}: settings", False, f"{f.line(hinted=False)}, {f.where}", f.hint) for f in faults(name)]
            feed = log(name).view().feed
            if feed is not None and (error := moved(source(name).feed(), feed)) is not None:
                findings.append(_placed(project, name, Finding.of(f"{name}: server", error)))
            elif feed is not None and source(name).status().state == "missing":
                detail = f"{project.lake.slot(name)} is gone, and the log goes on from it"
                findings.append(Finding(f"{name}: slot", False, detail, RESYNC))
        except LakewrightError as error:
            findings.append(_placed(project, name, Finding.of(f"{name}: connection", error)))
    return findings


def _placed(project: Project, source: str, found: Finding) -> Finding:
    """The same finding with the place of the source's url."""
    place = project.document.where(("sources", source, "url"))
    return dataclasses.replace(found, detail=f"{found.detail}; see {place}")


def refusal(origin: Source, table: TableName) -> LakewrightError | None:
    """Why a table cannot be loaded, or None where it can."""
    if any(schema.name == table for schema in origin.discover()):
        return None
    gone = SourceError("LW-213", f"table {table} is not in the source any more", hint="`lakewright plan` shows what it has now")
    return origin.refused().get(table, gone)


def lost_slot(slot: str, state: str) -> str | None:
    """What is wrong with the slot of a source that was loaded, where it cannot give the changes since."""
    code = {"missing": "LW-222", "lost": "LW-223"}.get(state)
    if code is None:
        return None
    return f"replication slot {slot} is {state}: `lakewright resync` makes a new one and loads the tables anew ({code})"
