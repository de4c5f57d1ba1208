"""Pages: numbered objects once more, many in one, so that a start does not read them one by one.

A page holds the bytes of `SIZE` objects, each a line, and like them never changes. It is no more than a copy: where it is missing
or damaged the objects themselves are read, and it is made anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from lakewright.errors import NotFound
from lakewright.model.contracts import Store

SIZE = 1_000


class Pages:
    """The pages in `folder`, each named by its last number."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._end: int | None = None

    @property
    def end(self) -> int:
        """Up to this number every object is in a page that is not known to be damaged."""
        if self._end is None:
            there = {entry.name for entry in self._store.list(self._folder)}
            self._end = next(end for end in itertools.count(0, SIZE) if self._name(end + SIZE) not in there)
        return self._end

    def read(self, number: int) -> list[bytes]:
        """The objects from `number` to the end of its page; none where they are to be read themselves."""
        if number > self.end:
            return []
        begin = _begin(number)
        try:
            lines = self._store.read(self._name(begin + SIZE - 1)).splitlines()
        except NotFound:
            lines = []
        if len(lines) != SIZE:
            self.spoil(number)
            return []
        return lines[number - begin :]

    def spoil(self, number: int) -> None:
        """Use no more the page with that number, which is damaged, nor those behind it."""
        self._end = min(self.end, _begin(number) - 1)

    def write(self, number: int, objects: Sequence[bytes]) -> None:
        """Write the page that begins with that number."""
        self._store.put(self._name(number + SIZE - 1), b"\n".join(objects))
        if self.end == number - 1:
            self._end = number + SIZE - 1

    def _name(self, last: int) -> str:
        return f"{self._folder}{last:020d}.json"


def begins(number: int) -> bool:
    """Whether a page begins with that number."""
    return _begin(number) == number


def _begin(number: int) -> int:
    return number - (number - 1) % SIZE
