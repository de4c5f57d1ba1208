"""Merge-on-read tables: real Spark reads each version of ours in each of its ways, writes and compacts them; we go on."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.write import HudiWrite
from tests.formats.hudi_world import META, PATH, Row, World, assert_rows, keys_of, own_rows, rust_rows, table_of
from tests.interop.engine import Spark
from tests.interop.histories import SHAPES, History, assert_same, assert_version

LOGGED = {name: dataclasses.replace(SHAPES[name], type="mor") for name in ("plain", "many keys by day")}
OURS = {"hoodie.datasource.write.table.type": "MERGE_ON_READ", "hoodie.compact.inline": "false"}
GLOBAL = {**OURS, "hoodie.index.type": "GLOBAL_SIMPLE"}


def _world(folder: Path, shape: str, seed: int = 0) -> History:
    """A table with logs of ours over base files of ours."""
    history = History(World(folder, LOGGED[shape]), seed)
    history.world.replace(history.rows(20))
    return history


@pytest.mark.parametrize("shape", LOGGED)
def test_spark_reads_each_version(spark: Spark, tmp_path: Path, shape: str) -> None:
    history = _world(tmp_path, shape)
    world = history.world
    for number in range(4):
        history.change()
        if number == 2:
            history.add_column()
            world.open().compact(2)
    _agree(spark, world)
    for commit, rows, spec in world.commits[1::2]:
        assert_version(spark, world, commit, rows, spec)
    for (start, *_), (end, *_) in itertools.pairwise(world.commits[-3:]):
        options = {"hoodie.datasource.query.type": "incremental"}
        options |= {f"hoodie.datasource.read.{n}.instanttime": c.instant for n, c in (("begin", start), ("end", end))}
        own = [r for r in own_rows(world.open().snapshot(end.instant)) if start.instant < r["_hoodie_commit_time"] <= end.instant]
        assert_same(_seen(spark.read(world.location, **options)[1]), _seen(own))
    snapshot = world.open().snapshot()
    assert snapshot is not None
    _, optimized = spark.read(world.location, **{"hoodie.datasource.query.type": "read_optimized"})
    assert_same(optimized, own_rows(dataclasses.replace(snapshot, logs=())))


@pytest.mark.parametrize(("shape", "options"), [("plain", OURS), ("many keys by day", GLOBAL)])
def test_spark_and_we_write_in_turn(spark: Spark, tmp_path: Path, shape: str, options: dict[str, str]) -> None:
    history = _world(tmp_path, shape)
    world = history.world
    for metadata_table in ("false", "true"):
        history.change()
        _spark_changes(spark, history, {**options, "hoodie.metadata.enable": metadata_table})
        _agree(spark, world)
    _spark_changes(spark, history, {**options, "hoodie.compact.inline": "true", "hoodie.compact.inline.max.delta.commits": "1"})
    _agree(spark, world)
    history.change()
    _agree(spark, world)
    world.open().compact(1)
    _agree(spark, world)
    _spark_changes(spark, history, options)
    world.open().clean([])
    _agree(spark, world)


def test_a_compaction_that_spark_scheduled(spark: Spark, tmp_path: Path) -> None:
    history = _world(tmp_path, "plain")
    world = history.world
    history.change()
    scheduled = {
        **OURS,
        "hoodie.compact.schedule.inline": "true",
        "hoodie.compact.inline.max.delta.commits": "1",
    }
    _spark_changes(spark, history, scheduled)
    assert list((tmp_path / PATH / ".hoodie").glob("*.compaction.requested"))
    for _ in range(2):  # logs go on under the compaction that is to come
        history.change()
        _spark_changes(spark, history, OURS)
        _same_for_spark_and_us(spark, world)
    assert world.open().compact(99) > 0
    _agree(spark, world)
    history.change()
    _agree(spark, world)


def test_writes_that_died_are_rolled_back_by_the_other(spark: Spark, tmp_path: Path) -> None:
    history = _world(tmp_path, "plain")
    world = history.world
    history.change()
    write = HudiWrite(Folder(world.store, PATH))
    rows, deletes = history.changes()
    write.upsert(table_of(rows, world.spec.columns), keys_of(deletes, world.spec))
    write._heartbeat.stop()
    _spark_changes(spark, history, OURS)
    _agree(spark, world)
    history.change()
    _agree(spark, world)
    assert world.open().compact(1) > 0
    _agree(spark, world)


def _agree(spark: Spark, world: World) -> None:
    _same_for_spark_and_us(spark, world)
    assert_rows(rust_rows(world.location), world.rows, world.spec)
    assert world.open().verify().flaws == ()


def _same_for_spark_and_us(spark: Spark, world: World) -> None:
    own = own_rows(world.open().snapshot())
    assert_rows(own, world.rows, world.spec)
    assert_same(_seen(spark.read(world.location)[1]), _seen(own))


def _seen(rows: list[Row]) -> list[Row]:
    """Rows without the name of their file, for which a log has the file group's."""
    return [{name: value for name, value in row.items() if name != META[-1]} for row in rows]


def _spark_changes(spark: Spark, history: History, options: dict[str, str]) -> None:
    """Changes as Spark makes them: an upsert and a delete."""
    world = history.world
    rows, deleted = history.changes()
    spark.write(world.location, world.spec, table_of(rows, world.spec.columns), **options)
    world.rows |= {world.key(row): row for row in rows}
    gone = [world.rows.pop(key) for key in deleted]
    if gone:
        spark.write(world.location, world.spec, table_of(gone, world.spec.columns), "delete", **options)
