"""A table of the lake as a format keeps it, independent of where its rows come from."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from lakewright.errors import FormatError
from lakewright.model import fields, sealed, types
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position

COW, MOR = "cow", "mor"
"""Kinds of table: changes rewrite the files that hold their rows (copy-on-write), or go to logs beside them (merge-on-read)."""
READ_OPTIMIZED, REAL_TIME = "_ro", "_rt"
"""Behind a merge-on-read table's name, as Hudi has it: its base files alone, which are read fast and lack what its logs say; and
every row."""
POSITION_COLUMN = "_position"
"""Stored position, ``<4-digit generation>.<position>``: never decreases within a table; Hudi's precombine field."""
DELETED_COLUMN = "_hoodie_is_deleted"
"""Always null; lets Spark delete and upsert in one commit."""
BASE_COLUMN, PLACE_COLUMN = "base file", "base row"
"""In the changes that logs hold: where engines find the base file whose row the change is for, and which row of it that is, from
0. No column of a table has such a name (LW-211)."""
ROW_COLUMN = "_row"
"""Record key of a table whose source has no key: the row's place in the log."""
HIDDEN_COLUMNS = frozenset({POSITION_COLUMN, DELETED_COLUMN, ROW_COLUMN})


@dataclasses.dataclass(frozen=True)
class TableSpec:
    """What a table is: its columns with lake types (hidden and partition column included), its record key, its partition.

    ``partition`` are columns of the table, from the outermost folder to the innermost; rows with equal values share a folder.
    All columns but the key are nullable. ``type`` is `COW` or `MOR`.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    partition: tuple[str, ...] = ()
    type: str = COW

    def arrow(self) -> pa.Schema:
        """The columns as Arrow fields; the key's are not nullable."""
        return pa.schema([pa.field(name, types.to_arrow(kind), nullable=name not in self.key) for name, kind in self.columns])

    @property
    def layout(self) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """What a table keeps for all of its life in a folder: key, partition, type."""
        return self.key, self.partition, self.type

    @property
    def visible(self) -> tuple[tuple[str, str], ...]:
        """The columns that SQL shows."""
        return tuple(column for column in self.columns if column[0] not in HIDDEN_COLUMNS)


@dataclasses.dataclass(frozen=True)
class EncodedRows:
    """Rows of a table that stand in the store already: row group `group`, from 0, of the Parquet file ``name`` of ``size`` bytes.

    ``others`` are the table's columns that the file lacks, for the same rows; what the file has besides does not count.
    """

    name: str
    size: int
    group: int
    others: pa.Table


@dataclasses.dataclass(frozen=True)
class Published:
    """What a table is a snapshot of: the table of the lake by its name, at a time; ``schema`` is its schema's number there."""

    table: str
    as_of: datetime.datetime
    schema: int

    def to_json(self) -> dict[str, Any]:
        """It as JSON values."""
        return {"table": self.table, "as_of": self.as_of.isoformat(), "schema": self.schema}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Published:
        """What `to_json` gave; raises ValueError, KeyError or TypeError for anything else."""
        return cls(fields.get(data, "table", str), fields.time(data, "as_of"), fields.count(data, "schema"))


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """How far a table has come: everything of its generation's load and of the log up to ``position`` is in it.

    A table that is ``paused`` stays there until somebody resumes it: it is not merged, and queries read it as it is. One that is
    ``published`` is a snapshot of another: it stays so for good. ``origin`` is the source's table whose rows they are, for
    lake.yaml may give a table's name to another; None where a former release wrote it.
    """

    feed: Feed
    generation: int
    position: Position
    paused: bool = False
    published: Published | None = None
    origin: TableName | None = None

    def follows(self, feed: Feed | None, generation: int, table: TableName) -> bool:
        """Whether it is one of that table of the source, since its load of that generation."""
        return (self.feed, self.generation) == (feed, generation) and self.origin in (None, table)

    def to_json(self) -> str:
        """The text stored in a commit under ``lakewright.checkpoint``."""
        feed = dataclasses.asdict(self.feed)
        told = {"version": 1, "feed": feed, "generation": self.generation, "position": str(self.position)}
        told |= {"paused": True} if self.paused else {}
        told |= {"published": self.published.to_json()} if self.published else {}
        told |= {"origin": str(self.origin)} if self.origin else {}
        return sealed.dump(told).decode()

    @classmethod
    def from_json(cls, text: str) -> Checkpoint:
        """The checkpoint that `to_json` wrote; raises ValueError for anything else."""
        data = sealed.load(text.encode())
        if data.get("version") != 1:
            raise ValueError(f"checkpoint version {data.get('version')!r} is not 1")
        paused, published, origin = data.get("paused", False), data.get("published"), data.get("origin")
        of = None if published is None else Published.from_json(published)
        table = None if origin is None else TableName.parse(origin)
        return cls(Feed(**data["feed"]), data["generation"], Position.parse(data["position"]), paused, of, table)


