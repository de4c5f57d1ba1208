"""Names: which of them patterns choose, and which one was probably meant."""

from __future__ import annotations

import pytest

from lakewright.model.names import TableName, chosen, did_you_mean

NAMES = ("public.a", "public.b", "public.a.b", "public.a[1]", "sales.a", "s.a")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["public.*"], ["public.a", "public.b", "public.a.b", "public.a[1]"]),
        (["public.?"], ["public.a", "public.b"]),
        (["-public.b", "public.*", "-*.*.*"], ["public.a", "public.a[1]"]),
        (["*.a"], ["public.a", "sales.a", "s.a"]),
        (["?.*"], ["s.a"]),
        (["public*a"], []),
        (["public.a[1]"], ["public.a[1]"]),
        (["Public.a"], []),
        (["-public.a"], []),
    ],
)
def test_patterns_choose_tables(patterns: list[str], expected: list[str]) -> None:
    assert [str(name) for name in chosen(map(TableName.parse, NAMES), patterns)] == expected


@pytest.mark.parametrize(
    ("word", "hint"),
    [("ordres", "did you mean orders?"), ("Orders", "did you mean orders?"), ("lw-10", "did you mean LW-104?"), ("visit", None)],
)
def test_the_nearest_name_is_proposed(word: str, hint: str | None) -> None:
    assert did_you_mean(word, ["orders", "order", "LW-104"] if word != "visit" else ["orders"]) == hint
