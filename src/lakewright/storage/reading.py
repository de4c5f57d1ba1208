"""An object of a store as a file, for libraries that read from one."""

from __future__ import annotations

import io

from lakewright.model.contracts import Store


class StoredFile(io.RawIOBase):
    """The object `name` of `size` bytes, open for reading: each read is one range."""

    def __init__(self, store: Store, name: str, size: int) -> None:
        self._store, self._name, self._size, self._offset = store, name, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._offset = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        return self._offset

    def read(self, size: int = -1) -> bytes:
        data = self._store.read_range(self._name, self._offset, self._size - self._offset if size < 0 else size)
        self._offset += len(data)
        return data
