"""Pages of arrivals: what is read from them is what was registered, whatever becomes of them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakewright.errors import LogError
from lakewright.sources.files import pages
from lakewright.sources.files.arrivals import Arrival, Arrivals
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import FaultyStore

TIME = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
FIRST_PAGE = f"raw/csv/_pages/exports/{4:020d}.json"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setattr(pages, "SIZE", 4)
    return LocalStore(tmp_path)


def arrivals(store: Any) -> Arrivals:
    return Arrivals(store, "raw", "exports")


def registered(store: Any, count: int, begin: int = 0) -> list[Arrival]:
    """So many arrivals more, each of a file of its own."""
    ours = arrivals(store)
    one = Arrival(0, "", "d", "raw/csv/d/1/a.csv", 3, "0" * 64, TIME, TIME)
    found = [ours.append(dataclasses.replace(one, name=f"{number}"), None) for number in range(begin, begin + count)]
    return [arrival for arrival in found if arrival]


def test_a_start_reads_pages_and_what_is_in_none(store: LocalStore) -> None:
    made = registered(store, 10)
    counting = FaultyStore(store)
    reader = arrivals(counting)
    assert reader.newest() == {arrival.name: arrival for arrival in made}
    read = [call for call in counting.calls if call.startswith("read ")]
    assert [name.split("/")[2] for name in read] == ["_pages", "_pages", "_arrivals", "_arrivals", "_arrivals"]
    assert [*reader.after(2)] == made[2:]
    assert [*reader.after(4)] == made[4:]
    assert [*reader.after(9)] == made[9:]
    assert (reader.count(), reader.find(3), reader.find(11)) == (10, made[2], None)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: None,
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data.replace(b"\n", b" ", 1),
        lambda data: b"{}\n" * 4,
    ],
)
def test_a_page_that_is_lost_or_damaged_is_made_anew(store: LocalStore, damage: Callable[[bytes], bytes | None]) -> None:
    made = registered(store, 9)
    page = store.read(FIRST_PAGE)
    if (data := damage(page)) is None:
        store.delete(FIRST_PAGE)
    else:
        store.put(FIRST_PAGE, data)
    assert [*arrivals(store).after(0)] == made
    assert [*arrivals(store).after(2)] == made[2:]
    made += registered(store, 1, begin=9)
    assert store.read(FIRST_PAGE) == page
    assert [*arrivals(store).after(0)] == made


def test_who_reads_a_damaged_page_meanwhile_spoils_no_other(store: LocalStore) -> None:
    made = registered(store, 6)
    ours = arrivals(store)
    ours.newest()
    store.put(FIRST_PAGE, b"")
    assert [*ours.after(0)] == made
    for number in range(6, 13):
        made += [arrival for arrival in [ours.append(dataclasses.replace(made[0], name=f"{number}"), None)] if arrival]
    assert [*ours.after(0)] == made
    assert [*arrivals(store).after(0)] == made


def test_a_page_goes_on_for_arrivals_that_are_gone_and_no_number_is_given_twice(store: LocalStore) -> None:
    made = registered(store, 6)
    store.delete(f"raw/csv/_arrivals/exports/{2:020d}.json")
    assert [*arrivals(store).after(0)] == made
    store.delete(FIRST_PAGE)
    with pytest.raises(LogError, match=r"0002\.json is missing"):
        registered(store, 1, begin=6)
    store.put(FIRST_PAGE, b"")
    with pytest.raises(LogError, match=r"0002\.json is missing"):
        registered(store, 1, begin=6)
