"""Patterns: what one matches, and what stays out."""

from __future__ import annotations

import pytest

from lakewright.sources.files.selection import Selection


@pytest.mark.parametrize(
    ("pattern", "takes", "leaves"),
    [
        ("customers*.csv", ["customers.csv", "customers-2026.csv"], ["a/customers.csv", "customers.csv.gz", "Customers.csv"]),
        ("orders/*.csv", ["orders/1.csv", "orders/.csv"], ["orders/a/1.csv", "orders.csv"]),
        ("orders/**", ["orders/1.csv", "orders/a/b/1"], ["orders", "a/orders/1.csv"]),
        ("**/*.csv", ["1.csv", "a/1.csv", "a/b/1.csv"], ["1.csvx", "a/1.txt"]),
        ("a?.csv", ["ab.csv", "a\n.csv"], ["a.csv", "a/.csv", "abc.csv"]),
        ("a[1]+(x).csv", ["a[1]+(x).csv"], ["a1x.csv"]),
    ],
)
def test_a_pattern(pattern: str, takes: list[str], leaves: list[str]) -> None:
    selection = Selection("d", ("nothing", pattern))
    assert [name for name in [*takes, *leaves] if selection.takes(name)] == takes
    assert not any(Selection("d", ("**",), (pattern,)).takes(name) for name in takes)
