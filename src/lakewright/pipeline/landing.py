"""Landing: what AWS DMS wrote to its folder of the raw zone, taken into the raw log, from which everything else goes on.

A landing is a capture whose source is that folder. One at a time: it holds the source's lease. Rows are copied, under the lake's
types, into raw files with a manifest; DMS's files are left alone. Landing n is the transaction at position n: its changes
stand at (n, 1), (n, 2) ... in the order of the database's log over all tables, its loads at its end, (n + 1, 0). The record of
what it took is written before its manifest and counts with that, so a landing that died at any point is made anew by the next.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import LakewrightError, LogError, SourceError
from lakewright.model.batch import COMMIT_TIME, POSITION, ChangeBatch
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position
from lakewright.model.schema import TableSchema
from lakewright.model.times import utc_now
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.landing_plan import LandingPlan, plan
from lakewright.pipeline.load import rows_of
from lakewright.pipeline.steps import Logged, Notice, ignore
from lakewright.raw import dms, dms_rows, dms_taken
from lakewright.raw.dms import DmsFile
from lakewright.raw.dms_taken import Span, TakenTable
from lakewright.raw.manifest import RawFile
from lakewright.raw.writer import LogWriter
from lakewright.storage.lease import Lease

KIND = "dms"
"""Of the feed of a log that was landed."""
WAIT = 60.0
"""Seconds to wait for the source's lease."""
FOLD_EVERY = 200
"""Manifests after which they are folded together."""

Clock = Callable[[], datetime.datetime]


def land_all(lake: Holdings, notice: Notice = ignore, *, clock: Clock = utc_now) -> list[LakewrightError]:
    """Land every source that DMS captures; returns what went wrong, by source or table. The others are landed."""
    failures: list[LakewrightError] = []
    for source, resolved in lake.resolved.sources.items():
        if resolved.tables:
            try:
                failures += Landing(lake, source, notice, clock).run()
            except LakewrightError as error:
                failures.append(error)
    return failures


@dataclasses.dataclass(frozen=True)
class _Piece:
    """Rows of one file that are to be taken, in the order of their sequences, and the schema that they come under."""

    schema: TableSchema
    file: DmsFile
    rows: pa.Table


