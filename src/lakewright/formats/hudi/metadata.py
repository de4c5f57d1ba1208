"""Commit files: JSON of Hudi's ``HoodieCommitMetadata`` and ``HoodieWriteStat``, the inflight form included."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Mapping
from typing import Any

from lakewright.errors import FormatError

CHECKPOINT = "lakewright.checkpoint"
"""Key of `Checkpoint.to_json` in a commit's extra metadata."""
INVENTORY = "lakewright.inventory"
"""Key of what `inventory.of` says of the table's files after the commit."""
MOVED = "lakewright.moved"
"""Key of the path at which a table goes on after its last commit here."""
WRITER = "lakewright.writer"
"""Key in an inflight file's extra metadata that tells our writes from other engines'."""
LAKEWRIGHT = "lakewright"
"""What it says there, and who made a savepoint of ours as its file says."""
CHECKSUM = "lakewright.crc32"
"""Key of the CRC-32 of a commit file of ours, with zeros in its own place: a changed byte is seen."""
SCHEMA = "schema"
COMPACT = "COMPACT"
"""The operation of a compaction."""
NO_COMMIT = "null"
_UNSAID = "0" * 8

# Of compaction, change-data-capture and event time; every stat has them all the same.
_UNUSED_FIRST = {"totalWriteErrors": 0, "tempPath": None}
_UNUSED_LAST = {
    "totalLogRecords": 0,
    "totalLogFilesCompacted": 0,
    "totalLogSizeCompacted": 0,
    "totalUpdatedRecordsCompacted": 0,
    "totalLogBlocks": 0,
    "totalCorruptLogBlock": 0,
    "totalRollbackBlocks": 0,
}


@dataclasses.dataclass(frozen=True)
class AppendedTo:
    """The slice that a log goes to: its file group, the instant of its base file, what it consists of so far.

    ``number`` is that of the next log, ``base_file`` "" where a compaction is to make that, ``logs`` are names, oldest first.
    """

    partition: str
    file_id: str
    base: str
    number: int
    base_file: str
    logs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class WriteStat:
    """A base file or log that an instant wrote: ``path`` below the table, ``rows`` in it, and how they came about.

    ``previous`` is the instant of the file group's version before, or None for a new group; ``took`` is in milliseconds.
    ``appended`` is the slice that a log was written to; None for a base file, and for what another engine's commit says.
    ``compacted`` tells of the logs that a compaction took in, by Hudi's names.
    """

    partition: str
    file_id: str
    path: str
    previous: str | None
    rows: int
    inserts: int
    updates: int
    deletes: int
    size: int
    took: int = 0
    appended: AppendedTo | None = None
    compacted: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def is_log(self) -> bool:
        """Whether it is a log's."""
        return self.path.rpartition("/")[2].startswith(".")

    def to_json(self) -> dict[str, Any]:
        """A ``HoodieWriteStat``, of a log a ``HoodieDeltaWriteStat``."""
        upsert, create = (0, self.took) if self.previous is None else (self.took, 0)
        return {
            "fileId": self.file_id,
            "path": self.path,
            "cdcStats": None,
            "prevCommit": self.previous or NO_COMMIT,
            "numWrites": self.rows,
            "numDeletes": self.deletes,
            "numUpdateWrites": self.updates,
            "numInserts": self.inserts,
            "totalWriteBytes": self.size,
            **_UNUSED_FIRST,
            "partitionPath": self.partition,
            **_UNUSED_LAST,
            **self.compacted,
            "fileSizeInBytes": self.size,
            "minEventTime": None,
            "maxEventTime": None,
            "runtimeStats": {"totalScanTime": 0, "totalUpsertTime": upsert, "totalCreateTime": create},
            **self._delta(),
        }

    def _delta(self) -> dict[str, Any]:
        if self.appended is None:
            return {}
        own = self.path.rpartition("/")[2]
        return {
            "logVersion": self.appended.number,
            "logOffset": 0,
            "baseFile": self.appended.base_file,
            "logFiles": [*self.appended.logs, own],
            "recordsStats": {"val": None},
        }

    @classmethod
    def from_json(cls, partition: str, data: dict[str, Any]) -> WriteStat:
        """The stat of any engine; raises KeyError where one of the two fields that Hudi itself needs is missing."""
        previous = data.get("prevCommit")
        return cls(
            partition=partition,
            file_id=data["fileId"],
            path=data["path"] or "",
            previous=None if previous == NO_COMMIT else previous,
            rows=data.get("numWrites") or 0,
            inserts=data.get("numInserts") or 0,
            updates=data.get("numUpdateWrites") or 0,
            deletes=data.get("numDeletes") or 0,
            size=data.get("fileSizeInBytes") or 0,
        )


