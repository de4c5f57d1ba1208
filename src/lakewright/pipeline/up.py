"""Up: what a lake does while it is up - one task captures each source, one merges and cleans all tables."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

from lakewright.errors import LakewrightError, Retry
from lakewright.pipeline import maintain
from lakewright.pipeline.capture import Capture, Captured
from lakewright.pipeline.merge import merge
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.moment import utc_now
from lakewright.pipeline.tasks import Event, Task, paced
from lakewright.pipeline.wiring import Wiring

WAIT_SECONDS = 300.0
"""How long a task waits for a lease that another process holds."""

Notice = Callable[[Event], None]


def tasks(lake: Wiring, stop: threading.Event, notice: Notice) -> list[Task]:
    """A task for each source, and one for all tables, which ends when no source is captured any more."""
    captures = [Task(name, _Capture(lake, name, stop, notice)) for name in lake.project.lake.sources]
    return [*captures, Task("merge", paced(_Merge(lake, notice)), follower=True)]


@dataclasses.dataclass(frozen=True)
class _Capture:
    """Capture a source until told to stop."""

    lake: Wiring
    source: str
    stop: threading.Event
    notice: Notice

    def __call__(self) -> float:
        source, log = self.lake.source(self.source), self.lake.log(self.source)
        Capture(source, log, self.lake.store, self._captured).run(self.stop, wait=WAIT_SECONDS)
        return 0.0

    def _captured(self, done: Captured) -> None:
        kind = {"log": "captured", "refused": "failed", "loading": "loading"}.get(done.kind, "loaded")
        counts = ", ".join(f"{rows} of {table}" for table, rows in sorted(done.rows.items()))
        so_far = f" so far, of about {done.expected}" if done.kind == "loading" else ""
        detail = done.error.message if done.error else counts + so_far or f"nothing new up to {done.watermark}"
        self.notice(Event(kind, self.source, detail, utc_now(), done.error))


class _Merge:
    """Merge and clean every table once; whether anything was committed.

    A table whose merge fails for good is told of once and left alone until the next start; the others go on.
    """

    def __init__(self, lake: Wiring, notice: Notice) -> None:
        self._lake = lake
        self._notice = notice
        self._broken: set[str] = set()

    def __call__(self) -> bool:
        worked = False
        for mirror in self._lake.mirrors():
            if mirror.name in self._broken:
                continue
            try:
                worked |= self._one(mirror)
            except LakewrightError as error:
                if error.retry is Retry.SOON:
                    raise
                self._broken.add(mirror.name)
                self._notice(Event("failed", mirror.name, error.message, utc_now(), error))
        return worked

    def _one(self, mirror: Mirror) -> bool:
        lake = self._lake
        merged = merge(mirror, lake.log(mirror.source), lake.format, lake.store, lake.connection(), wait=WAIT_SECONDS)
        if merged is None or merged.commit is None:
            return False
        commit = merged.commit
        detail = f"{commit.inserts} inserted, {commit.updates} updated, {commit.deletes} deleted at {merged.position}"
        self._notice(Event("merged", mirror.name, detail, utc_now()))
        cleaned = maintain.clean(mirror, lake.format, lake.store, utc_now())
        if cleaned.files:
            self._notice(Event("cleaned", mirror.name, f"{cleaned.files} files", utc_now()))
        return True
