"""Maintain: what keeps a lake small without changing what it says, and old moments readable."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from lakewright.model.contracts import Table
from lakewright.model.table import Commit
from lakewright.pipeline.merge import lease_name
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Cleaned
from lakewright.pipeline.wiring import Wiring
from lakewright.storage.lease import Lease

STEPS = 6
"""Within the recent time so many instants are kept; moments between them are read from the raw log."""
BY_POLICY = "retention"
"""The reason of a savepoint that the policy made: only those are removed when they are over."""
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def clean(lake: Wiring, mirror: Mirror, now: datetime.datetime, *, wait: float = 0.0) -> Cleaned:
    """Make and remove savepoints as the table's policy has it, then delete the files that no kept instant of the table needs.

    The table's lease is held meanwhile, as in `merge`.
    """
    table = lake.format.open(mirror.path)
    if table is None or not _is_due(table, mirror, now):
        return Cleaned(mirror.name, 0)
    with Lease.take(lake.store, lease_name(mirror), purpose="clean", wait=wait):
        missing, over = _due(table, mirror, now)
        saved = sum(table.save(instant, BY_POLICY) for instant in missing)
        released = table.release(over)
        return Cleaned(mirror.name, table.clean(kept(table.snapshots(), mirror.recent, now)), saved, released)


def kept(snapshots: Sequence[Commit], recent: datetime.timedelta, now: datetime.datetime) -> list[str]:
    """The instants to keep: the newest, the newest at or before `recent` ago, one for each `STEPS`-th of the time between, and
    those that have a savepoint.

    With them and the raw log every moment since `recent` ago can be read: as the newest kept instant before it, with the log
    folded over it. So files grow with the table's size and not with how often it is merged.
    """
    if not snapshots:
        return []
    keep = {snapshots[-1].instant, *(commit.instant for commit in snapshots if commit.saved)}
    for step in range(STEPS + 1):
        moment = now - recent * step / STEPS
        before = [commit.instant for commit in snapshots if commit.time <= moment]
        if before:
            keep.add(before[-1])
    return sorted(keep)


def savepoints(
    snapshots: Iterable[Commit], policy: Iterable[tuple[datetime.timedelta, datetime.timedelta]], now: datetime.datetime
) -> set[str]:
    """The instants that a policy, spans of time and how long each is kept, has savepoints of: of each span that is over, and not
    for longer than it is kept, the newest commit that can be read. Other engines' commits, which have no checkpoint, are none.
    """
    commits = [commit for commit in snapshots if commit.checkpoint]
    wanted = set()
    for span, keep in policy:
        newest = {(commit.time - _EPOCH) // span: commit.instant for commit in commits}
        ends = {instant: _EPOCH + span * (number + 1) for number, instant in newest.items()}
        wanted |= {instant for instant, end in ends.items() if now - keep < end <= now}
    return wanted


def _due(table: Table, mirror: Mirror, now: datetime.datetime) -> tuple[list[str], list[str]]:
    """The instants to make savepoints of, and those whose savepoint is over."""
    snapshots = table.snapshots()
    wanted = savepoints(snapshots, mirror.savepoints, now)
    saved = {commit.instant for commit in snapshots if commit.saved}
    over = [instant for instant, reason in table.reasons(sorted(saved - wanted)).items() if reason == BY_POLICY]
    return sorted(wanted - saved), over


def _is_due(table: Table, mirror: Mirror, now: datetime.datetime) -> bool:
    """Whether a savepoint is to be made or is over, or enough instants can go that a clean is worth its own."""
    snapshots = table.snapshots()
    return any(_due(table, mirror, now)) or len(snapshots) - len(kept(snapshots, mirror.recent, now)) >= STEPS
