"""Merges of one table at the same time."""

from __future__ import annotations

import pytest

from lakewright.pipeline import merge as merging
from lakewright.pipeline.lake import Lake
from tests.faults.conftest import VALUE, Shop


def test_a_merge_that_waited_for_another_has_nothing_to_do(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.sql(f"INSERT INTO parts VALUES (9, '{VALUE}')")
    loaded.ok("capture")
    take = merging.Lease.take

    def beaten(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(merging.Lease, "take", take)
        with Lake.open(loaded.folder) as first:
            (merged,) = first.merge(["parts"])
            assert merged.commit is not None
        return take(*arguments, **options)  # type: ignore[arg-type]

    with Lake.open(loaded.folder) as second:
        second.mirrors()
        monkeypatch.setattr(merging.Lease, "take", beaten)
        (merged,) = second.merge(["parts"])
    assert merged.commit is None
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}
