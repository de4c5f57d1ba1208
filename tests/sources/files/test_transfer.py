"""What a look takes, in which order, and what it leaves alone."""

from __future__ import annotations

import datetime
import hashlib
import io
import os
import signal
import threading
import time

import pytest

from lakewright.errors import LogError, StorageError
from lakewright.observe import log
from lakewright.sources.files import copying
from lakewright.sources.files.origin import CHUNK
from lakewright.sources.files.selection import Selection
from lakewright.testing.faults import Fault, FaultyStore
from tests.sources.files.conftest import LONG_AGO, Counting, Exports, names

NOW = 1e9
"""Seconds after `LONG_AGO` that are in the future."""


def test_new_files_are_registered_by_time_then_name(exports: Exports) -> None:
    exports.put("customers-b.csv", b"b", age=1)
    exports.put("customers-a.csv", b"a", age=1)
    exports.put("orders/2026/1.csv", b"first")
    found = exports.look()
    assert names(found) == ["orders/2026/1.csv", "customers-a.csv", "customers-b.csv"]
    assert found == exports.arrivals()
    assert exports.taken() == exports.given()
    first = found[0]
    assert (first.dataset, first.size, first.sha256) == ("orders", 5, hashlib.sha256(b"first").hexdigest())
    assert (first.modified, first.removed) == (LONG_AGO, False)
    assert first.stored.startswith("raw/csv/orders/20260301-000000-")
    assert first.stored.endswith("/1.csv")
    assert exports.look() == []


def test_another_content_under_the_name_is_a_new_arrival_and_the_old_one_stays(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    exports.look()
    exports.put("customers.csv", b"two", age=1)
    assert names(exports.look()) == ["customers.csv"]
    exports.put("customers.csv", b"one", age=2)
    assert names(exports.look()) == ["customers.csv"]
    assert [exports.store.read(arrival.stored) for arrival in exports.arrivals()] == [b"one", b"two", b"one"]


@pytest.mark.parametrize("age", [-1e9, -1.0, 1.0, NOW])
def test_any_other_time_is_looked_at_and_the_same_content_is_no_arrival(exports: Exports, age: float) -> None:
    exports.put("customers.csv", b"one")
    transfer = exports.transfer()
    assert len(transfer.look(threading.Event())) == 1
    exports.put("customers.csv", b"two", age=age)
    assert len(transfer.look(threading.Event())) == 1
    exports.put("customers.csv", b"two", age=age / 2)
    assert transfer.look(threading.Event()) == []
    assert exports.taken() == exports.given()


def test_a_file_that_was_only_touched_is_read_once(exports: Exports) -> None:
    read: list[str] = []
    exports.put("customers.csv", b"one")
    exports.look()
    exports.put("customers.csv", b"one", age=1)
    transfer = exports.transfer(progress=lambda name, done, size: read.append(name))
    assert [transfer.look(threading.Event()) for _ in range(3)] == [[], [], []]
    assert read == ["customers.csv"]


@pytest.mark.parametrize("seconds", [-(2.0**33), 0.0, 2.0**33, 2.0**40])
def test_a_time_far_off_is_a_time(exports: Exports, seconds: float) -> None:
    exports.put("customers.csv", b"one")
    try:
        exports.date("customers.csv", seconds)
    except OSError:
        pytest.skip("this file system has no such time")
    assert names(exports.look()) == ["customers.csv"]
    assert exports.look() == []


def test_equal_size_and_time_are_seen_through_by_verify_all_alone(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    exports.look()
    exports.put("customers.csv", b"two")
    assert exports.look() == []
    assert names(exports.look(verify="point_in_time_consistent")) == ["customers.csv"]
    assert exports.look(verify="point_in_time_consistent") == []
    assert exports.taken() == exports.given()


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"two"), lambda path: path.unlink()])
def test_verify_all_finds_a_damaged_object(exports: Exports, damage) -> None:
    exports.put("customers.csv", b"one")
    (arrival,) = exports.look()
    damage(exports.lake / arrival.stored)
    transfer = exports.transfer(verify="point_in_time_consistent")
    assert transfer.look(threading.Event()) == []
    error = transfer.waiting["customers.csv"]
    assert (type(error), error.code) == (LogError, "LW-292")
    (exports.lake / arrival.stored).write_bytes(b"one")
    assert transfer.look(threading.Event()) == []
    assert transfer.waiting == {}


def test_temporary_names_and_unmatched_files_are_left_alone_and_told_once(exports: Exports) -> None:
    for name in ("customers.csv.tmp", "orders/1.csv.part", "orders/1.FILEPART", "orders/1.csv~", ".customers.csv", "orders/.x/1"):
        exports.put(name, b"x")
    exports.put("other.txt", b"x")
    exports.put("orders/old-1.csv", b"x")
    exports.put("customers/customers.csv", b"x")
    stream = io.StringIO()
    log.configure("text", stream)
    try:
        transfer = exports.transfer()
        assert [transfer.look(threading.Event()) for _ in range(2)] == [[], []]
    finally:
        log.configure("text")
    assert (transfer.unmatched, transfer.waiting) == (3, {})
    assert len(stream.getvalue().splitlines()) == 1
    assert "3 files of the origin, such as 'customers/customers.csv'" in stream.getvalue()


