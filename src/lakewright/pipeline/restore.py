"""Restore, pause, resume: a table goes back, stands still, and follows its source again; each is one commit with a checkpoint.

A restore is a new instant with former rows and the checkpoint that they had, which is paused: otherwise the next merge would fold
the log over them that they were restored from. As in every commit, rows and checkpoint land together or not at all.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
from collections.abc import Callable, Iterator

import pyarrow as pa

from lakewright.errors import QueryError
from lakewright.model.contracts import Table, Write
from lakewright.model.position import Position
from lakewright.model.table import Checkpoint, Commit, Snapshot, newest_mark
from lakewright.model.times import utc_now
from lakewright.pipeline import damage, merge_native, moves, scan, table_at
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.hold import held
from lakewright.pipeline.instants import Instant
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.moment import parse_time, position_at, require_kept, require_loaded
from lakewright.pipeline.stored import Stored
from lakewright.pipeline.wiring import Wiring
from lakewright.storage.lease import Lease


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where a table stands, and whether it is paused there."""

    table: str
    position: Position
    paused: bool


@dataclasses.dataclass(frozen=True)
class Restored:
    """What a restore of a table takes: it writes all ``rows`` of ``instant`` again, with ``changes`` from the log over them.

    ``instant`` is None where the rows come from the load in the log. ``changes`` are all that the log's files have that are read,
    ``bytes`` those of the instant's or the load's files; ``position`` is where the table then stands. ``moves`` says so where the
    rows do not fit the table's folder and go to a new one, and why. ``commit`` is None before it is done.
    """

    table: str
    instant: str | None
    position: Position
    rows: int
    changes: int
    bytes: int
    moves: str | None = None
    commit: Commit | None = None


def restore(lake: Wiring, mirror: Mirror, to: str, *, dry_run: bool = False) -> Restored:
    """Make the table what it was at `to`, an instant or a time, and pause it there; with `dry_run` only say what it takes.

    Raises `QueryError` where it had no rows then, and `FormatError` LW-415 where they cannot be read any more.
    """
    if dry_run:
        table = lake.table(mirror)
        if table is None:
            raise mirror.no_instant()
        return _told(_chosen(lake, mirror, to), table)
    with held(lake, mirror, "restore") as mine, mine.table.write() as write:
        chosen = _chosen(lake, mirror, to)
        told = _told(chosen, mine.table)
        if told.moves is None:
            commit = _fill(write, chosen, mine.lease)
        else:
            fill = functools.partial(_fill_fresh, chosen, mine.lease)
            commit = moves.move(lake, mirror, mine.lease, write, chosen.spec, fill)
        return dataclasses.replace(told, commit=commit)


def _told(chosen: _Instant | _Moment, table: Table) -> Restored:
    """What the restore takes, in the folder that the table is in or in a new one."""
    why = "; ".join(moves.differences(table.spec, chosen.spec))
    return dataclasses.replace(chosen.takes, moves=f"{moves.TO_A_NEW_FOLDER}: {why}" if why else None)


def _fill_fresh(chosen: _Instant | _Moment, lease: Lease, table: Table) -> Commit:
    with table.write() as write:
        return _fill(write, chosen, lease)


def _fill(write: Write, chosen: _Instant | _Moment, lease: Lease) -> Commit:
    write.replace(chosen.spec, chosen.batches())
    lease.check()
    return write.commit(chosen.checkpoint)


def pause(lake: Wiring, mirror: Mirror) -> Standing:
    """Leave the table where it is until `resume`; queries read it there."""
    return _stand(lake, mirror, lambda mark: dataclasses.replace(mark, paused=True))


def resume(lake: Wiring, mirror: Mirror, *, at: str | None = None, now: bool = False) -> Standing:
    """Let the table follow its source again: from where it stands, or leaving out what the log has up to `at`, or up to its end.

    Raises `QueryError` LW-526 for a table that is not paused, or a position that it cannot go on from.
    """

    def resumed(mark: Checkpoint) -> Checkpoint:
        if not mark.paused:
            raise QueryError("LW-526", f"table {mirror.name} is not paused", hint="`lakewright status` shows which tables are")
        return dataclasses.replace(mark, position=_skipped(lake, mirror, mark, at, now=now), paused=False)

    return _stand(lake, mirror, resumed)


