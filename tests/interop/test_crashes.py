"""One writer dies, the other comes next: what was begun is rolled back, and never becomes visible later."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.formats.hudi_world import LOCK, Crash, DyingStore, World, table_of
from tests.interop.engine import Spark
from tests.interop.histories import SHAPES, History, assert_agreement

ARCHIVE = {"hoodie.cleaner.commits.retained": "1", "hoodie.keep.min.commits": "2", "hoodie.keep.max.commits": "3"}
"""Spark soon archives the instant that failed: a file that it left would now count as completed."""


MANY = 10**6


@pytest.mark.parametrize("left", [1, 6, 11])
def test_spark_comes_after_our_crash(spark: Spark, tmp_path: Path, left: int) -> None:
    """The process dies with `left` calls of the store to go."""
    _, unused = _crashed(tmp_path / "counted", calls=MANY)
    history, _ = _crashed(tmp_path / "dead", calls=MANY - unused - left)
    history.world.store.delete(LOCK)  # as a dead holder's lock is taken over
    _spark_goes_on(spark, history)
    assert_agreement(spark, history.world)
    history.change()
    assert_agreement(spark, history.world)


@pytest.mark.parametrize("server", ["true", "false"], ids=["markers of the timeline server", "direct markers"])
def test_we_come_after_sparks_crash(spark: Spark, tmp_path: Path, server: str) -> None:
    world = World(tmp_path, SHAPES["by day"])
    history = History(world, 0)
    world.upsert(history.rows(8))
    rows = history.rows(8)
    note = f"CASE WHEN id = {rows[-1]['id']} THEN raise_error('no') ELSE note END"
    table = table_of(rows, world.spec.columns)
    with pytest.raises(Exception, match="error occurred"):
        spark.write(world.location, world.spec, table, "bulk_insert", note, **{"hoodie.embed.timeline.server": server})
    hoodie = Path(world.location) / ".hoodie"
    assert [path for path in hoodie.iterdir() if path.suffix == ".inflight" and not path.with_suffix(".commit").exists()]
    history.change()
    assert_agreement(spark, world)
    _spark_goes_on(spark, history)
    assert_agreement(spark, world)


def _crashed(root: Path, calls: int) -> tuple[History, int]:
    """A table whose second write dies at a call of the store, and how many calls were left then."""
    world = World(root, SHAPES["by day"])
    history = History(world, 0)
    world.upsert(history.rows(8))
    store = DyingStore(world.store, calls)
    with contextlib.suppress(Crash):
        world.upsert(*history.changes(), store=store)
    return history, store._left


def _spark_goes_on(spark: Spark, history: History) -> None:
    """Some upserts, so many that Spark archives what was before."""
    world = history.world
    for _ in range(4):
        rows = history.rows(1)
        options = {"hoodie.index.type": "GLOBAL_SIMPLE", **ARCHIVE}
        spark.write(world.location, world.spec, table_of(rows, world.spec.columns), **options)
        world.rows |= {world.key(row): row for row in rows}
