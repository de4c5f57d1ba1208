"""Savepoints made and removed by hand; those by policy are `maintain`'s."""

from __future__ import annotations

from lakewright.model.table import Commit
from lakewright.pipeline.maintain import BY_POLICY
from lakewright.pipeline.merge import lease_name
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring
from lakewright.storage.lease import Lease

BY_HAND = "by hand"
WAIT = 30.0
"""Seconds to wait for the table's lease."""


def save(lake: Wiring, mirror: Mirror, instant: str | None) -> list[Commit]:
    """Make a savepoint of a commit, by default of the newest, by hand; returns the commits that have one.

    One that the policy made is made by hand from now on. Raises `FormatError` LW-415, or `QueryError` LW-522 where there is no
    commit.
    """
    table = mirror.opened(lake.format)
    snapshots = table.snapshots()
    if not snapshots:
        raise mirror.no_instant()
    with Lease.take(lake.store, lease_name(mirror), purpose="savepoint", wait=WAIT):
        chosen = instant or snapshots[-1].instant
        if table.reasons([chosen]).get(chosen) == BY_POLICY:
            table.release([chosen])
        table.save(chosen, BY_HAND)
    return [commit for commit in table.history() if commit.saved]


def release(lake: Wiring, mirror: Mirror, instant: str) -> list[Commit]:
    """Remove the savepoint of an instant; returns the commits that have one. Raises `FormatError` LW-415 where it has none."""
    table = mirror.opened(lake.format)
    with Lease.take(lake.store, lease_name(mirror), purpose="savepoint", wait=WAIT):
        table.release([instant])
    return [commit for commit in table.history() if commit.saved]
