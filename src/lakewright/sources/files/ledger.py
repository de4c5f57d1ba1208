"""The ledger of a source of files: which arrivals count, and which wait until somebody has looked at them.

An arrival that cannot be read, or of which too many rows are rejected, waits: it has no rows in the lake, and a former version
of the file stands. That it waits is a JSON object of its own, ``<zone>/csv/_waiting/<source>/<20 digits>.json``, written before
the log goes past the arrival; so it is the same after every restart. One of the same name in ``_discarded`` says that somebody
has looked at it, and that nothing of it is to be taken.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Set
from typing import NamedTuple

from lakewright.errors import AlreadyExists, LakewrightError, SourceError
from lakewright.model import fields, sealed
from lakewright.model.contracts import Store
from lakewright.model.position import Position
from lakewright.sources.files.arrivals import Arrival, Arrivals
from lakewright.sources.files.standing import Standing
from lakewright.sources.files.tables import Rule
from lakewright.storage.objects import path_part


class Version(NamedTuple):
    """A version of a file: the arrival that it came with, and the replays of its rejected rows, in order."""

    arrival: Arrival
    replays: tuple[Arrival, ...] = ()


class Ledger:
    """What counts of the arrivals of a source; safe from several threads. It sees new arrivals at each call.

    What is asked about arrivals in their order takes a time that does not grow with their number; about earlier ones all before
    them are looked at. Memory follows the number of files.
    """

    def __init__(self, store: Store, zone: str, arrivals: Arrivals) -> None:
        self.source = arrivals.source
        self._store = store
        self._arrivals = arrivals
        part = path_part(self.source)
        self._waiting_at, self._discarded_at = (f"{zone.rstrip('/')}/csv/{kind}/{part}/" for kind in ("_waiting", "_discarded"))
        self._waits: set[int] = set()
        self._standing = Standing()
        self._guard = threading.RLock()

    def look_again(self) -> None:
        """See which arrivals others have let wait."""
        with self._guard:
            waits = self._numbers(self._waiting_at)
            if any(number <= self._standing.number for number in waits ^ self._waits):
                self._standing = Standing()
            self._waits = waits

    def next(self, number: int) -> Arrival | None:
        """The arrival behind that number, or None where there is none yet."""
        return self._arrivals.find(number + 1)

    def last(self) -> int:
        """The number of the last arrival; 0 where there is none."""
        return self._arrivals.count()

    def size_after(self, position: Position) -> int:
        """The bytes of the arrivals that a log up to that position does not have."""
        return sum(arrival.size for arrival in self._arrivals.after(max(0, position.lsn - 1)))

    def waiting(self, arrival: Arrival) -> SourceError | None:
        """Why an arrival waits, or None where it counts. It waits as well where what told why is damaged."""
        if arrival.number not in self._waits:
            return None
        name = _name(self._waiting_at, arrival.number)
        try:
            found = sealed.load(self._store.read(name))
            return SourceError(found["code"], found["message"], hint=found["hint"], where=found["where"])
        except (ValueError, KeyError) as error:
            message = f"{name}, which tells why {arrival.label} waits, is damaged: {fields.damage(error)}"
            return SourceError("LW-290", message, hint="restore it from a backup, or `lakewright quarantine accept` the file")

    def wait(self, arrival: Arrival, error: LakewrightError) -> None:
        """Let an arrival wait, for good: what is to count after all arrives anew."""
        told = {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where}
        with contextlib.suppress(AlreadyExists):
            self._store.create(_name(self._waiting_at, arrival.number), sealed.dump({"version": 1, **told}))
        self.look_again()

    def discard(self, arrival: Arrival) -> None:
        """Let an arrival that waits be no open fault any more; it counts as little as before."""
        with contextlib.suppress(AlreadyExists):
            self._store.create(_name(self._discarded_at, arrival.number), b'{"version": 1}')

    def get(self, number: int) -> Arrival:
        """The arrival of that number, which is there."""
        return self._arrivals.get(number)

    def files(self, rule: Rule, before: int) -> list[Version]:
        """The versions of files whose rows are the table's, of arrivals with a number below `before`, in their order."""
        with self._guard:
            standing = self._standing_before(before)
            found = standing.newest(rule.name) if rule.mode == "snapshot" else standing.all(rule.name)
        return [self._version(*numbers) for numbers in found]

    def stands(self, replay: Arrival, rule: Rule) -> bool:
        """Whether the version of the file whose rows are replayed is still one of `files`."""
        with self._guard:
            standing = self._standing_before(replay.number)
            found = standing.newest(rule.name) if rule.mode == "snapshot" else [standing.of(rule.name, replay.name)]
        return any(numbers[:1] == (replay.corrects,) for numbers in found)

    def former(self, arrival: Arrival) -> Version | None:
        """The version of the same file that counted until this one came, or None."""
        with self._guard:
            numbers = self._standing_before(arrival.number).of(arrival.dataset, arrival.name)
        return self._version(*numbers) if numbers else None

    def open_faults(self) -> Mapping[str, SourceError]:
        """Why the newest version of a file waits, by the file's label. A replay never does: rows that it does not bring in are
        as rejected as before.
        """
        waits = self._newest_that_wait(self._waits - self._numbers(self._discarded_at))
        found = {arrival.label: self.waiting(arrival) for arrival in waits}
        return {name: error for name, error in found.items() if error is not None}

    def discarded(self) -> list[Arrival]:
        """The newest versions of files that wait no more, because they were discarded."""
        return self._newest_that_wait(self._waits & self._numbers(self._discarded_at))

    def _newest_that_wait(self, numbers: Set[int]) -> list[Arrival]:
        """Those of some arrivals that are the newest version of their file."""
        waits = [self._arrivals.get(number) for number in sorted(numbers)]
        newest = self._arrivals.newest() if waits else {}
        return [one for one in waits if not one.corrects and newest[one.name].number == one.number]

    def _numbers(self, folder: str) -> set[int]:
        return {int(entry.name[-25:-5]) for entry in self._store.list(folder)}

    def _standing_before(self, before: int) -> Standing:
        """What stands of the arrivals with a number below `before`."""
        ahead = self._standing.number >= before
        standing = Standing() if ahead else self._standing
        for arrival in self._arrivals.after(standing.number):
            if arrival.number >= before:
                break
            standing.add(arrival, counts=arrival.number not in self._waits)
        return standing

    def _version(self, number: int, *replays: int) -> Version:
        return Version(self.get(number), tuple(map(self.get, replays)))


def _name(folder: str, number: int) -> str:
    return f"{folder}{number:020d}.json"
