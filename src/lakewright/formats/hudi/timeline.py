"""The timeline, layout version 1: instants and the files ``.hoodie/<time>.<action>[.<state>]`` that stand for them."""

from __future__ import annotations

import collections
import datetime
import re
from collections.abc import Iterable
from typing import NamedTuple

from lakewright.errors import FormatError

COMMIT, DELTA, REPLACE = "commit", "deltacommit", "replacecommit"
COMPACTION, CLEAN, ROLLBACK, SAVEPOINT = "compaction", "clean", "rollback", "savepoint"
REQUESTED, INFLIGHT, COMPLETED = "requested", "inflight", "completed"
WRITES = frozenset({COMMIT, DELTA, REPLACE})
"""Actions whose completed instants bring base files or logs. A completed compaction is a commit."""

_FILE = re.compile(r"(\d{14}|\d{17})\.([a-z]+)(?:\.(requested|inflight))?")
_MILLISECOND = datetime.timedelta(milliseconds=1)
_MOST_AHEAD = datetime.timedelta(minutes=1)


class Instant(NamedTuple):
    """An action at a time (``yyyyMMddHHmmssSSS``, UTC) and the furthest state it reached; sorts by time."""

    time: str
    action: str
    state: str

    @property
    def is_write(self) -> bool:
        """Whether it is a completed commit, deltacommit or replacecommit."""
        return self.state == COMPLETED and self.action in WRITES


class Timeline:
    """The instants that a listing of ``.hoodie`` shows, oldest first.

    ``writes`` are the completed ones that bring files, with those that are ``archived`` and of which a savepoint tells; the
    first one of the timeline itself is at ``begins``. ``compacted`` are the times of completed compactions,
    ``pending_writes`` those of writes and compactions that are not.
    """

    def __init__(self, names: Iterable[str]) -> None:
        found: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
        for name in names:
            if match := _FILE.fullmatch(name):
                time, action, state = match.groups()
                if action == INFLIGHT:  # of a commit, whose inflight file does not name the action
                    action, state = COMMIT, INFLIGHT
                found[(time, action)].add(state or COMPLETED)
        self.compacted = {t for t, action in found if action == COMPACTION and COMPLETED in found.get((t, COMMIT), ())}
        for time in self.compacted:
            del found[(time, COMPACTION)]
        self._states = found
        self.instants = sorted(Instant(time, action, _furthest(states)) for (time, action), states in found.items())
        there = [instant for instant in self.instants if instant.is_write]
        self.begins = there[0].time if there else None
        times = {instant.time for instant in there}
        saved = [i.time for i in self.instants if i.action == SAVEPOINT and i.state == COMPLETED and i.time not in times]
        self.archived = frozenset(saved)
        self.writes = [*(Instant(time, COMMIT, COMPLETED) for time in saved), *there]
        self.write_times = frozenset(instant.time for instant in self.writes)
        self.pending = [instant for instant in self.instants if instant.state != COMPLETED]
        self.pending_writes = frozenset(i.time for i in self.pending if i.action in WRITES or i.action == COMPACTION)

    def completed(self, action: str) -> list[Instant]:
        """The completed instants of an action, oldest first."""
        return [instant for instant in self.instants if instant.action == action and instant.state == COMPLETED]

    def states(self, time: str, action: str) -> set[str]:
        """The states whose file is there."""
        return self._states.get((time, action), set())

    def next_time(self, now: datetime.datetime) -> str:
        """A time for a new instant: `now` (UTC), or a millisecond after the newest instant where the clock went backwards."""
        newest = self._newest()
        return format_time(now if newest is None else max(now, newest + _MILLISECOND))

    def require_past(self, now: datetime.datetime) -> None:
        """Raise `FormatError` LW-413 where the newest instant is more than a minute after `now` (UTC).

        Engines that do not look would place their commits before it, and lose them.
        """
        newest = self._newest()
        if newest is not None and newest - now > _MOST_AHEAD:
            raise FormatError(
                "LW-413",
                f"the table's newest instant {self.instants[-1].time} is ahead of this machine's clock, {format_time(now)}",
                hint=f"set the clock right; if it is, another engine may write again after {newest:%Y-%m-%d %H:%M:%S} UTC, and"
                " `lakewright merge` may meanwhile",
            )

    def _newest(self) -> datetime.datetime | None:
        return parse_time(self.instants[-1].time) if self.instants else None


def _furthest(states: set[str]) -> str:
    return next(state for state in (COMPLETED, INFLIGHT, REQUESTED) if state in states)


def file_name(time: str, action: str, state: str) -> str:
    """The name in ``.hoodie`` of an instant's file for a state."""
    if state == COMPLETED:
        return f"{time}.{action}"
    return f"{time}.{INFLIGHT}" if action == COMMIT and state == INFLIGHT else f"{time}.{action}.{state}"


def format_time(time: datetime.datetime) -> str:
    """A time in UTC as an instant's."""
    return f"{time:%Y%m%d%H%M%S}{time.microsecond // 1000:03d}"


def parse_time(instant: str) -> datetime.datetime:
    """An instant's time, to the millisecond; old instants have whole seconds and stand for their end, as in Hudi."""
    whole = datetime.datetime.strptime(instant[:14], "%Y%m%d%H%M%S").replace(tzinfo=datetime.UTC)
    return whole + int(instant[14:] or 999) * _MILLISECOND
