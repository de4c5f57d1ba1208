"""Cleaning: versions of file groups that no snapshot needs any more are deleted, by a plan that stands on the timeline first."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence

from lakewright.errors import AlreadyExists
from lakewright.formats.hudi import avro, inventory, slices
from lakewright.formats.hudi.file_names import BaseFile, Log
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.timeline import CLEAN, COMPLETED, INFLIGHT, REQUESTED, SAVEPOINT, format_time
from lakewright.model.times import utc_now

_POLICY = "KEEP_LATEST_COMMITS"


def clean(folder: Folder, keep: Sequence[str]) -> int:
    """Delete files that neither the newest snapshot, nor those of `keep`, nor a savepoint needs; return how many.

    The caller has the lock. Finishes earlier cleans first. Files of instants that are not completed are not its business.
    Raises `FormatError` LW-417 or LW-405, after those and before a new one, where files of the newest snapshot are not what they
    were.
    """
    deleted = finish(folder)
    view = slices.load(folder)
    timeline = view.hoodie.timeline
    if not timeline.writes:
        return deleted
    inventory.check(folder, view)  # a file that should not be there may hide the one that is needed
    kept = {*keep, *(instant.time for instant in timeline.completed(SAVEPOINT)), timeline.writes[-1].time}
    time = _plan(folder, view, kept)
    if time is not None:
        deleted += _execute(folder, time)
    _forget_keys(folder, view)
    return deleted


def finish(folder: Folder) -> int:
    """Finish the cleans that somebody died in, and remove what is left of half a savepoint; return how many files went.

    The caller has the lock, under which both are made.
    """
    pending = folder.hoodie().timeline.pending
    for instant in pending:
        if instant.action == SAVEPOINT:
            folder.store.delete(folder.instant_name(instant.time, SAVEPOINT, INFLIGHT))
    return sum(_execute(folder, instant.time) for instant in pending if instant.action == CLEAN)


def _plan(folder: Folder, view: slices.View, kept: set[str]) -> str | None:
    """Request a clean of what the snapshots of `kept` do not need; return its instant, or None where there is nothing."""
    timeline = view.hoodie.timeline
    doomed: dict[str, list[str]] = {}
    for file in _unneeded(view, kept):
        doomed.setdefault(file.partition, []).append(file.name.rpartition("/")[2])
    if not doomed:
        return None
    earliest = next(instant for instant in timeline.writes if instant.time >= min(kept))
    paths = {
        partition: [
            {"filePath": _uri(folder.store.location(folder.data_name(partition, name))), "isBootstrapBaseFile": False}
            for name in names
        ]
        for partition, names in doomed.items()
    }
    plan = {
        "earliestInstantToRetain": {"timestamp": earliest.time, "action": earliest.action, "state": "COMPLETED"},
        "lastCompletedCommitTimestamp": timeline.writes[-1].time,
        "policy": _POLICY,
        "filesToBeDeletedPerPartition": {},
        "version": 2,
        "filePathsToBeDeletedPerPartition": paths,
        "partitionsToBeDeleted": [],
        "extraMetadata": {},
    }
    time = timeline.next_time(utc_now())
    folder.store.create(folder.instant_name(time, CLEAN, REQUESTED), avro.encode(avro.CLEAN_PLAN, plan))
    return time


def _unneeded(view: slices.View, kept: set[str]) -> list[BaseFile | Log]:
    """The files of slices that no snapshot of `kept` needs, what was taken back of their logs included.

    A slice's logs go with it, and not before: its snapshots need the older of them.
    """
    needed = {(file.group, file.instant) for time in kept for file in view.as_of(time)}
    needed |= {(log.group, log.base) for time in kept for logs in view.logs_as_of(time).values() for log in logs}
    files: list[BaseFile | Log] = [file for file in view.completed_files() if (file.group, file.instant) not in needed]
    pending = {instant.time for instant in view.hoodie.timeline.pending}
    return files + [log for log in view.logs if (log.group, log.base) not in needed and log.instant not in pending]


def _execute(folder: Folder, time: str) -> int:
    """Delete what the plan of a clean names, as often as need be, and complete it."""
    start = utc_now()
    requested = folder.instant_name(time, CLEAN, REQUESTED)
    data = folder.store.read(requested)
    plan = avro.decode(data, requested)
    with contextlib.suppress(AlreadyExists):
        folder.store.create(folder.instant_name(time, CLEAN, INFLIGHT), data)
    doomed = slices.clean_plan(folder, time)
    for partition, names in doomed.items():
        for name in names:
            folder.store.delete(folder.data_name(partition, name))
    took = utc_now() - start
    result = {
        "startCleanTime": format_time(start),
        "timeTakenInMillis": took // datetime.timedelta(milliseconds=1),
        "totalFilesDeleted": sum(map(len, doomed.values())),
        "earliestCommitToRetain": plan["earliestInstantToRetain"]["timestamp"] if plan["earliestInstantToRetain"] else "",
        "lastCompletedCommitTimestamp": plan["lastCompletedCommitTimestamp"],
        "partitionMetadata": {
            partition: {
                "partitionPath": partition,
                "policy": plan["policy"],
                "deletePathPatterns": names,
                "successDeleteFiles": names,
                "failedDeleteFiles": [],
                "isPartitionDeleted": False,
            }
            for partition, names in doomed.items()
        },
        "version": 2,
        "bootstrapPartitionMetadata": {},
        "extraMetadata": {},
    }
    folder.store.create(folder.instant_name(time, CLEAN, COMPLETED), avro.encode(avro.CLEAN, result))
    return sum(map(len, doomed.values()))


def _forget_keys(folder: Folder, view: slices.View) -> None:
    """Delete key indexes of base files that are gone: those of this clean, and of writes that were rolled back."""
    if view.hoodie.keys:
        there = {folder.keys_name(file) for file in folder.data()[0]}
        for name in view.hoodie.keys:
            if name not in there:
                folder.store.delete(name)


def _uri(location: str) -> str:
    """A location as Hudi writes it in a plan: with its scheme, and one slash after ``file:``."""
    return f"file:{location}" if location.startswith("/") else location
