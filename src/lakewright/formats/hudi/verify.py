"""Verify: a table's folder looked at as a whole - its timeline, the files of its newest snapshot, and what else lies there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from lakewright.errors import FormatError, NotFound
from lakewright.formats.hudi import (
    archive,
    avro,
    clustering_plans,
    commits,
    contents,
    inventory,
    logs,
    properties,
    rollback,
    slices,
)
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import PARTITION_METADATA, Folder, Hoodie, partition_depth
from lakewright.formats.hudi.logs import Newest
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.slices import Group, View
from lakewright.formats.hudi.timeline import (
    CLEAN,
    COMPACTION,
    COMPLETED,
    INFLIGHT,
    ROLLBACK,
    SAVEPOINT,
    WRITES,
    Instant,
    parse_time,
)
from lakewright.model.table import Flaw, TableSpec, Verification
from lakewright.model.times import utc_now

_REPAIRED = "`lakewright repair TABLE` mends it"
_SWEPT = "the table's next merge takes it away, as `lakewright repair TABLE` does"
_METADATA_COMMIT = re.compile(r".*/metadata/\.hoodie/(\d{17})\d*\.(?:deltacommit|commit)")


def verify(folder: Folder, spec: TableSpec) -> Verification:
    """Read everything of the table `spec`; nothing is changed, and a write that goes on meanwhile is no flaw."""
    view = slices.load(folder)
    files = view.as_of()
    whole = inventory.is_whole(folder, view)
    found = [*_properties(folder), *_timeline(folder, view.hoodie, whole)]
    found += [*_stale(folder, view.hoodie), *_partitions(folder, files)]
    stats: dict[BaseFile, WriteStat] = {}
    try:
        stats.update(inventory.stats_of(folder, view, files))
        for fault in inventory.faults(folder, view):
            found.append(Flaw("fault", folder.store.location(fault.name), fault.what, inventory.mend_of(folder, fault)))
    except FormatError as error:  # of a commit: what it says of files is not known
        found.append(_of(folder, error.message.partition(" is damaged")[0], error))
    rows, flaws = _contents(folder, spec, view, stats)
    found += [*flaws, *_orphans(folder, view, whole), *_late(folder, view), *_signs(folder, view.hoodie)]
    newest = view.hoodie.timeline.writes[-1].time if view.hoodie.timeline.writes else None
    return Verification(spec.name, newest, len(inventory.of_view(view)), rows, tuple(dict.fromkeys(found)))


def mendable(folder: Folder) -> list[Flaw]:
    """The flaws that are mended without a row being lost, which `repair` does."""
    view = slices.load(folder)
    certain = [*_properties(folder), *_stale(folder, view.hoodie), *_partitions(folder, view.as_of())]
    if not inventory.is_whole(folder, view):
        return [*certain, *_late(folder, view)]
    dead = [flaw for flaw in _timeline(folder, view.hoodie, whole=True) if flaw.kind == "leftover"]
    return [*certain, *dead, *_orphans(folder, view, whole=True), *_signs(folder, view.hoodie)]


def _properties(folder: Folder) -> Iterator[Flaw]:
    """What is left of another engine's change of ``hoodie.properties``."""
    name = folder.hoodie_name(properties.BACKUP)
    if folder.store.exists(name):
        yield Flaw("leftover", folder.store.location(name), "is left of a change of hoodie.properties", _REPAIRED)


