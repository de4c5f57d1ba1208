"""Arrivals: what was transferred from an origin, as small JSON objects that never change. A file exists when an arrival names it.

Below ``<zone>/csv/``, where `zone` is the raw zone's prefix::

    _arrivals/<source>/<20 digits>.json        the arrivals of a source, numbered from 1 without gaps
    _pages/<source>/<20 digits>.json           a thousand of them up to that number, to be read at once; see `pages`
    <dataset>/<time>-<version>/<file name>     the bytes of one version of a file; the name is given once; see `leftovers`

Arrival numbers are the order of the source, as LSNs are a database's. They are created if absent, so several writers agree on one
order, and an arrival counts only while the one that its writer knew of the same name is still the newest: a writer that was
stopped for long cannot put an old version over a newer one.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lakewright.errors import AlreadyExists, LogError, NotFound
from lakewright.model import fields, sealed
from lakewright.model.contracts import Store
from lakewright.sources.files import pages
from lakewright.storage.objects import named_by, path_part

_LONGEST_NAME = 100
_LOOKS_LIKE_A_BYTE = re.compile(r"\\(?=x(?:[89a-f][0-9a-f]|5c))")
_NUMBERED = re.compile(r"(\d{20})\.json")
_RESTORE = "restore the folder _arrivals from a backup, or load the source into a new lake"


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """A version of a source file that is complete in the store, or, with ``removed``, the news that the file was deleted.

    ``name`` is below the origin, ``stored`` the object that has its bytes: ``size`` of them, with this ``sha256``. ``modified``
    is the source file's own time, ``arrived`` that of the transfer (both UTC). A removal repeats what was there last.

    Not only transfers make arrivals. ``corrects`` is the number of the arrival whose rejected rows this one replays, and
    ``accepts`` that of the one which waits and which this one takes up again, whatever is rejected of it; else 0.
    """

    number: int
    name: str
    dataset: str
    stored: str
    size: int
    sha256: str
    modified: datetime.datetime
    arrived: datetime.datetime
    removed: bool = False
    corrects: int = 0
    accepts: int = 0

    @property
    def version(self) -> int:
        """The number of the arrival with which the version of the file came that it belongs to."""
        return self.corrects or self.number

    @property
    def label(self) -> str:
        """The name as any text can hold it; see `label`."""
        return label(self.name)

    def to_bytes(self) -> bytes:
        """The object's content."""
        times = {"modified": self.modified.isoformat(), "arrived": self.arrived.isoformat()}
        return sealed.dump({"version": 1, **dataclasses.asdict(self), **times})

    @classmethod
    def from_bytes(cls, data: bytes, stored: str, number: int) -> Arrival:
        """The content of the object `stored`, which must be arrival `number`; raises `LogError` for anything else."""
        try:
            return _arrival(sealed.load(data), number)
        except (ValueError, TypeError, KeyError) as error:
            raise LogError("LW-290", f"{stored} is not an arrival: {fields.damage(error)}", hint=_RESTORE) from None

    def says(self, other: Arrival) -> bool:
        """Whether the other one, of the same file, tells the same."""
        mine, theirs = ((one.dataset, one.size, one.sha256, one.removed, one.accepts) for one in (self, other))
        return mine == theirs


