"""What our writer wrote, read by real Spark: every version, every pair of versions."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from tests.formats.hudi_world import World
from tests.interop.engine import Spark
from tests.interop.histories import SHAPES, History, assert_agreement, assert_changes, assert_version

STEPS = 8
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
    for (start, *_), (end, *_) in itertools.pairwise(versions):
        assert_changes(spark, world, start.instant, end.instant)