class Landing:
    """One run over the folder of a source."""

    def __init__(self, lake: Holdings, source: str, notice: Notice, clock: Clock) -> None:
        self._name, self._notice, self._clock = source, notice, clock
        self._store, self._log = lake.store, lake.log(source)
        self._folder = dms.folder(lake.resolved.folders["raw"], source)
        self._tables = {schema.name: schema for schema in lake.resolved.sources[source].tables}
        self._held: dict[TableName, LogError] = {}
        self._unfit: set[TableName] = set()
        self._unfit_loads: set[TableName] = set()

    def run(self) -> list[LakewrightError]:
        """Take what is there; returns why tables stand still.

        Raises `SourceError` LW-229 where capture of our own made the log.
        """
        first = self._plan()
        feed = self._log.view().feed
        if feed is not None and feed.kind != KIND:
            if not first.delivered:
                return []
            message = f"DMS writes to {self._folder}, and the log of {self._name} is of `lakewright capture`"
            hint = f"stop one of the two: empty {self._folder}, or move {self._log.folder} away, and DMS's files are taken"
            raise SourceError("LW-229", message, hint=hint)
        if first.has_news:
            self._land()
        stopped = [stop.error for stop in self._log.view().stopped()] if feed or first.has_news else []
        return [*self._held.values(), *stopped]

    def _land(self) -> None:
        above = self._log.view().highest_lease
        with Lease.take(self._store, self._log.lease_name, purpose="landing", wait=WAIT, above=above) as lease:
            writer = LogWriter.take_over(self._log, lease)
            if self._log.view().feed is None:
                feed = Feed(KIND, self._name, 0).anew()
                writer.append_load((), Position(1), self._clock(), feed, first=True)
            dms_taken.sweep(self._log, self._log.view().watermark, lease.number)
            while self._step(writer, lease):
                if len(self._log.view().manifests) > FOLD_EVERY:
                    self._log.fold_manifests()

    def _plan(self) -> LandingPlan:
        view = self._log.view()
        taken = dms_taken.read(self._log, view.watermark) if view.feed and view.feed.kind == KIND else {}
        idle = {stop.table for stop in view.stops()} | self._unfit
        found = plan(self._store, self._folder, self._tables.keys(), taken, idle, self._clock())
        for table in found.loads.keys() & self._unfit_loads:
            del found.loads[table]
        self._held |= found.held
        return found

    def _step(self, writer: LogWriter, lease: Lease) -> bool:
        """Make one landing; whether there may be another."""
        found = self._plan()
        if not found.has_news:
            return False
        end = self._log.view().watermark
        before, after = dms_taken.read(self._log, end), Position(end.lsn + 1)
        taken, unfit = dict(before), len(self._unfit)
        files = self._write_changes(writer, end, found, taken) + self._write_loads(writer, after, found, taken)
        if (not found.stops and taken == before) or self._was_rewritten(found):
            writer.discard(files)
            return len(self._unfit) > unfit  # a load may take the place of what does not fit
        stops = [Stopped(table, after, error) for table, error in sorted(found.stops.items())]
        dms_taken.write(self._log, end, lease.number, taken)
        writer.append(files, after, max((file.last_time for file in files), default=None), stops)
        dms_taken.sweep(self._log, after, lease.number)
        self._notice(Logged(rows_of(files), after))
        for stop in stops:
            self._notice(stop)
        return True

    def _was_rewritten(self, found: LandingPlan) -> bool:
        """Whether DMS wrote over a file while it was read: what was read may be of two files, and comes with the next run."""
        now = dms.delivered(self._store, self._folder)
        return any(
            file not in (*now[table].loads.values(), *now[table].changes) if table in now else bool(files)
            for table, files in (*found.loads.items(), *((t, [f for f, _ in of]) for t, of in found.changes.items()))
            for file in files
        )

    # ---- changes

    def _read(self, table: TableName, found: LandingPlan, was: TakenTable) -> tuple[list[_Piece], TakenTable]:
        """The rows to take of a table, file by file, and what is taken then; notes where the table stops or is held."""
        pieces, last, listed = list[_Piece](), was.last, {file.name for file in found.delivered[table].changes}
        spans = {name: span for name, span in was.files.items() if name in listed}
        schema = self._log.schema(table, self._log.view().schema_number(table))
        for file, span in found.changes[table]:
            try:
                schema = dms_rows.adapted(schema, dms.columns(self._store, file), self._tables[table])
                rows = self._rows(table, file, span, last, found.cut, spans)
            except ValueError as error:
                self._hold(table, dms.unfit(table, file.name, str(error)))
                break
            except LogError as error:
                found.stops[table] = error
                break
            spans[file.name] = span
            if rows.num_rows:
                pieces.append(_Piece(schema, file, rows))
                last = rows.column(POSITION)[-1].as_py()
        return pieces, dataclasses.replace(was, last=last, files=spans)

    def _hold(self, table: TableName, error: LogError) -> None:
        self._held[table] = error
        self._unfit.add(table)

    def _rows(self, table: TableName, file: DmsFile, span: Span, last: str, cut: str, spans: Mapping[str, Span]) -> pa.Table:
        """The rows of a file after `last` up to `cut`, each sequence once; raises `LogError` LW-363 where one before is new."""
        rows = pa.concat_tables(dms.batches(self._store, file))
        sequences = _sequences(rows)
        if file.name not in spans and span.first <= last:
            self._require_resent(table, file, sequences.filter(pc.less_equal(sequences, last)), spans)
        rows = rows.filter(pc.and_(pc.greater(sequences, last), pc.less_equal(sequences, cut)))
        rows = rows.take(pc.sort_indices(_sequences(rows)))
        if rows.num_rows > 1:  # what DMS sent twice counts once, as it was sent last
            sequences = _sequences(rows)
            rows = rows.filter(pa.concat_arrays([pc.not_equal(sequences[:-1], sequences[1:]), pa.array([True])]))
        return rows

    def _require_resent(self, table: TableName, file: DmsFile, sequences: pa.Array, spans: Mapping[str, Span]) -> None:
        """After a failure DMS sends again what it had sent; raises `LogError` LW-363 where one of the changes is another."""
        lowest, highest = pc.min_max(sequences).as_py().values()
        for name, span in spans.items():
            if span.first <= highest and span.last >= lowest:
                before = dms.sequences(self._store, DmsFile(name, span.stamp))
                sequences = sequences.filter(pc.invert(pc.is_in(sequences, before)))
        if len(sequences):
            raise dms.late(table, file.name)

    def _write_changes(
        self, writer: LogWriter, end: Position, found: LandingPlan, taken: dict[TableName, TakenTable]
    ) -> list[RawFile]:
        """Write the rows of all tables, from `end` on in the order that they have together; notes in `taken` what they are."""
        read = {table: self._read(table, found, taken[table]) for table in found.changes}
        sequences = [_sequences(piece.rows) for pieces, _ in read.values() for piece in pieces]
        every = pa.concat_arrays([pa.array([], pa.string()), *sequences])
        order, files = every.take(pc.sort_indices(every)), list[RawFile]()
        for table, (pieces, after) in read.items():
            written = list[RawFile]()
            try:
                for piece in pieces:
                    written.append(self._write_piece(writer, end, piece, order))
            except ValueError as error:
                writer.discard(written)
                self._hold(table, dms.unfit(table, pieces[len(written)].file.name, str(error)))
                continue
            files += written
            taken[table] = after
        return files

    def _write_piece(self, writer: LogWriter, end: Position, piece: _Piece, order: pa.Array) -> RawFile:
        ordinals = pc.add(pc.index_in(_sequences(piece.rows), order), 1)
        positions = _positions(end, ordinals)
        rows = dms_rows.convert(piece.rows, piece.schema, positions)
        schema = self._log.store_schema(piece.schema)
        first, last = (Position.parse(positions[index].as_py()) for index in (0, -1))
        times = rows.column(COMMIT_TIME)
        return writer.write_log(schema, ChangeBatch(schema, rows, first, last, times[0].as_py(), times[-1].as_py()))

    # ---- loads

    def _write_loads(
        self, writer: LogWriter, at: Position, found: LandingPlan, taken: dict[TableName, TakenTable]
    ) -> list[RawFile]:
        """Write all rows of tables that were loaded; those take the place of what the tables had."""
        files = []
        for table, load in found.loads.items():
            try:
                files.append(self._write_load(writer, table, load, at))
            except (ValueError, LogError) as error:
                told = error if isinstance(error, LogError) else dms.unfit(table, load[0].name, str(error))
                self._held[table] = told
                self._unfit_loads.add(table)
                continue
            self._held.pop(table, None)
            since = load[0].stamp.modified if load else None
            taken[table] = TakenTable({file.name: file.stamp for file in load}, since)
        return files

    def _write_load(self, writer: LogWriter, table: TableName, load: list[DmsFile], at: Position) -> RawFile:
        found = [dms.columns(self._store, file) for file in load]
        if any(not other.equals(found[0]) for other in found):
            raise ValueError("the files of the load have other columns than one another")
        number = self._log.view().schema_number(table)
        former = self._log.schema(table, number) if number else None
        schema = dms_rows.loaded(former, found[0] if found else None, self._tables[table])
        schema = self._log.store_schema(schema)

        def batches() -> Iterator[pa.Table]:
            for file in load:
                for rows in dms.batches(self._store, file):
                    yield dms_rows.convert(rows, schema, pa.repeat(str(at), rows.num_rows))

        time = max((file.stamp.modified for file in load), default=self._clock())
        return writer.write_load(schema, batches(), at, time)


def _sequences(rows: pa.Table) -> pa.Array:
    return rows.column(POSITION).cast(pa.string()).combine_chunks()


def _positions(end: Position, ordinals: pa.Array) -> pa.Array:
    """The text form of positions in the transaction that begins at `end`."""
    begin = str(end).partition(".")[0]
    return pc.binary_join_element_wise(begin, pc.utf8_lpad(ordinals.cast(pa.string()), 10, "0"), ".")