@pytest.mark.parametrize(("marker", "name"), [("{name}.done", "customers.csv.done"), ("_SUCCESS", "_SUCCESS")])
def test_a_marker_lets_a_file_in(exports: Exports, marker: str, name: str) -> None:
    exports.put("customers.csv", b"one")
    transfer = exports.transfer(marker=marker)
    assert transfer.look(threading.Event()) == []
    exports.put(f"orders/{name}", b"")
    assert transfer.look(threading.Event()) == []
    exports.put(name, b"")
    assert names(transfer.look(threading.Event())) == ["customers.csv"]
    assert transfer.unmatched == 0


def test_what_was_just_written_must_stand_still(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    exports.put("customers-old.csv", b"x")
    for name in ("customers-new.csv", "customers-ahead.csv"):
        exports.put(name, b"x")
    exports.date("customers-new.csv", time.time())
    exports.date("customers-ahead.csv", time.time() + 1e6)
    transfer = exports.transfer(settle=10.0)
    assert names(transfer.look(threading.Event())) == ["customers-old.csv"]
    assert transfer.settling == 2
    clock[0] += 6
    exports.put("customers-new.csv", b"more")  # its own time is long ago, but it was seen to change
    assert transfer.look(threading.Event()) == []
    clock[0] += 6
    assert names(transfer.look(threading.Event())) == ["customers-ahead.csv"]
    clock[0] += 6
    assert names(transfer.look(threading.Event())) == ["customers-new.csv"]
    assert transfer.settling == 0


def test_a_deleted_file_is_preserved_or_removed(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    path = exports.put("customers.csv", b"one")
    (first,) = exports.look()
    path.unlink()
    assert exports.look() == []
    transfer = exports.transfer(deleted="remove", settle=10.0)
    assert transfer.look(threading.Event()) == []
    assert transfer.settling == 1
    clock[0] += 11
    (gone,) = transfer.look(threading.Event())
    assert (gone.number, gone.removed, gone.name, gone.stored) == (2, True, "customers.csv", first.stored)
    assert transfer.look(threading.Event()) == []
    assert exports.taken() == {}
    exports.put("customers.csv", b"one")
    assert names(transfer.look(threading.Event())) == ["customers.csv"]
    assert exports.taken() == exports.given()


def test_a_file_of_another_dataset_leaves_the_first_and_arrives_anew(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    exports.look()
    transfer = exports.transfer(selections=[Selection("people", ("*",))])
    found = transfer.look(threading.Event())
    assert [(one.number, one.dataset, one.removed) for one in found] == [(2, "customers", True), (3, "people", False)]
    assert transfer.look(threading.Event()) == []


def test_progress_is_told(exports: Exports) -> None:
    size = CHUNK * 2 + 1
    exports.put("customers.csv", os.urandom(size))
    told: list[tuple[str, int, int]] = []
    exports.transfer(progress=lambda *step: told.append(step)).look(threading.Event())
    assert told == [("customers.csv", done, size) for done in (CHUNK, 2 * CHUNK, size)]
    assert exports.taken() == exports.given()


def test_a_stop_keeps_what_was_written_and_the_next_look_goes_on(exports: Exports) -> None:
    exports.put("customers-1.csv", os.urandom(CHUNK * 3))
    exports.put("customers-2.csv", b"x", age=1)
    stop = threading.Event()
    transfer = exports.transfer(progress=lambda name, *_: stop.set() if name == "customers-1.csv" else None)
    assert transfer.look(stop) == []
    (kept,) = (path.stat().st_size for path in (exports.lake / ".lakewright/store").glob("resumable-*"))
    assert kept == CHUNK
    stop.clear()
    written: list[int] = []
    assert names(exports.look(Counting(exports.store, written))) == ["customers-1.csv", "customers-2.csv"]
    assert sum(written) // CHUNK == 2
    assert exports.taken() == exports.given()


def test_an_interrupt_keeps_what_was_written(exports: Exports) -> None:
    exports.put("customers-1.csv", os.urandom(CHUNK * 8))
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            exports.transfer(progress=lambda *_: os.kill(os.getpid(), signal.SIGINT), bandwidth=CHUNK).look(threading.Event())
    finally:
        signal.signal(signal.SIGINT, former)
    written: list[int] = []
    assert names(exports.look(Counting(exports.store, written))) == ["customers-1.csv"]
    assert sum(written) < CHUNK * 8
    assert exports.taken() == exports.given()


def test_what_was_copied_and_not_registered_is_not_copied_again(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    with pytest.raises(StorageError, match="injected"):
        exports.look(FaultyStore(exports.store, Fault("create", "die")))
    written: list[int] = []
    assert names(exports.look(Counting(exports.store, written))) == ["customers.csv"]
    assert written == []


def test_bandwidth_is_shared_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    stop = threading.Event()
    pace = copying.Pace(1000, stop.is_set)
    for _ in range(11):
        pace.take(500)
    assert clock[0] == pytest.approx(5.0)
    stop.set()
    with pytest.raises(copying.Interrupted):
        pace.take(1)


def test_arrival_times_are_utc(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    before = datetime.datetime.now(datetime.UTC)
    (arrival,) = exports.look()
    assert before <= arrival.arrived <= datetime.datetime.now(datetime.UTC)
