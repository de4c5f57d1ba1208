"""Leases: one holder at a time for a name, kept in an object that is replaced by compare-and-set.

A lease fences nothing by itself: a holder that was stopped for long goes on without knowing that it lost. What a holder writes
carries `Lease.number`, which grows with every taking, and readers let the higher number win.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import secrets
import threading
import time
from types import TracebackType
from typing import Self

from lakewright.errors import Changed, LeaseHeld, LeaseLost, LogError, NotFound, StorageError
from lakewright.model import sealed
from lakewright.model.contracts import Store
from lakewright.model.times import utc_now
from lakewright.storage.process import Process

RENEW_EVERY = 10.0
"""Seconds between renewals."""
EXPIRES_AFTER = 30.0
"""Seconds without a renewal after which a holder on another host counts as dead."""
_LOOK_EVERY = 0.1
"""Seconds between looks at a lease that somebody else holds."""
_live: set[str] = set()
"""Tokens of this process's holdings; one that is not here was given up, even if the store did not hear of it."""
_watched: dict[str, tuple[str, float]] = {}
"""The tag that this process saw last of a lease that somebody else holds, and since when, by the lease's location."""


@dataclasses.dataclass(frozen=True)
class Holding:
    """The object of a lease: who took it as which number, and for what; ``holder`` is None when it was given back.

    ``token`` tells two holdings of one process apart. The times (UTC, ISO 8601) are for people: no decision compares them.
    """

    number: int
    token: str
    holder: Process | None
    purpose: str
    taken: str
    until: str

    def to_bytes(self) -> bytes:
        """The object's content."""
        return sealed.dump({"version": 1, **dataclasses.asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Holding:
        """The content of the lease `name`; raises `LogError` for anything else."""
        try:
            fields = sealed.load(data)
            if fields.pop("version") != 1:
                raise ValueError("its version is not 1")
            holder = fields.pop("holder")
            held = cls(holder=None if holder is None else Process(**holder), **fields)
            if not isinstance(held.number, int) or not isinstance(held.token, str):
                raise ValueError("its number or token is of another type")
            return held
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LogError(
                "LW-353", f"{name} is not a lease: {error}", hint="make sure that nothing is running, then remove the file"
            ) from None


class Lease:
    """A lease that this object holds, renewed by a thread of its own; also a context manager that gives it back.

    ``number`` is higher than that of every earlier holding of the name.
    """

    def __init__(self, store: Store, name: str, holding: Holding, tag: str) -> None:
        self.name = name
        self.number = holding.number
        self._store = store
        self._holding = holding
        self._tag = tag
        self._lost: LeaseLost | None = None
        self._renewed = time.monotonic()
        self._guard = threading.Lock()
        self._stop = threading.Event()
        threading.Thread(target=self._keep, name=f"lease {name}", daemon=True).start()

    @classmethod
    def take(cls, store: Store, name: str, *, purpose: str, wait: float = 0.0, above: int = 0) -> Lease:
        """Take the lease `name`, waiting up to `wait` seconds; its number is above `above` and every earlier one.

        A holder on this host is replaced as soon as it is dead, one elsewhere once its object was seen unchanged here for
        `EXPIRES_AFTER` seconds, in one wait or over several tries. Raises `LeaseHeld`, which says who has it.
        """
        token, me = secrets.token_hex(8), Process.current()
        start, location = time.monotonic(), store.location(name)
        while True:
            current, tag = _look(store, name)
            if current is not None and tag is not None:
                if current.token == token:
                    return cls(store, name, current, tag)
                if location not in _watched or _watched[location][0] != tag:
                    _watched[location] = (tag, time.monotonic())
            unchanged = time.monotonic() - _watched[location][1] if location in _watched else 0.0
            if current is None or _is_free(current, me, unchanged):
                number = max(above, current.number if current else 0) + 1
                mine = Holding(number, token, me, purpose, _clock(), _clock(EXPIRES_AFTER))
                _live.add(token)
                try:
                    return cls(store, name, mine, store.replace(name, mine.to_bytes(), tag))
                except Changed:
                    continue  # by somebody else, or by us and the answer was lost: the next look tells
                except BaseException:
                    _live.discard(token)
                    raise
            elif time.monotonic() - start >= wait:
                _live.discard(token)
                raise _held(name, current)
            else:
                time.sleep(min(_LOOK_EVERY, max(0.0, start + wait - time.monotonic())))

    @staticmethod
    def holder(store: Store, name: str) -> str | None:
        """Who holds the lease now, for people; None where nobody that lives does."""
        current, _ = _look(store, name)
        return _who(current) if current and current.holder and not current.holder.is_dead() else None

    def check(self) -> None:
        """Raise `LeaseLost` if somebody else took the lease, or if it could not be renewed for `EXPIRES_AFTER` seconds."""
        with self._guard:
            if time.monotonic() - self._renewed > 2 * RENEW_EVERY:  # the thread did not get to it: the process was suspended
                self._renew()
            if self._lost is None and time.monotonic() - self._renewed > EXPIRES_AFTER:
                self._lost = LeaseLost("LW-352", f"the lease {self.name} could not be renewed for {EXPIRES_AFTER:.0f} seconds")
            if self._lost is not None:
                raise self._lost

    def release(self) -> None:
        """Give the lease back; no error where it was lost. Where the store fails it ends with this process."""
        self._stop.set()
        _live.discard(self._holding.token)
        with self._guard, contextlib.suppress(StorageError):
            if self._lost is None:
                self._lost = LeaseLost("LW-352", f"the lease {self.name} was given back")
                self._store.replace(self.name, dataclasses.replace(self._holding, holder=None).to_bytes(), self._tag)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def _keep(self) -> None:
        while self._lost is None and not self._stop.wait(RENEW_EVERY):
            with self._guard:
                self._renew()

    def _renew(self) -> None:
        """Write a later time into the object; a store that fails is asked again at the next turn."""
        if self._lost is not None or self._stop.is_set():
            return
        with contextlib.suppress(StorageError):
            try:
                self._tag = self._store.replace(self.name, self._later().to_bytes(), self._tag)
            except Changed:
                current, tag = _look(self._store, self.name)
                if current is None or tag is None or current.token != self._holding.token:
                    by = f" by {_who(current)}" if current and current.holder else ""
                    self._lost = LeaseLost("LW-352", f"the lease {self.name} was taken over{by}")
                    return
                self._tag = tag  # our own renewal, whose answer was lost
            self._renewed = time.monotonic()

    def _later(self) -> Holding:
        return dataclasses.replace(self._holding, until=_clock(EXPIRES_AFTER))


def _look(store: Store, name: str) -> tuple[Holding | None, str | None]:
    try:
        data, tag = store.read_tagged(name)
    except NotFound:
        return None, None
    return Holding.from_bytes(data, name), tag


def _is_free(holding: Holding, me: Process, unchanged: float) -> bool:
    holder = holding.holder
    if holder is None or holder.is_dead() or (holder == me and holding.token not in _live):
        return True
    return not holder.is_here() and unchanged >= EXPIRES_AFTER


def _who(holding: Holding) -> str:
    assert holding.holder is not None
    return f"{holding.purpose} (process {holding.holder.pid} on {holding.holder.host}, since {holding.taken})"


def _held(name: str, holding: Holding) -> LeaseHeld:
    hint = f"stop that process, or wait: a dead one on another host is replaced after {EXPIRES_AFTER:.0f} seconds"
    return LeaseHeld("LW-351", f"the lease {name} is held by {_who(holding)}", hint=hint)


def _clock(ahead: float = 0.0) -> str:
    return (utc_now() + datetime.timedelta(seconds=ahead)).isoformat(timespec="seconds")
