"""A table's instants as one read sees them: each commit that can be read, and the folder whose files it is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from lakewright.model.contracts import Table
from lakewright.model.table import Commit, Snapshot


@dataclasses.dataclass(frozen=True)
class Instant:
    """A commit, and the table in whose folder it is."""

    commit: Commit
    table: Table

    def snapshot(self) -> Snapshot:
        """The rows as of it; raises as `Table.snapshot`."""
        found = self.table.snapshot(self.commit.instant)
        assert found is not None
        return found


def based(table: Table, base: Commit | None) -> list[Instant]:
    """The instants of a pending write: the newest with a checkpoint as of its opening, whatever happens meanwhile."""
    return [Instant(base, table)] if base else []


class Instants:
    """The commits in some folders of a table, newest first; each folder is listed when the one after it is exhausted, and once.

    `tables` are in that order too.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._listed: list[Instant] = []
        self._later = iter(tables)

    def __iter__(self) -> Iterator[Instant]:
        number = 0
        while number < len(self._listed) or self._list():
            yield self._listed[number]
            number += 1

    def find(self, instant: str) -> Instant | None:
        """The one of that time, or None."""
        return next((each for each in self if each.commit.instant == instant), None)

    def newest_marked(self) -> Commit | None:
        """The newest commit that has a checkpoint, or had one that is damaged now."""
        return next((each.commit for each in self if each.commit.checkpoint or each.commit.fault), None)

    def _list(self) -> bool:
        """List folders up to the first that has a commit; False where there is none left."""
        for table in self._later:
            found = [Instant(commit, table) for commit in reversed(table.snapshots())]
            if found:
                self._listed += found
                return True
        return False
