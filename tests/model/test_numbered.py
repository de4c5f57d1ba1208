"""Texts that end in a running number."""

from __future__ import annotations

import pytest

from lakewright.model.numbered import numbered


@pytest.mark.parametrize(("start", "count"), [(0, 0), (0, 1), (5, 200), (95, 10), (99_999, 2), (0, 12_345)])
@pytest.mark.parametrize("prefix", ["", "é-"])
def test_they_are_the_prefix_and_each_number(prefix: str, start: int, count: int) -> None:
    found = numbered(prefix, start, count)
    found.validate(full=True)
    assert found.to_pylist() == [f"{prefix}{number}" for number in range(start, start + count)]
