"""Publish: a table as it was at a time becomes a table of its own, which any engine reads as it reads others.

It is written once the log is past that time, in one commit: `table_at` at the position that the time means, so every engine and
every attempt makes the same rows. Its checkpoint says what it is of. Nobody merges into it and nothing of it expires.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Iterator

from lakewright.errors import ConfigError, FormatError, QueryError
from lakewright.model.contracts import Table
from lakewright.model.names import did_you_mean
from lakewright.model.position import Position
from lakewright.model.table import COW, Checkpoint, Commit, Published, Snapshot, newest_mark
from lakewright.model.times import utc_now
from lakewright.pipeline import table_at
from lakewright.pipeline.hold import held
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.instants import Instant
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.moment import position_at, require_kept, require_loaded
from lakewright.pipeline.published import AGAIN, Record
from lakewright.pipeline.steps import Merged
from lakewright.pipeline.table_at import TableAt
from lakewright.project.tables import can_divide
from lakewright.raw.view import LogView
from lakewright.storage.lease import Lease

Fill = Callable[[Holdings, TableAt, Table, Lease, Checkpoint], Commit]
"""How an engine makes all rows of a table at a position the only ones of a new table, in one commit with this checkpoint."""
_SECONDS = "%Y-%m-%d %H:%M:%S"


@dataclasses.dataclass(frozen=True)
class Planned:
    """A snapshot that lake.yaml names and that is not written yet; ``waits`` says for what, None: it can be written."""

    name: str
    table: str
    as_of: datetime.datetime
    mirror: Mirror | None
    waits: str | None

    def unwritten(self) -> QueryError:
        """The error LW-529 of who wants to read it."""
        what = self.waits or "the next merge writes it"
        merge = f"`lakewright merge {self.table}` writes it once the log is past its time"
        hint = f"{merge}; `lakewright sql --as-of` reads the table as it was already"
        return QueryError("LW-529", f"snapshot {self.name} is not written yet: {what}", hint=hint)


# ---- which there are


def standing(lake: Holdings, name: str, mirrors: Collection[Mirror]) -> Record | Planned:
    """What there is of a snapshot that lake.yaml names, beside the lake's tables.

    Raises `ConfigError` LW-115 where its name is another table's, there is no table that it could be of, that table has rejected
    rows, or it was written of another table or time than lake.yaml says.
    """
    settings, tables = lake.resolved.snapshots[name], {mirror.name: mirror for mirror in mirrors}
    record = next((each for each in lake.published() if each.name == name), None)
    if record is not None:
        _require_same(lake, name, record.of)
        return record
    if name in tables:
        message = f"snapshots.{name}: there is a table {name} already, {tables[name].origin} of {tables[name].source}"
        where = lake.where(("snapshots", name))
        raise ConfigError("LW-115", message, hint="choose another name for the snapshot", where=where)
    mirror = tables.get(settings.table)
    if mirror is None and tables and settings.table not in lake.resolved.tables:
        message = f"snapshots.{name}.table: there is no table {settings.table}"
        hint = did_you_mean(settings.table, tables) or f"tables: {', '.join(tables)}"
        raise ConfigError("LW-115", message, hint=hint, where=lake.where(("snapshots", name, "table")))
    if mirror is not None and mirror.path.rpartition("/")[0] != lake.resolved.folders["curated"]:
        message = (
            f"snapshots.{name}.table: {settings.table} has rejected rows, and a snapshot would bring them into the zone curated"
        )
        hint = f"`lakewright sql --as-of` reads {settings.table} as it was"
        raise ConfigError("LW-115", message, hint=hint, where=lake.where(("snapshots", name, "table")))
    return Planned(name, settings.table, settings.as_of, mirror, _waits(lake, settings.as_of, mirror))


def _require_same(lake: Holdings, name: str, of: Published | None) -> None:
    """Raise `ConfigError` LW-115 where what is stored under a snapshot's name is something else than lake.yaml says."""
    settings = lake.resolved.snapshots[name]
    if of is None:
        message = f"snapshots.{name}: {lake.records.path(name)} holds another table already"
        where = lake.where(("snapshots", name))
        raise ConfigError("LW-115", message, hint="choose another name for the snapshot, or move that away", where=where)
    for setting, before, now in (
        ("as_of", f"{of.as_of:{_SECONDS}} UTC" if of.as_of != settings.as_of else None, f"{settings.as_of:{_SECONDS}} UTC"),
        ("table", of.table if of.table != settings.table else None, settings.table),
    ):
        if before is not None:
            message = f"snapshots.{name}.{setting} is {now}, and the snapshot was written of {before}: it never changes"
            hint = f"write {before} again, and give the other snapshot a name of its own"
            raise ConfigError("LW-115", message, hint=hint, where=lake.where(("snapshots", name, setting)))


def _waits(lake: Holdings, as_of: datetime.datetime, mirror: Mirror | None) -> str | None:
    """What a snapshot of that table and time waits for."""
    if mirror is None:
        return "its table is not captured yet"
    end, table = lake.log(mirror.source).view().time, lake.table(mirror)
    if end is None or end <= as_of:
        if utc_now() <= as_of:
            return f"its time, {as_of:{_SECONDS}} UTC, has not come"
        last = f"the last one there is of {end:{_SECONDS}} UTC" if end else "there is none yet"
        return f"no transaction after {as_of:{_SECONDS}} UTC is in the log; {last}"
    mark = newest_mark(table.history()) if table else None
    return f"table {mirror.name} is paused; `lakewright resume {mirror.name}` goes on" if mark and mark.paused else None


