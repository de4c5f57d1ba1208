"""A folder of files as a source: fulfils `contracts.Source`, and tells what of the files is held back.

Files that arrive are the changes; arrival n is the transaction at position n. See `transfer`, `ledger` and `batches`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lakewright.errors import ConfigError, LakewrightError, NotFound, SourceError, unexpected
from lakewright.model.contracts import Drift, Finding, Past, SourceFacts, Store, Waiting
from lakewright.model.names import TableName, did_you_mean
from lakewright.model.position import START, Feed, Position
from lakewright.model.schema import TableSchema, compare
from lakewright.sources.files.arrival_reader import ArrivalReader, Definitions
from lakewright.sources.files.arrivals import Arrival, Arrivals, label
from lakewright.sources.files.aside import waited_for
from lakewright.sources.files.audit import FileCheck
from lakewright.sources.files.corrections import Corrections
from lakewright.sources.files.definition import PastDefinitions
from lakewright.sources.files.ledger import Ledger, Version
from lakewright.sources.files.load import FilesLoad
from lakewright.sources.files.origin import Folder
from lakewright.sources.files.runs import Runs
from lakewright.sources.files.selection import Selection
from lakewright.sources.files.stream import FilesStream
from lakewright.sources.files.tables import Rule, quarantine_schema, table_schema
from lakewright.sources.files.transfer import Transfer, TransferSettings

FIRST = Position(1)
"""Before the first arrival."""
_LOOK_SECONDS = 1.0


class FilesSource:
    """The files of a folder, as the tables that `rules` make of them.

    `settings` say how they are transferred, and `every` how often the folder is looked at, in seconds; `place` is the store and
    zone where arrivals are kept, `logs` the zone for run records, `scratch` a folder for what does not fit into memory. Calls may
    come from several threads. Errors are `SourceError`, and `StorageError` where the store fails.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        rules: Sequence[Rule],
        settings: TransferSettings,
        every: float,
        place: tuple[Store, str],
        logs: str,
        definitions: Definitions,
        scratch: Path,
    ) -> None:
        self.name = name
        self._folder = folder
        self._rules = {rule.name: rule for rule in rules}
        self._settle = settings.settle
        self._every = every
        self._store, zone = place
        self._arrivals = Arrivals(self._store, zone, name)
        self._known = Ledger(self._store, zone, self._arrivals)
        self.runs = Runs(self._store, logs, name)
        self._reader = ArrivalReader(self._store, definitions, PastDefinitions(*place), scratch)
        selections = [Selection(rule.name, rule.files, rule.exclude) for rule in rules]
        self._transfer = Transfer(Folder(folder), self._store, self._arrivals, selections, settings)
        self._looking = threading.Lock()

    def close(self) -> None:
        """Nothing stays open between calls."""

    # ---- contracts.Source

    def feed(self) -> Feed:
        """See `contracts.Source`: arrivals are numbered in the lake, under the source's name."""
        return Feed("file", self.name, 1)

    def discover(self) -> list[TableSchema]:
        """See `contracts.Source`; a dataset is known from its first file on, its quarantine from the beginning."""
        return self._survey()[0]

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
        yield FilesLoad(self._ledger, self._reader, self._rules, after or FIRST, past)

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
            yield FilesStream(self._ledger(), self._reader, self._rules, after, schemas, starts, past, self.runs, fault)
        finally:
            stop.set()
            thread.join()

    def current_position(self) -> Position:
        """See `contracts.Source`: takes what is in the folder by now; waits for files that have not stood still for long."""
        deadline = time.monotonic() + 2 * self._settle + 1
        while True:
            self._look(threading.Event())
            if not self._transfer.settling or time.monotonic() > deadline:
                return Position(self._ledger().last() + 1)
            time.sleep(min(0.2, self._settle))

    def drift(self, tables: Sequence[TableSchema]) -> Drift:
        """See `contracts.Source`: datasets that were taken out of lake.yaml, or whose definition was changed."""
        found, refused = self._survey()
        now = {schema.name: schema for schema in found}
        stopped: list[tuple[TableName, LakewrightError]] = []
        for table in tables:
            if table.name in refused:
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

    def refused(self) -> dict[TableName, LakewrightError]:
        """See `contracts.Source`: datasets whose definition is wrong. One without a file is none yet."""
        return self._survey()[1]

    def estimated_rows(self, tables: Sequence[TableSchema]) -> dict[TableName, int]:
        """See `contracts.Source`; nothing is known before a file is read."""
        return {}

    def was_changed(self, table: TableName) -> bool:
        """See `contracts.Source`; all that arrives is captured."""
        return False

    # ---- setting up and watching

    def examine(self) -> list[Finding]:
        """See `contracts.Source`: whether the folder can be read, and what of its files is not taken or waits."""
        faults, unmatched = self.held_back()
        findings = [Finding(f"{self.name}: folder", True, f"{self._ledger().last()} files have arrived from it")]
        if unmatched:
            findings.append(Finding(f"{self.name}: datasets", True, f"{unmatched} files are of no dataset and are left alone"))
        for name, error in sorted(faults.items()):
            findings.append(Finding.of(f"{self.name}: {name}", error))
        return findings

    def held_back(self) -> tuple[dict[str, LakewrightError], int]:
        """What is wrong with files that wait, by name, and how many are of no dataset; nothing is taken from the folder.

        Where the folder itself cannot be read that stands under its name.
        """
        faults: dict[str, LakewrightError] = {**self._ledger().open_faults()}
        try:
            assignment = self._transfer.held_back()
        except SourceError as error:
            return {**faults, str(self._folder): error}, 0
        return {**faults, **_labelled(assignment.faults)}, len(assignment.unmatched)

    def recorded(self, dataset: str, position: Position) -> tuple[int | None, int | None]:
        """By the run records, how many rows the files of a dataset have that count at a position of the log, and how many of
        them were taken, those that were replayed too; None where a record is missing or damaged.
        """
        versions = self._ledger().files(self._rules[dataset], position.lsn)
        try:
            files = [self.runs.get(version.arrival.number) for version in versions]
            replays = [self.runs.get(replay.number) for version in versions for replay in version.replays]
        except NotFound:
            return None, None
        return sum(run.rows or 0 for run in files), sum(run.taken or 0 for run in [*files, *replays])

    def read_otherwise(self, dataset: str, past: Past, position: Position) -> list[str]:
        """The files of a dataset that count at a position of the log, and which that has under another definition than there is
        now, by their labels. Raises as `ArrivalReader.definition`."""
        rule = self._rules[dataset]
        now = self._reader.definition(rule)
        if now is None:
            return []
        as_read = self._reader.as_read(rule, past, now)

        def differs(version: Version) -> bool:
            return any(as_read(arrival).digest != now.digest for arrival in (version.arrival, *version.replays))

        return [version.arrival.label for version in self._ledger().files(rule, position.lsn) if differs(version)]

    def audit(self, told: Waiting) -> list[FileCheck]:
        """The files that wait, and those of the folder that are not what was taken of them: all are read. `told` what is waited
        for meanwhile."""
        waiting = self._ledger().open_faults()
        waits = [FileCheck(name, "waits", f"{error.message} ({error.code})") for name, error in sorted(waiting.items())]
        return [*waits, *self._transfer.audit(told)]

    def corrections(self, dataset: str, past: Past) -> Corrections:
        """The rejected rows of a dataset as people correct them; raises `SourceError` where it has no definition."""
        rule = self._rules[dataset]
        definition = self._reader.require(rule)
        as_read = self._reader.as_read(rule, past, definition)
        return Corrections(self._store, self._arrivals, self._reader, definition, as_read)

    def accept(self, name: str) -> Arrival:
        """Register a file that waits once more, to be taken with the rows that fit under the definition as it is now.

        Raises `SourceError` where it does not wait, or cannot be read even so.
        """
        arrivals, ledger = self._arrivals, self._ledger()
        newest, rule = next((one for one in arrivals.newest().values() if one.label == name), None), None
        if newest is not None and ledger.waiting(newest) is not None:
            rule = self._rules.get(newest.dataset)
        if newest is None or rule is None:
            hint = did_you_mean(name, ledger.open_faults()) or "`lakewright quarantine` lists the files that wait"
            raise SourceError("LW-288", f"no file {name} of {self.name} has arrived and waits", hint=hint)
        for _ in waited_for(functools.partial(self._read_once, newest, rule), _LOOK_SECONDS):
            pass
        now = datetime.datetime.now(datetime.UTC)
        again = arrivals.append(dataclasses.replace(newest, arrived=now, accepts=newest.number), newest)
        if again is None:
            raise SourceError("LW-288", f"the file {name} has arrived anew meanwhile", hint="`lakewright quarantine` tells of it")
        return again

    def status(self, after: Position = START) -> SourceFacts:
        """The size of what has arrived after a position; all is kept. Files that wait are the problem."""
        ledger = self._ledger()
        count = len(ledger.open_faults())
        problem = f"{count} file{'s wait' if count > 1 else ' waits'}; `lakewright quarantine` says why" if count else None
        return SourceFacts("kept", ledger.size_after(after), problem=problem)

    def plan(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`; nothing has to be done in a folder."""
        return []

    def apply(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`; nothing has to be done in a folder."""
        return []

    def advice(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`; all that arrives is captured, and definitions hold what was found in the columns."""
        return []

    def _read_once(self, arrival: Arrival, rule: Rule) -> None:
        """Read a file to its end, for its dataset's definition where there is none; raises `SourceError` where that fails."""
        if (definition := self._reader.definition(rule)) is None:
            self._reader.define(arrival, rule)
        else:
            for _ in self._reader.pieces(arrival, definition):
                pass

    def _survey(self) -> tuple[list[TableSchema], dict[TableName, LakewrightError]]:
        """The tables there are, and those whose dataset's definition is wrong."""
        tables, refused = list[TableSchema](), dict[TableName, LakewrightError]()
        for rule in self._rules.values():
            definition = None
            try:
                definition = self._reader.definition(rule)
            except (ConfigError, SourceError) as error:
                refused[rule.table] = error
            tables += [quarantine_schema(rule, definition), *([table_schema(rule, definition)] if definition else [])]
        return sorted(tables, key=lambda schema: schema.name), refused

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
            except Exception as error:
                faults.append(unexpected(error))
                return
            stop.wait(self._every)


def _labelled(faults: Mapping[str, LakewrightError]) -> dict[str, LakewrightError]:
    return {label(name): error for name, error in faults.items()}
