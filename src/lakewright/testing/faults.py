"""Failures on demand: a store that fails, loses an answer, or kills the process at a chosen call."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Literal, TypeVar

from lakewright.errors import StorageError
from lakewright.model.contracts import Entry, Store

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens at one call of a `FaultyStore`: the `call`-th, counted from 1, or the first that the pattern `call` matches.

    ``fail`` raises `StorageError`, ``die`` raises it at every later call too, as if the process had ended there, and ``kill``
    ends the process with SIGKILL; before the call has any effect, or after it had (for ``fail`` that is a lost answer).
    """

    call: int | str
    action: Literal["fail", "die", "kill"] = "fail"
    when: Literal["before", "after"] = "before"

    def __str__(self) -> str:
        return f"{self.action} {self.when} call {self.call}"

    def meets(self, number: int, what: str) -> bool:
        """Whether this is the call; `what` is as in `FaultyStore.calls`."""
        return self.call == number if isinstance(self.call, int) else re.search(self.call, what) is not None


class FaultyStore:
    """Another store, with each `Fault` of `plan` struck once.

    Every call counts, reads too; an upload counts twice, as ``open`` and as ``close``. ``calls`` lists what was called, such as
    ``create a/b``, so that a run without a plan tells how many faults there are to try.
    """

    def __init__(self, store: Store, *plan: Fault) -> None:
        self.calls: list[str] = []
        self._store = store
        self._plan = [*plan]
        self._dead: Fault | None = None
        self._guard = threading.Lock()

    def create(self, name: str, data: bytes) -> None:
        """See `Store.create`."""
        self._call(f"create {name}", lambda: self._store.create(name, data))

    def replace(self, name: str, data: bytes, expected: str | None) -> str:
        """See `Store.replace`."""
        return self._call(f"replace {name}", lambda: self._store.replace(name, data, expected))

    def put(self, name: str, data: bytes) -> None:
        """See `Store.put`."""
        self._call(f"put {name}", lambda: self._store.put(name, data))

    @contextlib.contextmanager
    def upload(self, name: str, resume: str | None = None) -> Iterator[BinaryIO]:
        """See `Store.upload`."""
        with contextlib.ExitStack() as stack:
            yield self._call(f"open {name}", lambda: stack.enter_context(self._store.upload(name, resume)))
            self._call(f"close {name}", stack.close)

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        return self._call(f"read {name}", lambda: self._store.read(name))

    def read_tagged(self, name: str) -> tuple[bytes, str]:
        """See `Store.read_tagged`."""
        return self._call(f"read_tagged {name}", lambda: self._store.read_tagged(name))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """See `Store.read_range`."""
        return self._call(f"read_range {name}", lambda: self._store.read_range(name, offset, length))

    def exists(self, name: str) -> bool:
        """See `Store.exists`."""
        return self._call(f"exists {name}", lambda: self._store.exists(name))

    def list(self, prefix: str, after: str | None = None, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
        """See `Store.list`."""
        return iter(self._call(f"list {prefix}", lambda: [*self._store.list(prefix, after, known)]))

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        self._call(f"delete {name}", lambda: self._store.delete(name))

    def location(self, name: str) -> str:
        """See `Store.location`; it touches nothing and does not count."""
        return self._store.location(name)

    def _call(self, what: str, effect: Callable[[], Result]) -> Result:
        with self._guard:
            self.calls.append(what)
            if self._dead:
                _strike(self._dead, what)
            fault = next((fault for fault in self._plan if fault.meets(len(self.calls), what)), None)
            if fault:
                self._plan.remove(fault)
                self._dead = fault if fault.action == "die" else None
        if fault and fault.when == "before":
            _strike(fault, what)
        try:
            return effect()
        finally:  # the answer, be it an error, is lost
            if fault:
                _strike(fault, what)


def _strike(fault: Fault, what: str) -> None:
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise StorageError("LW-306", f"{what}: injected, {fault}")