def require_whole(lake: Holdings, record: Record) -> Snapshot:
    """The files of a snapshot that is written; raises `FormatError` where one of them, or its commit, is missing: nobody merges
    into it, who would find that."""
    try:
        table = lake.table(lake.records.mirror(record))
        if table is None or (found := table.snapshot()) is None:
            raise FormatError("LW-404", f"snapshot {record.name} has lost its commit")
    except FormatError as error:
        error.hint = AGAIN
        raise
    return found


# ---- what one is made of


def plan(lake: Holdings, planned: Planned) -> TableAt:
    """The files that make the snapshot's rows.

    Raises `QueryError` LW-520 where the table had no rows then, or the log does not know them, LW-527 where they have expired,
    `ConfigError` LW-115 where they cannot be partitioned as the table's are.
    """
    mirror = planned.mirror
    assert mirror is not None
    log = lake.log(mirror.source)
    view = log.view()
    try:
        require_loaded(mirror, view, planned.as_of)
        require_kept(mirror, view, planned.as_of)
        upto = position_at(log, view, planned.as_of)
        _require_followed(mirror, view, upto)
        sound = (each for each in lake.instants(mirror) if each.commit.fault is None)  # the others and the log say the same
        at = table_at.plan(mirror, log, view, sound, upto)
    except QueryError as error:
        where = lake.where(("snapshots", planned.name, "as_of"))
        raise QueryError(error.code, f"snapshot {planned.name}: {error.message}", hint=error.hint, where=where) from None
    _require_divisible(lake, planned, at)
    return at


def _require_divisible(lake: Holdings, planned: Planned, at: TableAt) -> None:
    """Raise `ConfigError` LW-115 where the table had no column then that partitions it now: a catalog has one for both."""
    kinds = {column.name: column.type for column in at.schema.stored}
    for each in at.mirror.divided_by:
        if not can_divide(each, kinds.get(each.column)):
            then = f"{planned.as_of:{_SECONDS}} UTC"
            message = f"snapshot {planned.name}: table {planned.table} had no column for its partition {each} at {then}"
            hint = f"choose a later time, or leave partition of {planned.table} out until the snapshot is written"
            raise ConfigError("LW-115", message, hint=hint, where=lake.where(("snapshots", planned.name, "as_of")))


def _require_followed(mirror: Mirror, view: LogView, upto: Position) -> None:
    """Raise `QueryError` LW-520 where the table's changes were not captured up to there."""
    stop = view.stop_of(mirror.origin, upto)
    if stop is not None and stop.position < upto:
        message = f"table {mirror.name} stopped at {stop.position}: what became of it until then is not known"
        raise QueryError("LW-520", message, hint="choose a time before that, or one after the table was loaded again")


def needs(lake: Holdings, mirror: Mirror) -> Iterator[tuple[Instant | None, Position]]:
    """What the table's snapshots to come are made of: a commit, if there is one, and the log from where on.

    One that cannot be made any more needs nothing.
    """
    for name, settings in lake.resolved.snapshots.items():
        if settings.table != mirror.name:
            continue
        try:
            found = standing(lake, name, [mirror])
            at = plan(lake, found) if isinstance(found, Planned) else None
        except (ConfigError, QueryError, FormatError):
            continue
        if at is not None:
            instant = at.snapshot.instant if at.snapshot else None
            yield next((each for each in lake.instants(mirror) if each.commit.instant == instant), None), at.after


# ---- how one is written


def publish(lake: Holdings, planned: Planned, *, wait: float = 0.0, fill: Fill | None = None) -> Merged | None:
    """Write a snapshot; None where it waits for something.

    `fill` is the engine: DuckDB and our own writer where it is None. Holds the lease of the snapshot's own table for its run. A
    crash at any moment leaves no snapshot or the whole one, and the next attempt makes the same rows. Raises as `plan`, and as
    `standing` where somebody wrote something else under its name meanwhile.
    """
    if planned.waits is not None:
        return None
    own = _own(lake, planned)
    with held(lake, own, "snapshot", wait) as mine:
        mark = newest_mark(mine.found.history()) if mine.found else None
        if mark is not None or (mine.found and mine.found.snapshots()):
            _require_same(lake, planned.name, mark.published if mark else None)
            assert mark is not None
            assert mark.published is not None
            commit = None
        else:
            lake.records.forget(planned.name)  # of one whose folder somebody removed: the folder alone is none before its commit
            at = plan(lake, planned)
            commit = _fill(lake, planned, dataclasses.replace(at, mirror=own), mine.found, mine.lease, fill or _natively())
            mark = commit.checkpoint
            assert mark is not None
            assert mark.published is not None
        lake.records.add(Record(planned.name, own.source, own.origin, mark.published))
        return Merged(planned.name, commit, mark.position, as_of=planned.as_of)


def _own(lake: Holdings, planned: Planned) -> Mirror:
    """The snapshot's own table: copy-on-write, which every engine reads, and divided as the table is."""
    assert planned.mirror is not None
    like = planned.mirror
    return Mirror(planned.name, like.source, like.origin, lake.records.path(planned.name), like.divided_by, type=COW)


def _fill(lake: Holdings, planned: Planned, at: TableAt, found: Table | None, lease: Lease, fill: Fill) -> Commit:
    published = Published(planned.table, planned.as_of, at.schema.number)
    if found is not None and found.spec != at.spec:  # somebody died before the commit, and lake.yaml says otherwise now
        lake.folders.remove(found.path)
        found = None
    table = found or lake.format.create(at.mirror.path, at.spec)
    return fill(lake, at, table, lease, dataclasses.replace(at.checkpoint, paused=True, published=published))


def _natively() -> Fill:
    """Imported when used: where Spark merges there may be no DuckDB."""
    from lakewright.pipeline.merge_native import fill

    return fill
