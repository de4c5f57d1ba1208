"""Status: where each source and each table stands, from metadata only."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from lakewright.errors import ConfigError, FormatError, LakewrightError, LogError, NotLoaded, QueryError, SourceError
from lakewright.model.names import TableName
from lakewright.model.position import format_lsn
from lakewright.model.table import newest_mark
from lakewright.model.times import utc_now
from lakewright.pipeline import definitions, publish, rewrites, survey
from lakewright.pipeline.feed import moved
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.published import Record
from lakewright.pipeline.wiring import Wiring
from lakewright.raw.manifest import RawFile
from lakewright.raw.view import LogView
from lakewright.storage.lease import Lease

State = Literal[
    "live",
    "idle",
    "behind",
    "retrying",
    "paused",
    "not loaded",
    "not merged",
    "stopped",
    "dropped",
    "retired",
    "written",
    "waiting",
    "left out",
    "damaged",
]
GONE = "LW-213"


@dataclasses.dataclass(frozen=True)
class TableStatus:
    """One table: what `lakewright sql --committed` would read, and how far it is behind its source.

    ``state``: live, all captured changes are in it; behind, it waits for a merge; idle, nobody captures, so nobody knows of new
    changes; retrying, its merge fails and is tried again, ``problem`` says since when; paused, it stays where it is until it is
    resumed; not loaded; not merged; stopped, its changes are not captured any more, ``problem`` says why; dropped, its source has
    it no more; retired, lake.yaml does not choose it any more; left out, lake.yaml chooses it and it cannot be captured; damaged.
    A snapshot, which has ``as_of``, is written, waiting (``problem`` says for what), left out, retired or damaged.
    ``lag_seconds`` is how old the oldest change can be that is not in the table: in the log already, or, while nobody captures,
    after its end. ``lag_bytes`` and ``lag_rows`` are the size of the log's files with changes that are not in the table;
    `lakewright sql` reads them too: its answers are as fresh as the source's watermark. ``problem`` is what deserves a look.
    """

    table: str
    source: str | None
    origin: TableName | None
    state: State
    rows: int | None = None
    lag_seconds: float | None = None
    lag_bytes: int = 0
    lag_rows: int = 0
    last_commit: datetime.datetime | None = None
    problem: str | None = None
    as_of: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class SourceStatus:
    """One source: who captures it, how far its log is, and its slot as the database tells it (None where it does not answer).

    ``state`` is captured; retrying, where a capture fails and is tried again, ``problem`` says since when and why; or idle where
    none runs. ``behind_bytes`` is how much WAL the log is behind the end of the database's; ``retained_bytes`` how much the slot
    holds back, from ``restart_lsn`` on; ``wal_status`` is PostgreSQL's own word.
    A source of files has no ``slot``, and ``behind_bytes`` is the size of those that have arrived and are not in the log.
    """

    source: str
    state: Literal["captured", "retrying", "idle"]
    watermark: str | None
    watermark_time: datetime.datetime | None
    captured_by: str | None
    slot: str | None
    slot_state: str
    wal_status: str | None
    restart_lsn: str | None
    confirmed_lsn: str | None
    behind_bytes: int | None
    retained_bytes: int | None
    problem: str | None = None


@dataclasses.dataclass(frozen=True)
class Status:
    """All sources and tables of a lake at one moment."""

    sources: tuple[SourceStatus, ...]
    tables: tuple[TableStatus, ...]


def of(lake: Wiring) -> Status:
    """Where each source and table stands; a source that does not answer hides no other."""
    now, settings = utc_now(), lake.project.settings.sources
    sources = {name: _source_status(lake, name) for name in settings}
    mirrors, misfits = survey.of(lake)
    tables = []
    for mirror in mirrors:
        wanted = settings[mirror.source].wants(mirror.origin)
        tables.append(_table_status(lake, mirror, sources[mirror.source], now, wanted=wanted))
    for misfit in misfits:
        if misfit.table:
            tables.append(_without_table(str(misfit.table), misfit.source, misfit.table, "damaged", misfit.error))
    known = {(table.source, table.origin) for table in tables}
    tables += [table for table in _left_out(lake, sources) if (table.source, table.origin) not in known]
    tables += _snapshots(lake, mirrors)
    return Status(tuple(sources.values()), tuple(tables))


def _left_out(lake: Wiring, sources: Mapping[str, SourceStatus]) -> Iterator[TableStatus]:
    """The chosen tables that are not captured, of the sources that answer."""
    for name in (name for name, source in sources.items() if source.slot_state != "unknown"):
        with contextlib.suppress(SourceError, LogError):  # the source's own status says what is wrong
            for table, error in sorted(survey.left_out(lake, name, loaded=True).items()):
                state: State = "not loaded" if isinstance(error, NotLoaded) else "left out"
                yield _without_table(str(table), name, table, state, error)


def _snapshots(lake: Wiring, mirrors: Sequence[Mirror]) -> Iterator[TableStatus]:
    """The snapshots that lake.yaml names, and those that are written."""
    written = {record.name: record for record in lake.published()}
    for name in sorted({*lake.resolved.snapshots, *written}):
        problem = None
        try:
            found = publish.standing(lake, name, mirrors) if name in lake.resolved.snapshots else None
            if isinstance(found, publish.Planned) and found.waits is None:
                publish.plan(lake, found)
        except (ConfigError, QueryError, FormatError, LogError) as error:
            found, problem = None, error.line()
        if (record := written.get(name)) is not None:
            yield _written(lake, record, problem)
        else:
            yield _unwritten(lake, name, mirrors, found, problem)


def _written(lake: Wiring, record: Record, problem: str | None) -> TableStatus:
    """The status of a snapshot that is there."""
    table = TableStatus(record.name, record.source, record.origin, "written", problem=problem, as_of=record.of.as_of)
    try:
        snapshot, last = publish.require_whole(lake, record), lake.commits(lake.records.mirror(record))[-1].time
    except FormatError as error:
        told = f"{error.line(hinted=False)}; `lakewright verify {record.name}` tells what mends it"
        return dataclasses.replace(table, state="damaged", problem=told)
    state: State = "written" if record.name in lake.resolved.snapshots else "retired"
    return dataclasses.replace(table, state=state, rows=snapshot.rows, last_commit=last)


def _unwritten(
    lake: Wiring, name: str, mirrors: Sequence[Mirror], found: Record | publish.Planned | None, problem: str | None
) -> TableStatus:
    """The status of a snapshot that is not there, and why."""
    settings = lake.resolved.snapshots[name]
    like = next((mirror for mirror in mirrors if mirror.name == settings.table), None)
    waits = found.waits or "the next merge writes it" if isinstance(found, publish.Planned) else None
    return TableStatus(
        table=name,
        source=like.source if like else None,
        origin=like.origin if like else None,
        state="left out" if problem else "waiting",
        problem=problem or waits,
        as_of=settings.as_of,
    )


def _without_table(table: str, source: str, origin: TableName, state: State, error: LakewrightError) -> TableStatus:
    """The status of a table that there is none of, or none that can be read."""
    return TableStatus(table=table, source=source, origin=origin, state=state, problem=error.line())


def _table_status(lake: Wiring, mirror: Mirror, source: SourceStatus, now: datetime.datetime, *, wanted: bool) -> TableStatus:
    """The status of one table, which lake.yaml still chooses if `wanted`."""
    try:
        table = lake.table(mirror)
        snapshot = table.snapshot() if table else None
        commits = [commit for commit in table.history() if commit.checkpoint or commit.fault] if table else []
        mark = newest_mark(commits)
    except FormatError as error:
        return _without_table(mirror.name, mirror.source, mirror.origin, "damaged", error)
    view = lake.log(mirror.source).view()
    load = view.load_of(mirror.origin, view.watermark)
    paused = mark is not None and mark.paused
    merged = mark if mark and load and mark.follows(view.feed, load.generation, mirror.origin) else None
    tail = view.changes(mirror.origin, (merged or load).position, view.watermark) if load else ()
    stop = next((s.error for s in view.stopped() if s.table == mirror.origin), None) if wanted else None
    is_loaded, is_merged = load is not None, merged is not None
    state = _state(source, stop, wanted=wanted, paused=paused, loaded=is_loaded, merged=is_merged, behind=bool(tail))
    problem = stop.line() if stop else definitions.former(lake, mirror) if wanted else None
    if wanted and not stop and (waits := rewrites.waiting(lake, mirror)) is not None:
        problem = f"`lakewright apply` is to {waits}"
    retry = lake.retries.of("table", mirror.name) if not stop and not paused and wanted else None
    if retry is not None:
        state, problem = "retrying", str(retry)
    if mark and paused and not stop:
        problem = f"paused at {mark.position}; `lakewright resume {mirror.name}` goes on"
    return TableStatus(
        table=mirror.name,
        source=mirror.source,
        origin=mirror.origin,
        state=state,
        rows=snapshot.rows if snapshot else None,
        lag_seconds=_lag(source, view, tail, now)
        if merged and state in ("live", "idle", "behind", "retrying", "paused")
        else None,
        lag_bytes=sum(file.bytes for file in tail),
        lag_rows=sum(file.rows for file in tail),
        last_commit=commits[-1].time if commits else None,
        problem=problem,
    )


def _state(
    source: SourceStatus, stop: LakewrightError | None, *, wanted: bool, paused: bool, loaded: bool, merged: bool, behind: bool
) -> State:
    """The state of a table that can be read, by the first of these that holds."""
    if not wanted:
        return "retired"
    if stop is not None:
        return "dropped" if stop.code == GONE else "stopped"
    if paused:
        return "paused"
    if not loaded:
        return "not loaded"
    if not merged:
        return "not merged"
    if behind:
        return "behind"
    return "live" if source.state == "captured" else "idle"


def _lag(source: SourceStatus, view: LogView, tail: Sequence[RawFile], now: datetime.datetime) -> float:
    """How many seconds old the oldest change can be that is in `tail` or, while nobody captures, not even in the log."""
    since = [file.first_time for file in tail]
    if source.state != "captured" and source.behind_bytes != 0 and view.manifests:
        since.append(view.manifests[-1].written)  # all that was committed before is in the log
    return max([0.0, *((now - time).total_seconds() for time in since)])


def _source_status(lake: Wiring, name: str) -> SourceStatus:
    """The status of one source; what only the database knows is None where it does not answer."""
    log, view, facts, other = lake.log(name), LogView(), None, None
    try:
        view = log.view()
        source = lake.source(name)
        facts = source.status(view.watermark)
        other = moved(source.feed(), view.feed) if view.feed else None
        problem = other.line() if other else facts.problem
    except (SourceError, LogError) as error:
        problem = error.line()
    holder, retry = Lease.holder(lake.store, log.lease_name), lake.retries.of("source", name)
    if retry is not None:
        problem = str(retry)
    return SourceStatus(
        source=name,
        state="retrying" if retry else "captured" if holder else "idle",
        watermark=str(view.watermark) if view.feed else None,
        watermark_time=view.time,
        captured_by=holder,
        slot=lake.project.settings.slot(name),
        slot_state=facts.state if facts else "unknown",
        wal_status=facts.wal_status if facts else None,
        restart_lsn=_lsn(facts.restart_lsn) if facts else None,
        confirmed_lsn=_lsn(facts.confirmed_lsn) if facts else None,
        behind_bytes=facts.behind_bytes if facts and view.feed and not other else None,
        retained_bytes=facts.retained_bytes if facts else None,
        problem=problem,
    )


def _lsn(lsn: int | None) -> str | None:
    return None if lsn is None else format_lsn(lsn)
