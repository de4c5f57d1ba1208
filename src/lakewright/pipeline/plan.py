"""Plan: what has to be done so that the sources are as lake.yaml asks, what follows by itself, and what is not captured."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

from lakewright.errors import CommitConflict, FormatError, LakewrightError, LogError, QueryError
from lakewright.model.names import DATASETS, TableName
from lakewright.model.schema import TableSchema
from lakewright.pipeline import moves, rewrites, survey
from lakewright.pipeline.definitions import former
from lakewright.pipeline.feed import moved
from lakewright.pipeline.hold import WAIT
from lakewright.pipeline.merge import merge
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.rewrites import Rewrite
from lakewright.pipeline.wiring import Wiring


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that `apply` would do, or did: to which source, and what."""

    source: str
    action: str


@dataclasses.dataclass(frozen=True)
class LeftOutTable:
    """A table that lake.yaml chooses and that is not captured: the reason with its code, and what helps."""

    source: str
    table: str
    code: str
    reason: str
    mend: str | None

    @classmethod
    def of(cls, source: str, table: TableName, error: LakewrightError) -> LeftOutTable:
        """The record of an error."""
        return cls(source, str(table), error.code, error.message, error.hint)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What `apply` has to do so that the sources are as lake.yaml asks, what follows by itself, and what deserves a look."""

    changes: tuple[Change, ...]
    pending: tuple[str, ...]
    left_out: tuple[LeftOutTable, ...]
    warnings: tuple[str, ...]


def left_out(lake: Wiring, *, loaded: bool = False) -> tuple[LeftOutTable, ...]:
    """What `survey.left_out` says of all sources."""
    sources = lake.project.settings.sources
    return tuple(
        LeftOutTable.of(name, *item) for name in sources for item in sorted(survey.left_out(lake, name, loaded=loaded).items())
    )


def plan(lake: Wiring) -> Plan:
    """What `apply` would do in each source, and what deserves a look; raises `ConfigError` for a setting that fits nothing."""
    changes, pending, warnings = [], [], []
    for name in lake.project.settings.sources:
        survey.require_fitting(lake, name)
        origin, view = lake.source(name), lake.log(name).view()
        tables = _fitting(lake, name)
        changes += [Change(name, action) for action in origin.plan(tables)]
        if view.feed is None and lake.project.settings.slot(name):
            pending.append(f"capture will make replication slot {lake.project.settings.slot(name)} with the first load of {name}")
        elif (error := moved(origin.feed(), view.feed)) is not None:
            warnings.append(f"{name} is not captured: {error.line()}")
        known = set(view.tables())
        pending += [f"capture will load table {schema.name} of {name}" for schema in tables if schema.name not in known]
        pending += [
            f"capture will retire table {table} of {name}: it is no longer captured, and its rows stay readable as they are"
            for table in sorted(view.followed())
            if not lake.project.settings.sources[name].wants(table)
        ]
        warnings += [*_changed(lake, name, tables), *_moving(lake, name, tables), *origin.advice(tables)]
    changes += [Change(mirror.source, str(found)) for mirror, found in _rewrites(lake)]
    warnings += [*_read_otherwise(lake), *_unreadable(lake)]
    return Plan(tuple(changes), tuple(pending), left_out(lake), tuple(warnings))


def apply(lake: Wiring) -> Plan:
    """Make publications, and write tables anew that wait for it.

    A slot comes with the first load, so that no WAL is held back before it is read.
    """
    changes = []
    for name in lake.project.settings.sources:
        survey.require_fitting(lake, name)
        changes += [Change(name, action) for action in lake.source(name).apply(_fitting(lake, name))]
    for mirror, found in _rewrites(lake):
        merged = merge(lake, mirror, wait=WAIT, agreed=found)
        if merged is None or merged.waits:
            raise CommitConflict("LW-416", f"table {mirror.name} changed meanwhile", hint="try again")
        changes.append(Change(mirror.source, str(found)))
    return Plan(tuple(changes), (), left_out(lake), ())


def _rewrites(lake: Wiring) -> Iterator[tuple[Mirror, Rewrite]]:
    """The tables that wait to be written anew; what keeps one from being read others tell."""
    for mirror in survey.mirrors(lake):
        with contextlib.suppress(LogError, FormatError, QueryError):
            found = rewrites.waiting(lake, mirror)
            if found is not None:
                yield mirror, found


def _fitting(lake: Wiring, source: str) -> list[TableSchema]:
    """The chosen tables that both the source and the lake can take."""
    tables = lake.source(source).discover().tables
    misfits = survey.misfits(lake, source, tables)
    return [schema for schema in tables if schema.name not in misfits]


def _changed(lake: Wiring, source: str, tables: Sequence[TableSchema]) -> Iterator[str]:
    """Captured tables that the next capture would stop, and those whose settings count only after a new load."""
    now = {table.name: table for table in tables}
    followed = lake.log(source).followed()
    for table, error in lake.source(source).drift(followed).stopped if followed else ():
        if lake.project.settings.sources[source].wants(table):
            yield f"the next capture stops table {table}: {error.line()}"
    for schema in followed:
        for column in now[schema.name].columns if schema.name in now else ():
            kept = now[schema.name].typed_as(schema).column(column.name)
            if kept.type != column.type:
                yield (
                    f"column {column.name} of {schema.name} was captured as {kept.type} and is to be {column.type}:"
                    f" `lakewright resync {schema.name}` loads it so"
                )


def _moving(lake: Wiring, source: str, tables: Sequence[TableSchema]) -> Iterator[str]:
    """Tables that their next load moves to a new folder: why, what that leaves, and who has to know."""
    now = {table.name: table for table in tables}
    for mirror in survey.mirrors(lake):
        if mirror.source != source or mirror.origin not in now:
            continue
        with contextlib.suppress(FormatError):  # what keeps a table from being read others tell
            table = lake.table(mirror)
            snapshot = table.snapshot() if table else None
            if snapshot is None or mirror.mismatch(snapshot.spec) is not None:  # `apply` does it
                continue
            if found := moves.differences(snapshot.spec, mirror.spec(now[mirror.origin])):
                size = sum(file.size for file in snapshot.files) + sum(log.size for log in snapshot.logs)
                yield (
                    f"the next load of table {mirror.name} (`lakewright resync {mirror.name}`) moves it to a new folder, where"
                    f" other engines have to read it then: {', '.join(found)}; it has {snapshot.rows:,} rows now ({size:,} bytes)"
                )


def _read_otherwise(lake: Wiring) -> Iterator[str]:
    """Datasets some of whose files were read under a former definition."""
    for mirror in survey.mirrors(lake):
        if mirror.origin.schema == DATASETS and (found := former(lake, mirror)) is not None:
            yield f"table {mirror.name} of {mirror.source}: {found}"


def _unreadable(lake: Wiring) -> Iterator[str]:
    """Tables in whose place there is something else."""
    for mirror in survey.mirrors(lake):
        try:
            lake.table(mirror)
        except FormatError as error:
            yield error.line()
