"""What our writer wrote, read by real Spark: every version, every pair of versions."""

from __future__ import annotations

import datetime
import itertools
import os
from pathlib import Path

import pytest

from tests.formats.hudi_world import World
from tests.interop.engine import Spark
from tests.interop.histories import SHAPES, History, assert_agreement, assert_changes, assert_version

STEPS = 6
SEEDS = [int(os.environ["LAKEWRIGHT_SEED"])] if "LAKEWRIGHT_SEED" in os.environ else range(1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_version_of_a_history(spark: Spark, tmp_path: Path, shape: str, seed: int) -> None:
    world = World(tmp_path, SHAPES[shape])
    history = History(world, seed)
    history.change()
    for _ in range(STEPS):
        history.step()
    assert_agreement(spark, world)
    readable = {commit.instant for commit in world.open().snapshots()}
    versions = [version for version in world.commits if version[0].instant in readable]
    for commit, rows, spec in versions:
        assert_version(spark, world, commit, rows, spec)
    for (start, *_), (end, *_) in itertools.pairwise(versions[-4:]):
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
