"""A folder of files as a source: fulfils `contracts.Source`.

Files that arrive are the changes; arrival n is the transaction at position n. See `transfer`, `ledger` and `batches`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lakewright.errors import ConfigError, LakewrightError, LogError, SourceError, unexpected
from lakewright.model.contracts import Discovered, Drift, Past, SourceFacts, Store, Waiting
from lakewright.model.evolution import compare
from lakewright.model.finding import Finding
from lakewright.model.names import TableName
from lakewright.model.position import START, Feed, Position
from lakewright.model.schema import TableSchema
from lakewright.model.times import utc_now
from lakewright.observe import log
from lakewright.sources.files.arrival_reader import ArrivalReader, Definitions
from lakewright.sources.files.arrivals import Arrivals
from lakewright.sources.files.definition import PastDefinitions
from lakewright.sources.files.inspection import Inspection
from lakewright.sources.files.ledger import Ledger
from lakewright.sources.files.leftovers import sweep
from lakewright.sources.files.load import FilesLoad
from lakewright.sources.files.origin import Origin
from lakewright.sources.files.runs import Runs
from lakewright.sources.files.selection import Selection
from lakewright.sources.files.stream import FilesStream
from lakewright.sources.files.tables import Rule, quarantine_schema, table_schema
from lakewright.sources.files.transfer import Transfer, TransferSettings

FIRST = Position(1)
"""Before the first arrival."""


class FilesSource:
    """The files of a folder, as the tables that `rules` make of them.

    ``inspection`` tells what of the files is held back. `settings` say how they are transferred, and `every` how often the
    folder is looked at, in seconds; `place` is the store and zone where arrivals are kept, `logs` the zone for run records,
    `scratch` a folder for what does not fit into memory. `logged` gives the end of the source's log. Calls may come from several
    threads. Errors are `SourceError`, and `StorageError` where the store fails.
    """

    def __init__(
        self,
        name: str,
        origin: Origin,
        rules: Sequence[Rule],
        settings: TransferSettings,
        every: float,
        place: tuple[Store, str],
        logs: str,
        definitions: Definitions,
        scratch: Path,
        logged: Callable[[], Position] = lambda: START,
    ) -> None:
        self.name = name
        self._called = origin.called
        self._rules = {rule.name: rule for rule in rules}
        self._settle = settings.settle
        self._every = every
        self._store, self._zone = place
        self._is_swept = False
        self._arrivals = Arrivals(*place, name, lambda: logged().lsn - 1)
        self._known = Ledger(*place, self._arrivals)
        self._runs = Runs(self._store, logs, name)
        self._reader = ArrivalReader(self._store, definitions, PastDefinitions(*place), scratch)
        selections = [Selection(rule.name, rule.files, rule.exclude) for rule in rules]
        self._transfer = Transfer(origin, self._store, self._arrivals, selections, settings)
        self._looking = threading.Lock()
        parts = (self._arrivals, self._ledger, self._reader, self._transfer, self._runs)
        self.inspection = Inspection(origin.called, self._store, self._rules, *parts)

    def close(self) -> None:
        """Nothing stays open between calls."""

    # ---- contracts.Source

    def feed(self) -> Feed:
        """See `contracts.Source`: arrivals are numbered in the lake, under the source's name."""
        return Feed("file", self.name, 1)

    def discover(self) -> Discovered:
        """See `contracts.Source`; a dataset is known from its first file on, its quarantine from the beginning. What is refused
        is a wrong definition.
        """
        tables, refused = list[TableSchema](), dict[TableName, LakewrightError]()
        for rule in self._rules.values():
            definition = None
            try:
                definition = self._reader.definition(rule)
            except (ConfigError, SourceError) as error:
                refused[rule.table] = error
            tables += [quarantine_schema(rule, definition), *([table_schema(rule, definition)] if definition else [])]
        return Discovered(sorted(tables, key=lambda schema: schema.name), refused)

    def prepare(self, tables: Sequence[TableSchema]) -> None:
        """See `contracts.Source`; there is nothing to prepare."""

    @contextlib.contextmanager
    def open_load(
        self,
        tables: Sequence[TableSchema],
        *,
        after: Position | None,
        waiting: Waiting = lambda _: None,
        past: Past | None = None,
    ) -> Iterator[FilesLoad]:
        """See `contracts.Source`: what the arrivals before `after` make; with None nothing, for the stream has them all."""
        for schema in tables:
            self._reader.past.keep(schema.definition)
        yield FilesLoad(self._ledger, self._reader, self._rules, after or FIRST, past, self._runs)

    @contextlib.contextmanager
    def open_stream(
        self,
        after: Position,
        schemas: Sequence[TableSchema],
        starts: Mapping[TableName, Position],
        past: Past | None = None,
    ) -> Iterator[FilesStream]:
        """See `contracts.Source`; meanwhile a thread looks at the folder. Arrivals are the lake's own: no past differs."""
        stop, faults = threading.Event(), list[LakewrightError]()
        thread = threading.Thread(target=self._keep_looking, args=(stop, faults), name=f"transfer of {self.name}", daemon=True)
        thread.start()
        try:
            fault = lambda: faults[0] if faults else None  # noqa: E731
            yield FilesStream(self._ledger(), self._reader, self._rules, after, schemas, starts, past, self._runs, fault)
        finally:
            stop.set()
            thread.join()

    def current_position(self) -> Position:
        """See `contracts.Source`: takes what is in the folder by now; waits for files that have not stood still for long."""
        self._look(threading.Event())
        deadline = time.monotonic() + 2 * self._settle + 1  # from here on: the first look may have copied for hours
        while self._transfer.settling and time.monotonic() <= deadline:
            time.sleep(min(0.2, self._settle))
            self._look(threading.Event())
        return Position(self._ledger().last() + 1)

    def drift(self, tables: Sequence[TableSchema]) -> Drift:
        """See `contracts.Source`: datasets that were taken out of lake.yaml, or whose definition was changed."""
        discovered = self.discover()
        now = {schema.name: schema for schema in discovered.tables}
        stopped: list[tuple[TableName, LakewrightError]] = []
        for table in tables:
            if table.name in discovered.refused:
                continue  # its definition can be mended before the next of its files comes
            if table.name not in now:
                message = f"table {table.name} is not a dataset of {self.name} any more"
                stopped.append(
                    (table.name, SourceError("LW-213", message, hint="`lakewright plan` shows what the source has now"))
                )
            elif (refusal := compare(table, now[table.name]).refusal) is not None:
                message = f"table {table.name} cannot go on: {refusal}"
                hint = f"`lakewright resync {table.name}` reads its files anew"
                stopped.append((table.name, SourceError("LW-242", message, hint=hint)))
        return Drift(stopped)

    def estimated_rows(self, tables: Sequence[TableSchema]) -> dict[TableName, int]:
        """See `contracts.Source`; nothing is known before a file is read."""
        return {}

    def was_changed(self, table: TableName) -> bool:
        """See `contracts.Source`; all that arrives is captured."""
        return False

    # ---- setting up and watching

    def examine(self) -> list[Finding]:
        """See `contracts.Source`: whether the folder can be read, and what of its files is not taken or waits."""
        faults, unmatched, _ = self.inspection.held_back()
        findings = [Finding(f"{self.name}: folder", True, f"{self._ledger().last()} files have arrived from it")]
        if unmatched:
            findings.append(Finding(f"{self.name}: datasets", True, f"{unmatched} files are of no dataset and are left alone"))
        for name, error in sorted(faults.items()):
            findings.append(Finding.of(f"{self.name}: {name}", error))
        return findings

    def status(self, after: Position = START) -> SourceFacts:
        """The size of what has arrived after a position; all is kept. Files that wait are a problem, and a missing folder."""
        faults = self.inspection.held_back().faults
        gone = faults.pop(self._called, None)
        problems = [gone.line(hinted=False)] if gone else []
        if faults:
            problems.append(f"{len(faults)} file{'s wait' if len(faults) > 1 else ' waits'}; `lakewright quarantine` says why")
        return SourceFacts("kept", self._ledger().size_after(after), problem="; ".join(problems) or None)

    def plan(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`; nothing has to be done in a folder."""
        return []

    def apply(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`; nothing has to be done in a folder."""
        return []

    def advice(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`; all that arrives is captured, and definitions hold what was found in the columns."""
        return []

    def _ledger(self) -> Ledger:
        """The ledger as it is now."""
        self._known.look_again()
        return self._known

    def _look(self, stop: threading.Event) -> None:
        with self._looking:
            self._transfer.look(stop)

    def _keep_looking(self, stop: threading.Event, faults: list[LakewrightError]) -> None:
        """Take what arrives until `stop` is set; the first error ends it."""
        while not stop.is_set():
            try:
                self._look(stop)
                self._sweep()
            except Exception as error:
                faults.append(unexpected(error))
                return
            stop.wait(self._every)

    def _sweep(self) -> None:
        """Remove the leftovers of the zone, once."""
        if self._is_swept:
            return
        self._is_swept = True
        with contextlib.suppress(LogError):  # whoever reads the arrivals of that source tells of it
            if swept := sweep(self._store, self._zone, utc_now()):
                detail = f"{len(swept)} copies of files that never arrived, such as {swept[0]}"
                log.write("removed", source=self.name, detail=detail)
