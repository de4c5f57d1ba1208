"""How often a schedule of AWS fires, and how long it pauses."""

from __future__ import annotations

import itertools
import re

_PART = re.compile(r"(?P<first>\*|[0-9]{1,2})(-(?P<last>[0-9]{1,2}))?(/(?P<step>[1-9][0-9]?))?")


def runs_per_day(schedule: str) -> float | None:
    """Of ``rate(N hours|days)``, or a cron of six fields that fires every day alike; None of any other, such as ``arrival``."""
    if rate := re.fullmatch(r"rate\(([0-9]+) (hour|day)s?\)", schedule):
        return (24 if rate[2] == "hour" else 1) / int(rate[1])
    times = _times(schedule)
    return len(times) if times is not None else None


def longest_pause(schedule: str) -> int | None:
    """The most minutes between two runs, of a cron that fires every day alike; None of any other, such as ``arrival``."""
    times = _times(schedule)
    return max(after - before for before, after in itertools.pairwise([*times, times[0] + 1440])) if times else None


def _times(schedule: str) -> list[int] | None:
    """The minutes of each day at which a cron of six fields fires, in order; None where days differ."""
    fields = schedule.removeprefix("cron(").removesuffix(")").split()
    if len(fields) != 6 or not set(fields[2:]) <= {"*", "?"}:
        return None
    return sorted(60 * hour + minute for minute in _values(fields[0], 60) for hour in _values(fields[1], 24))


def _values(field: str, end: int) -> set[int]:
    """Which values below `end` a field of minutes or hours has: ``*``, ``5``, ``0/15``, ``8-18``, or a list of such."""
    values: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return set()
        first = 0 if match["first"] == "*" else int(match["first"])
        is_open = match["first"] == "*" or match["step"] is not None
        last = int(match["last"]) if match["last"] else end - 1 if is_open else first
        values.update(range(first, last + 1, int(match["step"] or 1)))
    return values