def _timeline(folder: Folder, hoodie: Hoodie, whole: bool) -> Iterator[Flaw]:
    """Completed and archived instants that cannot be read, pending ones that nobody is at, and a newest one in the future.

    Of a completed instant no engine needs more than its completed file. Where the table is not `whole`, a pending write may have
    lost it.
    """
    for instant in hoodie.timeline.instants:
        name = folder.instant_name(*instant)
        if instant.state != COMPLETED:
            if _is_dead(folder, hoodie, instant):
                mend = _REPAIRED if instant.action in (CLEAN, SAVEPOINT) else _SWEPT  # a merge neither cleans nor saves
                mend = inventory.mend_table(folder) if instant.action in WRITES and not whole else mend
                yield Flaw("leftover", folder.store.location(name), "is in flight, and nobody is at it", mend)
            continue
        try:
            with contextlib.suppress(NotFound):  # archived meanwhile
                if instant.action in WRITES:
                    commits.of_metadata(instant.time, instant.action, folder.read_commit(instant)).mark()
                elif instant.action in (CLEAN, ROLLBACK):
                    avro.decode(folder.store.read(name), name)
        except FormatError as error:
            yield _of(folder, name, error)
    for name in hoodie.archive:
        try:
            with contextlib.suppress(NotFound):  # another engine may have merged it with others
                archive.require_sound(folder, name)
        except FormatError as error:
            yield _of(folder, name, error)
    try:
        hoodie.timeline.require_past(utc_now())
    except FormatError as error:
        yield _of(folder, folder.path, error)


def _is_dead(folder: Folder, hoodie: Hoodie, instant: Instant) -> bool:
    """Whether a pending write, rollback or clean will not complete. A write that is only requested has written nothing yet, and a
    clustering belongs to whoever scheduled it."""
    if instant.action in WRITES:
        is_begun = instant.state == INFLIGHT and not clustering_plans.is_clustering(folder, hoodie, instant)
        return is_begun and not _lives(hoodie, instant.time)
    return instant.action in (CLEAN, ROLLBACK, SAVEPOINT) and not _lives(hoodie, instant.time)


def _lives(hoodie: Hoodie, time: str) -> bool:
    """Whether an instant gave a sign of life lately; without a heartbeat it is its beginning."""
    beat = hoodie.heartbeats.get(time)
    if beat is None:
        with contextlib.suppress(ValueError):
            beat = parse_time(time)
    return beat is not None and utc_now() - beat <= rollback.ALIVE_FOR


def _orphans(folder: Folder, view: View, whole: bool) -> Iterator[Flaw]:
    """Files of no completed commit, but for those of a compaction that is to be run: whoever does that deletes them first.

    One older than the timeline is a fault: other engines read it, as if its commit were archived.
    """
    hoodie = view.hoodie
    planned = {instant.time for instant in hoodie.timeline.pending if instant.action == COMPACTION}
    begun = {instant.time for instant in hoodie.timeline.pending} | hoodie.markers.keys()
    undone = {log.group for log in view.logs if log.undoes}  # by another engine, in its way: nothing has to go
    for file in view.everything():
        if file.group in undone or file.instant in planned:
            continue
        if not hoodie.is_completed(file.instant) and not _lives(hoodie, file.instant):
            mend = (_SWEPT if file.instant in begun else _REPAIRED) if whole else inventory.mend_table(folder)
            path, is_read = folder.store.location(file.name), file.instant < (hoodie.timeline.begins or "")
            yield Flaw("fault" if is_read else "leftover", path, "belongs to no completed commit", mend)


def _late(folder: Folder, view: View) -> Iterator[Flaw]:
    """Files of writers that slept while the timeline went past them."""
    for file in inventory.late(folder, view):
        yield Flaw("fault", folder.store.location(file.name), "is of no write that completed, and hides what is", _REPAIRED)


def _signs(folder: Folder, hoodie: Hoodie) -> Iterator[Flaw]:
    """What tells of instants that have ended."""
    pending = {instant.time for instant in hoodie.timeline.pending}
    for time in sorted((hoodie.markers.keys() | hoodie.heartbeats.keys()) - pending):
        if not _lives(hoodie, time):
            for name in (*hoodie.markers.get(time, ()), *([folder.heartbeat_name(time)] if time in hoodie.heartbeats else ())):
                yield Flaw("leftover", folder.store.location(name), f"is of instant {time}, which has ended", _SWEPT)


