"""Folders: in which folder of its zone each table is, and in which it was before.

A table begins in the folder of its name. Where its rows cannot go on there (`moves`), they are written into a new one, and the
table is switched to that: its last commit in the former folder says where it goes on, under the lock and the checks of every
commit, and no write of ours opens there after it. Then the record of its folders is written. Who dies in between leaves a table
that is read where it was; the next who holds its lease writes the record first of all (`settled`).

A record is numbered, created if absent, and holds everything: `<zone>/_table-folders/<table>/<20 digits>.json`; the newest
counts. Folders that it does not name are left over from a move that did not end, or from the time before one: `sweep` removes
them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import re
from collections.abc import Iterator

from lakewright.errors import AlreadyExists, CommitConflict, FormatError
from lakewright.model import sealed
from lakewright.model.contracts import Store, Table, TableFormat
from lakewright.model.table import Commit, TableSpec
from lakewright.pipeline.mirror import Mirror

_LAST = "/.hoodie/hoodie.properties"
"""What makes a folder a table goes last, so that a reader of one that is being removed misses files and no table."""


@dataclasses.dataclass(frozen=True)
class Former:
    """A folder that a table was in, and when it was left."""

    path: str
    until: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Record:
    """The folder that a table is in, and those that it was in before and that can still be read, oldest first."""

    number: int
    path: str
    former: tuple[Former, ...] = ()

    @property
    def paths(self) -> list[str]:
        """All of them, newest first."""
        return [self.path, *(each.path for each in reversed(self.former))]


class Folders:
    """Where the tables of a store are; whoever changes that holds the table's lease."""

    def __init__(self, store: Store, format: TableFormat) -> None:
        self._store, self._format = store, format

    def record(self, mirror: Mirror) -> Record:
        """The newest record of a table; raises `FormatError` LW-404 for one that is damaged."""
        names = [entry.name for entry in self._store.list(_prefix(mirror))]
        if not names:
            return Record(0, mirror.path)
        try:
            told = sealed.load(self._store.read(names[-1]))
            zone = mirror.path.rpartition("/")[0]
            former = [Former(f"{zone}/{name}", datetime.datetime.fromisoformat(until)) for name, until in told["former"]]
            return Record(told["number"], f"{zone}/{told['folder']}", tuple(former))
        except (ValueError, KeyError, TypeError) as error:
            hint = "restore the file from a backup"
            raise FormatError("LW-404", f"{names[-1]} is damaged: {error}", hint=hint) from None

    def tables(self, mirror: Mirror) -> Iterator[Table]:
        """The table in each of its folders, newest first; none where there is no table yet."""
        for path in self.record(mirror).paths:
            if (table := self._format.open(path)) is not None:
                yield table

    def table(self, mirror: Mirror) -> Table | None:
        """The table in the folder that it is in; None where there is none yet."""
        return self._format.open(self.record(mirror).path)

    def settled(self, mirror: Mirror) -> Table | None:
        """The same for who holds its lease: a switch that somebody died in is done to its end first."""
        record = self.record(mirror)
        table = self._format.open(record.path)
        left = None
        with contextlib.suppress(FormatError):  # a table that is damaged is to be mended where it is
            left = next((commit for commit in table.history() if commit.moved), None) if table else None
        return self._format.open(self._switch(mirror, record, left).path) if left else table

    def fresh(self, mirror: Mirror, lease: int, spec: TableSpec) -> Table:
        """An empty table in a folder of its own, for who holds the lease of that number; no folder has its name again."""
        self.sweep(mirror, lease)
        return self._format.create(f"{mirror.path}-{self.record(mirror).number + 1}-{lease}", spec)

    def switch(self, mirror: Mirror, left: Commit) -> None:
        """Let a table go on where the last commit in its folder says. Raises `CommitConflict` LW-416 where it is not in that."""
        self._switch(mirror, self.record(mirror), left)

    def forget(self, mirror: Mirror, paths: set[str]) -> None:
        """Leave former folders out of the record."""
        record = self.record(mirror)
        former = tuple(each for each in record.former if each.path not in paths)
        self._write(mirror, Record(record.number + 1, record.path, former))

    def leftovers(self, mirror: Mirror) -> list[str]:
        """The folders of a table that its record does not name."""
        paths = self.record(mirror).paths
        return [path for path in self._found(mirror) if path not in paths]

    def sweep(self, mirror: Mirror, lease: int) -> int:
        """Remove `leftovers` but those of later holders of the lease than that of number `lease`; returns how many."""
        gone = [path for path in self.leftovers(mirror) if _lease_of(path) < lease]
        for path in gone:
            self.remove(path)
        return len(gone)

    def remove(self, path: str) -> None:
        """Remove a folder with all that is in it."""
        for entry in list(self._store.list(f"{path}/")):
            if entry.name != path + _LAST:
                self._store.delete(entry.name)
        self._store.delete(path + _LAST)

    def _switch(self, mirror: Mirror, record: Record, left: Commit) -> Record:
        assert left.moved is not None
        new = Record(record.number + 1, left.moved, (*record.former, Former(record.path, left.time)))
        self._write(mirror, new)
        return new

    def _write(self, mirror: Mirror, record: Record) -> None:
        former = [(each.path.rpartition("/")[2], each.until.isoformat()) for each in record.former]
        told = {"number": record.number, "folder": record.path.rpartition("/")[2], "former": former}
        name, data = f"{_prefix(mirror)}{record.number:020d}.json", sealed.dump(told)
        try:
            self._store.create(name, data)
        except AlreadyExists:
            if self._store.read(name) != data:  # else it is ours, and the answer was lost
                raise CommitConflict("LW-416", f"another process moved table {mirror.name}", hint="try again") from None

    def _found(self, mirror: Mirror) -> Iterator[str]:
        """The folders of a table that are there; what people put beside them is none."""
        if next(self._store.list(f"{mirror.path}/"), None) is not None:
            yield mirror.path
        depth, after = mirror.path.count("/") + 1, None
        while (entry := next(self._store.list(f"{mirror.path}-", after), None)) is not None:
            path = "/".join(entry.name.split("/")[:depth])
            after = f"{path}0"  # the character after "/"
            if path != entry.name and _lease_of(path):
                yield path


def _prefix(mirror: Mirror) -> str:
    zone, _, name = mirror.path.rpartition("/")
    return f"{zone}/_table-folders/{name}/"  # no table has a "-" in its name, and so none this one


def _lease_of(path: str) -> int:
    """The number of the lease under which a folder was made; 0 for that of the table's name, and for what is none of ours."""
    made = re.fullmatch(r".*-\d+-(\d+)", path)
    return int(made[1]) if made else 0