class Arrivals:
    """The arrivals of `source` in the raw zone whose prefix is `zone`; safe from several threads.

    Costs one look-up in the store where nothing is new; memory follows the number of names, about a kilobyte for each. Errors are
    `LogError` where an arrival is damaged or missing and `StorageError` where the store fails. `logged` gives the number of the
    last arrival that the log has, asked once: where there is none of that number, an older copy of them was put back.
    """

    def __init__(self, store: Store, zone: str, source: str, logged: Callable[[], int] = lambda: 0) -> None:
        self._store = store
        self.source = source
        self._logged = logged
        self._files = f"{zone.rstrip('/')}/csv/"
        self._folder = f"{self._files}_arrivals/{path_part(source)}/"
        self._pages = pages.Pages(store, f"{self._files}_pages/{path_part(source)}/")
        self._unpaged: list[Arrival] = []
        self._number = self._listed = 0
        self._newest: dict[str, Arrival] = {}
        self._last: dict[str, Arrival] = {}
        self._guard = threading.Lock()

    def append(self, arrival: Arrival, known: Arrival | None) -> Arrival | None:
        """Register an arrival under the next number, which it is returned with.

        `known` is the newest version of that name as the caller knew it, or for a replay the last arrival of it. Nothing is
        registered, and None returned, where that is not so any more, or it says the same already.
        """
        with self._guard:
            while True:
                self._advance()
                newest = (self._last if arrival.corrects else self._newest).get(arrival.name)
                if newest != known or (newest is not None and not arrival.corrects and arrival.says(newest)):
                    return None
                numbered = dataclasses.replace(arrival, number=self._number + 1)
                try:
                    self._store.create(self._name(numbered.number), numbered.to_bytes())
                except AlreadyExists:  # a rival's, or ours with a lost answer: either way it is read now
                    continue
                self._add(numbered)
                self._write_pages()
                return numbered

    def after(self, number: int) -> Iterator[Arrival]:
        """The arrivals behind that number, in order; memory is bounded. Ends where there are no more yet."""
        while found := self._paged(number + 1) or self._single(number + 1):
            yield from found
            number += len(found)

    def find(self, number: int) -> Arrival | None:
        """The arrival of that number; None where there is none yet."""
        return next(iter(self._single(number)), None)

    def get(self, number: int) -> Arrival:
        """The arrival of that number; raises `LogError` where there is none."""
        arrival = self.find(number)
        if arrival is None:
            raise self._missing(number)
        return arrival

    def count(self) -> int:
        """How many arrivals there are, as of now: the number of the last one."""
        with self._guard:
            self._advance()
            return self._number

    def newest(self) -> Mapping[str, Arrival]:
        """The last version of each name, as of now."""
        with self._guard:
            self._advance()
            return dict(self._newest)

    def last(self) -> Mapping[str, Arrival]:
        """The last arrival of each name, replays too, as of now."""
        with self._guard:
            self._advance()
            return dict(self._last)

    def stored_name(self, dataset: str, name: str, modified: datetime.datetime, version: str) -> str:
        """Where a version of the file `name` is kept; a `version`, a text, gets the same place each time."""
        digest = hashlib.sha256(json.dumps([self.source, name, version]).encode()).hexdigest()
        folder = f"{modified:%Y%m%d-%H%M%S}-{digest[:16]}"
        return f"{self._files}{path_part(dataset)}/{folder}/{path_part(name.rpartition('/')[2])[-_LONGEST_NAME:]}"

    def _advance(self) -> None:
        if not self._number:
            self._listed = max(self._logged(), self._last_listed())  # in this order: an arrival comes before it is in the log
        for arrival in self.after(self._number):
            self._add(arrival)
        if self._number < self._listed:
            raise self._missing(self._number + 1)

    def _add(self, arrival: Arrival) -> None:
        self._number = arrival.number
        if self._unpaged or (pages.begins(self._number) and self._number > self._pages.end):
            self._unpaged.append(arrival)
        self._last[arrival.name] = arrival
        if not arrival.corrects:
            self._newest[arrival.name] = arrival

    def _write_pages(self) -> None:
        """Put into pages what is in none, as far as it fills them."""
        while len(self._unpaged) >= pages.SIZE:
            self._pages.write(self._unpaged[0].number, [arrival.to_bytes() for arrival in self._unpaged[: pages.SIZE]])
            del self._unpaged[: pages.SIZE]

    def _last_listed(self) -> int:
        """The last number there is; raises `LogError` for a gap behind the pages, so that no lost number is ever given again."""
        last = self._pages.end
        for entry in self._store.list(self._folder, after=self._name(last)):
            match = _NUMBERED.fullmatch(entry.name.rpartition("/")[2])
            if match and int(match[1]) != last + 1:
                raise self._missing(last + 1)
            last += match is not None
        return last

    def _missing(self, number: int) -> LogError:
        return LogError("LW-291", f"{self._name(number)} is missing", hint=_RESTORE)

    def _name(self, number: int) -> str:
        return f"{self._folder}{number:020d}.json"

    def _paged(self, number: int) -> list[Arrival]:
        """The arrivals from that number to the end of its page; none where there is no page of it, or a damaged one."""
        lines = self._pages.read(number)
        try:
            return [Arrival.from_bytes(line, "a line of a page", number + place) for place, line in enumerate(lines)]
        except LogError:
            self._pages.spoil(number)
            return []

    def _single(self, number: int) -> list[Arrival]:
        """The arrival of that number in a list, an empty one where there is none yet."""
        name = self._name(number)
        try:
            return [Arrival.from_bytes(self._store.read(name), name, number)]
        except NotFound:
            return []


def sources(store: Store, zone: str) -> set[str]:
    """The names of all sources that ever had an arrival."""
    prefix = f"{zone.rstrip('/')}/csv/_arrivals/"
    return {named_by(entry.name[len(prefix) :].partition("/")[0]) for entry in store.list(prefix)}


def damaged(arrival: Arrival, how: str) -> LogError:
    """The error of an arrival whose bytes are missing or others."""
    hint = f"restore it from a backup, or copy the file {arrival.label} of the origin over it, if it has these bytes"
    return LogError("LW-292", f"{arrival.stored} is {how}: not what arrival {arrival.number} says", hint=hint)


def label(name: str) -> str:
    """A file's name as people read it: bytes of it that are no UTF-8 stand there as ``\\xff``.

    No two names have the same: where a name itself has what would be read as such a byte, its backslash is ``\\x5c``.
    """
    return _LOOKS_LIKE_A_BYTE.sub(r"\\x5c", name).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _arrival(data: Any, number: int) -> Arrival:
    if fields.get(data, "version", int) != 1:
        raise ValueError(f"its version is {data['version']}, this program reads 1")
    arrival = Arrival(
        number=fields.count(data, "number"),
        name=fields.get(data, "name", str),
        dataset=fields.get(data, "dataset", str),
        stored=fields.get(data, "stored", str),
        size=fields.count(data, "size"),
        sha256=fields.get(data, "sha256", str),
        modified=fields.time(data, "modified"),
        arrived=fields.time(data, "arrived"),
        removed=fields.get(data, "removed", bool),
        corrects=fields.count(data, "corrects"),
        accepts=fields.count(data, "accepts"),
    )
    if arrival.number != number:
        raise ValueError(f"its number is {arrival.number}")
    if not re.fullmatch("[0-9a-f]{64}", arrival.sha256):
        raise ValueError("its sha256 is not one")
    return arrival
