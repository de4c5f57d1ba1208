"""A folder of exports and a lake beside it."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from lakewright.model.contracts import Store
from lakewright.sources.files.arrivals import Arrival, Arrivals
from lakewright.sources.files.copying import Progress
from lakewright.sources.files.origin import Folder, Origin
from lakewright.sources.files.selection import Selection
from lakewright.sources.files.transfer import Transfer, TransferSettings
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import FaultyStore

LONG_AGO = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
SELECTIONS = (Selection("customers", ("customers*.csv",)), Selection("orders", ("orders/**",), ("**/old-*",)))


class Exports:
    """A folder that others write into, and a lake that takes what is in it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "exports"
        self.folder.mkdir()
        self.lake = root / "lake"
        self.store = LocalStore(self.lake)

    def put(self, name: str, data: bytes, *, age: float = 0.0) -> Path:
        """Write a file that was modified so many seconds after a moment long ago."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.date(name, LONG_AGO.timestamp() + age)
        return path

    def date(self, name: str, seconds: float) -> None:
        """Give a file a modification time."""
        os.utime(self.folder / name, (seconds, seconds))

    def transfer(
        self,
        store: Store | None = None,
        progress: Progress = lambda name, done, size: None,
        selections: Sequence[Selection] = SELECTIONS,
        **settings: Any,
    ) -> Transfer:
        """A transfer as a process has it."""
        store = store or self.store
        arrivals = Arrivals(store, "raw", "exports")
        return Transfer(self.made(), store, arrivals, selections, TransferSettings(**{"settle": 0.0, **settings}), progress)

    def made(self) -> Origin:
        """The origin of its files."""
        return Folder(self.folder)

    def look(self, store: Store | None = None, **settings: Any) -> list[Arrival]:
        """One look of a transfer of its own."""
        return self.transfer(store, **settings).look(threading.Event())

    def arrivals(self) -> list[Arrival]:
        """All that is registered; what is named is whole."""
        found = [*Arrivals(self.store, "raw", "exports").after(0)]
        for arrival in found:
            data = self.store.read(arrival.stored)
            assert (len(data), hashlib.sha256(data).hexdigest()) == (arrival.size, arrival.sha256)
        assert [arrival.number for arrival in found] == [*range(1, len(found) + 1)]
        return found

    def taken(self) -> dict[str, bytes]:
        """The newest bytes of each file that is registered and not removed."""
        newest = {arrival.name: arrival for arrival in self.arrivals()}
        return {name: self.store.read(arrival.stored) for name, arrival in newest.items() if not arrival.removed}

    def given(self) -> dict[str, bytes]:
        """The bytes of each file of the folder."""
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path)


def names(found: list[Arrival]) -> list[str]:
    """The files of arrivals, in order."""
    return [arrival.name for arrival in found]


class Counting(FaultyStore):
    """A store that notes how many bytes each write of an upload gets."""

    def __init__(self, store: Store, written: list[int]) -> None:
        super().__init__(store)
        self._written = written

    @contextlib.contextmanager
    def upload(self, name: str, resume: str | None = None) -> Iterator[BinaryIO]:
        with super().upload(name, resume) as file:
            write = file.write
            file.write = lambda data: (self._written.append(len(data)) or write(data)) if resume else write(data)  # type: ignore[method-assign]
            yield file
