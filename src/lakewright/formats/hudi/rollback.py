"""Rolling back: the files of an instant that will not complete go, first its data, then what tells that it ever began.

The order makes a crash harmless at every step: the plan is durable before the first deletion, the failed instant stays pending
until its data files are gone, and its markers stay until the instant is. So the next rollback finds whatever is left.
"""

from __future__ import annotations

import contextlib
import datetime

from lakewright.errors import AlreadyExists, FormatError, NotFound
from lakewright.formats.hudi import archive, avro, clustering_plans, inventory, slices
from lakewright.formats.hudi.file_names import BaseFile, Log
from lakewright.formats.hudi.folder import Folder, Hoodie
from lakewright.formats.hudi.metadata import WRITER, CommitMetadata
from lakewright.formats.hudi.timeline import COMPLETED, INFLIGHT, REQUESTED, ROLLBACK, WRITES, Instant, format_time
from lakewright.model.times import utc_now

ALIVE_FOR = datetime.timedelta(seconds=120)
"""How long a heartbeat counts: two of Hudi's default intervals of 60 s."""


def roll_back_others(folder: Folder, own: str) -> Hoodie:
    """Undo every pending commit and replacecommit but `own`, and finish what earlier rollbacks left; the caller has the lock.

    Returns what ``.hoodie`` holds then. Where files of the table are missing, those before its newest write are left: see
    `_may_roll_back`.

    Raises `FormatError` LW-414, before anything is touched, for an instant of another engine that gives signs of life. Pending
    compactions, clusterings and other actions are left alone.
    """
    hoodie = folder.hoodie()
    pending = [i for i in hoodie.timeline.pending if i.action in WRITES and i.time != own]
    failed = [i for i in pending if not clustering_plans.is_clustering(folder, hoodie, i)]
    if failed and not _may_roll_back(folder, hoodie, failed):
        failed = [i for i in failed if not hoodie.is_cut and i.time > hoodie.timeline.writes[-1].time]
    for instant in failed:
        _refuse_living(folder, hoodie, instant)
    unfinished = [i for i in hoodie.timeline.pending if i.action == ROLLBACK]
    for instant in unfinished:
        _resume(folder, hoodie, instant)
    for instant in failed:
        roll_back(folder, instant)
    if unfinished or failed:
        hoodie = folder.hoodie()
    _sweep(folder, hoodie, own)
    return hoodie


def _may_roll_back(folder: Folder, hoodie: Hoodie, failed: list[Instant]) -> bool:
    """Whether the table has all of its files without those of pending instants before its newest write, if any.

    Nobody completes a write after a pending one, nor archives all; so where not, such an instant may be one that completed and
    whose completed file was lost. It is left alone: with that file its rows are back.
    """
    writes = hoodie.timeline.writes
    if not hoodie.is_cut and (not writes or all(instant.time > writes[-1].time for instant in failed)):
        return True
    return inventory.is_whole(folder, slices.load(folder))


def undo(folder: Folder, time: str) -> None:
    """Remove everything of our own write `time`, unless it completed; the caller has the lock."""
    hoodie = folder.hoodie()
    for instant in hoodie.timeline.pending:
        if instant.time == time and instant.state == REQUESTED and time not in hoodie.markers:
            # Data files come after the inflight file, so there are none.
            folder.store.delete(folder.instant_name(*instant))
        elif instant.time == time:
            roll_back(folder, instant)
    if not _has_completed(folder, hoodie, time):
        # Where another process rolled the instant back, this one may have gone on writing.
        for partition, file in _files_of(folder, folder.hoodie(), time):
            folder.store.delete(folder.data_name(partition, file))
    tidy(folder, time)


def roll_back(folder: Folder, instant: Instant) -> None:
    """Undo one pending commit or replacecommit, whose time is never given again: its writer may live. The caller has the lock."""
    hoodie = folder.hoodie()
    files = _files_of(folder, hoodie, instant.time)
    time = hoodie.timeline.next_time(utc_now())
    by_partition: dict[str, list[str]] = {}
    for partition, file in sorted(files):
        by_partition.setdefault(partition, []).append(file)
    requests = [
        {
            "partitionPath": partition,
            "fileId": file.removeprefix(".").partition("_")[0],
            "latestBaseInstant": instant.time,
            "filesToBeDeleted": [folder.store.location(folder.data_name(partition, file))],
            "logBlocksToBeDeleted": {},
        }
        for partition, names in by_partition.items()
        for file in names
    ]
    plan = {
        "instantToRollback": {"commitTime": instant.time, "action": instant.action},
        "RollbackRequests": requests,
        "version": 1,
    }
    folder.store.create(folder.instant_name(time, ROLLBACK, REQUESTED), avro.encode(avro.ROLLBACK_PLAN, plan))
    _execute(folder, time, instant, by_partition)


