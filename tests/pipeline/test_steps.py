"""Steps in words."""

from __future__ import annotations

from lakewright.pipeline.steps import Cleaned, describe


def test_a_compaction_is_told():
    assert str(describe(Cleaned("orders", 0, compacted=2))) == "cleaned orders: 0 files, 2 compacted with their logs"
    assert str(describe(Cleaned("orders", 0, archived=1))) == "cleaned orders: 0 files, 1 write archived"
    assert str(describe(Cleaned("orders", 3))) == "cleaned orders: 3 files"
