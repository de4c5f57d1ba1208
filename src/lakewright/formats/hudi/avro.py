"""The timeline files that are Avro: plans and results of rollbacks and cleans, plans of compactions, savepoints, and the request
of a replacement; and the schema of the archive's records.

Each of the files is an object container file with one record. The schemas are those of Hudi's ``hudi-common/src/main/avro``;
fields that we always leave null and that have a default are left out, which Avro's schema resolution fills in for any reader.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import fastavro

from lakewright.errors import FormatError

Schema = dict[str, Any]
_STRINGS = {"type": "array", "items": "string"}


def _record(name: str, **fields: Any) -> Schema:
    return {
        "type": "record",
        "name": name,
        "namespace": "org.apache.hudi.avro.model",
        "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
    }


def _map(values: Any) -> Schema:
    return {"type": "map", "values": values}


_INSTANT = _record("HoodieInstantInfo", commitTime="string", action="string")

ROLLBACK_PLAN = _record(
    "HoodieRollbackPlan",
    instantToRollback=["null", _INSTANT],
    RollbackRequests=[
        "null",
        {
            "type": "array",
            "items": _record(
                "HoodieRollbackRequest",
                partitionPath="string",
                fileId=["null", "string"],
                latestBaseInstant=["null", "string"],
                filesToBeDeleted=_STRINGS,
                logBlocksToBeDeleted=["null", _map("long")],
            ),
        },
    ],
    version=["int", "null"],
)
ROLLBACK = _record(
    "HoodieRollbackMetadata",
    startRollbackTime="string",
    timeTakenInMillis="long",
    totalFilesDeleted="int",
    commitsRollback=_STRINGS,
    partitionMetadata=_map(
        _record(
            "HoodieRollbackPartitionMetadata",
            partitionPath="string",
            successDeleteFiles=_STRINGS,
            failedDeleteFiles=_STRINGS,
            rollbackLogFiles=["null", _map("long")],
            logFilesFromFailedCommit=["null", _map("long")],
        )
    ),
    version=["int", "null"],
    instantsRollback={"type": "array", "items": _INSTANT},
)
CLEAN_PLAN = _record(
    "HoodieCleanerPlan",
    earliestInstantToRetain=["null", _record("HoodieActionInstant", timestamp="string", action="string", state="string")],
    lastCompletedCommitTimestamp="string",
    policy="string",
    filesToBeDeletedPerPartition=["null", _map(_STRINGS)],
    version=["int", "null"],
    filePathsToBeDeletedPerPartition=[
        "null",
        _map(
            {
                "type": "array",
                "items": _record("HoodieCleanFileInfo", filePath=["null", "string"], isBootstrapBaseFile=["null", "boolean"]),
            }
        ),
    ],
    partitionsToBeDeleted=["null", _STRINGS],
    extraMetadata=["null", _map("string")],
)
_CLEAN_PARTITION = _record(
    "HoodieCleanPartitionMetadata",
    partitionPath="string",
    policy="string",
    deletePathPatterns=_STRINGS,
    successDeleteFiles=_STRINGS,
    failedDeleteFiles=_STRINGS,
    isPartitionDeleted=["null", "boolean"],
)
CLEAN = _record(
    "HoodieCleanMetadata",
    startCleanTime="string",
    timeTakenInMillis="long",
    totalFilesDeleted="int",
    earliestCommitToRetain="string",
    lastCompletedCommitTimestamp="string",
    partitionMetadata=_map(_CLEAN_PARTITION),
    version=["int", "null"],
    bootstrapPartitionMetadata=["null", _map("HoodieCleanPartitionMetadata")],
    extraMetadata=["null", _map("string")],
)
SAVEPOINT_COMMIT = "lakewrightCommit"
"""A field of ours in a savepoint, which Hudi's readers pass over: what the file of its commit says, for when that is archived."""
SAVEPOINT = _record(
    "HoodieSavepointMetadata",
    savepointedBy="string",
    savepointedAt="long",
    comments="string",
    partitionMetadata=_map(_record("HoodieSavepointPartitionMetadata", partitionPath="string", savepointDataFile=_STRINGS)),
    version=["int", "null"],
    **{SAVEPOINT_COMMIT: ["null", "string"]},
)
COMPACTION_PLAN = _record(
    "HoodieCompactionPlan",
    operations=[
        "null",
        {
            "type": "array",
            "items": _record(
                "HoodieCompactionOperation",
                baseInstantTime=["null", "string"],
                deltaFilePaths=["null", _STRINGS],
                dataFilePath=["null", "string"],
                fileId=["null", "string"],
                partitionPath=["null", "string"],
                metrics=["null", _map("double")],
            ),
        },
    ],
    extraMetadata=["null", _map("string")],
    version=["int", "null"],
    preserveHoodieMetadata=["boolean", "null"],
)
REPLACE_REQUEST = _record(
    "HoodieRequestedReplaceMetadata",
    operationType=["null", "string"],
    extraMetadata=["null", _map("string")],
    version=["int", "null"],
)
_WRITE_STATS = _map(
    {
        "type": "array",
        "items": _record(
            "HoodieWriteStat",
            **{name: ["null", "string"] for name in ("fileId", "path", "prevCommit", "partitionPath")},
            **{name: ["null", "long"] for name in ("numWrites", "numDeletes", "numUpdateWrites", "numInserts")},
            **{name: ["null", "long"] for name in ("totalWriteBytes", "fileSizeInBytes")},
        ),
    }
)
_WRITE = {"extraMetadata": ["null", _map("string")], "version": ["int", "null"], "operationType": ["null", "string"]}
ARCHIVED = _record(
    "HoodieArchivedMetaEntry",
    hoodieCommitMetadata=["null", _record("HoodieCommitMetadata", partitionToWriteStats=["null", _WRITE_STATS], **_WRITE)],
    hoodieCleanMetadata=["null", CLEAN],
    hoodieRollbackMetadata=["null", ROLLBACK],
    commitTime=["null", "string"],
    actionType=["null", "string"],
    version=["int", "null"],
    actionState=["null", "string"],
    hoodieReplaceCommitMetadata=[
        "null",
        _record(
            "HoodieReplaceCommitMetadata",
            partitionToWriteStats=["null", _map({"type": "array", "items": "HoodieWriteStat"})],
            partitionToReplaceFileIds=["null", _map(_STRINGS)],
            **_WRITE,
        ),
    ],
)
ARCHIVED_FIELD = {
    "commit": "hoodieCommitMetadata",
    "deltacommit": "hoodieCommitMetadata",
    "replacecommit": "hoodieReplaceCommitMetadata",
    "clean": "hoodieCleanMetadata",
    "rollback": "hoodieRollbackMetadata",
}
"""Field of `ARCHIVED` that holds what a completed instant's file says, by action."""


def encode(schema: Schema, record: dict[str, Any]) -> bytes:
    """A container file with that one record; fields that may be null need not be given."""
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, [record])
    return buffer.getvalue()


def decode(data: bytes, where: str) -> dict[str, Any]:
    """The one record of a container file, under the schema it was written with; raises `FormatError` LW-404."""
    try:
        (record,) = fastavro.reader(io.BytesIO(data))
    except Exception as error:  # fastavro raises what its decoder stumbles over: struct, key, index and value errors
        raise _damaged(where, str(error)) from error
    if not isinstance(record, dict):
        raise _damaged(where, "it holds no record")
    return record


@contextlib.contextmanager
def taken(where: str) -> Iterator[None]:
    """What the block takes from a decoded record; raises `FormatError` LW-404 for a record without it, or of other types."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(where, f"something is missing in it ({error})") from error


def _damaged(where: str, why: str) -> FormatError:
    return FormatError("LW-404", f"{where} is damaged: {why}", hint="restore the file from a backup")
