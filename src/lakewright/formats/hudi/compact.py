"""Compaction: base files of a merge-on-read table written anew, with what their logs say.

The plan stands on the timeline first. From then on logs of its file groups go on under the compaction's instant, by us and by
every other engine, so a plan that is followed by a write is never taken back: whoever finds one that nobody is at runs it. A
crash leaves the table as it was.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lakewright.errors import AlreadyExists, CommitConflict, FormatError
from lakewright.formats.hudi import avro, commits, inventory, logs, properties, rollback, schema, slices
from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.base_file import SplicedFileWriter
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.file_names import BaseFile, Log
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.logs import Newest
from lakewright.formats.hudi.metadata import CHECKPOINT, COMPACT, INVENTORY, LAKEWRIGHT, SCHEMA, WRITER, CommitMetadata, WriteStat
from lakewright.formats.hudi.numbered_rows import NumberedRows
from lakewright.formats.hudi.places import places_of
from lakewright.formats.hudi.rewritten import Edit, rewrite
from lakewright.formats.hudi.slices import Group, View
from lakewright.formats.hudi.threads import THREADS
from lakewright.formats.hudi.timeline import COMMIT, COMPACTION, COMPLETED, INFLIGHT, REQUESTED, Instant, Timeline
from lakewright.formats.hudi.write import lock, prepare
from lakewright.model.table import TableSpec
from lakewright.model.times import utc_now


def due(view: View, least: int) -> list[Group]:
    """The file groups that have at least `least` logs and are in no pending compaction."""
    return [group for group, written in view.logs_as_of().items() if len(written) >= least and group not in view.compacting]


def runnable(folder: Folder, view: View) -> list[Instant]:
    """Pending compactions that nobody is at: our own, and those of other engines that are only requested."""
    pending = [instant for instant in view.hoodie.timeline.pending if instant.action == COMPACTION]
    return [i for i in pending if i.state == REQUESTED or slices.compaction_plan(folder, i.time).is_ours]


def compact(folder: Folder, least: int) -> int:
    """Run the compactions that wait, then one of all file groups with at least `least` logs; return how many base files came.

    The caller holds the table's lease. Raises `FormatError` LW-414 where another engine writes.
    """
    files = sum(_run(folder, instant.time) for instant in runnable(folder, slices.load(folder)))
    with lock(folder):
        prepare(folder)
        rollback.roll_back_others(folder, "")
        view = slices.load(folder)
        groups = due(view, least)
        if not groups:
            return files
        inventory.check(folder, view)
        time = _plan(folder, view, groups)
    return files + _run(folder, time)


class _Operation(NamedTuple):
    """One file group's part of a compaction: its base file, None where it has none, and the logs to take in."""

    group: Group
    base: BaseFile | None
    logs: list[Log]


def _plan(folder: Folder, view: View, groups: list[Group]) -> str:
    """Request a compaction; return its instant."""
    bases, written = {file.group: file for file in view.as_of()}, view.logs_as_of()
    operations = []
    for group in groups:
        base, own = bases.get(group), written[group]
        size = sum(log.size for log in own)
        read = ((base.size if base else 0) + size) / (1 << 20)
        operations.append(
            {
                "baseInstantTime": base.instant if base else own[0].base,
                "deltaFilePaths": [log.name.rpartition("/")[2] for log in own],
                "dataFilePath": base.name.rpartition("/")[2] if base else None,
                "fileId": group[1],
                "partitionPath": group[0],
                "metrics": {
                    "TOTAL_LOG_FILES": float(len(own)),
                    "TOTAL_IO_MB": 2 * read,
                    "TOTAL_IO_READ_MB": read,
                    "TOTAL_LOG_FILES_SIZE": float(size),
                    "TOTAL_IO_WRITE_MB": read,
                },
            }
        )
    plan = {"operations": operations, "extraMetadata": {WRITER: LAKEWRIGHT}, "version": 2, "preserveHoodieMetadata": True}
    time = view.hoodie.timeline.next_time(utc_now())
    folder.store.create(folder.instant_name(time, COMPACTION, REQUESTED), avro.encode(avro.COMPACTION_PLAN, plan))
    return time


def take_back(folder: Folder, time: str) -> None:
    """Undo the pending compaction at `time`, which nobody is at and after which no write completed; the caller has the lock."""
    _delete_files(folder, time)
    for state in (INFLIGHT, REQUESTED):
        folder.store.delete(folder.instant_name(time, COMPACTION, state))


def _delete_files(folder: Folder, time: str) -> None:
    """Delete what a dead process wrote of a compaction."""
    for file in slices.load(folder).files:
        if file.instant == time:
            folder.store.delete(file.name)
    rollback.tidy(folder, time)


