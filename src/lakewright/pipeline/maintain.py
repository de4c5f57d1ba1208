"""Maintain: what keeps a lake small without changing what it says, and old moments readable."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterable, Sequence

from lakewright.model.contracts import Table
from lakewright.model.table import COW, MOR, Commit
from lakewright.pipeline import publish
from lakewright.pipeline.hold import held
from lakewright.pipeline.instants import Instant, Instants
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Cleaned
from lakewright.pipeline.wiring import Wiring

STEPS = 6
"""Within the recent time so many instants are kept; moments between them are read from the raw log."""
FEWEST = 8
"""So many small files of one partition are worth a commit of their own."""
BY_POLICY = "retention"
"""The reason of a savepoint that the policy made: only those are removed when they are over."""
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def tend(lake: Wiring, mirror: Mirror, now: datetime.datetime, *, wait: float = 0.0) -> Cleaned:
    """Compact, write small files into larger ones, make and remove savepoints as the policy has it, then clean and archive.

    What goes are files that no kept instant of the table and none of its snapshots to come needs, and former folders that have
    none left. The table's lease is held meanwhile, as in `merge`.
    """
    table = lake.table(mirror)
    if table is None or not (
        _is_due(lake, mirror, now)
        or _has_small_files(table, mirror)
        or _has_many_logs(table, mirror)
        or lake.folders.leftovers(mirror)
    ):
        return Cleaned(mirror.name, 0)
    with held(lake, mirror, "maintain", wait) as mine:
        table = mine.table
        compacted = table.compact(mirror.compact_after) if _has_many_logs(table, mirror) else 0
        gathered = _gathered(table, mirror) if _has_small_files(table, mirror) else 0
        missing, over = _due(lake.instants(mirror), mirror, now)
        saved = sum(each.table.save(each.commit.instant, BY_POLICY) for each in missing)
        released = sum(each.table.release([each.commit.instant]) for each in over)
        needed = [(each.table.path, each.commit.instant) for each, _ in publish.needs(lake, mirror) if each is not None]
        files = archived = 0
        for each in lake.folders.tables(mirror):
            keep = [*kept(each.snapshots(), mirror.recent, now), *(instant for path, instant in needed if path == each.path)]
            files += each.clean(keep)
            archived += each.archive(keep, mirror.timeline_keep, mirror.archive_after)
        if done := _done_with(lake, mirror, now):
            lake.folders.forget(mirror, done)
        dropped = lake.folders.sweep(mirror, mine.lease.number)
        return Cleaned(mirror.name, files, saved, released, gathered, compacted, dropped, archived)


def kept(snapshots: Sequence[Commit], recent: datetime.timedelta, now: datetime.datetime) -> list[str]:
    """The instants to keep: the newest, the newest at or before each `STEPS`-th of the time since `recent` ago, those saved.

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
    """The instants that a policy, spans of time and how long each is kept, has savepoints of.

    They are, of each span that is over, the newest commit that can be read, for as long as the span is kept. Commits of other
    engines, which have no checkpoint, do not count.
    """
    commits = [commit for commit in snapshots if commit.checkpoint]
    wanted = set()
    for span, keep in policy:
        newest = {(commit.time - _EPOCH) // span: commit.instant for commit in commits}
        ends = {instant: _EPOCH + span * (number + 1) for number, instant in newest.items()}
        wanted |= {instant for instant, end in ends.items() if now - keep < end <= now}
    return wanted


def _has_small_files(table: Table, mirror: Mirror) -> bool:
    """Whether the policy is to gather what a partition has; of a merge-on-read table that is compaction's."""
    snapshot = table.snapshot() if mirror.small_files is not None else None
    if snapshot is None or snapshot.spec.type != COW:
        return False
    counts = collections.Counter(file.partition for file in snapshot.files if file.size < (mirror.small_files or 0))
    return max(counts.values(), default=0) >= FEWEST


def _has_many_logs(table: Table, mirror: Mirror) -> bool:
    """Whether a base file has as many logs as the policy allows; a table that is paused stands still."""
    snapshot = table.snapshot() if mirror.type == MOR else None
    if snapshot is None or (snapshot.checkpoint and snapshot.checkpoint.paused):
        return False
    logs = collections.Counter(log.base for log in snapshot.logs)
    return max(logs.values(), default=0) >= mirror.compact_after


def _gathered(table: Table, mirror: Mirror) -> int:
    """Write small files into larger ones, in one commit with the checkpoint that the table has."""
    with table.write() as write:
        mark = write.base.checkpoint if write.base else None
        count = write.gather(mirror.small_files or 0, FEWEST) if mark else 0
        if mark and count:
            write.commit(mark)
        return count


def _due(instants: Instants, mirror: Mirror, now: datetime.datetime) -> tuple[list[Instant], list[Instant]]:
    """The instants to make savepoints of, and those whose savepoint is over."""
    wanted = savepoints(reversed([each.commit for each in instants]), mirror.savepoints, now)
    missing = [each for each in instants if each.commit.instant in wanted and not each.commit.saved]
    unwanted = [each for each in instants if each.commit.saved and each.commit.instant not in wanted]
    return missing, [each for each in unwanted if BY_POLICY in each.table.reasons([each.commit.instant]).values()]


def _is_due(lake: Wiring, mirror: Mirror, now: datetime.datetime) -> bool:
    """Whether a savepoint is to be made or is over, a former folder can go, or as many instants as make a clean worth while."""
    instants = lake.instants(mirror)
    commits = [each.commit for each in instants][::-1]
    many = len(commits) - len(kept(commits, mirror.recent, now)) >= STEPS
    return many or any(_due(instants, mirror, now)) or bool(_done_with(lake, mirror, now))


def _done_with(lake: Wiring, mirror: Mirror, now: datetime.datetime) -> set[str]:
    """The former folders that were left before the recent time, and have no savepoint."""
    past = {each.path for each in lake.folders.record(mirror).former if each.until < now - mirror.recent}
    if not past:
        return past
    needed = {each.table.path for each, _ in publish.needs(lake, mirror) if each is not None}
    return past - needed - {each.table.path for each in lake.instants(mirror) if each.commit.saved}
