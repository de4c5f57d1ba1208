"""An object of a store as a file, for libraries that read from one."""

from __future__ import annotations

import contextlib
import io
import mmap
import threading

from lakewright.model.contracts import Store


def mapped(store: Store, name: str) -> bytes | mmap.mmap:
    """The object's bytes: where it is a file of this machine, mapped and not read; raises `NotFound`."""
    location = store.location(name)
    if location.startswith("/"):
        with contextlib.suppress(OSError, ValueError), open(location, "rb") as file:  # an empty file cannot be mapped
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return store.read(name)


class StoredFile(io.RawIOBase):
    """The object `name` of `size` bytes, open for reading: each read is one range.

    Every thread has a place of its own in it: DuckDB's threads share a file, and each seeks before it reads.
    """

    def __init__(self, store: Store, name: str, size: int) -> None:
        self._store, self._name, self._size = store, name, size
        self._place = threading.local()
        self._held = (0, b"")

    def hold(self, offset: int, size: int) -> None:
        """Read a range, in place of the one before, so that reads within it ask the store no more."""
        self._held = (offset, self._store.read_range(self._name, offset, size))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return getattr(self._place, "offset", 0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place.offset = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        offset = self.tell()
        size = self._size - offset if size < 0 else size
        start, held = self._held
        if start <= offset and offset + size <= start + len(held):
            data = held[offset - start : offset - start + size]
        else:
            data = self._store.read_range(self._name, offset, size)
        self._place.offset = offset + len(data)
        return data
