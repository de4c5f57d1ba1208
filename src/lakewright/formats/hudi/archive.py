"""The archive: old instants leave the timeline for log files in ``.hoodie/archived``, so that listing it stays cheap.

A log file is a row of blocks: ``#HUDI#``, size, version, type, header, content, footer, size back to the start. Here each is a
data block: its content is a version, a count, and Avro records with their lengths, its header holds their schema. A record is
Hudi's ``HoodieArchivedMetaEntry``; what we write of it has the fields we use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lakewright.errors import FormatError
from lakewright.formats.hudi import avro, log_block, slices
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import CHECKPOINT, SCHEMA, CommitMetadata
from lakewright.formats.hudi.timeline import (
    CLEAN,
    COMPACTION,
    COMPLETED,
    INFLIGHT,
    REQUESTED,
    ROLLBACK,
    SAVEPOINT,
    WRITES,
    Instant,
)

_FILE = re.compile(r".*\.archive\.(\d+)_1-0-1")


def archive(folder: Folder, view: slices.View, keep: Sequence[str], newest: int, least: int) -> int:
    """Move completed instants older than those of `keep`, and than any pending or foreign one, from the timeline to the archive.

    Returns how many writes those were: the `newest` writes stay, and fewer than `least` wait. The caller has the lock, under
    which the table is as `view` has it, whole.

    Savepoints stay without their commits; one that does not tell of its commit is as an instant of another engine. Files of
    rolled back instants that would now count as completed, as all files older than an archived timeline's beginning do, are
    deleted first. Requests go before completed files, and old instants before new ones, so that a crash leaves completed
    instants completed.
    """
    timeline = view.hoodie.timeline
    if not timeline.writes:
        return 0
    kept = {*keep, timeline.writes[-1].time}
    before = min(kept - {instant.time for instant in timeline.completed(SAVEPOINT)} or kept)
    everything = view.everything()
    ours = (*WRITES, CLEAN, ROLLBACK, SAVEPOINT)
    barriers = [i.time for i in timeline.instants if i.state != COMPLETED or i.action not in ours]
    barriers += [view.ended[stored.group] for stored in everything if stored.group in view.ended]
    barriers += [before, *(i.time for i in timeline.writes[-newest:])]
    old = [instant for instant in timeline.instants if instant.time < min(barriers)]
    if sum(instant.is_write for instant in old) < least:
        return 0
    silent = [i.time for i in old if i.action == SAVEPOINT and not _tells(folder, i.time)]
    old = [i for i in old if i.action != SAVEPOINT and i.time < min(silent, default=before)]
    count = sum(instant.is_write for instant in old)
    if count < least:
        return 0
    for stored in everything:
        if stored.instant <= old[-1].time and not view.hoodie.is_completed(stored.instant):
            folder.store.delete(stored.name)
    number = 1 + max(map(_number, view.hoodie.archive), default=0)
    records = [record for instant in old for record in _entries(folder, instant)]
    folder.store.create(folder.hoodie_name(f"archived/.commits_.archive.{number}_1-0-1"), _block(records))
    for instant in old:
        for state in (REQUESTED, INFLIGHT, COMPLETED):
            folder.store.delete(folder.instant_name(instant.time, instant.action, state))
            if instant.time in timeline.compacted and state != COMPLETED:
                folder.store.delete(folder.instant_name(instant.time, COMPACTION, state))
    return count


def newest_checkpoint(folder: Folder, names: Iterable[str]) -> tuple[str, str] | None:
    """Instant and text of the newest checkpoint in archive files; raises `FormatError` LW-404 for a damaged file."""
    marked = ((time, metadata.extra[CHECKPOINT]) for time, metadata in writes(folder, names) if CHECKPOINT in metadata.extra)
    return next(marked, None)


def writes(folder: Folder, names: Iterable[str]) -> Iterator[tuple[str, CommitMetadata]]:
    """The completed writes in archive files, newest first, each with its instant; raises `FormatError` LW-404 on the way."""
    for name in sorted(names, key=_number, reverse=True):
        yield from sorted(_writes_in(folder, name), key=lambda write: write[0], reverse=True)


def require_sound(folder: Folder, name: str) -> None:
    """Raise `FormatError` LW-404 where the writes of an archive file cannot be read, `NotFound` where it is gone."""
    _writes_in(folder, name)


def _writes_in(folder: Folder, name: str) -> list[tuple[str, CommitMetadata]]:
    found, data = [], folder.store.read(name)
    try:
        for record in _records(data, name):
            fields = record.get("hoodieCommitMetadata") or record.get("hoodieReplaceCommitMetadata")
            if fields and record["actionState"] == COMPLETED.upper():
                found.append((record["commitTime"], CommitMetadata.of_fields(fields)))
    except Exception as error:  # fastavro raises what its decoder stumbles over
        raise FormatError("LW-404", f"{name} is damaged: {error}", hint="restore the file from a backup") from error
    return found


def _tells(folder: Folder, time: str) -> bool:
    """Whether a savepoint says what its commit does, so that this need not stay."""
    try:
        return folder.read_saved(time) is not None
    except FormatError:
        return False


def _number(name: str) -> int:
    match = _FILE.fullmatch(name)
    return int(match[1]) if match else 0


def _entries(folder: Folder, instant: Instant) -> Iterator[dict[str, Any]]:
    """The records of an instant, one for each of its states; only the completed one holds anything."""
    entry = {"commitTime": instant.time, "actionType": instant.action, "version": 1}
    yield {**entry, "actionState": REQUESTED.upper()}
    yield {**entry, "actionState": INFLIGHT.upper()}
    name = folder.instant_name(*instant)
    content: dict[str, Any]
    if instant.action in WRITES:
        metadata = folder.read_commit(instant)
        stats: dict[str, list[dict[str, Any]]] = {}
        for stat in metadata.stats:
            stats.setdefault(stat.partition, []).append(stat.to_json())
        content = {
            "partitionToWriteStats": stats,
            "extraMetadata": {key: text for key, text in metadata.extra.items() if key != SCHEMA},
            "operationType": metadata.operation,
            "partitionToReplaceFileIds": metadata.replaced,
            "version": 1,
        }
    else:
        content = avro.decode(folder.store.read(name), name)
    yield {**entry, "actionState": COMPLETED.upper(), avro.ARCHIVED_FIELD[instant.action]: content}


def _block(records: list[dict[str, Any]]) -> bytes:
    return log_block.encode(
        log_block.AVRO_DATA, {log_block.SCHEMA: json.dumps(avro.ARCHIVED)}, log_block.record_content(avro.ARCHIVED, records)
    )


def _records(data: bytes, name: str) -> Iterator[dict[str, Any]]:
    for block in log_block.decode(data, name, whole=True):
        if block.kind == log_block.AVRO_DATA:
            yield from log_block.records_of(block)
