"""The ledger against the rule it follows, told arrival by arrival in the plainest way."""

from __future__ import annotations

import dataclasses
import datetime
import random
from pathlib import Path

import pytest

from lakewright.errors import SourceError
from lakewright.sources.files import pages
from lakewright.sources.files.arrivals import Arrival, Arrivals
from lakewright.sources.files.ledger import Ledger, Version
from lakewright.sources.files.tables import Mode, Rule
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import FaultyStore

TIME = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
ONE = Arrival(0, "", "d", "raw/csv/d/1/a.csv", 3, "0" * 64, TIME, TIME)


def rule(mode: Mode = "append") -> Rule:
    return Rule("d", (), (), mode, (), None, lambda rejected, rows: False)


def ledger(store: LocalStore) -> Ledger:
    found = Ledger(store, "raw", Arrivals(store, "raw", "exports"))
    found.look_again()
    return found


def versions(arrivals: list[Arrival], waits: set[int], before: int) -> list[Version]:
    """The versions of files of the dataset d that count, in their order."""
    found: dict[str, Version] = {}
    for arrival in arrivals[: before - 1]:
        if arrival.dataset != "d" or arrival.number in waits:
            continue
        if arrival.corrects:
            if (version := found.get(arrival.name)) and version.arrival.number == arrival.corrects:
                found[arrival.name] = version._replace(replays=(*version.replays, arrival))
        elif arrival.removed:
            found.pop(arrival.name, None)
        else:
            found[arrival.name] = Version(arrival)
    return sorted(found.values(), key=lambda version: version.arrival.number)


def some_arrivals(arrivals: Arrivals, chance: random.Random) -> list[Arrival]:
    """New, corrected, moved and removed files, and replays."""
    made: list[Arrival] = []
    while len(made) < 60:
        name = chance.choice("abcdef")
        last, newest = arrivals.last().get(name), arrivals.newest().get(name)
        sha256 = f"{chance.randrange(1000):064x}"
        if newest and chance.random() < 0.3:
            replay = dataclasses.replace(ONE, name=name, dataset=newest.dataset, sha256=sha256, corrects=newest.number)
            found = arrivals.append(replay, last)
        else:
            removed = newest is not None and chance.random() < 0.3
            dataset = "e" if chance.random() < 0.1 else "d"
            found = arrivals.append(dataclasses.replace(ONE, name=name, dataset=dataset, sha256=sha256, removed=removed), newest)
        made += [found] if found else []
    return made


@pytest.mark.parametrize("seed", range(5))
def test_what_counts_is_what_the_arrivals_say_in_any_order_of_asking(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SIZE", 7)
    chance, store = random.Random(seed), LocalStore(tmp_path)
    made = some_arrivals(Arrivals(store, "raw", "exports"), chance)
    ours, other, waits = ledger(store), ledger(store), set[int]()
    asked = [*range(1, 62), *chance.choices(range(1, 62), k=30)]
    for before in asked:
        if chance.random() < 0.1:
            late = chance.choice(made)
            chance.choice([ours, other]).wait(late, SourceError("LW-260", "why"))
            ours.look_again()
            waits.add(late.number)
        expected = versions(made, waits, before)
        assert ours.files(rule(), before) == expected
        assert ours.files(rule("snapshot"), before) == expected[-1:]
        if before <= len(made):
            arrival = made[before - 1]
            assert ours.next(before - 1) == arrival
            former = next((one for one in expected if one.arrival.name == arrival.name), None)
            assert ours.former(arrival) == (former if arrival.dataset == "d" else ours.former(arrival))
            if arrival.dataset == "d":
                assert ours.stands(arrival, rule()) == any(one.arrival.number == arrival.corrects for one in expected)
            assert (ours.waiting(arrival) is not None) == (arrival.number in waits)
    newest = {arrival.name: arrival for arrival in made if not arrival.corrects}
    assert set(ours.open_faults()) == {name for name, arrival in newest.items() if arrival.number in waits}


def test_an_arrival_costs_as_much_however_many_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SIZE", 10)
    store = LocalStore(tmp_path)
    arrivals = Arrivals(store, "raw", "exports")
    counting = FaultyStore(store)
    ours = Ledger(counting, "raw", Arrivals(counting, "raw", "exports"))
    costs = []
    for number in range(100):
        arrivals.append(
            dataclasses.replace(ONE, name=f"{number % 90}", sha256=f"{number:064x}"), arrivals.newest().get(f"{number % 90}")
        )
        before = len(counting.calls)
        found = ours.next(number)
        assert found is not None
        assert (ours.waiting(found), ours.former(found) is None) == (None, number < 90)
        costs.append(len(counting.calls) - before)
    assert max(costs[50:]) <= max(costs[:50]) + 1