@dataclasses.dataclass(frozen=True)
class CommitMetadata:
    """What a commit or replacecommit file says. ``replaced`` maps a partition to the file groups that the instant ends."""

    operation: str
    stats: tuple[WriteStat, ...] = ()
    extra: dict[str, str] = dataclasses.field(default_factory=dict)
    replaced: dict[str, list[str]] | None = None

    @property
    def groups(self) -> set[tuple[str, str]]:
        """The file groups that were written or ended, by partition path and id."""
        ended = {(partition, group) for partition, groups in (self.replaced or {}).items() for group in groups}
        return ended | {(stat.partition, stat.file_id) for stat in self.stats}

    def encode(self) -> bytes:
        """The file's bytes."""
        by_partition: dict[str, list[dict[str, Any]]] = {}
        for stat in self.stats:
            by_partition.setdefault(stat.partition, []).append(stat.to_json())
        data: dict[str, Any] = {
            "partitionToWriteStats": by_partition,
            "compacted": self.operation == COMPACT,
            "extraMetadata": self.extra,
            "operationType": self.operation,
        }
        if self.replaced is not None:
            data["partitionToReplaceFileIds"] = self.replaced
        data["extraMetadata"] = self.extra | {CHECKSUM: _UNSAID}
        text = json.dumps(data, indent=1).encode()
        return text.replace(_told(_UNSAID), _told(f"{zlib.crc32(text):08x}"))

    @classmethod
    def decode(cls, data: bytes, where: str) -> CommitMetadata:
        """The metadata of any engine's commit; raises `FormatError` LW-404 for a file that is empty, cut or, of ours, changed."""
        try:
            found = cls.of_fields(json.loads(data))
            said = found.extra.pop(CHECKSUM, None)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = "it is empty" if not data else f"it is not a commit's JSON ({type(error).__name__})"
            raise damaged_commit(where, why) from error
        if said is not None and said != f"{zlib.crc32(data.replace(_told(said), _told(_UNSAID))):08x}":
            raise damaged_commit(where, "it is not what was written: its checksum differs")
        return found

    @classmethod
    def of_fields(cls, fields: dict[str, Any]) -> CommitMetadata:
        """The metadata in a commit's fields; raises KeyError, TypeError or AttributeError for what is none."""
        return cls(
            operation=fields.get("operationType") or "UNKNOWN",
            stats=tuple(
                WriteStat.from_json(partition, stat)
                for partition, stats in (fields.get("partitionToWriteStats") or {}).items()
                for stat in stats
            ),
            extra=fields.get("extraMetadata") or {},
            replaced=fields.get("partitionToReplaceFileIds"),
        )


def _told(checksum: str) -> bytes:
    """Where a commit file says its checksum. Within a text its quotes would be escaped."""
    return f'"{CHECKSUM}": "{checksum}"'.encode()


def damaged_commit(where: str, why: str) -> FormatError:
    """The error of a commit's file that cannot be read, or is not what was written."""
    hint = "restore the file from a backup; the newest commit of a table `lakewright rollback TABLE` undoes, whatever it says"
    return FormatError("LW-404", f"{where} is damaged: {why}", hint=hint)
