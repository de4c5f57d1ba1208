"""Arrivals as objects, and their order under rivals."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lakewright.errors import LogError, StorageError
from lakewright.model import sealed
from lakewright.sources.files.arrivals import Arrival, Arrivals, label
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore

EPOCH = datetime.datetime(2026, 3, 1, 12, 30, 0, 123456, datetime.UTC)
ONE = Arrival(0, "a\n%ü\udcff.csv", "d", "raw/csv/d/1/a.csv", 3, "0" * 64, EPOCH, EPOCH)
FOLDER = "raw/csv/_arrivals/exports/"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def arrivals(store: Any) -> Arrivals:
    return Arrivals(store, "raw", "exports")


def of(name: str, content: int) -> Arrival:
    return dataclasses.replace(ONE, name=name, sha256=f"{content:064x}")


@pytest.mark.parametrize("removed", [False, True])
def test_an_arrival_reads_back(removed: bool) -> None:
    arrival = dataclasses.replace(ONE, number=7, removed=removed)
    assert Arrival.from_bytes(arrival.to_bytes(), "x", 7) == arrival
    assert sealed.load(arrival.to_bytes())["version"] == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "its version is 2, this program reads 1"),
        ({"number": 8}, "its number is 8"),
        ({"number": "7"}, "number '7' is not of type int"),
        ({"size": -1}, "size -1 is negative"),
        ({"size": True}, "size True is not of type int"),
        ({"removed": 0}, "removed 0 is not of type bool"),
        ({"sha256": "abc"}, "its sha256 is not one"),
        ({"modified": "2026-03-01"}, "is not in UTC"),
        ({"arrived": "yesterday"}, "yesterday"),
        ({"name": None}, "name None is not of type str"),
    ],
)
def test_a_damaged_arrival_is_an_error(change: dict[str, Any], told: str) -> None:
    data = {**sealed.load(dataclasses.replace(ONE, number=7).to_bytes()), **change}
    with pytest.raises(LogError, match=told) as caught:
        Arrival.from_bytes(sealed.dump(data), "the name", 7)
    assert (caught.value.code, "the name is not an arrival" in caught.value.message) == ("LW-290", True)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"3", b"\xff", b'{"version": 1}', b"[" * 100_000])
def test_what_is_no_arrival_at_all_is_an_error(data: bytes) -> None:
    with pytest.raises(LogError, match="is not an arrival"):
        Arrival.from_bytes(data, "x", 1)


def test_numbers_count_up_and_repeat_nothing(store: LocalStore) -> None:
    ours = arrivals(store)
    first = ours.append(of("a", 1), None)
    assert first == dataclasses.replace(of("a", 1), number=1)
    assert ours.append(of("a", 1), first) is None
    second = ours.append(of("b", 1), None)
    third = ours.append(of("a", 2), first)
    assert [*ours.after(0)] == [first, second, third]
    assert [*ours.after(2)] == [third]
    assert [*ours.after(3)] == []
    assert arrivals(store).newest() == ours.newest() == {"a": third, "b": second}


def test_who_knew_an_older_version_registers_nothing(store: LocalStore) -> None:
    ours, rival = arrivals(store), arrivals(store)
    first = ours.append(of("a", 1), None)
    second = rival.append(of("a", 2), first)
    assert ours.append(of("a", 3), first) is None
    assert ours.append(of("a", 3), None) is None
    assert ours.newest() == {"a": second}


def test_rivals_agree_on_one_order(store: LocalStore) -> None:
    def write(writer: int) -> None:
        own = arrivals(store)
        for turn in range(10):
            assert own.append(of(f"{writer}-{turn}", 1), None)
            own.append(of(f"both-{turn}", 1), None)

    with ThreadPoolExecutor(3) as pool:
        [*pool.map(write, range(3))]
    found = [*arrivals(store).after(0)]
    assert [arrival.number for arrival in found] == [*range(1, 41)]
    assert len({arrival.name for arrival in found}) == 40


def test_a_lost_answer_registers_once(store: LocalStore) -> None:
    faulty = FaultyStore(store, Fault("create", "fail", "after"))
    ours = arrivals(faulty)
    with pytest.raises(StorageError, match="injected"):
        ours.append(of("a", 1), None)
    assert ours.append(of("a", 1), None) is None
    assert [arrival.name for arrival in arrivals(store).after(0)] == ["a"]


def test_a_gap_is_an_error_and_no_number_is_given_twice(store: LocalStore) -> None:
    ours = arrivals(store)
    for name in "abc":
        ours.append(of(name, 1), None)
    store.delete(f"{FOLDER}{2:020d}.json")
    with pytest.raises(LogError, match=r"0002\.json is missing") as caught:
        arrivals(store).append(of("d", 1), None)
    assert caught.value.code == "LW-291"


def test_what_is_known_is_not_read_again(store: LocalStore) -> None:
    ours = arrivals(store)
    for number in range(20):
        ours.append(of(f"{number}", 1), None)
    counting = FaultyStore(store)
    reader = arrivals(counting)
    assert len(reader.newest()) == 20
    assert len(counting.calls) == 23
    reader.newest()
    assert len(counting.calls) == 24


def test_places_are_plain_names(store: LocalStore) -> None:
    ours = arrivals(store)
    for name in ("../x", "a/../../etc/passwd", "a\nb", "100%", "ü" * 120, ".x", "_x", "a[*]?'b", "\udcff", "-"):
        stored = ours.stored_name("d", name, EPOCH, "v")
        folder, _, last = stored.rpartition("/")
        assert folder.startswith("raw/csv/d/20260301-123000-")
        assert 0 < len(last) <= 100
        assert set(last) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.~%_")
        assert last not in (".", "..")
    stored = {ours.stored_name("d", name, EPOCH, version) for name in ("a/x", "b/x") for version in ("1", "2")}
    assert len(stored) == 4


def test_no_two_names_of_files_have_the_same_label() -> None:
    parts = (b"\xff", b"\\", b"x", b"ff", b"5c", b"\xc3", b"\xa4", b"")
    names = {os.fsdecode(b"".join(chosen)) for chosen in itertools.product(parts, repeat=5)}
    assert len({label(name) for name in names}) == len(names)
    same = ("a\\b.csv", "\\x", "ä\\xä.csv", "\\x20")
    assert [label(name) for name in same] == [*same]
    assert [label(os.fsdecode(name)) for name in (b"\xff", b"\\xff", b"\\x5cxff")] == ["\\xff", "\\x5cxff", "\\x5cx5cxff"]
