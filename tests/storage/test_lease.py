from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lakewright.errors import LeaseHeld, LeaseLost, LogError, StorageError
from lakewright.model import sealed
from lakewright.storage import lease as lease_module
from lakewright.storage.lease import Holding, Lease
from lakewright.storage.local import LocalStore
from lakewright.storage.process import Process
from lakewright.testing.faults import Fault, FaultyStore

NAME = "raw/_lease.json"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def held_by(store: LocalStore, holder: Process | None, number: int = 7) -> None:
    holding = Holding(number, "their token", holder, "capture of shop", "then", "later")
    store.put(NAME, holding.to_bytes())


def take_and_die(root: Path) -> None:
    Lease.take(LocalStore(root), NAME, purpose="capture of shop")
    os.kill(os.getpid(), signal.SIGKILL)


class Clock:
    """What the module ``time`` is to who waits: each sleep takes its time at once, and then something happens."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept()


def check_until_lost(lease: Lease) -> None:
    while True:
        lease.check()


def test_numbers_count_up(store: LocalStore) -> None:
    with Lease.take(store, NAME, purpose="one") as first:
        first.check()
    with Lease.take(store, NAME, purpose="two") as second:
        assert (first.number, second.number) == (1, 2)
    with Lease.take(store, NAME, purpose="three", above=9) as third:
        assert third.number == 10


def test_a_second_taker_hears_who_has_it(store: LocalStore) -> None:
    with Lease.take(store, NAME, purpose="capture of shop"):
        with pytest.raises(LeaseHeld, match=rf"held by capture of shop \(process {os.getpid()} on ") as caught:
            Lease.take(store, NAME, purpose="another", wait=0.05)
    assert caught.value.code == "LW-351"


def test_a_waiting_taker_gets_it_when_it_is_given_back(store: LocalStore) -> None:
    first = Lease.take(store, NAME, purpose="first")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(Lease.take, store, NAME, purpose="second", wait=60)
        first.release()
        second = waiting.result()
    assert second.number == first.number + 1
    with pytest.raises(LeaseLost, match="was given back"):
        first.check()
    second.check()
    second.release()


def test_of_many_threads_one_gets_it(store: LocalStore) -> None:
    barrier, taken = threading.Barrier(4), []

    def one(_: int) -> None:
        barrier.wait()
        with contextlib.suppress(LeaseHeld):
            taken.append(Lease.take(store, NAME, purpose="race"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    assert [lease.number for lease in taken] == [1]
    taken[0].release()


def test_a_killed_holder_is_replaced_at_once(store: LocalStore) -> None:
    process = multiprocessing.get_context("spawn").Process(target=take_and_die, args=(store.root,))
    process.start()
    process.join()
    with Lease.take(store, NAME, purpose="next") as lease:
        assert lease.number == 2


def test_another_process_under_the_same_id_and_another_boot_are_dead(store: LocalStore) -> None:
    me = Process.current()
    for change in ({"started": "before"}, {"boot": "before"}):
        held_by(store, dataclasses.replace(me, **change))
        with Lease.take(store, NAME, purpose="next") as lease:
            assert lease.number == 8


def test_a_living_holder_of_another_host_is_left_alone_and_a_silent_one_replaced(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = dataclasses.replace(Process.current(), host="elsewhere", boot="other")
    held_by(store, elsewhere)
    with pytest.raises(LeaseHeld, match="on elsewhere"):
        Lease.take(store, NAME, purpose="next")
    clock = Clock()
    monkeypatch.setattr(lease_module, "time", clock)
    monkeypatch.setattr(lease_module, "_LOOK_EVERY", 5.0)
    clock.slept = lambda: held_by(store, elsewhere)
    with pytest.raises(LeaseHeld):
        Lease.take(store, NAME, purpose="next", wait=3 * lease_module.EXPIRES_AFTER)
    clock.slept = lambda: None
    start = clock.now
    with Lease.take(store, NAME, purpose="next", wait=3 * lease_module.EXPIRES_AFTER) as lease:
        assert (lease.number, clock.now - start) == (8, lease_module.EXPIRES_AFTER)


def test_a_holder_that_was_replaced_notices(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 0.0)
    lease = Lease.take(store, NAME, purpose="zombie")
    held_by(store, dataclasses.replace(Process.current(), pid=1, host="elsewhere"), number=lease.number + 1)
    with pytest.raises(LeaseLost, match="taken over by capture of shop"):
        check_until_lost(lease)
    lease.release()
    assert json.loads(store.read(NAME))["number"] == lease.number + 1


def test_a_holder_whose_store_fails_loses_it(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FaultyStore):
        broken = False

        def replace(self, name: str, data: bytes, expected: str | None) -> str:
            if self.broken:
                raise StorageError("LW-306", "out of order")
            return super().replace(name, data, expected)

    broken = Broken(store)
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 0.01)
    monkeypatch.setattr(lease_module, "EXPIRES_AFTER", 0.1)
    with Lease.take(broken, NAME, purpose="capture") as lease:
        lease.check()
        broken.broken = True
        with pytest.raises(LeaseLost, match="could not be renewed"):
            check_until_lost(lease)


def test_a_lost_answer_of_a_renewal_keeps_the_lease(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 0.01)
    faulty = FaultyStore(store, Fault(3, "fail", "after"))
    with Lease.take(faulty, NAME, purpose="capture") as lease:
        while len(faulty.calls) < 8:
            lease.check()
    assert json.loads(store.read(NAME))["holder"] is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failed_taking_does_not_lock_this_process_out(store: LocalStore, when: str) -> None:
    faulty = FaultyStore(store, Fault(2, "fail", when))  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="injected"):
        Lease.take(faulty, NAME, purpose="capture")
    with Lease.take(faulty, NAME, purpose="capture") as lease:
        lease.check()


def test_a_damaged_lease_is_an_error(store: LocalStore) -> None:
    for data in (b"", b"[]", b"{}", sealed.dump({"version": 2}), sealed.dump({"version": 1, "number": 3})):
        store.put(NAME, data)
        with pytest.raises(LogError, match=r"raw/_lease\.json is not a lease") as caught:
            Lease.take(store, NAME, purpose="capture")
        assert caught.value.code == "LW-353"
