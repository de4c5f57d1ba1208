"""Steps: what the work on a lake tells of while it goes on, a value for each kind of step, and all of them in words."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, assert_never

from lakewright.errors import LakewrightError
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.model.printable import counted
from lakewright.model.table import Commit, Verification


@dataclasses.dataclass(frozen=True)
class Waits:
    """The source makes the capture wait for something."""

    what: str


@dataclasses.dataclass(frozen=True)
class Reads:
    """The source reads something that takes it long."""

    what: str


@dataclasses.dataclass(frozen=True)
class Loading:
    """How many rows of a table are written so far, of about ``expected`` (0: not known)."""

    table: TableName
    rows: int
    expected: int


@dataclasses.dataclass(frozen=True)
class Loaded:
    """All rows of a table are written; they count when the load is complete."""

    table: TableName
    rows: int


@dataclasses.dataclass(frozen=True)
class LoadComplete:
    """All tables of a load are in the log as of ``position``; rows by table."""

    rows: Mapping[TableName, int]
    position: Position


@dataclasses.dataclass(frozen=True)
class Following:
    """The source answers, and its changes come: at a start, after an outage, and where other tables are followed than before."""


@dataclasses.dataclass(frozen=True)
class Logged:
    """The log goes up to ``watermark`` now; rows that came, by table."""

    rows: Mapping[TableName, int]
    watermark: Position


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A table that lake.yaml chooses is not captured."""

    table: TableName
    error: LakewrightError


@dataclasses.dataclass(frozen=True)
class Merged:
    """What a merge of one table did.

    ``commit`` is None where its log held nothing new, where the table is ``paused``, and where it ``waits`` for somebody to agree
    to what that says. With ``as_of`` the table is a snapshot, of that time, that was written.
    """

    table: str
    commit: Commit | None
    position: Position
    paused: bool = False
    waits: str | None = None
    as_of: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Cleaned:
    """Files of old snapshots that were deleted from a table, savepoints that were made and removed, small files made one, base
    files that were compacted with their logs, folders that were removed: former ones of the table, and leftovers of moves; and
    writes that went to the archive."""

    table: str
    files: int
    saved: int = 0
    released: int = 0
    gathered: int = 0
    compacted: int = 0
    dropped: int = 0
    archived: int = 0


@dataclasses.dataclass(frozen=True)
class Tended:
    """What was done for a source's raw log: ``gathered`` small files became ``into`` larger ones, ``expired`` were left out."""

    source: str
    gathered: int
    into: int
    expired: int


Verdict = Literal["equal", "different", "append-only", "stopped", "paused", "not loaded", "error"]


@dataclasses.dataclass(frozen=True)
class TableCheck:
    """The verdict on one table at the report's position.

    ``append-only``: the table has no key and its source had updates or deletes, which are not captured. ``adjusted`` counts
    source rows with a value that its column type cannot hold (kept as text in the raw log's ``_exact``).
    """

    table: str
    verdict: Verdict
    source_rows: int | None
    lake_rows: int | None
    adjusted: int = 0
    detail: str | None = None


Step = (
    Waits
    | Reads
    | Loading
    | Loaded
    | LoadComplete
    | Following
    | Logged
    | LeftOut
    | Stopped
    | Merged
    | Cleaned
    | Tended
    | TableCheck
    | Verification
)
"""`Stopped` is a table that is not captured any more, `Verification` one whose folder was read as a whole."""

Notice = Callable[[Step], None]
"""Is called with each step when it is done."""


def ignore(step: object) -> None:
    """The notice of who does not want to know."""


Kind = Literal[
    "waiting",
    "reading",
    "loading",
    "loaded",
    "following",
    "captured",
    "left_out",
    "stopped",
    "merged",
    "cleaned",
    "compared",
    "verified",
]


class Told(NamedTuple):
    """A step in words: its kind, the table that it is about where that is one, and what there is to say."""

    kind: Kind
    table: TableName | str | None
    what: str

    def __str__(self) -> str:
        kind = self.kind.replace("_", " ")
        return f"{kind} {self.what}" if self.table is None else f"{kind} {self.table}: {self.what}"


def describe(step: Step) -> Told:
    """A step in words."""
    match step:
        case Waits():
            return Told("waiting", None, f"for {step.what}")
        case Reads():
            return Told("reading", None, step.what)
        case Loading():
            of = f" of about {step.expected:,}" if step.expected > step.rows else ""
            return Told("loading", step.table, f"{step.rows:,}{of} rows")
        case Loaded():
            return Told("loaded", step.table, counted(step.rows, "row"))
        case LoadComplete():
            return Told("loaded", None, f"all of {counted(len(step.rows), 'table')}, {counted(sum(step.rows.values()), 'row')}")
        case Following():
            return Told("following", None, "the source's changes")
        case Logged():
            parts = ", ".join(f"{count:,} of {table}" for table, count in sorted(step.rows.items()))
            return Told("captured", None, f"{counted(sum(step.rows.values()), 'change')}{parts and f': {parts}'}")
        case LeftOut():
            return Told("left_out", step.table, step.error.line())
        case Stopped():
            return Told("stopped", step.table, step.error.line())
        case Merged():
            return Told("merged", step.table, _merged(step))
        case Cleaned():
            return Told("cleaned", step.table, _cleaned(step))
        case Tended():
            small = f"{step.gathered:,} small raw files made {step.into:,} larger ones"
            return Told("cleaned", step.source, f"{small}, {step.expired:,} expired")
        case TableCheck():
            rows = f" ({counted(step.source_rows, 'row')})" if step.source_rows is not None else ""
            return Told("compared", step.table, f"{step.verdict}{rows}")
        case Verification():
            return Told("verified", step.table, "sound" if step.is_sound else "FAULT")
        case _:
            assert_never(step)


def _merged(step: Merged) -> str:
    new = step.commit
    if step.waits:
        return f"waits for `lakewright apply`: {step.waits}"
    if step.paused:
        return f"paused, `lakewright resume {step.table}` goes on"
    if new is None:
        return "nothing new"
    if step.as_of:
        return f"{new.inserts:,} rows, the snapshot as of {step.as_of:%Y-%m-%d %H:%M:%S} UTC"
    return f"{new.inserts:,} new, {new.updates:,} changed, {new.deletes:,} deleted"


def _cleaned(step: Cleaned) -> str:
    saved = counted(step.saved, "savepoint")
    points = f", {saved} made, {step.released:,} removed" if step.saved or step.released else ""
    small = f", {step.gathered:,} small ones made into larger ones" if step.gathered else ""
    logs = f", {step.compacted:,} compacted with their logs" if step.compacted else ""
    folders = f", {counted(step.dropped, 'folder')} that it was in" if step.dropped else ""
    writes = f", {counted(step.archived, 'write')} archived" if step.archived else ""
    return f"{counted(step.files, 'file')}{points}{small}{logs}{folders}{writes}"
