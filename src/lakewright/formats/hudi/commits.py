"""Completed instants as `Commit`, and what they say of the table: its checkpoint and its columns."""

from __future__ import annotations

from lakewright.errors import CommitConflict, FormatError
from lakewright.formats.hudi import archive, properties, schema
from lakewright.formats.hudi.folder import Folder, Hoodie
from lakewright.formats.hudi.metadata import CHECKPOINT, COMPACT, MOVED, SCHEMA, CommitMetadata
from lakewright.formats.hudi.timeline import COMMIT, Instant, Timeline, parse_time
from lakewright.model.table import Checkpoint, Commit, TableSpec


def of_metadata(time: str, action: str, metadata: CommitMetadata) -> Commit:
    """The commit that a write's metadata describes."""
    text = metadata.extra.get(CHECKPOINT)
    checkpoint, fault = None, None
    try:
        checkpoint = Checkpoint.from_json(text) if text else None
    except (ValueError, KeyError, TypeError) as error:
        fault = f"the checkpoint of instant {time} is damaged: {error}"
    changed = () if metadata.operation == COMPACT else metadata.stats
    return Commit(
        instant=time,
        action=action,
        operation=metadata.operation,
        time=parse_time(time),
        checkpoint=checkpoint,
        inserts=sum(stat.inserts for stat in changed),
        updates=sum(stat.updates for stat in changed),
        deletes=sum(stat.deletes for stat in changed),
        total_bytes=sum(stat.size for stat in metadata.stats),
        fault=fault,
        moved=metadata.extra.get(MOVED),
    )


def of_service(instant: Instant) -> Commit:
    """The commit of an instant that changed no row: a clean or a rollback."""
    return Commit(instant.time, instant.action, instant.action.upper(), parse_time(instant.time), None, 0, 0, 0, 0)


def newest_with_checkpoint(folder: Folder, hoodie: Hoodie, until: str | None = None) -> Commit | None:
    """The newest completed write, at or before `until`, that has a checkpoint, archived ones included; None without any.

    Raises `FormatError` LW-404 where that one is damaged.
    """
    for instant in reversed(hoodie.timeline.writes):
        if until is None or instant.time <= until:
            commit = of_metadata(instant.time, instant.action, folder.read_commit(instant))
            if commit.mark() is not None:
                return commit
    found = archive.newest_checkpoint(folder, hoodie.archive)
    if found is None:
        return None
    commit = of_metadata(found[0], COMMIT, CommitMetadata("ARCHIVED", extra={CHECKPOINT: found[1]}))
    commit.mark()
    return commit


def require_here(folder: Folder, timeline: Timeline) -> None:
    """Raise `CommitConflict` LW-416 where the newest write says that the table goes on elsewhere."""
    for instant in timeline.writes[-1:]:
        if (path := folder.read_commit(instant).extra.get(MOVED)) is not None:
            message = f"the table at {folder.path} was moved to {path} by another process"
            raise CommitConflict("LW-416", message, hint="read the table again and repeat")


def spec_as_of(folder: Folder, timeline: Timeline, found: properties.Properties, until: str | None = None) -> TableSpec:
    """The table's spec with the columns it had at `until` (default: now).

    Raises `FormatError` LW-402 for a column of a type that no lake type stands for, LW-403 where key or partition are no columns.
    """
    avro = None
    for instant in reversed(timeline.writes):
        if until is None or instant.time <= until:
            avro = folder.read_commit(instant).extra.get(SCHEMA)
            if avro:
                break
    try:
        spec = properties.to_spec(found, avro)
    except (ValueError, KeyError, TypeError) as error:
        message = f"{folder.path} has a column of an unknown type: {error}"
        raise FormatError("LW-402", message, hint="use the engine that wrote it") from error
    for name in (*spec.key, *spec.partition):
        if name not in dict(spec.columns):
            message = f"{folder.hoodie_name(properties.NAME)} names {name}, which is no column of the table"
            raise FormatError("LW-403", message, hint="restore the file from a backup")
    return spec


def written_columns(metadata: CommitMetadata) -> tuple[str, ...] | None:
    """The columns of the files that an instant wrote; None where its metadata has no schema."""
    avro = metadata.extra.get(SCHEMA)
    return tuple(name for name, _ in schema.columns_of_avro(avro)) if avro else None
