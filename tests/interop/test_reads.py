"""What our writer wrote, read by real Spark: every version, every pair of versions."""

from __future__ import annotations

import datetime
import itertools
import os
from pathlib import Path

import pytest

from tests.formats.hudi_world import World
from tests.interop.engine import Spark
from tests.interop.histories import EVERY, SHAPES, History, assert_agreement, assert_changes, assert_version

STEPS, MANY_STEPS = 6, 30
SEEDS = [int(os.environ["LAKEWRIGHT_SEED"])] if "LAKEWRIGHT_SEED" in os.environ else range(1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_version_of_a_history(spark: Spark, tmp_path: Path, shape: str, seed: int) -> None:
    history = History(World(tmp_path, SHAPES[shape]), seed)
    history.change()
    for _ in range(STEPS):
        history.step()
    history.change()
    history.overwrite()
    assert_agreement(spark, history.world)
    _agree_on_the_past(spark, history, 3)


@pytest.mark.full
@pytest.mark.parametrize("shape", EVERY)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_version_of_a_long_history(spark: Spark, tmp_path: Path, shape: str, seed: int) -> None:
    """Each is read when it is the newest; those that cleans left, also as of their instant and from one to the next."""
    history = History(World(tmp_path, EVERY[shape]), seed)
    history.change()
    for number in range(MANY_STEPS):
        history.step()
        assert_agreement(spark, history.world)
        if number % 10 == 9:
            _agree_on_the_past(spark, history, MANY_STEPS)


def _agree_on_the_past(spark: Spark, history: History, pairs: int) -> None:
    """Spark and we read alike each version that is still there, and what changed between the last `pairs` pairs of them."""
    world = history.world
    readable = {commit.instant for commit in world.open().snapshots() if commit.instant >= history.kept_from}
    versions = [version for version in world.commits if version[0].instant in readable]
    for commit, rows, spec in versions:
        assert_version(spark, world, commit, rows, spec)
    for (start, *_), (end, *_) in itertools.pairwise(versions[-1 - pairs :]):
        assert_changes(spark, world, start.instant, end.instant)


def test_days_before_1582_are_read_as_they_are(spark: Spark, tmp_path: Path) -> None:
    world = World(tmp_path, SHAPES["plain"])
    rows = History(world, 0).rows(4)
    days = [datetime.date(1, 1, 1), datetime.date(1200, 2, 29), datetime.date(1582, 10, 10), datetime.date(1899, 12, 31)]
    for row, day in zip(rows, days, strict=True):
        row |= {"due": day, "at": datetime.datetime.combine(day, datetime.time(23, 59, 59, 999999), datetime.UTC)}
    world.upsert(rows)
    assert_agreement(spark, world)


def test_tables_without_rows(spark: Spark, tmp_path: Path) -> None:
    world = World(tmp_path, SHAPES["by day"])
    world.replace([])
    assert_agreement(spark, world)
    world.upsert(History(world, 0).rows(3))
    world.upsert([], list(world.rows))
    assert_agreement(spark, world)