def _stale(folder: Folder, hoodie: Hoodie) -> Iterator[Flaw]:
    """Another engine's metadata table that does not know the newest commit: whoever reads by it loses rows."""
    announced = any((folder.read_properties() or {}).get(name) for name in properties.METADATA_PARTITIONS)
    if not announced or not hoodie.timeline.writes:
        return
    known = max((match[1] for name in hoodie.metadata_table if (match := _METADATA_COMMIT.fullmatch(name))), default="")
    newest = hoodie.timeline.writes[-1].time
    if known < newest:
        what = f"is a metadata table that does not know instant {newest}: an engine that uses it loses that instant's rows"
        mend = f"{_SWEPT}, and the other engine makes it anew"
        yield Flaw("fault", folder.store.location(folder.hoodie_name("metadata")), what, mend)


def _partitions(folder: Folder, files: Sequence[BaseFile]) -> Iterator[Flaw]:
    for partition in sorted({file.partition for file in files}):
        if (what := partition_fault(folder, partition)) is not None:
            yield Flaw("fault", folder.store.location(folder.data_name(partition, PARTITION_METADATA)), what, _REPAIRED)


def partition_fault(folder: Folder, partition: str) -> str | None:
    """What is wrong with a partition's metadata file, if anything is."""
    try:
        lines = folder.store.read(folder.data_name(partition, PARTITION_METADATA)).splitlines()
    except NotFound:
        return "is missing, without which Spark reads no row of the partition"
    line = partition_depth(partition)
    return None if line.encode() in lines else f"does not say {line}, without which Spark does not find the table's folder"


def _contents(folder: Folder, spec: TableSpec, view: View, stats: Mapping[BaseFile, WriteStat]) -> tuple[int, list[Flaw]]:
    """The rows of the files that can be read, and what is wrong in them."""
    flaws: list[Flaw] = []
    readable: list[BaseFile] = []
    changed = dict(_logged(folder, spec, view, flaws))
    rows = sum(len(found.keys) for found in changed.values())
    for file in view.as_of():
        try:
            reader = BaseFileReader(folder.store, file.name, file.size)
            for what in contents.flaws_of(file, reader, spec, folder.style, stats.get(file)):
                flaws.append(Flaw("fault", folder.store.location(file.name), what, inventory.mend(folder)))
        except FormatError as error:
            flaws.append(_of(folder, file.name, error))
        else:
            readable.append(file)
            rows += reader.rows
            if file.group in changed:
                own = changed[file.group]
                rows -= contents.held(folder, file, pa.concat_arrays([own.keys, own.gone]))
    gone = {group: found.gone for group, found in changed.items()}
    if (found := contents.repeated_keys(folder, readable, rows, gone)) is not None:
        count, one, other = found
        what = f"has a record key that is in {folder.store.location(one)} too; so have {count} keys of the table"
        flaws.append(Flaw("fault", folder.store.location(other), what, inventory.mend(folder)))
    return rows, flaws


def _logged(folder: Folder, spec: TableSpec, view: View, flaws: list[Flaw]) -> Iterator[tuple[Group, Newest]]:
    """What the logs of each slice hold, as far as they can be read; what is wrong in them is added to `flaws`."""
    ordering = properties.ordering(folder.read_properties() or {}, spec)
    for group, written in view.logs_as_of().items():
        name = written[-1].name
        try:
            found = logs.newest(folder, written, spec, ordering)
            for what in contents.misplaced(found.rows, group[0], spec, folder.style):
                flaws.append(Flaw("fault", folder.store.location(name), what, inventory.mend(folder)))
        except FormatError as error:
            flaws.append(_of(folder, error.message.partition(" is damaged")[0], error))
        else:
            yield group, found


def _of(folder: Folder, name: str, error: FormatError) -> Flaw:
    """An error about a file as a flaw."""
    what = error.message.removeprefix(f"{name} ")
    return Flaw("fault", folder.store.location(name), f"{what} ({error.code})", error.hint or inventory.mend(folder))
