"""Registration: what the Glue Data Catalog has to learn of a table that was merged - its new columns and its partitions.

Terraform owns the databases and makes the tables. Everything here compares first and may be repeated or cut short at any point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
import botocore.exceptions as failures
from botocore.config import Config

from lakewright.errors import DeployError
from lakewright.model.table import MOR, READ_OPTIMIZED, REAL_TIME, Snapshot

NULL = "__HIVE_DEFAULT_PARTITION__"
"""The value of a partition whose rows have none."""
_AT_ONCE = 100
"""How many partitions a request may have."""
_OWN = (
    *("Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor", "PartitionKeys"),
    *("ViewOriginalText", "ViewExpandedText", "TableType", "Parameters"),
)
"""What of a table's entry is the writer's to say."""


class Registration:
    """The Glue Data Catalog of a region, by AWS's own credentials. Raises `DeployError` LW-732 for what it refuses."""

    def __init__(self, region: str | None = None) -> None:
        retries = Config(retries={"mode": "standard", "total_max_attempts": 5})
        self._glue: Any = boto3.client("glue", region_name=region, config=retries)

    def learn(self, database: str, snapshot: Snapshot, location: str) -> list[str]:
        """Let the entries of the table at `location` know that, its columns and its partitions; returns those that there are not.

        A merge-on-read table has two entries: its newest rows, and those of its base files.
        """
        name = snapshot.spec.name
        missing = []
        for entry in (name + REAL_TIME, name + READ_OPTIMIZED) if snapshot.spec.type == MOR else (name,):
            try:
                table = self._glue.get_table(DatabaseName=database, Name=entry)["Table"]
                self._learn(database, table, snapshot, location)
            except self._glue.exceptions.EntityNotFoundException:
                missing.append(f"{database}.{entry}")
            except (failures.ClientError, failures.BotoCoreError) as error:
                raise _refused(f"{database}.{entry}", error) from None
        return missing

    def _learn(self, database: str, table: Mapping[str, Any], snapshot: Snapshot, location: str) -> None:
        before = table["StorageDescriptor"]
        now = _described(before, snapshot, location)
        if now != before:
            own = {field: table[field] for field in _OWN if field in table}
            self._glue.update_table(DatabaseName=database, TableInput=own | {"StorageDescriptor": now}, SkipArchive=True)
        if snapshot.spec.partition:
            place = {"DatabaseName": database, "TableName": table["Name"]}
            self._register(place, {values: now | {"Location": f"{location}/{path}"} for values, path in _partitions(snapshot)})

    def _register(self, place: Mapping[str, str], partitions: Mapping[tuple[str, ...], Mapping[str, Any]]) -> None:
        """Register those partitions that are not known, and let those that are know where they lie and their columns."""
        new, stale = dict(partitions), []
        for page in self._glue.get_paginator("get_partitions").paginate(**place):
            for known in page["Partitions"]:
                values, before = tuple(known["Values"]), known["StorageDescriptor"]
                now = new.pop(values, None)
                if now is not None and any(now[field] != before.get(field) for field in ("Columns", "Location")):
                    stale.append({"PartitionValueList": known["Values"], "PartitionInput": _partition(values, now)})
        for some in _chunks([_partition(values, now) for values, now in sorted(new.items(), key=lambda item: item[0])]):
            _require(self._glue.batch_create_partition(**place, PartitionInputList=some), "AlreadyExistsException")
        for some in _chunks(stale):
            _require(self._glue.batch_update_partition(**place, Entries=some))


def _described(before: Mapping[str, Any], snapshot: Snapshot, location: str) -> dict[str, Any]:
    """How an entry's files are to be read now: where they are and which columns they have; all else stays."""
    place = before["Location"] if before["Location"].rstrip("/") == location else location
    now = {**before, "Columns": _columns(before["Columns"], snapshot), "Location": place}
    serde = before.get("SerdeInfo", {})
    if "path" in serde.get("Parameters", {}):
        now["SerdeInfo"] = {**serde, "Parameters": {**serde["Parameters"], "path": place}}
    return now


def _partition(values: tuple[str, ...], described: Mapping[str, Any]) -> dict[str, Any]:
    return {"Values": list(values), "StorageDescriptor": dict(described)}


def _columns(known: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> list[dict[str, Any]]:
    """The entry's columns with the types that they have now, and the table's others behind.

    What a snapshot's table came to have after its time leaves the snapshot's entry.
    """
    if snapshot.checkpoint is not None and snapshot.checkpoint.published is not None:
        stored = {name for name, _ in snapshot.spec.columns}
        known = [column for column in known if column["Name"] in stored or column["Name"].startswith("_hoodie_")]
    now = {name: kind for name, kind in snapshot.spec.visible if name not in snapshot.spec.partition}
    names = {column["Name"] for column in known}
    return [{**column, "Type": now.get(column["Name"], column["Type"])} for column in known] + [
        {"Name": name, "Type": kind} for name, kind in now.items() if name not in names
    ]


def _partitions(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], str]]:
    """The values of each partition, and its folder below the table's."""
    for file in snapshot.files:
        values = tuple(NULL if value is None else value for value in file.partition)
        yield values, "/".join(file.name.rsplit("/", len(values) + 1)[1:-1])


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _require(answer: Mapping[str, Any], *allowed: str) -> None:
    """Raise where a part of a request was refused, for another reason than that it is done already."""
    for refused in answer.get("Errors", ()):
        detail = refused.get("ErrorDetail") or refused.get("PartitionError") or {}
        if detail.get("ErrorCode") not in allowed:
            raise failures.ClientError({"Error": {"Code": detail.get("ErrorCode", "unknown")}}, "BatchPartition")


def _refused(entry: str, error: Exception) -> DeployError:
    """No message holds what a server says beyond its error's code."""
    said = error.response["Error"]["Code"] if isinstance(error, failures.ClientError) else type(error).__name__
    hint = "the tables are merged and complete: mend it, for the job's role may lack a right, and the next run tells the catalog"
    return DeployError("LW-732", f"the catalog did not take {entry}: {said}", hint=hint)
