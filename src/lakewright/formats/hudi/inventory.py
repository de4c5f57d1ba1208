"""Whether the files that hold a table's rows are all there: what its commits say of them, beside what a listing shows.

Each commit of ours carries the table's inventory after it: how many base files, which, and their bytes together. So the newest
commit tells whether one is missing, however long the history is, and only then older ones are read, to name it. Where other
engines committed since, the files that their commits name have to be there, and those of the newest inventory before them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from lakewright.errors import FormatError
from lakewright.formats.hudi import archive, slices
from lakewright.formats.hudi.file_names import BaseFile, Log, log_named
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import INVENTORY, CommitMetadata, WriteStat
from lakewright.formats.hudi.slices import Group, View

Stored = TypeVar("Stored", BaseFile, BaseFile | Log)

_WITHOUT = 128
"""So many commits are read, from the newest on, where none has an inventory."""


def of(files: Iterable[BaseFile | Log]) -> str:
    """The inventory of some slices, ``<files> <digest> <bytes>``; the digest is of their groups and instants, in any order."""
    names, size = [], 0
    for file in files:
        names.append(f"{file.partition}/{file.file_id}_{file.instant}")
        size += file.size
    digest = hashlib.blake2b("\n".join(sorted(names)).encode(), digest_size=16).hexdigest()
    return f"{len(names)} {digest} {size}"


def after(folder: Folder, base: Iterable[BaseFile | Log], instant: str, stats: Sequence[WriteStat]) -> str:
    """The inventory after an instant that wrote `stats` over the slices whose files are `base`."""
    rewritten = {(stat.partition, stat.file_id) for stat in stats if not stat.is_log}
    return of([*(file for file in base if file.group not in rewritten), *(_file(folder, instant, stat) for stat in stats)])


def of_view(view: View, until: str | None = None) -> list[BaseFile | Log]:
    """All files of the slices as of an instant (default: the newest)."""
    return [*view.as_of(until), *itertools.chain.from_iterable(view.logs_as_of(until).values())]


class Fault(NamedTuple):
    """What keeps slices from being a table's rows: the name of a file or of the table's folder, what is wrong, and the code."""

    name: str
    what: str
    code: str


def check(folder: Folder, view: View, until: str | None = None) -> None:
    """Raise `FormatError` LW-417 or LW-405 for the first of `faults` as of an instant (default: the newest)."""
    for fault in faults(folder, view, until):
        raise FormatError(fault.code, f"{folder.store.location(fault.name)} {fault.what}", hint=mend_of(folder, fault))


def mend(folder: Folder) -> str:
    """What helps where a file is not as it should be."""
    return f"restore it from a backup, or `lakewright resync {folder.path.rpartition('/')[2]}` loads the table anew"


def mend_of(folder: Folder, fault: Fault) -> str:
    """What helps where `faults` found one."""
    return mend_table(folder) if fault.name == folder.path else mend(folder)


def mend_table(folder: Folder) -> str:
    """What helps where files may be of a commit that was lost, or of a writer that came late: nothing deletes the former."""
    table = folder.path.rpartition("/")[2]
    return (
        "restore what .hoodie lost, a commit or .hoodie/archived, from a backup;"
        f" `lakewright repair {table}` takes away what a late writer left; `lakewright resync {table}` loads the table anew"
    )


def is_whole(folder: Folder, view: View) -> bool:
    """Whether the table has the files that its newest commit left: else what belongs to no commit may be of one that was lost.

    Not where a commit cannot be read.
    """
    try:
        return next(faults(folder, view), None) is None
    except FormatError:
        return False


def late(folder: Folder, view: View) -> list[BaseFile | Log]:
    """Files of the newest slices that count as an archived write's, unknown to the archive, without which the table is whole.

    A writer leaves such that slept while others rolled its write back and archived past it, and died once it had gone on. Of a
    damaged archive nobody knows, and there are none.
    """
    hoodie = view.hoodie
    older = [f for f in of_view(view) if f.instant not in hoodie.timeline.write_times and hoodie.is_completed(f.instant)]
    if not older or is_whole(folder, view):
        return []
    try:
        archived = {time for time, _ in archive.writes(folder, hoodie.archive)}
    except FormatError:
        return []
    found = [file for file in older if file.instant not in archived]
    names = {file.name for file in found}
    files = tuple(file for file in view.files if file.name not in names)
    logs = tuple(log for log in view.logs if log.name not in names)
    return found if is_whole(folder, dataclasses.replace(view, files=files, logs=logs)) else []


def faults(folder: Folder, view: View, until: str | None = None) -> Iterator[Fault]:
    """What is wrong with the files of slices as of an instant: what is missing, what nobody left, what has another size."""
    if view.hoodie.is_cut:
        yield Fault(folder.path, "has an archive and no commit, the newest of which is never archived", "LW-417")
        return
    writes, files = view.writes(until), of_view(view, until)
    said = folder.read_commit(writes[-1]).extra.get(INVENTORY) if writes else None
    if not writes or said == of(files):
        return
    found = [Fault(file.name, f"is missing, which instant {file.instant} wrote", "LW-417") for file in lost(folder, view, until)]
    if said is not None:
        for file, stat in stats_of(folder, view, files):
            if file.size != stat.size:
                found.append(Fault(file.name, f"is damaged: it has {file.size} bytes, and {stat.size} were written", "LW-405"))
        if not found:
            what = f"holds {len(files)} files that are not those which instant {writes[-1].time} left"
            found.append(Fault(folder.path, what, "LW-417"))
    elif not found and _lacks_archive(folder, view, until):
        found.append(Fault(folder.path, "has files older than its timeline, and no archive that tells of them", "LW-417"))
    yield from found


def _lacks_archive(folder: Folder, view: View, until: str | None) -> bool:
    """Whether files that do not count may be rows of archived commits: no inventory tells that they are none."""
    hoodie, begins = view.hoodie, view.hoodie.timeline.begins or ""
    if hoodie.archive or all(f.instant >= begins or f.instant in hoodie.timeline.pending_writes for f in view.everything()):
        return False
    for instant in itertools.islice(reversed(view.writes(until)), _WITHOUT):
        said = folder.read_commit(instant).extra.get(INVENTORY)
        if said is not None:
            return _names(said) != _names(of(of_view(_with_cleaned(folder, view), instant.time)))
    return True


def lost(folder: Folder, view: View, until: str | None = None) -> list[BaseFile | Log]:
    """The files that hold rows as of an instant and that are not there, as far as commits name them."""
    there = {file.name for file in view.files} | {log.name for log in view.logs}
    known: set[Group] = set()
    gone = []
    for time, metadata in _disputed(folder, view, until):
        for stat in metadata.stats:
            file = _file(folder, time, stat)
            if file.group not in known and stat.path and file.name not in there:
                gone.append(file)
            known |= set() if stat.is_log else {file.group}
        known |= {(partition, group) for partition, groups in (metadata.replaced or {}).items() for group in groups}
    return gone


def _disputed(folder: Folder, view: View, until: str | None) -> Iterator[tuple[str, CommitMetadata]]:
    """The writes as of an instant, newest first, back to the one whose inventory holds: what was written before it was there.

    Files that a clean took since count as there.
    """
    past: View | None = None
    is_disputed = False
    for number, instant in enumerate(reversed(view.writes(until))):
        metadata = folder.read_commit(instant)
        said = metadata.extra.get(INVENTORY)
        if said is not None:
            past = past or _with_cleaned(folder, view)
            if _names(said) == _names(of(of_view(past, instant.time))):
                return
            is_disputed = True
        elif number >= _WITHOUT and not is_disputed:
            return
        yield instant.time, metadata
    if is_disputed:
        yield from archive.writes(folder, view.hoodie.archive)


def stats_of(folder: Folder, view: View, files: Sequence[Stored]) -> Iterator[tuple[Stored, WriteStat]]:
    """Those of `files` that a commit tells of, archived ones too, each with what it says."""
    wanted = {file.name: file for file in files}
    instants = {file.instant for file in files}
    own = ((i.time, folder.read_commit(i)) for i in view.hoodie.timeline.writes if i.time in instants)
    for _, metadata in itertools.chain(own, archive.writes(folder, view.hoodie.archive)):
        for stat in metadata.stats:
            if file := wanted.get(folder.data_name("", stat.path)):
                yield file, stat


def _with_cleaned(folder: Folder, view: View) -> View:
    """The view with the files that cleans took."""
    gone = slices.deleted(folder, view.hoodie)
    return dataclasses.replace(view, files=(*view.files, *gone.files), logs=(*view.logs, *gone.logs))


def _file(folder: Folder, instant: str, stat: WriteStat) -> BaseFile | Log:
    name = folder.data_name("", stat.path)
    if log := log_named(name, stat.partition, stat.size):
        return dataclasses.replace(log, instant=instant)
    return BaseFile(name, stat.partition, stat.file_id, instant, stat.size)


def _names(inventory: str) -> str:
    """What an inventory says but for the bytes, which are not known of files that a clean took."""
    return inventory.rpartition(" ")[0]
