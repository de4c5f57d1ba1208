"""Manifests: what the raw log consists of, as small JSON objects that never change."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import gzip
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

from lakewright.errors import LogError
from lakewright.model import fields, sealed
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position

Kind = Literal["open", "log", "load", "fold"]

VERSION = 3
"""Of manifests that are written; version 2, which had nothing expired or replaced, is read too."""
HEAD = 96
"""Bytes of a manifest that tell which one it is."""


@dataclasses.dataclass(frozen=True, slots=True)
class RawFile:
    """A file of raw rows of one table: a load, or changes in position order.

    ``name`` is below the source's folder, ``schema`` the number of the schema it was written under, ``first`` and ``last`` the
    positions of its rows (of a load both the consistent point), ``first_time`` and ``last_time`` the earliest and the latest
    commit time in it (UTC). ``generation`` counts a table's loads from 1, 0 until a manifest names it; it is None for changes.
    """

    name: str
    table: TableName
    rows: int
    bytes: int
    sha256: str
    schema: int
    first: Position
    last: Position
    first_time: datetime.datetime
    last_time: datetime.datetime
    generation: int | None = None

    @property
    def kind(self) -> Literal["load", "log"]:
        """Whether its rows are a table's as of one position, or changes."""
        return "log" if self.generation is None else "load"


@dataclasses.dataclass(frozen=True, slots=True)
class StoppedTable:
    """A table whose changes after ``position`` are not in the log until it is loaded again, and the error that tells why."""

    table: TableName
    position: Position
    code: str
    message: str
    hint: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Expired:
    """How far a table's changes were left out for good: up to ``position``, and they were committed at ``time`` at the latest.

    ``schema`` is the number of the schema of the last one. Loads before ``position`` are gone too: what a log says of such a
    load stays, its rows do not.
    """

    table: TableName
    position: Position
    time: datetime.datetime
    schema: int


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """An object that names ``files`` raw files of ``tables``, each table's in position order.

    ``first``, ``last`` and ``last_time`` are the lowest and the highest of theirs.
    """

    name: str
    tables: tuple[TableName, ...]
    files: int
    first: Position
    last: Position
    last_time: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """One step of the log, from ``start`` (excluded) to ``watermark``: up to there all tables of the source are complete.

    ``open`` tells of a new capture and names nothing. ``log`` adds changes. ``load`` adds full loads: of a new ``feed``, whose
    log starts at its watermark, or of some tables, and then the watermark stands still. ``fold`` stands for all manifests
    from number ``replaces`` up to its own: what they named and it does not is in ``pages``, which hold older changes of the feed,
    and in ``former``, which hold earlier feeds' files; ``generations`` has each table's newest, over all feeds. ``replaced`` are
    pages of files that it leaves out, because they expired or others have their rows: they can be deleted.

    ``lease`` is the number of the writer's lease, in a fold the highest; ``time`` the commit time of the last transaction up to
    the watermark (UTC), None before the first load, as is ``feed``. ``id`` tells two writers' manifests apart; ``after`` is the
    id of the one before, None in the first.
    """

    number: int
    id: str
    after: str | None
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
    pages: tuple[Page, ...] = ()
    former: tuple[Page, ...] = ()
    generations: tuple[tuple[TableName, int], ...] = ()
    expired: tuple[Expired, ...] = ()
    replaced: tuple[Page, ...] = ()

    def to_bytes(self) -> bytes:
        """The object's content."""
        return sealed.dump({"version": VERSION, **_to_json(self)})

    @classmethod
    def from_bytes(cls, data: bytes, name: str, number: int) -> Manifest:
        """The content of the object `name`, which must be manifest `number`; raises `LogError` for anything else."""
        with _checked(name, "a manifest"):
            return _manifest(sealed.load(data), number)

    @staticmethod
    def is_head(head: bytes, number: int, id_: str) -> bool:
        """Whether an object whose first `HEAD` bytes are `head` is the manifest of that number and id."""
        return f',"number":{number},"id":"{id_}",'.encode() in head


def page_to_bytes(files: Sequence[RawFile]) -> bytes:
    """The content of a page that names `files`: compressed JSON."""
    return gzip.compress(sealed.dump({"version": 1, "files": [_to_json(file) for file in files]}), 1)


