"""Status: where each source and each table stands, from metadata only."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any, Literal

from lakewright.errors import FormatError, LakewrightError, LogError, SourceError
from lakewright.model.contracts import Store, TableFormat
from lakewright.model.names import TableName
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.setup import lost_slot
from lakewright.raw.log import RawLog
from lakewright.raw.view import LogView
from lakewright.storage.lease import Lease

State = Literal["live", "behind", "not loaded", "not merged", "stopped", "damaged"]


@dataclasses.dataclass(frozen=True)
class TableStatus:
    """One table: what `lakewright sql --committed` would read, and how far the log is ahead of it.

    ``lag_seconds`` is the age of the oldest change that is in the log and not in the table, ``lag_bytes`` and ``lag_rows`` the
    size of all such changes. `lakewright sql` reads them too: its answers are as fresh as the source's watermark.
    """

    table: str
    source: str
    origin: TableName
    state: State
    rows: int | None
    lag_seconds: float | None
    lag_bytes: int
    lag_rows: int
    last_commit: datetime.datetime | None
    problem: str | None = None


@dataclasses.dataclass(frozen=True)
class SourceStatus:
    """One source: who captures it, how far its log is, and its slot as the database tells it (None where it does not answer).

    ``behind_bytes`` is how much WAL the log is behind the end of the database's; ``retained_bytes`` how much the slot holds back.
    """

    source: str
    watermark: str | None
    watermark_time: datetime.datetime | None
    captured_by: str | None
    slot: str
    slot_state: str
    behind_bytes: int | None
    retained_bytes: int | None
    problem: str | None = None


@dataclasses.dataclass(frozen=True)
class Status:
    """All sources and tables of a lake at one moment."""

    sources: tuple[SourceStatus, ...]
    tables: tuple[TableStatus, ...]


def table_status(mirror: Mirror, log: RawLog, view: LogView, format_: TableFormat, now: datetime.datetime) -> TableStatus:
    """The status of one table; raises `FormatError` where what lies there cannot be read."""
    table = format_.open(mirror.path)
    load = view.load_of(mirror.origin, view.watermark)
    snapshot = table.snapshot() if table else None
    commits = [commit for commit in table.history() if commit.checkpoint] if table else []
    mark = commits[-1].checkpoint if commits else None
    current = mark is not None and load is not None and mark.feed == view.feed and mark.generation == load.generation
    tail = list(view.changes(mirror.origin, mark.position if mark and current else load.position, view.watermark)) if load else []
    stop = next((s for s in view.stopped() if s.table == mirror.origin), None)
    oldest = min((file.first_time for file in tail if file.first_time), default=None)
    state: State = "live"
    if stop:
        state = "stopped"
    elif load is None:
        state = "not loaded"
    elif not current:
        state = "not merged"
    elif tail:
        state = "behind"
    return TableStatus(
        mirror.name,
        mirror.source,
        mirror.origin,
        state,
        snapshot.rows if snapshot else None,
        (now - oldest).total_seconds() if oldest else (0.0 if current else None),
        sum(file.bytes for file in tail),
        sum(file.rows for file in tail),
        commits[-1].time if commits else None,
        f"{stop.error.message} ({stop.error.code}); {stop.error.hint}" if stop else None,
    )


def damaged(mirror: Mirror, error: FormatError) -> TableStatus:
    """The status of a table whose folder cannot be read."""
    problem = f"{error.message} ({error.code})"
    return TableStatus(mirror.name, mirror.source, mirror.origin, "damaged", None, None, 0, 0, None, problem)


def misfit_status(source: str, table: TableName, error: LakewrightError) -> TableStatus:
    """The status of a captured table that cannot be one of the lake."""
    problem = f"{error.message} ({error.code}); {error.hint}"
    return TableStatus(str(table), source, table, "damaged", None, None, 0, 0, None, problem)


def source_status(name: str, slot: str, log: RawLog, store: Store, connect: Callable[[], Any]) -> SourceStatus:
    """The status of one source; what only the database knows is None where it does not answer."""
    view, facts = LogView(), None
    try:
        view = log.view()
        facts = connect().status()
        problem = lost_slot(slot, facts.state) if view.feed else None
    except (SourceError, LogError) as error:
        problem = f"{error.message} ({error.code})"
    return SourceStatus(
        name,
        str(view.watermark) if view.feed else None,
        view.time,
        Lease.holder(store, log.lease_name),
        slot,
        facts.state if facts else "unknown",
        max(0, facts.flush_lsn - view.watermark.lsn) if facts and view.feed else None,
        facts.retained_bytes if facts else None,
        problem,
    )
