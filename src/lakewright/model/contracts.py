"""The protocols that plug-ins fulfil; nobody has to inherit from them. Those of table formats stand in `table_format`.

A docstring here is the contract: what may repeat, reorder and fail. `lakewright.testing` has suites that hold a store or a source
against it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, Protocol

import pyarrow as pa

from lakewright.errors import DOCTOR, LakewrightError
from lakewright.model.batch import ChangeBatch
from lakewright.model.names import TableName
from lakewright.model.position import START, Feed, Position
from lakewright.model.schema import TableSchema

# ---- Store -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Entry:
    """One object in a listing: its name below the store's root, size in bytes, and when it was last written (UTC)."""

    name: str
    size: int
    modified: datetime.datetime


class Store(Protocol):
    """Bytes under names such as ``raw/database/shop/_manifests/00000000000000000001.json``.

    Names use ``/`` and are relative to the store's root. Every write is durable when the call returns and visible whole or not
    at all; a crash leaves no partial object under a name. Calls are safe from several threads and processes. A call that
    raises may still have taken effect (a lost answer): callers must be able to repeat it. Errors are `StorageError`.
    """

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; raises `AlreadyExists` where the name is taken. Of several callers exactly one succeeds."""
        ...

    def replace(self, name: str, data: bytes, expected: str | None) -> str:
        """Write the object if it is still the one with tag `expected` (None: if it does not exist); return its new tag.

        Raises `Changed` where it is another. Of several callers with one `expected` exactly one succeeds.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write an object, over an existing one if there is one."""
        ...

    def upload(self, name: str, resume: str | None = None) -> contextlib.AbstractContextManager[BinaryIO]:
        """A writable file whose content becomes the new object when the block ends without an exception; memory is bounded.

        Raises `AlreadyExists` at the end where the name is taken. After an exception nothing is left under the name.

        With `resume`, a text that stands for this very content, the bytes written are kept when the block ends with an exception
        or the process dies, and the next upload of the same name and `resume` goes on behind them: ``tell()`` says at first how
        many there are. There may be fewer or none: where another writer is at it, when no space was left, after a week, after
        ``truncate(0)``. A power cut may have damaged them: who goes on compares the object's checksum in the end.
        """
        ...

    def read(self, name: str) -> bytes:
        """The object's bytes; raises `NotFound`."""
        ...

    def read_tagged(self, name: str) -> tuple[bytes, str]:
        """The object's bytes and its tag for `replace`; raises `NotFound`."""
        ...

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; raises `NotFound`."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        ...

    def list(self, prefix: str, after: str | None = None) -> Iterator[Entry]:
        """Objects whose name starts with `prefix`, in name order, those up to and including `after` left out.

        An object written before the call is in it; one written or deleted meanwhile may be.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove the object; no error where there is none."""
        ...

    def location(self, name: str) -> str:
        """Where an engine finds the object: an absolute path, or a URL with a scheme."""
        ...


# ---- Source ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Stopped:
    """A table that cannot go on from `position`: changes after it are not in the log until the table is loaded again."""

    table: TableName
    position: Position
    error: LakewrightError


@dataclasses.dataclass(frozen=True)
class Flush:
    """What a stream hands over at once, to be made durable before `Stream.acknowledge` is called with its watermark.

    ``watermark`` is the position up to which every table is complete with this flush, always with ordinal 0: the end LSN of a
    transaction's commit, or a keepalive's LSN received outside a transaction; None inside a transaction that is larger than
    one flush. Batches of one table come in change order; those of a full load (`ChangeBatch.load`) have the watermark as their
    position. ``time`` is the commit time of the last transaction, or None. With ``urgent`` the source waits for the
    acknowledgement, as a server does that shuts down. ``doing`` tells people of long work inside a transaction.
    """

    batches: Sequence[ChangeBatch]
    stopped: Sequence[Stopped]
    watermark: Position | None
    time: datetime.datetime | None
    urgent: bool = False
    doing: str | None = None


@dataclasses.dataclass(frozen=True)
class Past:
    """What the log has of a stream, to be compared with what is sent again.

    ``commit`` is the LSN of the last transaction with changes in it (0: there is none), which was committed between ``times``
    (UTC, None without one). After ``quiet`` up to the log's end it has no change of a table that is followed.

    ``schema_at`` gives the schema under which the log has, by now, what a table was given by the transaction of that LSN: by its
    newest load where that is later. None where it has nothing of it.
    """

    commit: int
    times: tuple[datetime.datetime, datetime.datetime] | None
    quiet: Position
    schema_at: Callable[[TableName, int], TableSchema | None] = dataclasses.field(default=lambda table, lsn: None, compare=False)


