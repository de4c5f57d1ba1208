"""Spark and we in turn on one table, whichever index Spark finds its rows with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from lakewright.errors import FormatError
from tests.formats.hudi_world import World, table_of
from tests.interop.engine import Spark
from tests.interop.histories import EVERY, SHAPES, History, assert_agreement

# Where the partition is no function of the key only a global index finds a row that moved.
TURNS = [
    ("plain", "SIMPLE"),
    ("plain", "BLOOM"),
    ("by day", "GLOBAL_SIMPLE"),
    ("by day", "GLOBAL_BLOOM"),
    ("by day and due", "GLOBAL_SIMPLE"),
    ("many keys", "BLOOM"),
    ("many keys by day", "GLOBAL_BLOOM"),
    ("text key", "GLOBAL_BLOOM"),
    ("date key", "SIMPLE"),
    ("decimal key", "GLOBAL_SIMPLE"),
    pytest.param("plain in logs", "BLOOM", marks=pytest.mark.full),
    pytest.param("by day in logs", "GLOBAL_BLOOM", marks=pytest.mark.full),
]


@pytest.mark.parametrize(("shape", "index"), TURNS)
def test_spark_and_we_write_in_turn(spark: Spark, tmp_path: Path, shape: str, index: str) -> None:
    world = World(tmp_path, EVERY[shape])
    history = History(world, 0)
    history.change()
    for metadata_table in ("false", "true"):
        options = {"hoodie.index.type": index, "hoodie.metadata.enable": metadata_table}
        history.change()
        history.spark_changes(spark, **options)
        assert_agreement(spark, world)
        history.change()
        assert_agreement(spark, world)
    # Spark cleans what we wrote, archives our instants with its own, and we go on.
    services = {"hoodie.cleaner.commits.retained": "1", "hoodie.keep.min.commits": "2", "hoodie.keep.max.commits": "3"}
    for _ in range(2):
        history.spark_changes(spark, **{"hoodie.index.type": index, **services})
    history.change()
    history.clean()
    assert_agreement(spark, world)


def test_keys_are_found_where_java_and_utf8_order_them_differently(spark: Spark, tmp_path: Path) -> None:
    world = World(tmp_path, SHAPES["text key"])
    history = History(world, 0)
    rows = history.rows(2)
    rows[0]["code"], rows[1]["code"] = "\uff01", "\U0001f642"
    world.upsert(rows)
    history.spark_upserts(spark, [row | {"note": "new"} for row in rows], **{"hoodie.index.type": "BLOOM"})
    assert_agreement(spark, world)


def test_empty_text_in_a_key_of_several_columns(spark: Spark, tmp_path: Path) -> None:
    world = World(tmp_path, SHAPES["many keys"])
    history = History(world, 0)
    rows = history.rows(2)
    rows[0]["code"], rows[1]["code"] = "", "__null__"
    world.upsert(rows)
    history.spark_upserts(spark, [row | {"note": "new"} for row in rows], **{"hoodie.index.type": "BLOOM"})
    assert_agreement(spark, world)


@pytest.mark.parametrize("operation", ["insert", "bulk_insert", "insert_overwrite", "insert_overwrite_table"])
def test_other_operations_of_spark(spark: Spark, tmp_path: Path, operation: str) -> None:
    world = World(tmp_path, SHAPES["by day"])
    history = History(world, 0)
    world.upsert(history.rows(6))
    for _ in range(2):
        rows = history.rows(4)
        spark.write(world.location, world.spec, table_of(rows, world.spec.columns), operation)
        days = {row["at_day"] for row in rows}
        if operation == "insert_overwrite":
            world.rows = {key: row for key, row in world.rows.items() if row["at_day"] not in days}
        if operation == "insert_overwrite_table":
            world.rows = {}
        world.rows |= {world.key(row): row for row in rows}
        history.change()
        assert_agreement(spark, world)


@pytest.mark.parametrize("shape", ["plain", "decimal key"])
def test_spark_upserts_into_what_it_bulk_inserted(spark: Spark, tmp_path: Path, shape: str) -> None:
    """Decimals, small ones too, of the rows that the upsert copies."""
    world = World(tmp_path, SHAPES[shape])
    history = History(world, 0)
    world.upsert(history.rows(4))
    rows = history.rows(8)
    spark.write(world.location, world.spec, table_of(rows, world.spec.columns), "bulk_insert")
    world.rows |= {world.key(row): row for row in rows}
    history.spark_upserts(spark, [row | {"note": "new"} for row in rows[:2]])
    assert_agreement(spark, world)
    history.change()
    assert_agreement(spark, world)


@pytest.mark.parametrize("shape", ["plain", "by day in logs"])
def test_a_column_that_spark_adds(spark: Spark, tmp_path: Path, shape: str) -> None:
    world = World(tmp_path, EVERY[shape])
    history = History(world, 0)
    history.change()
    world.spec = dataclasses.replace(world.spec, columns=(*world.spec.columns, ("more", "decimal(12,3)")))
    history.spark_upserts(spark, history.rows(3))
    assert_agreement(spark, world)
    history.change()
    assert_agreement(spark, world)


@pytest.mark.parametrize("shape", ["plain", "many keys by day", "by day in logs"])
def test_a_table_that_spark_made(spark: Spark, tmp_path: Path, shape: str) -> None:
    world = World(tmp_path, EVERY[shape])
    history = History(world, 0)
    made = {"hoodie.table.timeline.timezone": "UTC", "hoodie.index.type": "GLOBAL_SIMPLE", "hoodie.metadata.enable": "true"}
    for _ in range(2):
        history.spark_upserts(spark, history.rows(4), **made)
        assert_agreement(spark, world)
        history.change()
        assert_agreement(spark, world)


def test_a_table_in_local_time_is_refused(spark: Spark, tmp_path: Path) -> None:
    """Which is what Spark makes where nobody says otherwise: its instants do not tell in which zone they are."""
    world = World(tmp_path, SHAPES["plain"])
    History(world, 0).spark_upserts(spark, History(world, 0).rows(2))
    with pytest.raises(FormatError, match="timezone=LOCAL") as caught:
        world.open()
    assert caught.value.code == "LW-402"
    assert "hoodie.table.timeline.timezone=UTC" in str(caught.value.hint)
    properties = Path(world.location) / ".hoodie/hoodie.properties"
    properties.with_name(".hoodie.properties.crc").unlink()
    properties.write_text(properties.read_text().replace("timezone=LOCAL", "timezone=UTC"))  # as the hint says: it ran in UTC
    assert_agreement(spark, world)
    world.upsert(History(world, 1).rows(2))
    assert_agreement(spark, world)
