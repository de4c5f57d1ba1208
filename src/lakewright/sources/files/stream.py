"""The arrivals of a folder as a stream of changes: each is a transaction, which counts whole or waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

from lakewright.errors import LakewrightError, SourceError
from lakewright.model.batch import ChangeBatch
from lakewright.model.contracts import Flush, Stopped
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import TableSchema, compare
from lakewright.observe import log
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.corrected import taken_back
from lakewright.sources.files.dataset import Dataset
from lakewright.sources.files.ledger import Ledger
from lakewright.sources.files.reading import Reader
from lakewright.sources.files.rows import Rows, end_of
from lakewright.sources.files.tables import Rule, table_schema

FLUSH_SECONDS = 0.25
FLUSH_BYTES = 64 << 20


class FilesStream:
    """`Stream` over the arrivals of a source, for one thread. An arrival is one transaction; a large one comes in pieces.

    `fault` says what has ended the transfer, if anything has. Memory is bounded by a flush; a corrected file adds what it takes
    back, and two bytes for each line.
    """

    def __init__(
        self,
        ledger: Ledger,
        reader: Reader,
        rules: Mapping[str, Rule],
        after: Position,
        schemas: Sequence[TableSchema],
        starts: Mapping[TableName, Position],
        fault: Callable[[], LakewrightError | None],
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._rules = rules
        self._done = after.lsn - 1
        self._schemas = {schema.name: schema for schema in schemas}
        self._starts = starts
        self._fault = fault

    def flushes(self, until: Position | None = None) -> Iterator[Flush]:
        """See `Stream`. Ends after the first file of a dataset was looked at, and where one has to wait."""
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
        if rule is None or self._ledger.waiting(arrival) is not None:
            yield Flush((), (), end_of(arrival), arrival.arrived)
            return True
        try:
            dataset = self._reader.dataset(rule)
            if dataset is None:
                self._reader.define(arrival, rule)
                return False
            yield from self._read(arrival, rule, dataset)
        except SourceError as error:
            self._ledger.wait(arrival, error)
            detail = f"{arrival.name} waits: {error.message}"
            log.write("not taken", "warning", source=self._ledger.source, detail=detail, code=error.code, hint=error.hint or "")
            return False
        return True

    def _read(self, arrival: Arrival, rule: Rule, dataset: Dataset) -> Iterator[Flush]:
        """The rows of an arrival in pieces, then its end; raises `SourceError` where it has to wait."""
        table, stopped = self._table(rule, dataset, arrival)
        quarantine = self._followed(rule.quarantine, arrival)
        rows, held = Rows(rule, arrival), list[ChangeBatch]()
        for piece in self._reader.pieces(arrival, rule, dataset, limited=True):
            for schema, batch in ((table, piece.rows), (quarantine, piece.rejects)):
                if schema is not None and batch.num_rows:
                    held.append(rows.batch(schema, batch))
            if sum(batch.rows.nbytes for batch in held) >= FLUSH_BYTES:
                yield Flush(held, (), None, None)
                held = []
        if rows.is_load:
            held += [rows.nothing(schema) for schema in (table, quarantine) if schema is not None]
        elif (former := self._ledger.former(arrival)) is not None:
            held += taken_back(rows, former, self._ledger, self._reader, dataset, table, quarantine)
        yield Flush(held, stopped, end_of(arrival), arrival.arrived)

    def _table(self, rule: Rule, dataset: Dataset, arrival: Arrival) -> tuple[TableSchema | None, list[Stopped]]:
        """The schema of a dataset's table as it is defined now, None where it is not followed; and whether it stops here."""
        former, now = self._followed(rule.table, arrival), table_schema(rule, dataset)
        if former is None:
            return None, []
        change = compare(former, now)
        if change.refusal is not None:
            del self._schemas[rule.table]
            message = f"table {rule.table} cannot go on: {change.refusal}"
            error = SourceError("LW-242", message, hint=f"`lakewright resync {rule.table}` reads its files anew")
            return None, [Stopped(rule.table, Position(arrival.number), error)]
        if change.added:
            self._schemas[rule.table] = now
        return self._schemas[rule.table], []

    def _followed(self, table: TableName, arrival: Arrival) -> TableSchema | None:
        """The table's schema, None where it is not followed or was loaded after this arrival."""
        if self._starts.get(table, START) > Position(arrival.number):
            return None
        return self._schemas.get(table)
