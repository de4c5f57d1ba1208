"""A store's files for DuckDB: what it opens by a URL is read through the store, with its credentials and its repetitions."""

from __future__ import annotations

import datetime
import functools
from typing import Any

from fsspec import AbstractFileSystem

from lakewright.engines.failures import StoredFailure
from lakewright.errors import StorageError
from lakewright.model.contracts import Entry, Store
from lakewright.storage import objects
from lakewright.storage.reading import StoredFile

_REMEMBERED = 1 << 14
"""Files whose size is kept in memory: a named file never changes."""


class StoredFiles(AbstractFileSystem):  # type: ignore[misc]
    """The objects of `store` in its `folders`, under the locations that it gives them: URLs of the scheme `protocol`."""

    cachable = False

    def __init__(self, protocol: str, store: Store, folders: list[str]) -> None:
        super().__init__()
        self.protocol = protocol
        self._store = store
        self._folders = {store.location(f"{folder}/_")[:-1]: f"{folder}/" for folder in folders}
        self._entry = functools.lru_cache(_REMEMBERED)(self._looked_up)

    def open(self, path: str, mode: str = "rb", **_: Any) -> StoredFile:
        """The file, open for reading."""
        entry = self._entry(path)
        return _File(self._store, entry.name, entry.size)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The path itself: no name is a pattern."""
        return [path]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, type and size in bytes."""
        return {"name": path, "type": "file", "size": self._entry(path).size}

    def modified(self, path: str) -> datetime.datetime:
        """When the file was written, in UTC."""
        return self._entry(path).modified

    def _looked_up(self, path: str) -> Entry:
        name = next(folder + path.removeprefix(url) for url, folder in self._folders.items() if path.startswith(url))
        try:
            found = next(self._store.list(name), None)
        except StorageError as error:
            raise StoredFailure(error) from None
        if found is None or found.name != name:
            raise StoredFailure(objects.missing(path))
        return found


class _File(StoredFile):
    def read(self, size: int = -1) -> bytes:
        try:
            return super().read(size)
        except StorageError as error:
            raise StoredFailure(error) from None