@dataclasses.dataclass(frozen=True)
class Drift:
    """Tables that changed while their stream was silent.

    ``stopped`` are those that cannot go on as they are, with the error that says why: gone, made anew, of another shape, or not
    published any more. ``grown`` are those with new columns, or facts of the catalog to compare with later, that can be taken up,
    as they are now; all that is committed up to ``position`` may still be of the old shape, nothing after it. ``doubted`` are
    those, as they were compared, that stop at ``position`` unless the stream has given them another schema by then.
    """

    stopped: Sequence[tuple[TableName, LakewrightError]] = ()
    grown: Sequence[TableSchema] = ()
    doubted: Sequence[tuple[TableSchema, LakewrightError]] = ()
    position: Position = START


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` is the command or SQL that mends it, None where it is `ok`."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None

    def __post_init__(self) -> None:
        if self.ok:
            object.__setattr__(self, "mend", None)

    @classmethod
    def of(cls, name: str, error: LakewrightError) -> Finding:
        """An error as a finding; a hint to ask the doctor mends nothing here."""
        return cls(name, False, error.line(hinted=False), None if error.hint == DOCTOR else error.hint)


@dataclasses.dataclass(frozen=True)
class SourceFacts:
    """What a source tells of itself and of what it keeps for us; LSNs as numbers, sizes in bytes.

    ``state`` is that of a replication slot: active (being read), idle, lost or missing; ``kept`` where the source needs none.
    ``wal_status`` is a server's own word for how its WAL is kept. ``behind_bytes`` is how much there is after the position that
    was asked for. ``problem`` is what somebody has to look at: what keeps a log from going on from
    that position, or what is wrong although capture goes on.
    """

    state: str
    behind_bytes: int
    confirmed_lsn: int | None = None
    restart_lsn: int | None = None
    retained_bytes: int = 0
    wal_status: str | None = None
    problem: str | None = None


class Load(Protocol):
    """All rows of some tables as of one moment, the consistent point.

    `batches` may be called from several threads at once, once per table.
    """

    @property
    def position(self) -> Position:
        """The consistent point."""
        ...

    @property
    def time(self) -> datetime.datetime:
        """When it was, by the source's clock."""
        ...

    def batches(self, schema: TableSchema) -> Iterator[pa.RecordBatch]:
        """The table's rows in no particular order, as `raw_schema` with Op = I and `position`; memory is bounded."""
        ...


class Stream(Protocol):
    """Committed changes from a position on, each at least once, in commit order."""

    def flushes(self, until: Position | None = None) -> Iterator[Flush]:
        """Flushes; one comes at least every flush interval (empty where nothing happened), so that a caller can stop.

        One that reaches `until` comes at once. They end only where the stream has to be opened anew, since there are tables to
        load first; batches after the last watermark do not count then, and come again.

        Changes at or before the position the stream was opened with are left out. Raises `SourceUnreachable` when the
        connection is lost: open a new stream from the last durable position.
        """
        ...

    def acknowledge(self, position: Position) -> None:
        """Tell the source that everything up to `position`, a watermark, is durable here; it may forget it."""
        ...


Waiting = Callable[[str | None], None]
"""Called every second of a wait: with what is waited for where that is news, else None. What it raises ends the wait."""


class Source(Protocol):
    """A database, or a folder of files, whose committed changes can be followed. Errors are `SourceError`."""

    def close(self) -> None:
        """Let go of what is open; loads and streams have ended by then."""
        ...

    def feed(self) -> Feed:
        """The identity of the server that answers now; another one than before means a new generation of all tables."""
        ...

    def discover(self) -> list[TableSchema]:
        """The chosen tables as the catalog has them now, ``number`` 0, in name order."""
        ...

    def refused(self) -> Mapping[TableName, LakewrightError]:
        """The tables that are chosen and that cannot be taken, with the reason of each: none is left out without a word."""
        ...

    def prepare(self, tables: Sequence[TableSchema]) -> None:
        """Make the source publish these tables too, before they are loaded; repeating it changes nothing."""
        ...

    def open_load(
        self, tables: Sequence[TableSchema], *, after: Position | None, waiting: Waiting = ..., past: Past | None = None
    ) -> contextlib.AbstractContextManager[Load]:
        """A snapshot of `tables` at one moment, which is `after` or later, where that is a position the source has reached.

        With None the log begins with this load: a new stream starts exactly there, in place of one that no load was ever finished
        for. Otherwise the stream is left alone. `waiting` is called while the source makes the caller wait. With `past` the rows
        are to be compared with the log: they are then as the source gave them to it, where it would give them in another way now.
        """
        ...

    def open_stream(
        self,
        after: Position,
        schemas: Sequence[TableSchema],
        starts: Mapping[TableName, Position],
        past: Past | None = None,
    ) -> contextlib.AbstractContextManager[Stream]:
        """The changes after `after`; `schemas` are the tables' schemas as of that position, others are left out.

        A table in `starts` begins at that later position, and its schema is as of there. What the source sends again from before
        `after` must be what `past` tells of: else the source has another history than the log, which is an error.
        """
        ...

    def drift(self, tables: Sequence[TableSchema]) -> Drift:
        """How the catalog differs now from `tables`: what the stream does not tell of tables that are idle or not sent."""
        ...

    def estimated_rows(self, tables: Sequence[TableSchema]) -> Mapping[TableName, int]:
        """How many rows each table has about; 0 where nothing is known."""
        ...

    def was_changed(self, table: TableName) -> bool:
        """Whether rows of a table without key were updated or deleted, as far as the source knows; may take some seconds."""
        ...

    def current_position(self) -> Position:
        """A bookmark: everything committed before this call is at or before it."""
        ...

    def plan(self, tables: Sequence[TableSchema]) -> list[str]:
        """What `apply` would do in the source so that it gives exactly `tables`, a line each; empty where nothing is to do."""
        ...

    def apply(self, tables: Sequence[TableSchema]) -> list[str]:
        """Do it; returns what was done, a line each."""
        ...

    def advice(self, tables: Sequence[TableSchema]) -> list[str]:
        """What of `tables` deserves a look before they are captured, a line each; may read them whole."""
        ...

    def examine(self) -> list[Finding]:
        """What capture needs of the source, and whether it is there."""
        ...

    def status(self, after: Position = START) -> SourceFacts:
        """The source as it is now, and how much it has after a position."""
        ...
