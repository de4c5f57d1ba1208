"""Spark as the engine of merges, beside DuckDB and our own writer: in turn, over real histories of a database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pyarrow as pa
import pytest
from hudi import HudiTableBuilder

from lakewright.engines.spark import SparkEngine
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.merge import merge
from lakewright.pipeline.merge_spark import SparkMerge
from tests.interop.engine import Spark
from tests.property.histories import TABLES, History
from tests.property.world import as_rows

LAKE = """
lake: t
sources:
  db: {{kind: postgres, url: "{url}", tables: ["h.*"], slot: "h"}}
tables:
  h_coded: {{from: db.h.coded, partition: "day(v)"}}
  h_pair: {{from: db.h.pair, partition: "x"}}
"""


@pytest.fixture
def engine(spark: Spark) -> Iterator[SparkEngine]:
    engine = SparkEngine()
    yield engine
    engine.close()


@pytest.mark.parametrize("seed", range(2))
def test_spark_and_we_merge_in_turn(engine: SparkEngine, url: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    (tmp_path / "lake.yaml").write_text(LAKE.format(url=url))
    connection = psycopg2.connect(url)
    history = History(connection, "h", rng)
    engines = [SparkMerge(engine), None]
    try:
        for turn in range(6):
            for _ in range(rng.randint(1, 6)):
                history.transaction()
            with Lake.open(tmp_path) as lake:
                lake.capture()
                for mirror in lake.mirrors():
                    merged = merge(lake, mirror, apply=engines[(turn + seed) % 2])
                    assert merged is not None
                    assert merged.position == lake.log("db").view().watermark
                for name in TABLES:
                    assert stored(lake, name) == history.rows(name), (turn, name)
                    assert lake.verify(f"h_{name}")[0].flaws == ()
    finally:
        connection.close()


def stored(lake: Lake, name: str) -> list[tuple[object, ...]]:
    """What a table's newest commit holds, of the columns that its source has, as an independent reader sees it."""
    mirror = lake.mirror(f"h_{name}")
    columns = lake.log("db").newest_schema(mirror.origin).column_names
    batches = HudiTableBuilder.from_base_uri(lake.store.location(mirror.path)).build().read()
    return as_rows(pa.Table.from_batches(batches), columns) if batches else []
