"""The ledger of a source of files: which arrivals count, and which wait until somebody has looked at them.

An arrival that cannot be read, or of which too many rows are rejected, waits: it has no rows in the lake, and a former version
of the file stands. That it waits is a JSON object of its own, ``<zone>/csv/_waiting/<source>/<20 digits>.json``, written before
the log goes past the arrival; so it is the same after every restart.
"""

from __future__ import annotations

import contextlib
import json
import urllib.parse
from collections.abc import Mapping
from typing import NamedTuple

from lakewright.errors import AlreadyExists, SourceError
from lakewright.model.contracts import Store
from lakewright.model.position import Position
from lakewright.sources.files.arrivals import Arrival, Arrivals
from lakewright.sources.files.tables import Rule


class Version(NamedTuple):
    """A version of a file: the arrival that it came with, and the replays of its rejected rows, in order."""

    arrival: Arrival
    replays: tuple[Arrival, ...] = ()


class Ledger:
    """What counts of the arrivals of a source; for one thread. Memory follows the number of arrivals.

    It sees new arrivals at each call; of those that others let wait only what was there when it was first asked.
    """

    def __init__(self, store: Store, zone: str, source: str, arrivals: Arrivals) -> None:
        self.source = source
        self._store = store
        self._arrivals = arrivals
        self._folder = f"{zone.rstrip('/')}/csv/_waiting/{urllib.parse.quote(source, safe='')}/"
        self._all: list[Arrival] = []
        self._waits: dict[int, SourceError] | None = None

    def next(self, number: int) -> Arrival | None:
        """The arrival behind that number, or None where there is none yet."""
        self._read_on()
        return self._all[number] if number < len(self._all) else None

    def last(self) -> int:
        """The number of the last arrival; 0 where there is none."""
        self._read_on()
        return len(self._all)

    def size_after(self, position: Position) -> int:
        """The bytes of the arrivals that a log up to that position does not have."""
        self._read_on()
        return sum(arrival.size for arrival in self._all[max(0, position.lsn - 1) :])

    def waiting(self, arrival: Arrival) -> SourceError | None:
        """Why an arrival waits, or None where it counts."""
        if self._waits is None:
            self._waits = {int(entry.name[-25:-5]): self._read(entry.name) for entry in self._store.list(self._folder)}
        return self._waits.get(arrival.number)

    def wait(self, arrival: Arrival, error: SourceError) -> None:
        """Let an arrival wait, for good: what is to count after all arrives anew."""
        told = {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where}
        with contextlib.suppress(AlreadyExists):
            self._store.create(f"{self._folder}{arrival.number:020d}.json", json.dumps({"version": 1, **told}).encode())
        self._waits = None

    def get(self, number: int) -> Arrival:
        """The arrival of that number, which is there."""
        self._read_on()
        return self._all[number - 1]

    def files(self, rule: Rule, before: int) -> list[Version]:
        """The versions of files whose rows are the table's, of arrivals with a number below `before`, in their order."""
        found = sorted(self._versions(rule.name, before).values(), key=lambda version: version.arrival.number)
        return found[-1:] if rule.mode == "snapshot" else found

    def stands(self, replay: Arrival, rule: Rule) -> bool:
        """Whether the version of the file whose rows are replayed is still one of `files`."""
        return any(version.arrival.number == replay.corrects for version in self.files(rule, replay.number))

    def former(self, arrival: Arrival) -> Version | None:
        """The version of the same file that counted until this one came, or None."""
        return self._versions(arrival.dataset, arrival.number).get(arrival.name)

    def open_faults(self) -> Mapping[str, SourceError]:
        """Why the newest version of a file waits, by the file's label."""
        self._read_on()
        newest = {arrival.label: arrival for arrival in self._all}
        found = {name: self.waiting(arrival) for name, arrival in newest.items()}
        return {name: error for name, error in found.items() if error is not None}

    def _versions(self, dataset: str, before: int) -> dict[str, Version]:
        self._read_on()
        found: dict[str, Version] = {}
        for arrival in self._all[: max(0, before - 1)]:
            if arrival.dataset != dataset or self.waiting(arrival) is not None:
                continue
            version = found.get(arrival.name)
            if arrival.removed:
                found.pop(arrival.name, None)
            elif not arrival.corrects:
                found[arrival.name] = Version(arrival)
            elif version is not None and version.arrival.number == arrival.corrects:
                found[arrival.name] = Version(version.arrival, (*version.replays, arrival))
        return found

    def _read_on(self) -> None:
        self._all += self._arrivals.after(len(self._all))

    def _read(self, name: str) -> SourceError:
        found = json.loads(self._store.read(name))
        return SourceError(found["code"], found["message"], hint=found["hint"], where=found["where"])
