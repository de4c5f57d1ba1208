"""The arrivals of a folder as a stream of changes: each is a transaction, which counts whole or waits."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

from lakewright.errors import ConfigError, LakewrightError, SourceError
from lakewright.model.batch import ChangeBatch
from lakewright.model.contracts import Flush, Past, Stopped
from lakewright.model.evolution import compare
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import TableSchema
from lakewright.model.times import utc_now
from lakewright.observe import log
from lakewright.sources.files.arrival_reader import ArrivalReader, unforeseen
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.aside import aside, waited_for
from lakewright.sources.files.batches import ArrivalBatches, end_of, joined
from lakewright.sources.files.dataset import LINE
from lakewright.sources.files.definition import Definition
from lakewright.sources.files.file_reader import Piece
from lakewright.sources.files.ledger import Ledger, Version
from lakewright.sources.files.limit import Counts
from lakewright.sources.files.retraction import Retraction
from lakewright.sources.files.runs import Run, Runs
from lakewright.sources.files.structure import Misjudged
from lakewright.sources.files.tables import Rule, quarantine_schema, table_schema

FLUSH_SECONDS = 0.25
"""How long the stream waits for the next arrival until it lets its caller look around."""
TELL_SECONDS = 2.0
"""How often a long file's reading is told of."""
FLUSH_BYTES = 64 << 20
"""Size of rows in memory from which on they are flushed, in the middle of an arrival too."""


class _Held:
    """Changes of an arrival that are not given yet."""

    def __init__(self) -> None:
        self._batches: list[ChangeBatch] = []
        self._bytes = 0

    def add(self, *batches: ChangeBatch) -> None:
        self._batches += batches
        self._bytes += sum(batch.rows.nbytes for batch in batches)

    def due(self) -> Flush:
        """A flush of them where they are worth one, else of nothing: the caller is asked often whether to go on."""
        return Flush(self.taken() if self._bytes >= FLUSH_BYTES else (), (), None, None)

    def taken(self) -> list[ChangeBatch]:
        """All of them, which are held no more."""
        batches, self._batches, self._bytes = joined(self._batches), [], 0
        return batches


class _Told:
    """How far the reading of an arrival is, for people."""

    def __init__(self, arrival: Arrival) -> None:
        self._file = f"{arrival.label}, {arrival.size:,} bytes"
        self._at = time.monotonic()

    def at(self, rows: int) -> Iterator[Flush]:
        """A flush without changes, which tells of so many rows now and then."""
        late = time.monotonic() - self._at > TELL_SECONDS
        self._at = time.monotonic() if late else self._at
        yield Flush((), (), None, None, doing=f"{self._file}: {rows:,} rows so far" if late else None)


