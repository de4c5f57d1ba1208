"""Inspection: what of the files of a source is not in its tables as it is, and what people decide about it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lakewright.errors import LakewrightError, NotFound, SourceError
from lakewright.model.contracts import Past, Store, Waiting
from lakewright.model.names import did_you_mean
from lakewright.model.position import Position
from lakewright.model.times import utc_now
from lakewright.sources.files.arrival_reader import ArrivalReader, digest_of, unforeseen
from lakewright.sources.files.arrivals import Arrival, Arrivals, label
from lakewright.sources.files.aside import waited_for
from lakewright.sources.files.audit import FileCheck
from lakewright.sources.files.corrections import Corrections
from lakewright.sources.files.ledger import Ledger, Version
from lakewright.sources.files.runs import Run, Runs
from lakewright.sources.files.tables import Rule
from lakewright.sources.files.transfer import Transfer

_LOOK_SECONDS = 1.0
"""How often who waits for a file to be read can stop that."""


class HeldBack(NamedTuple):
    """What is wrong with files that are not taken, by their labels; how many files of the folder are of no dataset, and how many
    that arrived and do not fit were discarded.
    """

    faults: dict[str, LakewrightError]
    unmatched: int
    discarded: int


class Inspection:
    """Looks into the files of the folder `place`, and registers what people decide; `ledger` gives the ledger as it is now."""

    def __init__(
        self,
        place: str,
        store: Store,
        rules: Mapping[str, Rule],
        arrivals: Arrivals,
        ledger: Callable[[], Ledger],
        reader: ArrivalReader,
        transfer: Transfer,
        runs: Runs,
    ) -> None:
        self._place = place
        self._store = store
        self._rules = rules
        self._arrivals = arrivals
        self._ledger = ledger
        self._reader = reader
        self._transfer = transfer
        self._runs = runs

    def held_back(self) -> HeldBack:
        """What of the files is held back; nothing is taken from the folder.

        Where the folder itself cannot be read that stands under its name.
        """
        ledger = self._ledger()
        faults: dict[str, LakewrightError] = {**ledger.open_faults()}
        discarded = len(ledger.discarded())
        try:
            assignment = self._transfer.held_back()
        except SourceError as error:
            return HeldBack({**faults, self._place: error}, 0, discarded)
        faults |= {label(name): error for name, error in assignment.faults.items()}
        return HeldBack(faults, len(assignment.unmatched), discarded)

    def run(self, arrival: Arrival, past: Past) -> Run:
        """The record of what became of an arrival that is in the log; raises `NotFound` where it is missing or damaged."""
        rule = None if self._ledger().waiting(arrival) else self._rules.get(arrival.dataset)
        return self._runs.get(arrival.number, digest_of(arrival, rule, past) if rule else "")

    def recorded(self, dataset: str, past: Past, position: Position) -> tuple[int | None, int | None]:
        """By the run records, how many rows the files of a dataset have that count at a position of the log, and how many of
        them were taken, those that were replayed too; None where a record is missing or damaged.
        """
        versions = self._ledger().files(self._rules[dataset], position.lsn)
        try:
            files = [self.run(version.arrival, past) for version in versions]
            replays = [self.run(replay, past) for version in versions for replay in version.replays]
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
        last = self._arrivals.last()  # before what stands: what arrives meanwhile is noticed then
        standing = [version.arrival for version in self._ledger().files(rule, 1 + self._arrivals.count())]
        return Corrections(self._store, self._arrivals, self._reader, definition, as_read, last, standing)

    def accept(self, name: str) -> Arrival:
        """Register a file that waits, or did until it was discarded, once more, to be taken with the rows that fit under the
        definition as it is now. Raises `SourceError` where it does not wait, or cannot be read even so.
        """
        newest, rule = self._waiting(name)
        if rule is None:
            raise _waits_not(name, self._arrivals.source, "its dataset is not in lake.yaml any more")
        for _ in waited_for(functools.partial(self._read_once, newest, rule), _LOOK_SECONDS):
            pass
        now = utc_now()
        again = self._arrivals.append(dataclasses.replace(newest, arrived=now, accepts=newest.number), newest)
        if again is None:
            raise SourceError("LW-288", f"the file {name} has arrived anew meanwhile", hint="`lakewright quarantine` tells of it")
        return again

    def discard(self, name: str) -> Arrival:
        """Let a file wait no more, of which nothing is to be taken: its former version stands, if there is one. Its copy is kept,
        and `accept` takes it still. Raises `SourceError` where it does not wait.
        """
        newest, _ = self._waiting(name)
        self._ledger().discard(newest)
        return newest

    def _waiting(self, name: str) -> tuple[Arrival, Rule | None]:
        """The newest version of the file of that label, which waits, and its dataset's rule."""
        ledger = self._ledger()
        newest = next((one for one in self._arrivals.newest().values() if one.label == name), None)
        if newest is None or ledger.waiting(newest) is None:
            if (error := self.held_back().faults.get(name)) is not None:
                raise error  # it is still in the folder
            raise _waits_not(name, self._arrivals.source, did_you_mean(name, ledger.open_faults()))
        return newest, self._rules.get(newest.dataset)

    def _read_once(self, arrival: Arrival, rule: Rule) -> None:
        """Read a file to its end, for its dataset's definition where there is none; raises `SourceError` where that fails."""
        with unforeseen(arrival.label):
            if (definition := self._reader.definition(rule)) is None:
                self._reader.define(arrival, rule)
            else:
                for _ in self._reader.pieces(arrival, definition):
                    pass


def _waits_not(name: str, source: str, hint: str | None) -> SourceError:
    hint = hint or "`lakewright quarantine` lists the files that wait"
    return SourceError("LW-288", f"no file {name} of {source} has arrived and waits", hint=hint)
