"""Published: the record of each snapshot that is a table of its own.

What such a table is says its one commit, in its checkpoint. The record is written after that: it lets a lake know the snapshots
that lake.yaml names no more, without a look into every folder. One whose folder somebody removed counts no more.

`<curated>/_published-snapshots/<name>.json`, written under the lease of the snapshot's table.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from lakewright.errors import FormatError
from lakewright.model import fields, sealed
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.model.table import Published
from lakewright.pipeline.mirror import Mirror

AGAIN = "restore it from a backup, or remove the snapshot's folder: the next `lakewright merge` writes it again, if it still can"
"""What mends a snapshot that is damaged."""


@dataclasses.dataclass(frozen=True)
class Record:
    """A snapshot that is written: its name, the table of a source whose rows it has, and what it is of."""

    name: str
    source: str
    origin: TableName
    of: Published


class Records:
    """Those of one lake, whose tables are in the folder `zone` of the store."""

    def __init__(self, store: Store, zone: str) -> None:
        self._store, self._zone = store, zone
        self._prefix = f"{zone}/_published-snapshots/"  # no table has a "-" in its name
        self._known: dict[str, Record] = {}

    def all(self) -> list[Record]:
        """All of them, in name order; raises `FormatError` LW-404 for one that is damaged."""
        return [self._read(entry.name) for entry in self._store.list(self._prefix)]

    def add(self, record: Record) -> None:
        """Keep the record of a snapshot whose commit is there; the caller holds the lease of its table."""
        told: dict[str, Any] = {"source": record.source, "origin": str(record.origin), **record.of.to_json()}
        self._store.put(self._file(record.name), sealed.dump(told))
        self._known.pop(record.name, None)

    def forget(self, name: str) -> None:
        """Remove the record of a snapshot whose folder is not there any more, where there is one."""
        self._store.delete(self._file(name))
        self._known.pop(name, None)

    def mirror(self, record: Record) -> Mirror:
        """The snapshot's own table."""
        return Mirror(record.name, record.source, record.origin, self.path(record.name))

    def path(self, name: str) -> str:
        """The folder of a snapshot's table."""
        return f"{self._zone}/{name}"

    def _file(self, name: str) -> str:
        return f"{self._prefix}{name}.json"

    def _read(self, path: str) -> Record:
        """A record is read once: what it says does not change while the table is there."""
        name = path.removeprefix(self._prefix).removesuffix(".json")
        if name not in self._known:
            try:
                told = sealed.load(self._store.read(path))
                origin = TableName.parse(fields.get(told, "origin", str))
                self._known[name] = Record(name, fields.get(told, "source", str), origin, Published.from_json(told))
            except (ValueError, KeyError, TypeError) as error:
                hint = "restore the file from a backup, or remove it and `lakewright merge`, which writes it anew"
                raise FormatError("LW-404", f"{path} is damaged: {fields.damage(error)}", hint=hint) from None
        return self._known[name]
