"""Steps: what a capture tells of while it works, a value for each kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from lakewright.errors import LakewrightError
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.position import Position


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
class Logged:
    """The log goes up to ``watermark`` now; rows that came, by table."""

    rows: Mapping[TableName, int]
    watermark: Position


@dataclasses.dataclass(frozen=True)
class NotTaken:
    """A table that lake.yaml chooses is not captured."""

    table: TableName
    error: LakewrightError


@dataclasses.dataclass(frozen=True)
class Moved:
    """The server is another one than before, so that all tables are loaded anew."""

    error: LakewrightError


Step = Waits | Reads | Loading | Loaded | LoadComplete | Logged | NotTaken | Stopped | Moved
"""`Stopped` is a table that is not captured any more."""