@dataclasses.dataclass(frozen=True)
class Commit:
    """A completed instant of a table.

    ``instant`` is ``yyyyMMddHHmmssSSS`` in UTC, ``action`` commit, deltacommit, replacecommit, clean or rollback.
    ``rows`` are those the instant wrote new or changed, ``deletes`` those it removed; a compaction changes none. ``saved``: a
    savepoint keeps its files. ``fault`` says why the checkpoint cannot be read; there is none in ``checkpoint`` then. After one
    that ``moved`` the table goes on at that path of the store.
    """

    instant: str
    action: str
    operation: str
    time: datetime.datetime
    checkpoint: Checkpoint | None
    inserts: int
    updates: int
    deletes: int
    total_bytes: int
    saved: bool = False
    fault: str | None = None
    moved: str | None = None

    def mark(self) -> Checkpoint | None:
        """The checkpoint, for who goes on from it; raises `FormatError` LW-404 where it is damaged."""
        if self.fault is not None:
            raise FormatError(
                "LW-404",
                self.fault,
                hint="restore the commit's file from a backup, or `lakewright restore TABLE --to` an instant before it",
            )
        return self.checkpoint

    def __str__(self) -> str:
        return f"{self.instant} {self.action}"


def newest_mark(commits: Sequence[Commit]) -> Checkpoint | None:
    """The checkpoint of a table with these commits, oldest first; None without any. Raises as `Commit.mark`."""
    return next((commit.mark() for commit in reversed(commits) if commit.checkpoint or commit.fault), None)


@dataclasses.dataclass(frozen=True)
class DataFile:
    """A base file of a snapshot: name in the store, where engines find it, rows, bytes, its partition's values, its columns."""

    name: str
    location: str
    rows: int
    size: int
    partition: tuple[str | None, ...]
    columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class LogFile:
    """A log of a snapshot: name in the store, where engines find it, bytes.

    ``base`` is where they find the base file whose rows it changes (None: there is none), ``gain`` how many rows it adds, or it
    and those before it together, of which then none is told.
    """

    name: str
    location: str
    size: int
    base: str | None
    gain: int


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The rows of a table as of ``instant``: the union of its files, with the columns of `spec`.

    Rows of base files that their logs change do not count; the rows that the logs hold in their place do (`Table.changes`).
    """

    instant: str
    checkpoint: Checkpoint | None
    spec: TableSpec
    files: tuple[DataFile, ...]
    logs: tuple[LogFile, ...] = ()

    @property
    def rows(self) -> int:
        """Row count, from metadata."""
        return sum(file.rows for file in self.files) + sum(log.gain for log in self.logs)


@dataclasses.dataclass(frozen=True)
class Flaw:
    """Something in a table's folder that is not as it should be: where, what it is, and what mends it.

    A ``fault`` makes answers wrong, now or once an engine goes on from it. A ``leftover`` of a write that did not end is read by
    nobody; ``mend`` says what takes it away.
    """

    kind: Literal["fault", "leftover"]
    path: str
    detail: str
    mend: str


@dataclasses.dataclass(frozen=True)
class RolledBack:
    """A commit that is undone: the table is that of the ``previous`` commit (None: it has no row), and ``files`` of it go."""

    instant: str
    previous: str | None
    files: int


@dataclasses.dataclass(frozen=True)
class Verification:
    """What reading a table's folder as a whole gave: the newest instant, the files and rows that are the table, all flaws.

    ``instant`` is None for a table without a commit. ``rows`` are those of the files that can be read.
    """

    table: str
    instant: str | None = None
    files: int = 0
    rows: int = 0
    flaws: tuple[Flaw, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether there is no fault; leftovers do not count."""
        return not any(flaw.kind == "fault" for flaw in self.flaws)
