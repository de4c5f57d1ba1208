"""Maintain: what keeps a lake small without changing what it says."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from lakewright.model.contracts import Table
from lakewright.model.table import Commit
from lakewright.pipeline.merge import lease_name
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Cleaned
from lakewright.pipeline.wiring import Wiring
from lakewright.storage.lease import Lease

STEPS = 6
"""Within the recent time so many instants are kept; moments between them are read from the raw log."""


def clean(lake: Wiring, mirror: Mirror, now: datetime.datetime, *, wait: float = 0.0) -> Cleaned:
    """Delete the files that no kept instant of the table needs; the table's lease is held meanwhile, as in `merge`."""
    table = lake.format.open(mirror.path)
    if table is None or not _cleanable(table, mirror, now):
        return Cleaned(mirror.name, 0)
    with Lease.take(lake.store, lease_name(mirror), purpose="clean", wait=wait):
        return Cleaned(mirror.name, table.clean(kept(table.snapshots(), mirror.recent, now)))


def kept(snapshots: Sequence[Commit], recent: datetime.timedelta, now: datetime.datetime) -> list[str]:
    """The instants to keep: the newest, the newest at or before `recent` ago, and one for each `STEPS`-th of the time between.

    With them and the raw log every moment since `recent` ago can be read: as the newest kept instant before it, with the log
    folded over it. So files grow with the table's size and not with how often it is merged.
    """
    if not snapshots:
        return []
    keep = {snapshots[-1].instant}
    for step in range(STEPS + 1):
        moment = now - recent * step / STEPS
        before = [commit.instant for commit in snapshots if commit.time <= moment]
        if before:
            keep.add(before[-1])
    return sorted(keep)


def _cleanable(table: Table, mirror: Mirror, now: datetime.datetime) -> bool:
    """Whether enough instants can go that a clean is worth its own."""
    snapshots = table.snapshots()
    return len(snapshots) - len(kept(snapshots, mirror.recent, now)) >= STEPS
