"""One writer dies, the other comes next: what was begun is rolled back, and never becomes visible later."""

from __future__ import annotations

import contextlib
import datetime
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from lakewright.formats.hudi import rollback
from lakewright.model.table import MOR
from tests.formats.hudi_world import LOCK, Crash, DyingStore, World, assert_rows, table_of
from tests.interop.engine import Spark
from tests.interop.histories import EVERY, SHAPES, History, assert_agreement
from tests.interop.operations import OPERATIONS, OPERATIONS_OF_LOGS, Operation, copied

ARCHIVE = {"hoodie.cleaner.commits.retained": "1", "hoodie.keep.min.commits": "2", "hoodie.keep.max.commits": "3"}
"""Spark soon archives the instant that failed: a file that it left would now count as completed."""
GOES_ON = {"hoodie.index.type": "GLOBAL_SIMPLE", **ARCHIVE}
NEVER = 10**6
"""More calls than an operation makes."""
OF_SHAPE = {"by day": OPERATIONS, "by day in logs": OPERATIONS_OF_LOGS}
IN_BRIEF = {
    "by day": ("replace", "gather", "clean", "roll back"),
    "by day in logs": ("upsert", "compact", "overwrite", "archive"),
}
"""What `make interop` lets die, each once: what leaves most to roll back. `make interop-full` has all, at every write."""


@pytest.mark.parametrize("shape", IN_BRIEF)
def test_spark_comes_after_our_crash(spark: Spark, tmp_path: Path, shape: str) -> None:
    """In one operation after the other, on one table: what Spark archives after the next crash is of the last one."""
    history = _begun(tmp_path / "table", shape)
    chance = random.Random(shape)
    for name in IN_BRIEF[shape]:
        operation = OF_SHAPE[shape][name]
        operation.prepare(history)
        last = chance.randint(1, _writes(operation, history, tmp_path / name))
        assert _dies(operation, history, last)
        _others_go_on(spark, history, operation.options)


@pytest.mark.full
@pytest.mark.parametrize(("shape", "name"), [(shape, name) for shape, operations in OF_SHAPE.items() for name in operations])
def test_spark_comes_after_our_crash_before_any_write(spark: Spark, tmp_path: Path, shape: str, name: str) -> None:
    operation, last, is_dead = OF_SHAPE[shape][name], 0, True
    history = _begun(tmp_path, shape)
    while is_dead:
        last += 1
        operation.prepare(history)
        is_dead = _dies(operation, history, last)
        _others_go_on(spark, history, operation.options)
    assert last > 2


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
    for _ in range(4):  # so many that Spark archives what was before
        history.spark_upserts(spark, history.rows(1), **GOES_ON)
    assert_agreement(spark, world)


def _begun(root: Path, shape: str) -> History:
    history = History(World(root, EVERY[shape]), 0)
    history.world.upsert(history.rows(8))
    return history


def _writes(operation: Operation, history: History, root: Path) -> int:
    """How often the operation writes."""
    copy = copied(history, root)
    store = DyingStore(copy.world.store, NEVER, writes=True)
    operation.run(copy, store)
    return store.calls


def _dies(operation: Operation, history: History, last: int) -> bool:
    """Run the operation up to its `last` write, which is not made; whether it has so many."""
    store = DyingStore(history.world.store, last, writes=True)
    with contextlib.suppress(Crash):
        operation.run(history, store)
    history.world.store.delete(LOCK)  # as a dead holder's lock is taken over
    return store.has_died


def _others_go_on(spark: Spark, history: History, options: Mapping[str, str]) -> None:
    """Spark reads, Spark writes, we write and clean."""
    world = history.world
    assert_rows(spark.read(world.location)[1], world.rows, world.spec)
    history.spark_upserts(spark, history.changes()[0], **GOES_ON, **options)
    if world.spec.type == MOR:
        # The block that rolls back a log is later than the commit of its write: until the next one, Spark stops reading there.
        history.spark_upserts(spark, history.rows(1), **GOES_ON, **options)
    assert_agreement(spark, world)
    world.open().compact(99)  # a merge runs first what waits
    history.change()
    table = world.open()
    table.release([commit.instant for commit in table.history() if commit.saved])  # up to a savepoint Spark archives nothing
    table.clean([commit.instant for commit in table.snapshots()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollback, "ALIVE_FOR", datetime.timedelta(0))  # what is left now is left by somebody dead
        assert_agreement(spark, world)
