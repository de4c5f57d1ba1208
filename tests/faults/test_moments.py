"""Moments: what changed between two of them, live and in commits, and times that are none."""

from __future__ import annotations

import datetime
import re

from lakewright.pipeline.lake import Lake
from tests.faults.conftest import Shop

KEYS = "SELECT id, _deleted FROM orders ORDER BY id"


def changed(shop: Shop, *options: str) -> list[tuple[int, bool]]:
    """The orders that changed, and whether each is gone."""
    return [(row["id"], row["_deleted"]) for row in shop.ok("sql", KEYS, *options, "--json").json]


def instants(shop: Shop) -> list[str]:
    """The instants of orders, oldest first."""
    return [commit["instant"] for commit in shop.ok("history", "orders", "--json").json["commits"]]


def now(shop: Shop) -> str:
    """The source's time in UTC."""
    return str(shop.sql("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::text")[0][0])


# ---- changes between commits


def test_committed_changes_are_those_between_two_commits(loaded: Shop) -> None:
    loaded.sql("DELETE FROM orders WHERE id = 2; UPDATE orders SET price = 1 WHERE id = 1")
    loaded.ok("run")
    loaded.sql("UPDATE orders SET id = 33 WHERE id = 3")
    loaded.ok("run")
    loaded.sql("UPDATE orders SET price = 1 WHERE id = 4")
    loaded.ok("capture")
    first, second, third = instants(loaded)
    live = [(1, False), (2, True), (3, True), (4, False), (33, False)]
    assert changed(loaded, "--committed", "--since", third) == []
    assert changed(loaded, "--committed", "--since", second) == [(3, True), (33, False)]
    assert changed(loaded, "--committed", "--since", first) == [row for row in live if row[0] != 4]
    assert changed(loaded, "--committed", "--since", first, "--as-of", second) == [(1, False), (2, True)]
    prices = "SELECT price FROM orders WHERE id = 1"
    assert loaded.ok("sql", prices, "--committed", "--since", first, "--json").json == [{"price": "1.00"}]


def test_committed_changes_need_no_files_of_the_first_commit(loaded: Shop) -> None:
    for key in (1, 2):
        loaded.sql(f"DELETE FROM orders WHERE id = {key}")
        loaded.ok("run")
    with Lake.open(loaded.folder) as lake:
        table = lake.format.open("curated/orders")
        assert table is not None
        assert table.clean([]) > 0
    first = instants(loaded)[0]
    assert changed(loaded, "--committed", "--since", first) == [(1, True), (2, True)]


def test_committed_changes_of_a_time_before_the_first_commit_are_refused(loaded: Shop) -> None:
    told = loaded.fails("sql", KEYS, "--committed", "--since", "2001-01-01")
    (first,) = instants(loaded)
    assert (told.code, first in told.message, "history orders" in (told.hint or "")) == ("LW-522", True, True)


def test_committed_changes_are_refused_over_a_load_of_the_whole_source(loaded: Shop) -> None:
    (before,) = instants(loaded)
    loaded.ok("resync")
    unmerged = loaded.fails("sql", KEYS, "--committed", "--since", before)
    assert (unmerged.code, "`lakewright merge orders`" in (unmerged.hint or "")) == ("LW-520", True)
    loaded.ok("run")
    assert loaded.fails("sql", KEYS, "--committed", "--since", before).code == "LW-520"
    after = instants(loaded)[-1]
    loaded.sql("DELETE FROM orders WHERE id = 2")
    loaded.ok("run")
    assert changed(loaded, "--committed", "--since", after) == [(2, True)]


def test_rows_that_a_resync_found_gone_are_told(loaded: Shop) -> None:
    (before,), moment = instants(loaded), now(loaded)
    loaded.sql("DELETE FROM parts WHERE id = 1")
    loaded.sql("ALTER TABLE orders RENAME price TO cost")
    loaded.sql("DELETE FROM orders WHERE id > 2")
    loaded.run("capture")
    loaded.ok("resync", "orders")
    loaded.ok("merge", "orders")
    expected = [(key, key > 2) for key in range(1, 21)]
    assert changed(loaded, "--committed", "--since", before) == expected
    assert changed(loaded, "--since", moment) == expected


# ---- times


def test_a_time_in_the_future_is_refused_with_what_was_understood(shop: Shop) -> None:
    for option in ("--as-of", "--since"):
        for time in ("2999-01-01 12:00", "2999-01-01T14:00+02:00", "29990101120000000"):
            told = shop.fails("sql", "SELECT 1", option, time)
            understood, present = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", told.message)
            assert (told.code, time in told.message, understood) == ("LW-525", True, "2999-01-01 12:00:00")
            assert datetime.datetime.fromisoformat(present).year < 2999


def test_what_is_no_time_is_told_with_every_form_of_one(shop: Shop) -> None:
    forms = ("2026-03-01T12:00:00", "UTC", "`lakewright history TABLE`", "s, m, h or d", "30s, 15m, 2h, 7d")
    for time in ("yesterday", "15", "5 w", "99999999999999d", "0001-01-01T00:00+14:00", "20261399000000000"):
        told = shop.fails("sql", "SELECT 1", "--as-of", time)
        assert (told.code, time in told.message) == ("LW-521", True)
        assert [form for form in forms if form not in (told.hint or "")] == []
    for time in ("0s", "1 s ago", "2000d", "2001-01-01", "20010101000000000", "2001-01-01T00:00:00.5Z", " 3h "):
        shop.ok("sql", "SELECT 1", "--as-of", time)
