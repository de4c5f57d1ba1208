"""Source: a database or a folder whose changes can be followed, its loads and its streams."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from lakewright.errors import LakewrightError
from lakewright.model.contracts.changes import Drift, Flush, Past
from lakewright.model.finding import Finding
from lakewright.model.names import TableName
from lakewright.model.position import START, Feed, Position
from lakewright.model.schema import TableSchema


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


@dataclasses.dataclass(frozen=True)
class Discovered:
    """The tables that are chosen, of one moment, each in one of two places.

    ``tables`` can be taken, with ``number`` 0, in name order; ``refused`` cannot, and has the reason of each.
    """

    tables: list[TableSchema]
    refused: Mapping[TableName, LakewrightError]


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

    def discover(self) -> Discovered:
        """The chosen tables as the catalog has them now: none is left out without a word."""
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
