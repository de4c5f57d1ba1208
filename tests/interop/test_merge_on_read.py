"""Merge-on-read tables: real Spark reads each version of ours in each of its ways, writes and compacts them; we go on."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.write import HudiWrite
from tests.formats.hudi_world import PATH, World, keys_of, own_rows, table_of
from tests.interop.engine import Spark
from tests.interop.histories import LOGGED, History, assert_agreement, assert_changes, assert_same, assert_version

GLOBAL = {"hoodie.index.type": "GLOBAL_SIMPLE"}


def _world(folder: Path, shape: str, seed: int = 0) -> History:
    """A table with logs of ours over base files of ours."""
    history = History(World(folder, LOGGED[shape]), seed)
    history.world.replace(history.rows(20))
    return history


@pytest.mark.parametrize("shape", ["plain in logs", "many keys by day in logs"])
def test_spark_reads_each_version(spark: Spark, tmp_path: Path, shape: str) -> None:
    history = _world(tmp_path, shape)
    world = history.world
    for number in range(4):
        history.change()
        if number == 2:
            history.add_column()
            world.open().compact(2)
    history.overwrite()
    assert_agreement(spark, world)
    for commit, rows, spec in world.commits[1::2]:
        assert_version(spark, world, commit, rows, spec)
    for (start, *_), (end, *_) in itertools.pairwise(world.commits[-3:]):
        assert_changes(spark, world, start.instant, end.instant)
    snapshot = world.open().snapshot()
    assert snapshot is not None
    _, optimized = spark.read(world.location, **{"hoodie.datasource.query.type": "read_optimized"})
    assert_same(optimized, own_rows(dataclasses.replace(snapshot, logs=())))


@pytest.mark.parametrize(("shape", "options"), [("plain in logs", {}), ("many keys by day in logs", GLOBAL)])
def test_spark_and_we_write_in_turn(spark: Spark, tmp_path: Path, shape: str, options: dict[str, str]) -> None:
    history = _world(tmp_path, shape)
    world = history.world
    for metadata_table in ("false", "true"):
        history.change()
        history.spark_changes(spark, **{**options, "hoodie.metadata.enable": metadata_table})
        assert_agreement(spark, world)
    history.spark_changes(spark, **{**options, "hoodie.compact.inline": "true", "hoodie.compact.inline.max.delta.commits": "1"})
    assert_agreement(spark, world)
    history.change()
    assert_agreement(spark, world)
    world.open().compact(1)
    assert_agreement(spark, world)
    history.spark_changes(spark, **options)
    world.open().clean([])
    assert_agreement(spark, world)


def test_a_compaction_that_spark_scheduled(spark: Spark, tmp_path: Path) -> None:
    history = _world(tmp_path, "plain in logs")
    world = history.world
    history.change()
    scheduled = {
        "hoodie.compact.schedule.inline": "true",
        "hoodie.compact.inline.max.delta.commits": "1",
    }
    history.spark_changes(spark, **scheduled)
    assert list((tmp_path / PATH / ".hoodie").glob("*.compaction.requested"))
    for _ in range(2):  # logs go on under the compaction that is to come
        history.change()
        history.spark_changes(spark)
        assert_agreement(spark, world)
    assert world.open().compact(99) > 0
    assert_agreement(spark, world)
    history.change()
    assert_agreement(spark, world)


def test_writes_that_died_are_rolled_back_by_the_other(spark: Spark, tmp_path: Path) -> None:
    history = _world(tmp_path, "plain in logs")
    world = history.world
    history.change()
    write = HudiWrite(Folder(world.store, PATH))
    rows, deletes = history.changes()
    write.upsert(table_of(rows, world.spec.columns), keys_of(deletes, world.spec))
    write._heartbeat.stop()
    history.spark_changes(spark)
    assert_agreement(spark, world)
    history.change()
    assert_agreement(spark, world)
    assert world.open().compact(1) > 0
    assert_agreement(spark, world)
