"""Our bloom filters against Hudi's own class."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from lakewright.formats.hudi import bloom
from tests.interop.engine import Spark

TEXTS = ["-", "a", "ab", "abc", "ÿþ", "été & co", "漢字 🙂"]


@pytest.mark.parametrize("count", [1, 2, 7, 500])
def test_the_bytes_are_hudis(spark: Spark, count: int) -> None:
    keys = [f"{TEXTS[number % 7]}{number // 7}" for number in range(count)]
    found = bloom.BloomFilter()
    found.add(pa.chunked_array([keys]))
    made = _factory(spark).createBloomFilter(count, 0.01, count, "DYNAMIC_V0")
    for key in keys:
        made.add(key)
    assert found.footer()[bloom.FILTER] == made.serializeToString()


def test_hudi_finds_the_keys_of_every_row_group_and_few_others(spark: Spark) -> None:
    found = bloom.BloomFilter()
    for start, count in ((0, 300), (300, 7), (307, 900)):
        found.add(pa.chunked_array([[f"key {number}" for number in range(start, start + count)]]))
    footer = found.footer()
    read = _factory(spark).fromString(footer[bloom.FILTER], footer[bloom.TYPE])
    assert all(read.mightContain(f"key {number}") for number in range(1207))
    assert sum(read.mightContain(f"other {number}") for number in range(1000)) < 100


def _factory(spark: Spark) -> Any:
    return spark.session.sparkContext._jvm.org.apache.hudi.common.bloom.BloomFilterFactory
