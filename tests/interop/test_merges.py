"""Spark as the engine of merges, beside DuckDB and our own writer: in turn, over real histories of a database."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hudi import HudiTableBuilder

from lakewright.engines.spark import SparkEngine
from lakewright.errors import CommitConflict
from lakewright.model.contracts import Table
from lakewright.model.table import Commit
from lakewright.pipeline import merge_native, publish, rewrites
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.instants import Instant
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.merge import merge
from lakewright.pipeline.merge_spark import SparkMerge
from lakewright.pipeline.mirror import Mirror
from lakewright.storage.lease import Lease
from tests.conftest import run_sql
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
  h_wide: {{from: db.h.wide, type: mor}}
"""

SHOP = """
lake: shop
sources:
  db: {{kind: postgres, url: "{url}", tables: ["public.*"]}}
tables:
  orders: {{from: db.public.orders, partition: [region, "day(made)"]}}
"""
ORDERS = """
CREATE TABLE orders (
  id bigint PRIMARY KEY, region int, price numeric(10, 2), note text, made timestamptz, due date, total numeric(38, 10),
  weight real, score double precision, flag boolean, raw bytea, number smallint, codes text[], body jsonb, free numeric
)"""
EXTREMES = """
INSERT INTO orders VALUES
  (101, 1, -99999999.99, E'a\\nb\\t''"\\\\ é 漢字 🙂', '0001-01-01 00:00:00+00', '0001-01-01', -1e27, 'NaN', '-Infinity', true,
   '\\x00ff', -32768, '{a,NULL}', '{"a": 1}', 1.50),
  (102, 2, 0, '', '1582-10-10 12:00:00.000001+00', '1582-10-10', 1e-10, '-0', 5e-324, false, '', 32767, '{}', 'null', 'NaN'),
  (103, NULL, NULL, 'null', '9999-12-31 23:59:59.999999+00', '9999-12-31', NULL, 'Infinity', 1e300, NULL, NULL, 0,
   NULL, '[]', 1e40)
"""
DIES_BEFORE_ITS_COMMIT = """
import os, signal, sys
from lakewright.cli.main import main
from lakewright.formats.hudi.write import HudiWrite
HudiWrite.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(["-C", sys.argv[1], "merge"])
"""


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 6))])
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


@pytest.fixture
def shop(url: str, tmp_path: Path) -> Path:
    """A lake of one table, ``orders``, whose columns have every type, loaded and not merged."""
    run_sql(url, ORDERS, "INSERT INTO orders SELECT g, g % 3, g * 1.5, 'note ' || g FROM generate_series(1, 50) g", EXTREMES)
    (tmp_path / "lake.yaml").write_text(SHOP.format(url=url))
    with Lake.open(tmp_path) as lake:
        lake.capture()
    return tmp_path


def test_every_type_and_far_day(engine: SparkEngine, url: str, shop: Path) -> None:
    with Lake.open(shop) as lake:
        lake.merge(apply=SparkMerge(engine))
        assert lake.check("db").passed
        ((moment,),) = run_sql(url, "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::text")
        run_sql(
            url,
            "UPDATE orders SET region = region + 1, note = note || E'\\n' WHERE id % 2 = 0",
            "DELETE FROM orders WHERE id < 9",
        )
        lake.capture()
        (merged,) = lake.merge(apply=SparkMerge(engine))
        assert merged.commit is not None
        assert merged.commit.checkpoint is not None
        assert lake.check("db").passed
        assert lake.verify("orders")[0].flaws == ()
        run_sql(url, "UPDATE orders SET region = 0 WHERE id % 5 = 0")
        lake.capture()
        lake.merge()
        assert lake.check("db").passed
    asked = ", ".join(f"{name}: {{table: orders, as_of: {moment}Z}}" for name in ("by_spark", "by_us"))
    with (shop / "lake.yaml").open("a") as file:
        file.write(f"snapshots: {{{asked}}}\n")
    with Lake.open(shop) as lake:
        planned = publish.standing(lake, "by_spark", lake.mirrors())
        assert isinstance(planned, publish.Planned)
        assert publish.publish(lake, planned, fill=SparkMerge(engine).fill)
        assert [each.table for each in lake.merge() if each.commit] == ["by_us"]
        for one, other in (("by_spark", "by_us"), ("by_us", "by_spark")):
            with lake.sql(f"SELECT count(*) AS n FROM (SELECT * FROM {one} EXCEPT SELECT * FROM {other})") as answer:
                assert next(answer.batches()).to_pylist() == [{"n": 0}]
            batches = HudiTableBuilder.from_base_uri(lake.store.location(f"curated/{one}")).build().read()
            assert sum(batch.num_rows for batch in batches) == 53
            assert lake.verify(one)[0].flaws == ()