class FilesStream:
    """`Stream` over the arrivals of a source, for one thread. An arrival is one transaction; a large one comes in pieces.

    `fault` says what has ended the transfer, if anything has. Memory is bounded by a flush; a corrected file adds what it takes
    back, and two bytes for each line.
    """

    def __init__(
        self,
        ledger: Ledger,
        reader: ArrivalReader,
        rules: Mapping[str, Rule],
        after: Position,
        schemas: Sequence[TableSchema],
        starts: Mapping[TableName, Position],
        past: Past | None,
        runs: Runs,
        fault: Callable[[], LakewrightError | None],
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._rules = rules
        self._done = after.lsn - 1
        self._schemas = {schema.name: schema for schema in schemas}
        self._starts = starts
        self._past = past
        self._runs = runs
        self._fault = fault

    def flushes(self, until: Position | None = None) -> Iterator[Flush]:
        """See `Stream`. Ends after the first file of a dataset was looked at, and where one has to wait or to be read again."""
        while True:
            arrival = self._ledger.next(self._done)
            if arrival is None:
                if (error := self._fault()) is not None:
                    raise error
                yield Flush((), (), Position(self._done + 1), None)
                time.sleep(FLUSH_SECONDS)
                continue
            if not (yield from self._transaction(arrival)):
                return
            self._done = arrival.number

    def acknowledge(self, position: Position) -> None:
        """See `Stream`; arrivals are kept, so there is nothing to let go of."""

    def _transaction(self, arrival: Arrival) -> Generator[Flush, None, bool]:
        """All flushes of an arrival; False where the stream has to be opened anew."""
        rule = self._rules.get(arrival.dataset)
        skipped = self._skipped(arrival, rule)
        if rule is None or skipped is not None:
            self._runs.put(skipped or Run.of(arrival, utc_now(), None, "its dataset is not in lake.yaml any more"))
            yield Flush((), (), end_of(arrival), arrival.arrived)
            return True
        definition, again = None, f"`lakewright --debug {self._again(arrival)}` reads it again, and prints the trace for a report"
        try:
            with unforeseen("it", again):
                definition = self._reader.definition(rule)
                if definition is None:
                    yield from self._define(self._ledger.get(arrival.version), rule)
                    return False
                yield from self._read(arrival, rule, definition)
        except Misjudged:
            return False  # what was given since the last watermark does not count
        except (ConfigError, SourceError) as fault:
            self._let_wait(arrival, self._blamed(arrival, rule, definition, fault))
            return False
        return True

    def _let_wait(self, arrival: Arrival, error: LakewrightError) -> None:
        self._ledger.wait(arrival, error)
        told = f"the corrected rows of {arrival.label} stay rejected" if arrival.corrects else f"{arrival.label} waits"
        place = f" (at {error.where})" if error.where and not arrival.name.endswith(error.where) else ""
        detail, hint = f"{told}: {error.message}{place}", error.hint or ""
        log.write("not taken", "warning", source=self._ledger.source, detail=detail, code=error.code, hint=hint)

    def _blamed(self, arrival: Arrival, rule: Rule, definition: Definition | None, error: LakewrightError) -> LakewrightError:
        """The error of a file that cannot be read; where its former version was, under another definition, it says so too."""
        path, again = f"datasets/{rule.name}.yaml", f"`lakewright {self._again(arrival)}`"
        if isinstance(error, ConfigError):
            hint = f"{error.hint or f'correct {path}'}; then {again}"
            return SourceError(error.code, error.message, where=error.where, hint=hint)
        former = self._ledger.former(arrival)
        if former is None or definition is None or arrival.corrects or arrival.removed:
            return error
        if self._reader.as_read(rule, self._past, definition)(former.arrival).digest == definition.digest:
            return error
        return SourceError(
            error.code,
            f"{error.message}; its former version, whose rows stand, was read under a former definition",
            where=error.where,
            hint=f"let {path} fit it, then {again}; or send it as {path} has it",
        )

    def _again(self, arrival: Arrival) -> str:
        """The command that has an arrival read again."""
        if arrival.corrects:
            return f"quarantine replay {arrival.dataset} FILE"
        return f"quarantine accept {self._ledger.source} {arrival.label}"

    def _skipped(self, arrival: Arrival, rule: Rule | None) -> Run | None:
        """The run of an arrival of which nothing is taken; None where it counts."""
        if (error := self._ledger.waiting(arrival)) is not None:
            return Run.of(arrival, utc_now(), None, error.message, error.code)
        if rule and arrival.corrects and not self._ledger.stands(arrival, rule):
            return Run.of(arrival, utc_now(), None, "the rows that it corrects were replaced meanwhile")
        if rule and arrival.removed and rule.mode == "snapshot":
            before, after = (self._ledger.files(rule, number) for number in (arrival.number, arrival.number + 1))
            if before == after:
                return Run.of(arrival, utc_now(), None, "another file is the whole table")
        return None

    def _define(self, arrival: Arrival, rule: Rule) -> Iterator[Flush]:
        """Nothing, until the definition of a dataset is inferred from its first file and kept."""
        told = _Told(arrival)
        for _ in waited_for(lambda: self._reader.define(arrival, rule), FLUSH_SECONDS):
            yield from told.at(0)

    def _brought(self, arrival: Arrival, rule: Rule, definition: Definition) -> Iterator[tuple[Arrival, Piece]]:
        """The rows that come with an arrival: its own, or those of the file that is the whole table when it is removed."""
        if arrival.removed and rule.mode == "snapshot":
            for version in self._ledger.files(rule, arrival.number + 1):
                yield from self._reader.version(version, lambda _: definition)
        for piece in self._reader.pieces(arrival, definition, assume=True):
            yield arrival, piece

    def _read(self, arrival: Arrival, rule: Rule, definition: Definition) -> Iterator[Flush]:
        """The rows of an arrival in pieces, then its end; raises `SourceError` where it has to wait.

        All are read under one definition, which the schemas of their batches name: so the log tells of each row how it was read.
        """
        self._reader.past.keep(definition.digest)
        table, stopped = self._table(rule, definition, arrival)
        quarantine = self._quarantine(rule, definition, arrival)
        batches, held = ArrivalBatches(rule, arrival), _Held()
        started, counts, told = utc_now(), Counts(), _Told(arrival)
        for brought in aside(lambda: self._brought(arrival, rule, definition), FLUSH_SECONDS):
            yield from told.at(counts.rows)
            if brought is None:
                continue
            file, piece = brought
            if file is arrival:
                counts.add(piece)
            if arrival.corrects and quarantine is not None and piece.rows.num_rows:
                held.add(batches.dropped(quarantine, piece.rows.column(LINE)))
            for schema, batch in ((table, piece.rows), (quarantine, piece.rejects)):
                if schema is not None and batch.num_rows:
                    held.add(batches.batch(schema, batch, file))
            yield held.due()
        if not (arrival.accepts or arrival.corrects):
            counts.require(arrival, rule)
        if batches.is_load or not (arrival.removed or counts.rows):
            held.add(*(batches.nothing(schema) for schema in (table, quarantine) if schema is not None))
        if not (batches.is_load or arrival.corrects) and (former := self._ledger.former(arrival)) is not None:
            for change in self._retracted(batches, former, definition, table, quarantine):
                yield from told.at(counts.rows)
                held.add(*([change] if change else []))
                yield held.due()
        self._runs.put(Run.of(arrival, started, (counts.taken, counts.rejected)), definition.digest)
        yield Flush(held.taken(), stopped, end_of(arrival), arrival.arrived)

    def _retracted(
        self,
        batches: ArrivalBatches,
        former: Version,
        definition: Definition,
        table: TableSchema | None,
        quarantine: TableSchema | None,
    ) -> Iterator[ChangeBatch | None]:
        """The changes that take back what only the former version has, made aside; None while there is none yet."""
        as_read = self._reader.as_read(batches.rule, self._past, definition)
        retraction = Retraction(batches, former, self._ledger, self._reader, definition, as_read)
        return aside(lambda: retraction.changes(table, quarantine), FLUSH_SECONDS)

    def _table(self, rule: Rule, definition: Definition, arrival: Arrival) -> tuple[TableSchema | None, list[Stopped]]:
        """The schema of a dataset's table as it is defined now, None where it is not followed; and whether it stops here."""
        former, now = self._followed(rule.table, arrival), table_schema(rule, definition)
        if former is None:
            return None, []
        change = compare(former, now)
        if change.refusal is not None:
            del self._schemas[rule.table]
            message = f"table {rule.table} cannot go on: {change.refusal}"
            error = SourceError("LW-242", message, hint=f"`lakewright resync {rule.table}` reads its files anew")
            return None, [Stopped(rule.table, Position(arrival.number), error)]
        return self._under(former, now), []

    def _quarantine(self, rule: Rule, definition: Definition, arrival: Arrival) -> TableSchema | None:
        """The schema of a dataset's rejected rows, None where they are not followed."""
        former = self._followed(rule.quarantine, arrival)
        return None if former is None else self._under(former, quarantine_schema(rule, definition))

    def _under(self, former: TableSchema, now: TableSchema) -> TableSchema:
        """The schema of the rows that come now: the former one, with its number, where it says the same."""
        if dataclasses.replace(now, number=former.number) != former:
            self._schemas[now.name] = now
        return self._schemas[now.name]

    def _followed(self, table: TableName, arrival: Arrival) -> TableSchema | None:
        """The table's schema, None where it is not followed or was loaded after this arrival."""
        if self._starts.get(table, START) > Position(arrival.number):
            return None
        return self._schemas.get(table)