def _run(folder: Folder, time: str) -> int:
    """Do what the compaction at `time` plans, and complete it; files that a dead one left are deleted first."""
    try:
        folder.store.create(folder.instant_name(time, COMPACTION, INFLIGHT), b"")
    except AlreadyExists:
        with lock(folder):
            _require_pending(folder, folder.timeline(), time)
            _delete_files(folder, time)
    view = slices.load(folder)
    _require_pending(folder, view.hoodie.timeline, time)
    found = folder.read_properties() or {}
    spec = commits.spec_as_of(folder, view.hoodie.timeline, found)
    operations = _operations(folder, view, time)
    ordering = properties.ordering(found, spec)
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool, concurrent.futures.ThreadPoolExecutor(THREADS) as encoders:
        stats = list(pool.map(lambda job: _write(folder, time, spec, ordering, encoders, *job), enumerate(operations)))
    _complete(folder, time, spec, stats)
    return len(stats)


def _operations(folder: Folder, view: View, time: str) -> list[_Operation]:
    bases, written = {file.group: file for file in view.as_of()}, view.logs_as_of()
    found = []
    for group, name in slices.compaction_plan(folder, time).base_files.items():
        if group in view.ended:  # by a replacement that came since
            continue
        base = bases.get(group)
        there = base.name if base else None
        if name != there:
            plan = folder.store.location(folder.instant_name(time, COMPACTION, REQUESTED))
            message = (
                f"{plan} is to write {name or 'no base file'} of file group {group[1]} anew, of which there is {there or 'none'}"
            )
            raise FormatError("LW-417", message, hint=inventory.mend(folder))
        found.append(_Operation(group, base, [log for log in written.get(group, ()) if log.base < time]))
    return found


def _write(
    folder: Folder,
    time: str,
    spec: TableSpec,
    ordering: str | None,
    encoders: concurrent.futures.Executor,
    ordinal: int,
    operation: _Operation,
) -> WriteStat:
    (partition, file_id), base, written = operation
    newest = logs.newest(folder, written, spec, ordering)
    rest, rows = newest.rows, NumberedRows(newest.rows)
    with SplicedFileWriter(folder, time, spec, partition, file_id, ordinal, base.instant if base else None) as writer:
        if base is not None:
            places = places_of(folder, base, newest.keys)
            rest = rest.filter(pa.array(places < 0))
            edit = _edit(folder, base, newest, rows, places, grows=rest.num_rows > 0)
            rewrite(BaseFileReader(folder.store, base.name, base.size), spec, edit, writer, encoders)
        writer.inserts += rest.num_rows
        for first in range(0, rest.num_rows, rows.step):
            writer.write(rest.slice(first, rows.step))
    compacted = {
        "totalLogRecords": len(newest.keys) + len(newest.gone),
        "totalLogFilesCompacted": len(written),
        "totalLogSizeCompacted": sum(log.size for log in written),
        "totalUpdatedRecordsCompacted": writer.updates,
        "totalLogBlocks": len(written),
    }
    return dataclasses.replace(writer.stat, compacted=compacted)


def _edit(folder: Folder, base: BaseFile, newest: Newest, rows: NumberedRows, places: Numbers, *, grows: bool) -> Edit:
    """What the logs do to a base file; ``places`` are those of `rows`, which are the rows of `newest`, in it."""
    order = np.argsort(places)
    order = order[np.searchsorted(places[order], 0) :]
    gone = np.sort(places_of(folder, base, newest.gone))
    return Edit(places[order], gone[gone >= 0], lambda part: rows.taken(order[part]), rows.width, grows)


def _complete(folder: Folder, time: str, spec: TableSpec, stats: list[WriteStat]) -> None:
    """Complete the compaction. It carries the checkpoint of the rows that it holds: those of the newest commit before it."""
    with lock(folder) as lease:
        hoodie, _ = prepare(folder)
        _require_pending(folder, hoodie.timeline, time)
        view = slices.load(folder)
        there = {(file.name, file.size) for file in view.files}
        if not there.issuperset((folder.data_name("", stat.path), stat.size) for stat in stats):
            raise CommitConflict("LW-416", f"compaction {time} of {folder.path} was begun anew by another writer", hint="repeat")
        mark = commits.newest_with_checkpoint(folder, hoodie, time)
        extra = {SCHEMA: schema.avro_schema(spec.name, spec.columns)}
        extra |= {CHECKPOINT: mark.checkpoint.to_json()} if mark and mark.checkpoint else {}
        extra[INVENTORY] = inventory.after(folder, inventory.of_view(view, time), time, stats)
        lease.check()
        metadata = CommitMetadata(COMPACT, tuple(stats), extra)
        folder.store.create(folder.instant_name(time, COMMIT, COMPLETED), metadata.encode())
    rollback.tidy(folder, time)


def _require_pending(folder: Folder, timeline: Timeline, time: str) -> None:
    """Raise `CommitConflict` LW-416 where the compaction at `time` has ended."""
    if not any((instant.time, instant.action) == (time, COMPACTION) for instant in timeline.pending):
        raise CommitConflict("LW-416", f"compaction {time} of {folder.path} was ended by another writer", hint="repeat")
