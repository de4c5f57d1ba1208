"""Savepoints made and removed by hand; those by policy are `maintain`'s."""

from __future__ import annotations

from lakewright.model.table import Commit
from lakewright.pipeline.hold import held
from lakewright.pipeline.maintain import BY_POLICY
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring

BY_HAND = "by hand"


def save(lake: Wiring, mirror: Mirror, instant: str | None) -> list[Commit]:
    """Make a savepoint of a commit, by default of the newest, by hand; returns the commits that have one.

    One that the policy made is made by hand from now on. Raises `FormatError` LW-415, or `QueryError` LW-522 where there is no
    commit.
    """
    with held(lake, mirror, "savepoint"):
        newest = next(iter(lake.instants(mirror)), None)
        if newest is None:
            raise mirror.no_instant()
        chosen = lake.instant(mirror, instant) if instant else newest
        table, time = chosen.table, chosen.commit.instant
        if table.reasons([time]).get(time) == BY_POLICY:
            table.release([time])
        table.save(time, BY_HAND)
        return [commit for commit in lake.commits(mirror) if commit.saved]


def release(lake: Wiring, mirror: Mirror, instant: str) -> list[Commit]:
    """Remove the savepoint of an instant; returns the commits that have one. Raises `FormatError` LW-415 where it has none."""
    with held(lake, mirror, "savepoint") as mine:
        found = lake.instants(mirror).find(instant)
        (found.table if found else mine.table).release([instant])
        return [commit for commit in lake.commits(mirror) if commit.saved]
