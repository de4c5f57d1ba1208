"""Spark and we in turn on one table, whichever index Spark finds its rows with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.hudi_world import World, table_of
from tests.interop.engine import Spark
from tests.interop.histories import SHAPES, History, assert_agreement

# Where the partition is no function of the key only a global index finds a row that moved.
TURNS = [
    ("plain", "SIMPLE"),
    ("plain", "BLOOM"),
    ("by day", "GLOBAL_SIMPLE"),
    ("by day", "GLOBAL_BLOOM"),
    ("many keys", "BLOOM"),
    ("many keys by day", "GLOBAL_BLOOM"),
    ("text key", "GLOBAL_BLOOM"),
    ("date key", "SIMPLE"),
    ("decimal key", "GLOBAL_SIMPLE"),
]


@pytest.mark.parametrize(("shape", "index"), TURNS)
def test_spark_and_we_write_in_turn(spark: Spark, tmp_path: Path, shape: str, index: str) -> None:
    world = World(tmp_path, SHAPES[shape])
    history = History(world, 0)
    history.change()
    for metadata_table in ("false", "true"):
        options = {"hoodie.index.type": index, "hoodie.metadata.enable": metadata_table}
        history.change()
        _spark_changes(spark, history, options)
        assert_agreement(spark, world)
        history.change()
        assert_agreement(spark, world)
    # Spark cleans what we wrote, archives our instants with its own, and we go on.
    services = {"hoodie.cleaner.commits.retained": "1", "hoodie.keep.min.commits": "2", "hoodie.keep.max.commits": "3"}
    for _ in range(3):
        _spark_changes(spark, history, {"hoodie.index.type": index, **services})
    history.change()
    history.clean()
    assert_agreement(spark, world)


def _spark_changes(spark: Spark, history: History, options: dict[str, str]) -> None:
    """Changes as Spark makes them: an upsert and a delete."""
    world = history.world
    rows, deleted = history.changes()
    spark.write(world.location, world.spec, table_of(rows, world.spec.columns), **options)
    gone = [world.rows.pop(key) for key in deleted]
    world.rows |= {world.key(row): row for row in rows}
    if gone:
        spark.write(world.location, world.spec, table_of(gone, world.spec.columns), "delete", **options)
