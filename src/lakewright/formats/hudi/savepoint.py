"""Savepoints: ``<instant>.savepoint`` on the timeline, which keeps the files of that instant's snapshot from every clean.

One of ours also holds what its commit says, so that the commit itself need not stay on the timeline: the archive goes past it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from lakewright.errors import AlreadyExists, FormatError, NotFound
from lakewright.formats.hudi import avro, inventory, slices
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import LAKEWRIGHT
from lakewright.formats.hudi.timeline import COMPLETED, INFLIGHT, SAVEPOINT
from lakewright.model.times import utc_now


def save(folder: Folder, time: str, reason: str) -> bool:
    """Make the savepoint of a completed write whose files are all there; False where there is one. The caller has the lock.

    Raises `FormatError` LW-415 for an instant that cannot be read. Where it died halfway, a repetition completes it.
    """
    view = slices.load(folder)
    timeline = view.hoodie.timeline
    if COMPLETED in timeline.states(time, SAVEPOINT):
        return False
    readable = {w.time: w for w, gone in zip(timeline.writes, slices.cleaned(folder, view), strict=True) if not gone}
    if time not in readable:
        hint = f"`lakewright history {folder.path.rpartition('/')[2]}` lists the instants; files of older ones were cleaned"
        raise FormatError("LW-415", f"instant {time} of {folder.path} cannot be read", hint=hint)
    files: dict[str, list[str]] = {}
    for file in inventory.of_view(view, time):
        files.setdefault(file.partition, []).append(file.name.rpartition("/")[2])
    record = {
        "savepointedBy": LAKEWRIGHT,
        "savepointedAt": int(utc_now().timestamp() * 1000),
        "comments": reason,
        "partitionMetadata": {
            partition: {"partitionPath": partition, "savepointDataFile": names} for partition, names in files.items()
        },
        "version": 1,
        avro.SAVEPOINT_COMMIT: folder.read_commit(readable[time]).encode().decode(),
    }
    with contextlib.suppress(AlreadyExists):
        folder.store.create(folder.instant_name(time, SAVEPOINT, INFLIGHT), b"")
    folder.store.create(folder.instant_name(time, SAVEPOINT, COMPLETED), avro.encode(avro.SAVEPOINT, record))
    return True


def reasons(folder: Folder, times: Collection[str]) -> dict[str, str]:
    """Why there are savepoints of these instants, as their files say; one that is none any more, or damaged, is left out."""
    found = {}
    for time in times:
        name = folder.instant_name(time, SAVEPOINT, COMPLETED)
        with contextlib.suppress(NotFound, FormatError):
            record = avro.decode(folder.store.read(name), name)
            found[time] = record["comments"] if record["savepointedBy"] == LAKEWRIGHT else f"made by {record['savepointedBy']}"
    return found


def release(folder: Folder, times: Collection[str]) -> int:
    """Remove savepoints, the completed file first, so that a crash leaves none or a whole one; return how many.

    The caller has the lock. Raises `FormatError` LW-415 where there is none.
    """
    timeline = folder.hoodie().timeline
    for time in times:
        if COMPLETED not in timeline.states(time, SAVEPOINT):
            hint = f"`lakewright history {folder.path.rpartition('/')[2]}` shows which instants have one"
            raise FormatError("LW-415", f"instant {time} of {folder.path} has no savepoint", hint=hint)
        for state in (COMPLETED, INFLIGHT):
            folder.store.delete(folder.instant_name(time, SAVEPOINT, state))
    return len(times)
