"""Retries: what a lake that is up fails at and tries again, told to who asks from another process.

They decide nothing. One that nobody told again for a while is of a process that ended, and does not count.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import threading
from typing import Literal

from lakewright.errors import LakewrightError, StorageError
from lakewright.model import sealed
from lakewright.model.contracts import Store
from lakewright.model.times import utc_now
from lakewright.storage.objects import path_part

_COUNTS_FOR = datetime.timedelta(seconds=120)
"""Several times as long as it takes until something is tried again."""
Kind = Literal["source", "table"]


@dataclasses.dataclass(frozen=True)
class Retry:
    """Something that is tried again ``since`` it first failed, and what it fails with."""

    since: datetime.datetime
    problem: str

    def __str__(self) -> str:
        return f"tried again since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.problem}"


class Retries:
    """Those of one lake, in a folder of its store; safe for use by several threads."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, f"{folder}/_retries/"
        self._since: dict[str, datetime.datetime] = {}
        self._lock = threading.Lock()

    def tell(self, kind: Kind, subject: str, error: LakewrightError) -> None:
        """It failed and is tried again."""
        name, now = self._name(kind, subject), utc_now()
        with self._lock, contextlib.suppress(StorageError):
            since = self._since.setdefault(name, now)
            told = {"since": since.isoformat(), "told": now.isoformat(), "problem": error.line(hinted=False)}
            self._store.put(name, sealed.dump(told))

    def over(self, kind: Kind, subject: str) -> None:
        """It goes well, or will not be tried again."""
        name = self._name(kind, subject)
        with self._lock, contextlib.suppress(StorageError):
            if name in self._since:
                self._store.delete(name)
                del self._since[name]

    def of(self, kind: Kind, subject: str) -> Retry | None:
        """What is told of it now."""
        try:
            told = sealed.load(self._store.read(self._name(kind, subject)))
            if utc_now() - datetime.datetime.fromisoformat(told["told"]) < _COUNTS_FOR:
                return Retry(datetime.datetime.fromisoformat(told["since"]), told["problem"])
        except (StorageError, ValueError, KeyError, TypeError):
            pass
        return None

    def _name(self, kind: Kind, subject: str) -> str:
        return f"{self._folder}{kind}-{path_part(subject)}.json"
