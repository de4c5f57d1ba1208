"""Changes: what a source and the log of it tell each other - batches that came, tables that stopped or changed silently."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence

from lakewright.errors import LakewrightError
from lakewright.model.batch import ChangeBatch
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import TableSchema


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

    @property
    def is_nothing(self) -> bool:
        """Whether no table changed."""
        return not (self.stopped or self.grown or self.doubted)