def test_spark_does_not_commit_over_what_came_meanwhile(engine: SparkEngine, url: str, shop: Path) -> None:
    """Its driver was suspended between its plan and its write, and lost the lease."""

    def overtaken(lake: Holdings, mirror: Mirror, table: Table, lease: Lease, former: Sequence[Instant]) -> Commit:
        def late(*arguments: Any) -> None:
            merge_native.apply(lake, mirror, table, lease)
            SparkEngine.write(engine, *arguments)

        engine.write = late  # type: ignore[method-assign]
        return SparkMerge(engine)(lake, mirror, table, lease)

    with Lake.open(shop) as lake:
        with pytest.raises(CommitConflict) as caught:
            lake.merge(apply=overtaken)
        assert caught.value.code == "LW-416"
        run_sql(url, "DELETE FROM orders WHERE id < 9")
        lake.capture()
        with pytest.raises(CommitConflict):
            lake.merge(apply=overtaken)
        assert [commit.operation for commit in lake.history("orders") if commit.checkpoint] == ["BULK_INSERT", "DELETE"]
        run_sql(url, "UPDATE orders SET region = 0 WHERE id % 5 = 0")
        lake.capture()
        lake.merge()
        assert lake.verify("orders")[0].flaws == ()
        assert lake.check("db").passed


def test_spark_moves_a_table_and_merges_where_it_was_moved_to(engine: SparkEngine, url: str, shop: Path) -> None:
    with Lake.open(shop) as lake:
        lake.merge()
    (shop / "lake.yaml").write_text(SHOP.format(url=url).replace('[region, "day(made)"]', '"day(made)", type: mor'))
    run_sql(url, "UPDATE orders SET region = region + 1 WHERE id % 2 = 0", "DELETE FROM orders WHERE id < 9")
    with Lake.open(shop) as lake:
        lake.capture()
        mirror = lake.mirror("orders")
        merged = merge(lake, mirror, apply=SparkMerge(engine), agreed=rewrites.waiting(lake, mirror))
        assert merged is not None
        assert merged.commit is not None
        assert (lake.tables()[0].path == mirror.path, lake.verify("orders")[0].flaws) == (False, ())
        assert lake.check("db").passed
        # A driver that was suspended with the former folder in its hand, from before the switch.
        table = lake.format.open(mirror.path)
        assert table is not None
        with pytest.raises(CommitConflict):
            table.lend()
        run_sql(url, "UPDATE orders SET region = 0 WHERE region IS NULL")
        run_sql(url, "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id, region)")
        lake.resync("orders")
        run_sql(url, "UPDATE orders SET note = 'later' WHERE id % 5 = 0")
        lake.capture()
        lake.merge(apply=SparkMerge(engine))
        run_sql(url, "UPDATE orders SET region = region + 1 WHERE id % 5 = 0", "DELETE FROM orders WHERE id < 20")
        lake.capture()
        lake.merge(apply=SparkMerge(engine))
        assert (len(lake.folders.record(mirror).former), lake.verify("orders")[0].flaws) == (2, ())
        assert lake.check("db").passed
        batches = HudiTableBuilder.from_base_uri(lake.store.location(lake.tables()[0].path)).build().read()
        with lake.sql("SELECT count(*) AS n FROM orders") as answer:
            assert next(answer.batches()).to_pylist() == [{"n": sum(batch.num_rows for batch in batches)}]


