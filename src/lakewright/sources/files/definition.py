"""The definition under which files are read: all that decides what rows their bytes make, and the definitions there ever were."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json

from lakewright.errors import AlreadyExists, LogError, NotFound
from lakewright.model.contracts import Store
from lakewright.sources.files.dataset import Dataset


@dataclasses.dataclass(frozen=True)
class Definition:
    """A dataset as its file in the project has it, and what lake.yaml says of its rows: ``key`` and ``deleted``, as in `Rule`."""

    dataset: Dataset
    key: tuple[str, ...] = ()
    deleted: tuple[str, str] | None = None

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 of `to_bytes`: equal where the same bytes make the same rows."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """What decides the reading, as JSON; what was only found in the first file is left out."""
        columns = tuple(dataclasses.replace(column, nullable=True, note=None) for column in self.dataset.columns)
        dataset = dataclasses.replace(self.dataset, columns=columns, keys=(), rows=0)
        return json.dumps(
            {"version": 1, "dataset": dataset.to_json(), "key": self.key, "deleted": self.deleted}, indent=1
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Definition:
        """The definition that `to_bytes` wrote."""
        found = json.loads(data)
        deleted = found["deleted"] and (found["deleted"][0], found["deleted"][1])
        return cls(Dataset.from_json(found["dataset"]), tuple(found["key"]), deleted)


class PastDefinitions:
    """The definitions under which files of a lake were read: ``<zone>/csv/_definitions/<digest>.json``, never changed.

    Errors are `LogError` where one is missing or damaged, and `StorageError`.
    """

    def __init__(self, store: Store, zone: str) -> None:
        self._store = store
        self._folder = f"{zone.rstrip('/')}/csv/_definitions/"
        self._kept: set[str] = set()
        self._seen: dict[str, Definition] = {}

    def see(self, definition: Definition) -> Definition:
        """Know a definition that somebody may read files under; nothing is written."""
        return self._seen.setdefault(definition.digest, definition)

    def keep(self, digest: str) -> None:
        """Write a definition that was seen; to be called before a row that was read under it is in the log."""
        if digest in self._seen and digest not in self._kept:
            with contextlib.suppress(AlreadyExists):
                self._store.create(self._name(digest), self._seen[digest].to_bytes())
            self._kept.add(digest)

    def get(self, digest: str) -> Definition:
        """The definition of that digest."""
        if digest not in self._seen:
            self._seen[digest] = self._read(digest)
            self._kept.add(digest)
        return self._seen[digest]

    def _read(self, digest: str) -> Definition:
        name, found = self._name(digest), b""
        with contextlib.suppress(NotFound):
            found = self._store.read(name)
        if hashlib.sha256(found).hexdigest() != digest:
            hint = "restore it from a backup, or `lakewright resync TABLE` reads the files of its dataset anew"
            raise LogError("LW-293", f"{name} is missing or damaged", hint=hint)
        return Definition.from_bytes(found)

    def _name(self, digest: str) -> str:
        return f"{self._folder}{digest}.json"
