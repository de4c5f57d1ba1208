"""Tasks: pieces of work that go on side by side until told to stop, each starting again after what can be retried."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from lakewright.errors import LakewrightError, Retry, unexpected
from lakewright.model.times import utc_now
from lakewright.pipeline.steps import Kind

MERGE_EVERY = 1.0
"""Least seconds between two merges of one table."""
RETRY_FIRST, RETRY_MOST = 0.5, 30.0


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened while a lake is up.

    ``kind`` is left_out of a table that is chosen and not captured, and stopped of one that is not captured any more; the others
    speak for themselves. ``subject`` is the table that it is about, else the source.
    """

    kind: Kind | Literal["retry", "failed"]
    subject: str
    detail: str
    time: datetime.datetime
    error: LakewrightError | None = None


@dataclasses.dataclass(frozen=True)
class Task:
    """One piece of work that goes on for ever: ``step`` does some and says how many seconds to wait before the next.

    When all tasks but the ``follower``s have failed, those have nothing left to do and end too.
    """

    subject: str
    step: Callable[[], float]
    follower: bool = False


def keep_up(tasks: Sequence[Task], stop: threading.Event, notice: Callable[[Event], None]) -> list[LakewrightError]:
    """Run each task in a thread of its own until `stop` is set or all have failed; returns what made tasks fail.

    An error that may pass (`Retry.SOON`) is tried again, later each time, at most `RETRY_MOST` seconds apart. Any other ends
    that task alone and the others go on.
    """
    failures: list[LakewrightError] = []
    threads = {task: threading.Thread(target=_run, args=(task, stop, notice, failures), name=task.subject) for task in tasks}
    for thread in threads.values():
        thread.start()
    while any(thread.is_alive() for thread in threads.values()):
        if not any(thread.is_alive() for task, thread in threads.items() if not task.follower):
            stop.set()
        for thread in threads.values():
            thread.join(0.2)
    return failures


def _run(task: Task, stop: threading.Event, notice: Callable[[Event], None], failures: list[LakewrightError]) -> None:
    delay = RETRY_FIRST
    while not stop.is_set():
        try:
            pause = task.step()
            delay = RETRY_FIRST
        except Exception as raised:
            error = unexpected(raised)
            now = utc_now()
            if error.retry is not Retry.SOON:
                failures.append(error)
                notice(Event("failed", task.subject, error.message, now, error))
                return
            notice(Event("retry", task.subject, f"{error.message}; again in {delay:.1f} s", now, error))
            pause, delay = delay, min(delay * 2, RETRY_MOST)
        stop.wait(pause)


def paced(step: Callable[[], bool]) -> Callable[[], float]:
    """A step that rests as long as it worked, and `MERGE_EVERY` seconds at least: a small machine has other things to do."""

    def one() -> float:
        start = time.monotonic()
        worked = step()
        return max(MERGE_EVERY, time.monotonic() - start) if worked else MERGE_EVERY / 4

    return one
