"""Tables whose columns changed in the source: real Spark reads them with our rows, and merges them in turn with us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakewright.engines.spark import SparkEngine
from lakewright.errors import QueryError
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.merge_spark import SparkMerge
from tests.conftest import run_sql
from tests.interop.engine import Spark

LAKE = """
lake: shop
sources:
  db: {{kind: postgres, url: "{url}", tables: ["public.*"]}}
tables:
  orders: {{from: db.public.orders, type: {kind}}}
"""
TABLE = """
CREATE TABLE orders (id int PRIMARY KEY, name text, price numeric(8, 2), total numeric(20, 4), weight real, grade int, code int)
"""
STEPS = (
    ("DROP code", "(id, name) VALUES (101, 'a')"),
    ("ALTER price TYPE numeric(10, 2)", "(id, price) VALUES (102, 99999999.25)"),
    ("ALTER total TYPE numeric(30, 4)", "(id, total) VALUES (103, -12345678901234567890.5)"),
    ("RENAME name TO label", "(id, label) VALUES (104, 'b')"),
    ("ALTER grade TYPE bigint", "(id, grade) VALUES (105, 1099511627776)"),
    ("ALTER weight TYPE double precision", "(id, weight) VALUES (106, 1e300)"),
    ("ADD remark text DEFAULT 'c'", "(id, remark) VALUES (107, 'd')"),
)
MORE_BYTES = ("ALTER price TYPE numeric(10, 2)", "ALTER total TYPE numeric(30, 4)")
"""Decimals that take more bytes: Hudi's writer in Spark refuses them, and one merge here goes before."""
Row = dict[str, Any]


@pytest.mark.parametrize(
    ("kind", "spark_first"),
    [
        ("mor", True),
        *(pytest.param(*each, marks=pytest.mark.full) for each in (("mor", False), ("cow", True), ("cow", False))),
    ],
)
def test_spark_reads_and_merges_what_changed(
    engine: SparkEngine, spark: Spark, url: str, tmp_path: Path, kind: str, spark_first: bool
) -> None:
    run_sql(url, TABLE, "INSERT INTO orders SELECT g, 'n' || g, g / 4.0, g / 8.0, g / 3.0, g, g FROM generate_series(1, 20) g")
    (tmp_path / "lake.yaml").write_text(LAKE.format(url=url, kind=kind))
    location = tmp_path / "curated/orders"
    with Lake.open(tmp_path) as lake:
        lake.capture()
        lake.merge()
        past = [(lake.history("orders")[-1].instant, committed(lake))]
        for turn, (change, insert) in enumerate(STEPS):
            before = f"UPDATE orders SET grade = {turn} WHERE id % 5 = {turn % 5}"
            run_sql(
                url, before, f"ALTER TABLE orders {change}", f"INSERT INTO orders {insert}", "DELETE FROM orders WHERE id = 2"
            )
            lake.capture()
            lake.apply()
            if turn % 2 == spark_first:
                merge_by_spark(lake, SparkMerge(engine), is_refused=change in MORE_BYTES)
            lake.merge()
            rows = committed(lake)
            assert seen(spark.read(location)[1], rows) == rows, change
            assert lake.check("db").passed, change
            assert lake.verify("orders")[0].flaws == ()
            past.append((lake.history("orders")[-1].instant, rows))
        for instant, rows in past:
            assert seen(spark.read(location, as__of__instant=instant)[1], rows) == rows, instant


def merge_by_spark(lake: Lake, apply: SparkMerge, *, is_refused: bool) -> None:
    """Merge, or hear what does it instead."""
    if not is_refused:
        lake.merge(apply=apply)
        return
    with pytest.raises(QueryError, match="spark cannot widen column") as told:
        lake.merge(apply=apply)
    assert (told.value.code, told.value.hint) == (
        "LW-512",
        "`lakewright merge orders` does it, in one commit; spark goes on from there",
    )


def committed(lake: Lake) -> list[Row]:
    """The rows of the table's newest commit, by key."""
    with lake.sql("SELECT * FROM orders", committed=True) as answer:
        return sorted((row for batch in answer.batches() for row in batch.to_pylist()), key=lambda row: int(row["id"]))


def seen(rows: list[Row], expected: list[Row]) -> list[Row]:
    """The columns of the expected rows that Spark's have, by key."""
    return sorted(({name: row[name] for name in expected[0]} for row in rows), key=lambda row: int(row["id"]))
