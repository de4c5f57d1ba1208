"""Repair: the newest commit undone, and what dead or careless writers left put right. No row of another commit is touched."""

from __future__ import annotations

from lakewright.errors import FormatError
from lakewright.formats.hudi import clean, clustering_plans, compact, inventory, rollback, slices, verify
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.properties import BACKUP
from lakewright.formats.hudi.timeline import COMPACTION, INFLIGHT, SAVEPOINT, Instant, file_name
from lakewright.formats.hudi.write import prepare
from lakewright.model.table import Flaw, RolledBack


def newest_undone(folder: Folder, *, dry_run: bool) -> RolledBack:
    """Undo the newest commit, whatever its file says; with `dry_run` only say what that takes. The caller has the lock.

    Once its completed file is gone it is a write that died, which any writer rolls back: so a crash leaves the old state or the
    new one. Raises `FormatError` LW-418 where it has a savepoint, is a clustering, another engine compacts after it, or the table
    before it is not there any more.
    """
    timeline = folder.timeline()
    newest = next((i for i in reversed(timeline.writes) if i.time not in timeline.archived), None)
    if newest is None:
        raise _refused(f"{folder.path} has no commit on its timeline", "`lakewright history` lists the commits")
    if timeline.states(newest.time, SAVEPOINT):
        hint = f"`lakewright savepoint TABLE {newest.time} --remove` gives it free"
        raise _refused(f"instant {newest.time} of {folder.path} has a savepoint", hint)
    if newest.time in timeline.compacted:
        hint = "`lakewright restore` goes back to a commit before it"
        raise _refused(f"instant {newest.time} of {folder.path} is a compaction, which changed no row", hint)
    past = folder.hiding(file_name(*newest))
    plans = _plans_after(past, newest)
    previous = _previous(past, newest)
    view = slices.load(past)
    files = [file for file in view.everything() if file.instant == newest.time]
    if not dry_run:
        prepare(past)
        for plan in plans:
            compact.take_back(past, plan.time)
        for file in files:  # Spark deletes those files of a dead write that have a marker, and leaves the others for good
            kind = "CREATE" if isinstance(file, BaseFile) else "APPEND"
            folder.store.put(folder.marker_name(newest.time, file.partition, file.name.rpartition("/")[2], kind), b"")
        if INFLIGHT not in timeline.states(newest.time, newest.action):
            folder.store.create(folder.instant_name(newest.time, newest.action, INFLIGHT), b"")
        name = folder.instant_name(*newest)
        folder.store.delete(name)
        folder.store.delete(folder.hoodie_name(f".{file_name(*newest)}.crc"))
        rollback.roll_back(folder, newest)
    return RolledBack(newest.time, previous, len(files))


def mended(folder: Folder, *, dry_run: bool) -> list[Flaw]:
    """Put right what can be without a row being lost; with `dry_run` only say what. The caller has the lock."""
    flaws = verify.mendable(folder)
    if dry_run or not flaws:
        return flaws
    prepare(folder)
    folder.store.delete(folder.hoodie_name(BACKUP))
    clean.finish(folder)
    hoodie = rollback.roll_back_others(folder, "")
    pending = {instant.time for instant in hoodie.timeline.pending}
    for late in inventory.late(folder, slices.load(folder)):
        folder.store.delete(late.name)
    view = slices.load(folder)
    for file in view.everything() if inventory.is_whole(folder, view) else ():
        if not view.hoodie.is_completed(file.instant) and file.instant not in pending:
            folder.store.delete(file.name)
    for partition, instant in {file.partition: file.instant for file in view.as_of()}.items():
        if verify.partition_fault(folder, partition) is not None:
            folder.put_partition(partition, instant)
    return flaws


def _plans_after(past: Folder, newest: Instant) -> list[Instant]:
    """The pending compactions that were planned after the newest commit; raises LW-418 where another engine is at one."""
    view = slices.load(past)
    plans = [i for i in view.hoodie.timeline.pending if i.action == COMPACTION and i.time > newest.time]
    for plan in plans:
        if plan not in compact.runnable(past, view):
            message = f"another engine compacts {past.path} (instant {plan.time}) with instant {newest.time}"
            raise _refused(message, "let that engine complete it; `lakewright restore` then goes back to a commit before both")
    return plans


def _previous(past: Folder, newest: Instant) -> str | None:
    """The commit before the newest one, in a folder without this; raises LW-418 where that cannot be read."""
    if clustering_plans.is_clustering(past, past.hoodie(), newest):
        raise _refused(f"instant {newest.time} of {past.path} is a clustering", "undo it with the engine that made it")
    view = slices.load(past)
    writes = view.hoodie.timeline.writes
    if view.hoodie.timeline.begins is None:  # a savepoint of an archived commit is not the one before
        if view.hoodie.archive or any(file.instant < newest.time for file in view.everything()):
            hint = "`lakewright resync` loads the table anew"
            raise _refused(f"the commits of {past.path} before instant {newest.time} are archived", hint)
        return None
    try:
        gone = slices.cleaned(past, view)[-1]
        inventory.check(past, view)
    except FormatError:
        gone = True
    if gone:
        hint = "`lakewright restore` goes back to what is kept; `lakewright resync` loads the table anew"
        raise _refused(f"files that {past.path} had before instant {newest.time} are gone", hint)
    return writes[-1].time


def _refused(message: str, hint: str) -> FormatError:
    return FormatError("LW-418", message, hint=hint)
