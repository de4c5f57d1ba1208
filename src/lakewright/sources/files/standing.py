"""Which versions of files stand after some arrivals: kept up arrival by arrival, in numbers only."""

from __future__ import annotations

import itertools

from lakewright.sources.files.arrivals import Arrival


class Standing:
    """The versions of files that stand after arrival ``number``, each as numbers: of its arrival, then of its replays."""

    def __init__(self) -> None:
        self.number = 0
        self._files: dict[str, dict[str, tuple[int, ...]]] = {}

    def add(self, arrival: Arrival, *, counts: bool) -> None:
        """Take the next arrival; one that does not count changes nothing."""
        self.number = arrival.number
        if not counts:
            return
        files = self._files.setdefault(arrival.dataset, {})
        version = files.get(arrival.name, ())
        if arrival.corrects:
            if version[:1] == (arrival.corrects,):
                files[arrival.name] = (*version, arrival.number)
            return
        files.pop(arrival.name, None)  # so that what comes last stands last
        if not arrival.removed:
            files[arrival.name] = (arrival.number,)

    def of(self, dataset: str, name: str) -> tuple[int, ...]:
        """The version of a file of a dataset; empty where none stands."""
        return self._files.get(dataset, {}).get(name, ())

    def all(self, dataset: str) -> list[tuple[int, ...]]:
        """The versions of all files of a dataset, in the order of their arrivals."""
        return [*self._files.get(dataset, {}).values()]

    def newest(self, dataset: str) -> list[tuple[int, ...]]:
        """The last of `all`, if there is any."""
        versions = reversed(self._files.get(dataset, {}).values())
        return [*itertools.islice(versions, 1)]