def test_one_engine_is_killed_and_the_other_goes_on(engine: SparkEngine, url: str, shop: Path) -> None:
    with Lake.open(shop) as lake:
        lake.merge()
    run_sql(url, "UPDATE orders SET note = note || '!'", "DELETE FROM orders WHERE id < 9")
    command = [sys.executable, "-m", "lakewright", "-C", str(shop), "merge", "--engine", "spark", "--master", "local[1]"]
    with Lake.open(shop) as lake:
        lake.capture()
    driver = subprocess.Popen(command, start_new_session=True)
    hoodie = shop / "curated/orders/.hoodie"
    try:
        while not [path for path in hoodie.glob("*.inflight") if not path.with_suffix(".commit").exists()]:
            assert driver.poll() is None, "spark ended before it was killed"
            time.sleep(0.02)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)  # the JVM too, which is in the group of its driver
        driver.wait()
    with Lake.open(shop) as lake:
        (merged,) = lake.merge()
        assert merged.commit is not None
        assert lake.verify("orders")[0].flaws == ()
        assert lake.check("db").passed
        run_sql(url, "UPDATE orders SET note = 'later', region = region + 1", "DELETE FROM orders WHERE id < 20")
        lake.capture()
    killed = subprocess.run([sys.executable, "-c", DIES_BEFORE_ITS_COMMIT, str(shop)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with Lake.open(shop) as lake:
        (merged,) = lake.merge(apply=SparkMerge(engine))
        assert merged.commit is not None
        assert lake.verify("orders")[0].flaws == ()
        assert lake.check("db").passed


def stored(lake: Lake, name: str) -> list[tuple[object, ...]]:
    """What a table's newest commit holds, of the columns that its source has, as an independent reader sees it."""
    mirror = lake.mirror(f"h_{name}")
    columns = lake.log("db").newest_schema(mirror.origin).column_names
    batches = HudiTableBuilder.from_base_uri(lake.store.location(mirror.path)).build().read()
    return as_rows(pa.Table.from_batches(batches), columns) if batches else []


def test_a_job_of_sparks_has_the_table_for_itself(spark: Spark, url: str, shop: Path) -> None:
    with Lake.open(shop) as lake, Lake.open(shop) as other, ThreadPoolExecutor(1) as pool:
        lake.merge()
        run_sql(url, "UPDATE orders SET note = 'from the source' WHERE id = 2")
        lake.capture()
        mirror = lake.mirror("orders")
        table = lake.table(mirror)
        assert table is not None
        location = lake.store.location(mirror.path)
        batches = HudiTableBuilder.from_base_uri(location).build().read()
        rows = pa.Table.from_batches(batches).select([name for name, _ in table.spec.columns])
        rows = rows.filter(pc.equal(rows["id"], 1))
        with lake.hold("orders"):
            merging = pool.submit(merge, other, other.mirror("orders"), wait=300.0)
            index = {"hoodie.index.type": "GLOBAL_SIMPLE"}
            spark.write(location, table.spec, rows, note="'from the job'", **index)
            assert not merging.done()
            assert [commit.checkpoint is None for commit in table.history()] == [False, True]
        merged = merging.result()
        assert merged is not None
        assert merged.commit is not None
        assert lake.verify("orders")[0].flaws == ()
        with lake.sql("SELECT id, note FROM orders WHERE id < 3 ORDER BY id", committed=True) as answer:
            notes = [row["note"] for batch in answer.batches() for row in batch.to_pylist()]
        assert notes == ["from the job", "from the source"]