def _resume(folder: Folder, hoodie: Hoodie, rollback: Instant) -> None:
    """Finish a rollback that a dead process planned; files that its plan does not know are found by the next one."""
    name = folder.instant_name(rollback.time, ROLLBACK, REQUESTED)
    plan = avro.decode(folder.store.read(name), name)
    by_partition: dict[str, list[str]] = {}
    with avro.taken(name):
        target = plan["instantToRollback"]
        if target is None or target["action"] not in WRITES:
            return
        for request in plan["RollbackRequests"] or []:
            for path in request["filesToBeDeleted"]:
                by_partition.setdefault(request["partitionPath"], []).append(path.rpartition("/")[2])
        instant = Instant(target["commitTime"], target["action"], INFLIGHT)
    if hoodie.timeline.states(instant.time, instant.action) & {COMPLETED}:
        raise FormatError("LW-404", f"{name} would roll back a completed commit", hint="look at the table with its other writers")
    _execute(folder, rollback.time, instant, by_partition)


def _execute(folder: Folder, time: str, failed: Instant, by_partition: dict[str, list[str]]) -> None:
    start = utc_now()
    with contextlib.suppress(AlreadyExists):
        folder.store.create(folder.instant_name(time, ROLLBACK, INFLIGHT), b"")
    for partition, names in by_partition.items():
        for file in names:
            folder.store.delete(folder.data_name(partition, file))
    took = utc_now() - start
    result = {
        "startRollbackTime": format_time(start),
        "timeTakenInMillis": took // datetime.timedelta(milliseconds=1),
        "totalFilesDeleted": sum(map(len, by_partition.values())),
        "commitsRollback": [failed.time],
        "partitionMetadata": {
            partition: {
                "partitionPath": partition,
                "successDeleteFiles": [folder.store.location(folder.data_name(partition, file)) for file in names],
                "failedDeleteFiles": [],
                "rollbackLogFiles": {},
                "logFilesFromFailedCommit": {},
            }
            for partition, names in by_partition.items()
        },
        "version": 1,
        "instantsRollback": [{"commitTime": failed.time, "action": failed.action}],
    }
    folder.store.create(folder.instant_name(time, ROLLBACK, COMPLETED), avro.encode(avro.ROLLBACK, result))
    _forget(folder, failed)


def _forget(folder: Folder, instant: Instant) -> None:
    """Remove a failed instant whose data files are gone: its heartbeat, its inflight file, its request, then its markers.

    The heartbeat is first: an instant whose inflight file is gone no longer shows that it was ours.
    """
    folder.store.delete(folder.heartbeat_name(instant.time))
    for state in (INFLIGHT, REQUESTED):
        folder.store.delete(folder.instant_name(instant.time, instant.action, state))
    tidy(folder, instant.time)


def tidy(folder: Folder, time: str) -> None:
    """Remove the markers and the heartbeat of an instant that has ended."""
    for marker in folder.markers_of(time):
        folder.store.delete(marker)
    folder.store.delete(folder.heartbeat_name(time))


def _files_of(folder: Folder, hoodie: Hoodie, time: str) -> set[tuple[str, str]]:
    """Partition and name of the data files of an instant, by its markers and by listing."""
    marked = {file for name in hoodie.markers.get(time, ()) if (file := folder.marked_file(time, name))}
    files, logs = folder.data()
    everything: list[BaseFile | Log] = [*files, *logs]
    listed = {(f.partition, f.name.rpartition("/")[2]) for f in everything if f.instant == time}
    return marked | listed


def _sweep(folder: Folder, hoodie: Hoodie, own: str) -> None:
    """Remove what instants that are over left behind: a completed one its markers, a rolled back one perhaps late files too."""
    pending = {instant.time for instant in hoodie.timeline.pending}
    for time in (hoodie.markers.keys() | hoodie.heartbeats.keys()) - pending - {own}:
        with contextlib.suppress(FormatError):  # of a damaged archive: nobody knows, and all stays
            if not _has_completed(folder, hoodie, time):
                for marker in hoodie.markers.get(time, ()):
                    if file := folder.marked_file(time, marker):
                        folder.store.delete(folder.data_name(*file))
            tidy(folder, time)


def _has_completed(folder: Folder, hoodie: Hoodie, time: str) -> bool:
    """Whether the write at `time` completed. Of one before the timeline the archive tells; raises `FormatError` LW-404.

    A writer that slept while the timeline went past it may leave files, which count as an archived write's.
    """
    if time in hoodie.timeline.write_times:
        return True
    return hoodie.is_completed(time) and any(time == archived for archived, _ in archive.writes(folder, hoodie.archive))


def _refuse_living(folder: Folder, hoodie: Hoodie, instant: Instant) -> None:
    beat = hoodie.heartbeats.get(instant.time)
    if beat is None or utc_now() - beat > ALIVE_FOR or _is_ours(folder, instant):
        return
    raise FormatError(
        "LW-414",
        f"another engine is writing to {folder.path} (instant {instant.time})",
        hint=f"wait for it; if it is dead, its heartbeat counts for {ALIVE_FOR.seconds} seconds",
    )


def _is_ours(folder: Folder, instant: Instant) -> bool:
    """Whether an instant with a heartbeat is ours: its inflight file says so, which may be newer than the listing."""
    name = folder.instant_name(instant.time, instant.action, INFLIGHT)
    try:
        data = folder.store.read(name)
    except NotFound:
        return False
    return bool(data) and WRITER in CommitMetadata.decode(data, name).extra
