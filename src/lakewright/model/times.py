"""Times: now, and those that Python's calendar does not have."""

from __future__ import annotations

import dataclasses
import datetime


def utc_now() -> datetime.datetime:
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC)


@dataclasses.dataclass(frozen=True)
class FarTime:
    """A date or timestamp of a year before 1 or after 9999: ``year``, and all else as of a year that Python's calendar has."""

    year: int
    near: datetime.date

    def dated(self, text: str) -> str:
        """A text of ``near`` with the true year in it, as ISO 8601 counts: the year before 1 is 0, the one before that -1."""
        return f"{self.year:0{4 + (self.year < 0)}}{text[4:]}"
