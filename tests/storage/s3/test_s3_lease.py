"""Leases kept on S3: answers that are lost give none away and lose none."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests import s3
from tests.s3 import Fault

from lakewright.errors import LeaseHeld, LeaseLost
from lakewright.model import sealed
from lakewright.storage import lease as lease_module
from lakewright.storage.lease import Lease
from lakewright.testing.store_contract import OpenStore

NAME = "raw/_lease.json"


def take_and_die(opened: OpenStore) -> None:
    Lease.take(opened(), NAME, purpose="capture of shop")
    os.kill(os.getpid(), signal.SIGKILL)


def check_until_lost(lease: Lease) -> None:
    while True:
        lease.check()


def test_of_many_threads_one_gets_it(opened: OpenStore) -> None:
    barrier, taken = threading.Barrier(4), []

    def one(_: int) -> None:
        barrier.wait()
        with contextlib.suppress(LeaseHeld):
            taken.append(Lease.take(opened(), NAME, purpose="race"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    assert [lease.number for lease in taken] == [1]
    taken[0].release()


def test_a_killed_holder_is_replaced_at_once(opened: OpenStore) -> None:
    process = multiprocessing.get_context("spawn").Process(target=take_and_die, args=(opened,))
    process.start()
    process.join()
    with Lease.take(opened(), NAME, purpose="next") as lease:
        assert lease.number == 2


def test_a_taking_and_renewals_whose_answers_are_lost_keep_the_lease(
    opened: OpenStore, proxy: s3.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 0.01)
    proxy.faults.append(Fault("PUT", "lose", times=1))
    store = opened()
    with Lease.take(store, NAME, purpose="capture") as lease:
        assert lease.number == 1
        proxy.requests.clear()
        proxy.faults.append(Fault("PUT", "lose", times=1))
        while len([request for request in proxy.requests if request.startswith("PUT")]) < 5:
            lease.check()
    assert json.loads(store.read(NAME))["holder"] is None


def test_a_holder_that_was_replaced_notices(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 0.01)
    lease = Lease.take(opened(), NAME, purpose="zombie")
    held = sealed.load(opened().read(NAME))
    opened().put(NAME, sealed.dump(held | {"number": 9, "token": "another"}))
    with pytest.raises(LeaseLost, match="taken over"):
        check_until_lost(lease)
    lease.release()
    assert json.loads(opened().read(NAME))["number"] == 9
