"""A table at position P: its newest instant whose checkpoint is at or before P, with the raw log folded over it up to P.

Merging stores it, a live read computes it at the end of the log, time travel at an older P, a check at the P of a source
snapshot. `plan` decides which files that takes, from metadata only; `folding.Fold` computes it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator

from lakewright.errors import QueryError
from lakewright.model.contracts import Table
from lakewright.model.position import Feed, Position
from lakewright.model.schema import Column, TableSchema
from lakewright.model.table import Checkpoint, Snapshot, TableSpec
from lakewright.pipeline.instants import Instant
from lakewright.pipeline.mirror import Mirror
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.raw.view import LogView


@dataclasses.dataclass(frozen=True)
class TableAt:
    """Which files make a table at ``upto``: a snapshot or, before a generation's first merge, the load; and the tail after it.

    ``table`` is what the snapshot is of. ``called`` says how each stored column of the schema is called in the snapshot, where
    that has it: it may have been renamed since.
    """

    mirror: Mirror
    feed: Feed
    generation: int
    schema: TableSchema
    snapshot: Snapshot | None
    load: tuple[RawFile, ...]
    after: Position
    upto: Position
    tail: tuple[RawFile, ...]
    table: Table | None = dataclasses.field(compare=False)
    called: tuple[tuple[str, str], ...] = ()

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """The columns that the next commit has to copy: what the snapshot calls each, and its name now."""
        return tuple((former, name) for name, former in self.called if former != name)

    @property
    def spec(self) -> TableSpec:
        """The table's columns at ``upto``."""
        return self.mirror.spec(self.schema)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint of the table at ``upto``."""
        return Checkpoint(self.feed, self.generation, self.upto, origin=self.mirror.origin)


def plan(mirror: Mirror, log: RawLog, view: LogView, instants: Iterable[Instant], upto: Position) -> TableAt:
    """The files of `mirror` at `upto`, made of one of `instants`, which come newest first, or of its load.

    Raises `QueryError` LW-520 where the table did not exist there yet and LW-527 where what that takes has expired, `FormatError`
    LW-404 where a checkpoint is damaged.
    """
    load = view.load_of(mirror.origin, upto)
    feed = view.feed
    if load is None or feed is None:
        raise QueryError(
            "LW-520",
            f"table {mirror.name} has no rows at {upto}: it was not loaded there yet",
            hint="`lakewright status` shows when each table was loaded; `lakewright capture` loads",
        )
    snapshot, table, after = None, None, load.position
    for instant in instants:
        mark = instant.commit.mark()
        if mark and mark.follows(feed, load.generation, mirror.origin) and mark.position <= upto:
            snapshot, table, after = instant.snapshot(), instant.table, mark.position
            break
    require_kept(mirror, view, after, upto if snapshot else None)
    tail = tuple(view.changes(mirror.origin, after, upto))
    # Merged files count too: their columns stay when the tail is empty.
    number, former = (view.schema_upto(mirror.origin, load, position) for position in (upto, after))
    schema = log.schema(mirror.origin, number)
    called = _called(mirror, log, schema, snapshot.spec, former) if snapshot else ()
    return TableAt(mirror, feed, load.generation, schema, snapshot, load.files, after, upto, tail, table, called)


def require_kept(mirror: Mirror, view: LogView, after: Position, upto: Position | None) -> None:
    """Raise `QueryError` LW-527 unless the log has all changes of a table in (after, upto]; None: and its load as of `after`."""
    expired = view.expired(mirror.origin)
    if expired is None or after >= expired.position or after == upto:
        return
    raise QueryError(
        "LW-527",
        f"the changes of table {mirror.name} up to {expired.time:%Y-%m-%d %H:%M:%S} UTC have expired",
        hint=f"choose a later moment, or an instant of `lakewright history {mirror.name}` with --committed; retention.raw in"
        f" lake.yaml says how long they are kept, `lakewright resync {mirror.name}` loads a table anew",
    )


def _called(mirror: Mirror, log: RawLog, schema: TableSchema, stored: TableSpec, number: int) -> tuple[tuple[str, str], ...]:
    """What `TableAt.called` says, of a snapshot with the columns `stored` whose checkpoint is under the schema of that number.

    A table that was restored and follows from later on may have the names of a schema before that.
    """
    names, called = dict(stored.columns), []
    for column in schema.stored:
        former = next(_names(mirror, log, schema, column, names.keys(), number), None)
        called += [(column.name, former)] if former is not None else []
    return tuple(called)


def _names(
    mirror: Mirror, log: RawLog, schema: TableSchema, column: Column, names: Collection[str], number: int
) -> Iterator[str]:
    """The names among `names` that a stored column had under the schemas up to `number`, newest first."""
    if not column.number and column.name in names:
        yield column.name
    while number and column.number and column not in schema.vacated:
        own = log.schema(mirror.origin, number)
        if own.attributes and column.number > own.attributes:
            return  # it came later
        known = own.counterpart(column, gone=True)
        if known is not None and known.name in names:
            yield known.name
        number -= 1
