"""Care of a source's raw log: which of its files may be written into larger ones, and which nothing needs any more."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence

from lakewright.errors import FormatError, LeaseHeld
from lakewright.model.position import Position
from lakewright.model.table import Checkpoint
from lakewright.pipeline import publish
from lakewright.pipeline.hold import held
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Tended
from lakewright.pipeline.wiring import Wiring
from lakewright.raw import care
from lakewright.raw.care import Limit
from lakewright.raw.view import LogView


def tend(lake: Wiring, source: str, mirrors: Sequence[Mirror], now: datetime.datetime, *, wait: float = 0.0) -> Tended:
    """Leave out the raw changes that the retention of their table lets go, then write small files into large ones.

    Of a database: the log of a folder of files stays as it is, since it tells under which definition each file was read.
    `mirrors` are the lake's tables; `wait` is for the lease of each that has something to let go. Raises `LogError` for a raw
    file that is missing or damaged, when all else is done.
    """
    if lake.project.settings.sources[source].kind != "postgres":
        return Tended(source, 0, 0, 0)
    log, ours = lake.log(source), [mirror for mirror in mirrors if mirror.source == source]
    with contextlib.ExitStack() as leases:
        limits = {}
        for mirror in ours:
            if _limit(lake, mirror, log.view(), now) is None:
                continue
            with contextlib.suppress(LeaseHeld):  # who holds it may set the checkpoint back: another time
                leases.enter_context(held(lake, mirror, "raw care", wait))
                if (limit := _limit(lake, mirror, log.view(), now)) is not None:
                    limits[mirror.origin] = limit
        expired = care.expire(log, limits)
    gathered, into = care.gather(log, {mirror.origin: _passed(lake, mirror, log.view()) for mirror in ours})
    return Tended(source, gathered, into, expired)


def _passed(lake: Wiring, mirror: Mirror, view: LogView) -> Position:
    """Up to where no merge of the table reads the log any more; a table that is paused has none."""
    marks = _marks(lake, mirror)
    if not marks or marks[-1].feed != view.feed:
        return Position(0)
    return view.watermark if marks[-1].paused else marks[-1].position


def _limit(lake: Wiring, mirror: Mirror, view: LogView, now: datetime.datetime) -> Limit | None:
    """What of a table's changes may go: nothing that a commit which can be read goes on from, or a load that none of them has, or
    that a snapshot to come is made of."""
    marks = _marks(lake, mirror) if mirror.raw is not None else []
    if mirror.raw is None or not marks or marks[-1].feed != view.feed:
        return None
    ours = [mark for mark in marks if mark.feed == view.feed]
    oldest = min(mark.generation for mark in ours)
    loads = [load.position for load in view.loads_of(mirror.origin) if load.generation > oldest]
    needed = (after for _, after in publish.needs(lake, mirror))
    limit = Limit(min([*loads, *needed, *(mark.position for mark in ours)]), now - mirror.raw)
    first = view.first_change(mirror.origin)
    return limit if first is not None and limit.lets_go(first) else None


def _marks(lake: Wiring, mirror: Mirror) -> list[Checkpoint]:
    """The checkpoints that the table would go on from, were each of its commits that can be read the newest, oldest first; not
    those of another table that had its name before.

    None for a table that is damaged.
    """
    marks: list[Checkpoint] = []
    with contextlib.suppress(FormatError):
        readable = {each.commit.instant for each in lake.instants(mirror)}
        mark = None
        for commit in lake.commits(mirror):
            mark = commit.mark() or mark
            marks += [mark] if mark and mark.origin in (None, mirror.origin) and commit.instant in readable else []
        return marks
    return []
