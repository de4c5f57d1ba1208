"""Manifests: what the raw log consists of, as small JSON objects that never change."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any, Literal, get_args

from lakewright.errors import LogError
from lakewright.model import fields
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position

Kind = Literal["open", "log", "load", "fold"]
FileKind = Literal["load", "log"]


@dataclasses.dataclass(frozen=True, slots=True)
class RawFile:
    """A file of raw rows of one table: a load, or changes in position order.

    ``name`` is below the source's folder, ``schema`` the number of the schema it was written under, ``first`` and ``last`` the
    positions of its rows (of a load both the consistent point), ``first_time`` and ``last_time`` the earliest and the latest
    commit time in it (UTC). ``generation`` counts a table's loads from 1; it is None for changes.
    """

    name: str
    table: TableName
    kind: FileKind
    rows: int
    bytes: int
    sha256: str
    schema: int
    first: Position
    last: Position
    first_time: datetime.datetime
    last_time: datetime.datetime
    generation: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class StoppedTable:
    """A table whose changes after ``position`` are not in the log until it is loaded again, and the error that tells why."""

    table: TableName
    position: Position
    code: str
    message: str
    hint: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """One step of the log, from ``start`` (excluded) to ``watermark``: up to there all tables of the source are complete.

    ``open`` tells of a new capture and names nothing. ``log`` adds changes. ``load`` adds full loads: of a new ``feed``, whose
    log starts at its watermark, or of some tables, and then the watermark stands still. ``fold`` stands for all manifests
    from number ``replaces`` up to its own. ``lease`` is the number of the writer's lease; ``time`` the commit time of the last
    transaction up to the watermark (UTC), None before the first load, as is ``feed``; ``id`` tells two writers' manifests apart.
    """

    number: int
    id: str
    lease: int
    kind: Kind
    feed: Feed | None
    start: Position
    watermark: Position
    time: datetime.datetime | None
    written: datetime.datetime
    files: tuple[RawFile, ...] = ()
    stopped: tuple[StoppedTable, ...] = ()
    replaces: int | None = None

    def to_bytes(self) -> bytes:
        """The object's content."""
        content = {field.name: _to_json(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return json.dumps({"version": 1, **content}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes, name: str, number: int) -> Manifest:
        """The content of the object `name`, which must be manifest `number`; raises `LogError` for anything else."""
        try:
            return _manifest(json.loads(data), number)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LogError(
                "LW-354",
                f"{name} is not a manifest: {fields.damage(error)}",
                hint="restore the file from a backup, or load the source into a new lake",
            ) from None


def _to_json(value: Any) -> Any:
    match value:
        case Position():
            return str(value)
        case datetime.datetime():
            return value.isoformat()
        case tuple():
            return [_to_json(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: _to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def _manifest(data: Any, number: int) -> Manifest:
    if fields.get(data, "version", int) != 1:
        raise ValueError(f"its version is {data['version']}, this program reads 1")
    feed, time, replaces = data["feed"], data["time"], data["replaces"]
    manifest = Manifest(
        number=fields.count(data, "number"),
        id=fields.get(data, "id", str),
        lease=fields.count(data, "lease"),
        kind=fields.one_of(data, "kind", get_args(Kind)),
        feed=None
        if feed is None
        else Feed(
            fields.get(feed, "kind", str),
            fields.get(feed, "system", str),
            fields.count(feed, "timeline"),
            fields.count(feed, "epoch"),
        ),
        start=Position.parse(fields.get(data, "start", str)),
        watermark=Position.parse(fields.get(data, "watermark", str)),
        time=None if time is None else fields.time(data, "time"),
        written=fields.time(data, "written"),
        files=tuple(_file(item) for item in fields.get(data, "files", list)),
        stopped=tuple(_stopped(item) for item in fields.get(data, "stopped", list)),
        replaces=None if replaces is None else fields.count(data, "replaces"),
    )
    if manifest.number != number:
        raise ValueError(f"its number is {manifest.number}")
    if manifest.start > manifest.watermark:
        raise ValueError(f"it starts at {manifest.start}, behind its watermark {manifest.watermark}")
    if manifest.feed is None and manifest.kind in ("log", "load"):
        raise ValueError("it has no feed")
    if (manifest.kind == "fold") != (replaces is not None) or (replaces is not None and not 0 < replaces < number):
        raise ValueError(f"a manifest of kind {manifest.kind} cannot replace from {replaces} on")
    return manifest


def _file(data: Any) -> RawFile:
    file = RawFile(
        name=fields.get(data, "name", str),
        table=_table(data),
        kind=fields.one_of(data, "kind", get_args(FileKind)),
        rows=fields.count(data, "rows"),
        bytes=fields.count(data, "bytes"),
        sha256=fields.get(data, "sha256", str),
        schema=fields.count(data, "schema"),
        first=Position.parse(fields.get(data, "first", str)),
        last=Position.parse(fields.get(data, "last", str)),
        first_time=fields.time(data, "first_time"),
        last_time=fields.time(data, "last_time"),
        generation=None if data["generation"] is None else fields.count(data, "generation"),
    )
    if file.first > file.last or (file.kind == "load") != (file.generation is not None):
        raise ValueError(f"its entry for {file.name} contradicts itself")
    return file


def _stopped(data: Any) -> StoppedTable:
    hint = None if data["hint"] is None else fields.get(data, "hint", str)
    position = Position.parse(fields.get(data, "position", str))
    return StoppedTable(_table(data), position, fields.get(data, "code", str), fields.get(data, "message", str), hint)


def _table(data: Any) -> TableName:
    match data["table"]:
        case [str(schema), str(table)]:
            return TableName(schema, table)
    raise ValueError(f"table {data['table']!r} is not [schema, table]")
