"""Long work done aside, in a thread of its own, so that whoever waits for it can stop it at any moment.

The work itself asks `check` now and then, and names with `interruptible` what ends a call that cannot.
"""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_LOOK_SECONDS = 0.1
"""How often work that waits looks whether it is to stop."""
_END = object()


class Interrupted(Exception):
    """The caller wants to stop."""


class _Work:
    """What is done aside in one thread."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.guard = threading.Lock()
        self.interrupts: list[Callable[[], None]] = []

    def stop(self) -> None:
        """Make the work end at its next `check`, and sooner what it waits for."""
        self.stopped.set()
        with self.guard:
            for interrupt in self.interrupts:
                interrupt()


_current: contextvars.ContextVar[_Work | None] = contextvars.ContextVar("work", default=None)


def check() -> None:
    """Raise `Interrupted` where this thread works aside and is to stop."""
    work = _current.get()
    if work is not None and work.stopped.is_set():
        raise Interrupted


@contextlib.contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[None]:
    """While this thread, if it works aside, is in the block `interrupt` is called to stop it, again and again until it does."""
    work = _current.get() or _Work()
    work.interrupts.append(interrupt)
    try:
        yield
    finally:
        with work.guard:
            work.interrupts.remove(interrupt)


def aside(items: Callable[[], Iterable[Item]], every: float) -> Iterator[Item | None]:
    """What `items` gives, made by another thread, which is one item ahead; None whenever `every` seconds passed without one.

    Raises what that raises. When this is closed the work is stopped, and waited for.
    """
    work, made = _Work(), queue.Queue[object](1)

    def put(item: object) -> None:
        while True:
            check()
            with contextlib.suppress(queue.Full):
                return made.put(item, timeout=_LOOK_SECONDS)

    def run() -> None:
        _current.set(work)
        with contextlib.suppress(Interrupted):
            try:
                for item in items():
                    put((item,))
                put(_END)
            except BaseException as error:
                put(error)

    thread = threading.Thread(target=run, name="aside", daemon=True)
    thread.start()
    try:
        yield from _taken(made, every)
    finally:
        while thread.is_alive():
            work.stop()
            thread.join(_LOOK_SECONDS)


def waited_for(work: Callable[[], None], every: float) -> Iterator[None]:
    """Do `work` as `aside` does; None whenever `every` seconds passed."""

    def items() -> Iterator[None]:
        work()
        yield from ()

    yield from aside(items, every)


def _taken(made: queue.Queue[object], every: float) -> Iterator[Item | None]:
    while True:
        try:
            item = made.get(timeout=every)
        except queue.Empty:
            yield None
            continue
        if item is _END:
            return
        if isinstance(item, BaseException):
            raise item
        assert isinstance(item, tuple)
        yield item[0]