def page_from_bytes(data: bytes, page: Page, name: str) -> tuple[RawFile, ...]:
    """The files that the object `name` with this content, which must be `page`, names; raises `LogError` for anything else."""
    with _checked(name, "a page of manifests"):
        content = sealed.load(gzip.decompress(data))
        files = _files(content)
        if content["version"] != 1 or len(files) != page.files:
            raise ValueError(f"version {content['version']} with {len(files)} files, not version 1 with {page.files}")
        return files


@contextlib.contextmanager
def _checked(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OSError, EOFError, zlib.error) as error:
        raise LogError(
            "LW-354",
            f"{name} is not {what}: {fields.damage(error)}",
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
    version = fields.count(data, "version")
    if version == 2:
        data = {**data, "expired": [], "replaced": []}
    elif version != VERSION:
        raise ValueError(f"its version is {version}, this program reads 2 and {VERSION}")
    manifest = Manifest(
        number=fields.count(data, "number"),
        id=fields.get(data, "id", str),
        after=None if data["after"] is None else fields.get(data, "after", str),
        lease=fields.count(data, "lease"),
        kind=fields.one_of(data, "kind", get_args(Kind)),
        feed=_feed(data),
        start=Position.parse(fields.get(data, "start", str)),
        watermark=Position.parse(fields.get(data, "watermark", str)),
        time=None if data["time"] is None else fields.time(data, "time"),
        written=fields.time(data, "written"),
        files=_files(data),
        stopped=_stops(data),
        replaces=None if data["replaces"] is None else fields.count(data, "replaces"),
        pages=tuple(_page(item) for item in fields.get(data, "pages", list)),
        former=tuple(_page(item) for item in fields.get(data, "former", list)),
        generations=tuple(_generation(item) for item in fields.get(data, "generations", list)),
        expired=tuple(_expired(item) for item in fields.get(data, "expired", list)),
        replaced=tuple(_page(item) for item in fields.get(data, "replaced", list)),
    )
    if manifest.number != number:
        raise ValueError(f"its number is {manifest.number}")
    if manifest.start > manifest.watermark:
        raise ValueError(f"it starts at {manifest.start}, behind its watermark {manifest.watermark}")
    if manifest.feed is None and manifest.kind in ("log", "load"):
        raise ValueError("it has no feed")
    replaces = manifest.replaces
    if (manifest.kind == "fold") != (replaces is not None) or (replaces is not None and not 0 < replaces < number):
        raise ValueError(f"a manifest of kind {manifest.kind} cannot replace from {replaces} on")
    return manifest


def _feed(data: Any) -> Feed | None:
    feed = data["feed"]
    if feed is None:
        return None
    return Feed(
        fields.get(feed, "kind", str),
        fields.get(feed, "system", str),
        fields.count(feed, "timeline"),
        fields.count(feed, "epoch"),
    )


def _page(data: Any) -> Page:
    tables = tuple(_table(item) for item in fields.get(data, "tables", list))
    first, last = Position.parse(fields.get(data, "first", str)), Position.parse(fields.get(data, "last", str))
    return Page(fields.get(data, "name", str), tables, fields.count(data, "files"), first, last, fields.time(data, "last_time"))


def _expired(data: Any) -> Expired:
    position = Position.parse(fields.get(data, "position", str))
    return Expired(_table(data["table"]), position, fields.time(data, "time"), fields.count(data, "schema"))


def _files(data: Any) -> tuple[RawFile, ...]:
    return tuple(_file(item) for item in fields.get(data, "files", list))


def _file(data: Any) -> RawFile:
    file = RawFile(
        name=fields.get(data, "name", str),
        table=_table(data["table"]),
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
    if file.first > file.last or file.generation == 0:
        raise ValueError(f"its entry for {file.name} contradicts itself")
    return file


def _stops(data: Any) -> tuple[StoppedTable, ...]:
    return tuple(
        StoppedTable(
            table=_table(item["table"]),
            position=Position.parse(fields.get(item, "position", str)),
            code=fields.get(item, "code", str),
            message=fields.get(item, "message", str),
            hint=None if item["hint"] is None else fields.get(item, "hint", str),
        )
        for item in fields.get(data, "stopped", list)
    )


def _generation(value: Any) -> tuple[TableName, int]:
    match value:
        case [table, number] if type(number) is int and number > 0:
            return _table(table), number
    raise ValueError(f"{value!r} is not a table with its generation")


def _table(value: Any) -> TableName:
    match value:
        case [str(schema), str(table)]:
            return TableName(schema, table)
    raise ValueError(f"table {value!r} is not [schema, table]")
