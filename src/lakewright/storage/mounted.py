"""A store of which some folders are other stores."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from lakewright.model.contracts import Entry, Store


class MountedStore:
    """Fulfils `lakewright.model.contracts.Store`: names in a folder of `mounts` are the mounted store's, all others `base`'s.

    What `base` has in such a folder is not seen.
    """

    def __init__(self, base: Store, mounts: Mapping[str, Store]) -> None:
        self._base = base
        self._mounts = {f"{folder}/": store for folder, store in mounts.items()}

    def create(self, name: str, data: bytes) -> None:
        """See `Store.create`."""
        store, own = self._of(name)
        store.create(own, data)

    def replace(self, name: str, data: bytes, expected: str | None) -> str:
        """See `Store.replace`."""
        store, own = self._of(name)
        return store.replace(own, data, expected)

    def put(self, name: str, data: bytes) -> None:
        """See `Store.put`."""
        store, own = self._of(name)
        store.put(own, data)

    def upload(self, name: str, resume: str | None = None) -> contextlib.AbstractContextManager[BinaryIO]:
        """See `Store.upload`."""
        store, own = self._of(name)
        return store.upload(own, resume)

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        store, own = self._of(name)
        return store.read(own)

    def read_tagged(self, name: str) -> tuple[bytes, str]:
        """See `Store.read_tagged`."""
        store, own = self._of(name)
        return store.read_tagged(own)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """See `Store.read_range`."""
        store, own = self._of(name)
        return store.read_range(own, offset, length)

    def exists(self, name: str) -> bool:
        """See `Store.exists`."""
        store, own = self._of(name)
        return store.exists(own)

    def list(self, prefix: str, after: str | None = None, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
        """See `Store.list`."""
        for folder, store in self._mounts.items():
            if prefix.startswith(folder):
                yield from _within(folder, store, prefix, after)
                return
        parts = [_within(folder, store, "", after) for folder, store in self._mounts.items() if folder.startswith(prefix)]
        own = (entry for entry in self._base.list(prefix, after, known) if not entry.name.startswith((*self._mounts,)))
        yield from heapq.merge(own, *parts, key=lambda entry: entry.name)

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        store, own = self._of(name)
        store.delete(own)

    def location(self, name: str) -> str:
        """See `Store.location`."""
        store, own = self._of(name)
        return store.location(own)

    def _of(self, name: str) -> tuple[Store, str]:
        """The store that has the name, and the name there."""
        for folder, store in self._mounts.items():
            if name.startswith(folder):
                return store, name.removeprefix(folder)
        return self._base, name


def _within(folder: str, store: Store, prefix: str, after: str | None) -> Iterator[Entry]:
    """The entries of a mounted store under their full names."""
    if after is not None and after.startswith(folder):
        after = after.removeprefix(folder)
    elif after is not None:
        if after > folder:
            return
        after = None
    for entry in store.list(prefix.removeprefix(folder), after):
        yield entry._replace(name=folder + entry.name)
