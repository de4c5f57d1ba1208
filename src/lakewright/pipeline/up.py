"""Up: what a lake does while it is up - a task captures each source, one merges and cleans tables, one looks after all of it."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable, Collection, Sequence

from lakewright.errors import LakewrightError, LeaseHeld, Retry, unexpected
from lakewright.model.contracts import Stopped
from lakewright.model.times import utc_now
from lakewright.pipeline import damage, maintain, publish, raw_care, survey
from lakewright.pipeline.capture import capture_of
from lakewright.pipeline.merge import merge
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.publish import Planned
from lakewright.pipeline.steps import Cleaned, Following, LeftOut, Loaded, Logged, Step, describe
from lakewright.pipeline.tasks import Event, Task, paced
from lakewright.pipeline.wiring import Wiring

CARE_FIRST, CARE_EVERY = 60.0, 600.0
"""Seconds from the start to the first look after all of it, and from one to the next."""


def tasks(lake: Wiring, stop: threading.Event, notice: Callable[[Event], None]) -> list[Task]:
    """A task for each source, and two for all tables, which end when no source is captured any more."""
    captures = [Task(name, _Capture(lake, name, stop, notice)) for name in lake.project.settings.sources]
    merging = _Merge(lake, notice)
    care = _Care(lake, notice, merging.broken)
    return [*captures, Task("merge", paced(merging), follower=True), Task("care", care, follower=True)]


@dataclasses.dataclass(frozen=True)
class _Capture:
    """Capture a source until told to stop."""

    lake: Wiring
    source: str
    stop: threading.Event
    notice: Callable[[Event], None]

    def __call__(self) -> float:
        try:
            capture_of(self.lake, self.source, self._captured).run(self.stop)
        except LakewrightError as error:
            if error.retry is Retry.SOON:
                self.lake.retries.tell("source", self.source, error)
            else:
                self.lake.retries.over("source", self.source)
            raise
        self.lake.retries.over("source", self.source)
        return 0.0

    def _captured(self, step: Step) -> None:
        if isinstance(step, Following | Logged | Loaded):
            self.lake.retries.over("source", self.source)
        self.notice(_event(self.source, step))


def _event(source: str, step: Step) -> Event:
    """A step of the work on a source as an event of the lake."""
    told, error = describe(step), step.error if isinstance(step, LeftOut | Stopped) else None
    return Event(told.kind, str(told.table or source), error.message if error else told.what, utc_now(), error)


class _Merge:
    """Merge and clean every table once, and write the snapshots that wait for nothing; whether anything was committed.

    A table whose merge fails for good is told of once and left alone until the next start. One that fails for now is raised when
    the others are done; one that another process holds waits, and is told of once.
    """

    def __init__(self, lake: Wiring, notice: Callable[[Event], None]) -> None:
        self._lake = lake
        self._notice = notice
        self.broken: set[str] = set()
        self._held: set[str] = set()
        self._waits: dict[str, str | None] = {}

    def __call__(self) -> bool:
        mirrors, misfits = survey.of(self._lake)
        for misfit in misfits:
            self._give_up(str(misfit.table or misfit.source), misfit.error)
        acts = {mirror.name: functools.partial(self._one, mirror) for mirror in mirrors}
        snapshots = {name: functools.partial(self._publish, name, mirrors) for name in self._lake.resolved.snapshots}
        worked, later = False, None
        for name, act in ((name, act) for each in (acts, snapshots) for name, act in each.items() if name not in self.broken):
            try:
                worked |= act()
                self._held.discard(name)
                self._lake.retries.over("table", name)
            except LeaseHeld as held:
                if name not in self._held:
                    self._held.add(name)
                    self._notice(Event("waiting", name, held.message, utc_now(), held))
            except Exception as raised:
                error = unexpected(raised)
                if error.retry is Retry.SOON:
                    self._lake.retries.tell("table", name, error)
                    later = later or error
                else:
                    self._lake.retries.over("table", name)
                    self._give_up(name, error)
        if later is not None:
            raise later
        return worked

    def _give_up(self, subject: str, error: LakewrightError) -> None:
        if subject not in self.broken:
            self.broken.add(subject)
            self._notice(Event("failed", subject, error.message, utc_now(), error))

    def _publish(self, name: str, mirrors: Sequence[Mirror]) -> bool:
        found = publish.standing(self._lake, name, mirrors)
        written = publish.publish(self._lake, found) if isinstance(found, Planned) else None
        if written is None:
            return False
        self._notice(_event(name, written))
        return True

    def _one(self, mirror: Mirror) -> bool:
        lake = self._lake
        merged = merge(lake, mirror)
        if merged is None or merged.commit is None:
            if merged is not None and merged.waits != self._waits.get(mirror.name):
                self._waits[mirror.name] = merged.waits
                if merged.waits:
                    self._notice(_event(mirror.source, merged))
            return False
        self._notice(_event(mirror.source, merged))
        cleaned = maintain.tend(lake, mirror, utc_now())
        if cleaned != Cleaned(mirror.name, 0):
            self._notice(_event(mirror.source, cleaned))
        return True


class _Care:
    """Look at every table, and care for the raw log of every source, once; an error is told, again only after it was over.

    A table that nothing changes is not merged, so that nobody else would find that a file of it is lost. Those that are `broken`
    are told of already. Nothing is done at the start, when there is enough to do.
    """

    def __init__(self, lake: Wiring, notice: Callable[[Event], None], broken: Collection[str]) -> None:
        self._lake = lake
        self._notice = notice
        self._broken = broken
        self._told: set[str] = set()
        self._is_early = True

    def __call__(self) -> float:
        if self._is_early:
            self._is_early = False
            return CARE_FIRST
        mirrors = survey.of(self._lake).mirrors
        for mirror in (each for each in mirrors if each.name not in self._broken):
            self._tell(mirror.name, functools.partial(self._look, mirror))
        for record in (each for each in self._lake.published() if each.name not in self._broken):
            self._tell(record.name, functools.partial(publish.require_whole, self._lake, record))
        for source in self._lake.project.settings.sources:
            self._tell(source, functools.partial(self._tend, source, mirrors))
        return CARE_EVERY

    def _tell(self, subject: str, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as raised:
            error = unexpected(raised)
            if subject not in self._told and error.retry is not Retry.SOON:
                self._told.add(subject)
                self._notice(Event("failed", subject, error.message, utc_now(), error))
        else:
            self._told.discard(subject)

    def _look(self, mirror: Mirror) -> None:
        table = self._lake.table(mirror)
        if table is not None:
            damage.repeated(table.snapshot)

    def _tend(self, source: str, mirrors: Sequence[Mirror]) -> None:
        tended = raw_care.tend(self._lake, source, mirrors, utc_now())
        if tended.gathered or tended.expired:
            self._notice(_event(source, tended))