def _stand(lake: Wiring, mirror: Mirror, change: Callable[[Checkpoint], Checkpoint]) -> Standing:
    """Commit another checkpoint and no rows, unless it is the same."""
    with held(lake, mirror, "pause") as mine:
        mark = newest_mark(mine.table.history())
        if mark is None:
            raise mirror.no_instant()
        changed = change(mark)
        if changed != mark:
            with mine.table.write() as write:
                write.commit(changed)
    return Standing(mirror.name, changed.position, changed.paused)


def _skipped(lake: Wiring, mirror: Mirror, mark: Checkpoint, at: str | None, *, now: bool) -> Position:
    """The position to go on from."""
    if at is None and not now:
        return mark.position
    view = lake.log(mirror.source).view()
    load = view.load_of(mirror.origin, view.watermark)
    if load is None or not mark.follows(view.feed, load.generation, mirror.origin):
        message = f"table {mirror.name} was loaded anew since {mark.position}: there is nothing to leave out"
        hint = f"`lakewright resume {mirror.name}`, and the next merge replaces its rows"
        raise QueryError("LW-526", message, hint=hint)
    try:
        position = view.watermark if at is None else Position.parse(at)
    except ValueError as error:
        raise QueryError("LW-526", str(error), hint="positions look like 0000000001A2B3C8.0000000012") from None
    if not mark.position <= position <= view.watermark:
        message = (
            f"table {mirror.name} cannot go on at {position}: it stands at {mark.position}, the log ends at {view.watermark}"
        )
        raise QueryError("LW-526", message, hint="choose a position from the one to the other")
    return position


# ---- the rows to go back to


class _Instant:
    """The rows of a commit."""

    def __init__(self, lake: Wiring, mirror: Mirror, instant: Instant) -> None:
        snapshot = instant.snapshot()
        if snapshot.checkpoint is None:
            raise mirror.no_instant()
        self._lake, self._log, self._table, self._snapshot = lake, lake.log(mirror.source), instant.table, snapshot
        self.spec, self.checkpoint = snapshot.spec, dataclasses.replace(snapshot.checkpoint, paused=True)
        self.takes = _takes(mirror, snapshot, self.checkpoint, 0)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the columns of ``spec``; raises for a damaged file, which it names."""
        connection = self._lake.connection()
        stored = Stored(connection, self._table, self._snapshot)
        try:
            with damage.named(self._log, (), self._snapshot.files, self.takes.table):
                for batch in connection.sql(stored.sql(scan.Selection(self.spec))).to_arrow_reader(merge_native.BATCH_ROWS):
                    yield from pa.Table.from_batches([batch]).cast(self.spec.arrow()).to_batches()
        finally:
            stored.close()


class _Moment:
    """The rows at a time: of the newest commit before it whose checkpoint can be read, with the log over them."""

    def __init__(self, lake: Wiring, mirror: Mirror, moment: datetime.datetime) -> None:
        self._lake, self._log = lake, lake.log(mirror.source)
        view = self._log.view()
        require_loaded(mirror, view, moment)
        require_kept(mirror, view, moment)
        upto = position_at(self._log, view, moment)
        sound = (each for each in lake.instants(mirror) if each.commit.fault is None)  # the others and the log say the same
        self._at = table_at.plan(mirror, self._log, view, sound, upto)
        self.spec, self.checkpoint = self._at.spec, dataclasses.replace(self._at.checkpoint, paused=True)
        self.takes = _takes(mirror, self._at.snapshot, self.checkpoint, sum(file.rows for file in self._at.tail))
        if self._at.snapshot is None:
            rows, size = sum(file.rows for file in self._at.load), sum(file.bytes for file in self._at.load)
            self.takes = dataclasses.replace(self.takes, rows=rows, bytes=size)

    def batches(self) -> Iterator[pa.RecordBatch]:
        for file in (*self._at.load, *self._at.tail):
            self._log.verify(file)
        fold = Fold(self._lake.connection(), self._at, self._log)
        try:
            yield from merge_native.batches(fold, fold.rows_sql(), self.spec.arrow())
        finally:
            fold.close()


def _chosen(lake: Wiring, mirror: Mirror, to: str) -> _Instant | _Moment:
    if re.fullmatch(r"\d{14}|\d{17}", to) is None:
        return _Moment(lake, mirror, parse_time(to, utc_now()))
    return _Instant(lake, mirror, lake.instant(mirror, to))


def _takes(mirror: Mirror, snapshot: Snapshot | None, mark: Checkpoint, changes: int) -> Restored:
    rows, size = (snapshot.rows, sum(file.size for file in snapshot.files)) if snapshot else (0, 0)
    return Restored(mirror.name, snapshot.instant if snapshot else None, mark.position, rows, changes, size)
