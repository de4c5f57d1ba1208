"""What Spark's table services do to our tables, and that we go on after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakewright.errors import FormatError
from lakewright.formats.hudi import upsert
from tests.formats.hudi_world import PATH, World, assert_rows, checkpoint, own_rows, table_of
from tests.interop.engine import Spark
from tests.interop.histories import EVERY, History, assert_agreement

PLAIN = pytest.param("plain", marks=pytest.mark.full)
IN_LOGS = pytest.param("by day in logs", marks=pytest.mark.full)
WITHOUT_METADATA_TABLE = "SET hoodie.metadata.enable=false"


@pytest.mark.parametrize("shape", ["plain", "by day", IN_LOGS])
def test_we_go_on_after_spark_clustered(spark: Spark, tmp_path: Path, shape: str) -> None:
    history = _history(tmp_path, shape)
    _call(spark, history.world, "run_clustering(table => 't', order => 'id')")
    assert_agreement(spark, history.world)
    history.change()
    assert_agreement(spark, history.world)


def test_a_clustering_that_spark_planned_brings_no_former_rows_back(spark: Spark, tmp_path: Path) -> None:
    history = _history(tmp_path, "by day")
    _call(spark, history.world, "run_clustering(table => 't', op => 'schedule')")
    plans = [*(tmp_path / PATH / ".hoodie").glob("*.replacecommit.requested")]
    pending = [plan for plan in plans if not plan.with_suffix("").exists()]
    assert len(pending) == 1
    history.change()
    assert not pending[0].exists()
    assert_agreement(spark, history.world)
    _call(spark, history.world, "run_clustering(table => 't', op => 'execute')")
    assert_agreement(spark, history.world)


@pytest.mark.parametrize(
    ("shape", "procedure"),
    [
        ("by day", "rollback_to_savepoint"),
        ("by day in logs", "rollback_to_instant"),
        pytest.param("by day", "rollback_to_instant", marks=pytest.mark.full),
        pytest.param("by day in logs", "rollback_to_savepoint", marks=pytest.mark.full),
    ],
)
def test_we_go_on_after_spark_went_back(spark: Spark, tmp_path: Path, shape: str, procedure: str) -> None:
    history = _history(tmp_path, shape)
    world = history.world
    (before, rows, _), (newest, *_) = world.commits[-2:]
    if procedure == "rollback_to_savepoint":
        _call(spark, world, f"create_savepoint(table => 't', commit_time => '{before.instant}')")
        _call(spark, world, f"rollback_to_savepoint(table => 't', instant_time => '{before.instant}')")
    else:
        _call(spark, world, f"rollback_to_instant(table => 't', instant_time => '{newest.instant}')")
    world.rows = dict(rows)
    del world.commits[-1]
    assert_agreement(spark, world)
    history.change()
    history.clean()
    assert_agreement(spark, world)


@pytest.mark.parametrize("shape", [PLAIN, "by day", IN_LOGS])
def test_a_file_that_is_lost_after_spark_went_on_is_named(spark: Spark, tmp_path: Path, shape: str) -> None:
    history = _history(tmp_path, shape)
    spark.write(history.world.location, history.world.spec, table_of(history.world.rows.values(), history.world.spec.columns)[:1])
    for instant in ("before", "after a clustering"):
        if instant != "before":
            _call(spark, history.world, "run_clustering(table => 't', order => 'id')")
        snapshot = history.world.open().snapshot()
        assert snapshot is not None
        for file in map(Path, (file.location for file in snapshot.files)):
            content = file.read_bytes()
            file.unlink()
            with pytest.raises(FormatError, match=file.name) as caught:
                history.world.open().snapshot()
            assert caught.value.code == "LW-417"
            file.write_bytes(content)


def _history(root: Path, shape: str) -> History:
    history = History(World(root, EVERY[shape]), 0)
    for _ in range(3):
        history.change()
    return history


def _call(spark: Spark, world: World, call: str) -> None:
    """Run one of Hudi's SQL procedures on the table, as `t`."""
    spark.session.sql(WITHOUT_METADATA_TABLE)
    spark.session.sql("DROP TABLE IF EXISTS t")
    spark.session.sql(f"CREATE TABLE t USING hudi LOCATION '{world.location}'")
    spark.session.sql(f"CALL {call}").collect()
    spark.session.sql("DROP TABLE t")


@pytest.mark.parametrize("shape", [PLAIN, "by day", IN_LOGS])
def test_spark_and_savepoints_whose_commits_are_archived(spark: Spark, tmp_path: Path, shape: str) -> None:
    """Spark reads the table as it is and as of the savepoint, keeps its files, and takes a savepoint of ours as its own."""
    history = _history(tmp_path, shape)
    world = history.world
    (commit, rows, spec), table = world.commits[-1], world.open()
    table.save(commit.instant, "why")
    for _ in range(6):
        history.change()
        world.clean()
    assert not (tmp_path / PATH / ".hoodie" / f"{commit.instant}.{commit.action}").exists()
    assert_agreement(spark, world)
    _, then = spark.read(world.location, as__of__instant=commit.instant)
    assert_rows(then, rows, spec)
    _call(spark, world, "run_clean(table => 't', retain_commits => 1)")
    spark.write(world.location, spec, table_of(list(world.rows.values())[:1], spec.columns))
    assert_rows(own_rows(world.open().snapshot(commit.instant)), rows, spec)
    _, now = spark.read(world.location)
    assert_rows(now, world.rows, spec)
    _call(spark, world, f"delete_savepoint(table => 't', instant_time => '{commit.instant}')")
    assert [c.instant for c in world.open().history() if c.saved] == []
    history.change()
    assert_agreement(spark, world)


def test_spark_after_small_files_became_one(spark: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And after our newest commit was rolled back, and the table restored."""
    monkeypatch.setattr(upsert, "_SMALL_BYTES", 0)
    history = _history(tmp_path, "by day")
    world = history.world
    commit, rows, _ = world.commits[-1]
    with world.open().write() as write:
        assert write.gather(1 << 30, 2) > 0
        write.commit(checkpoint(len(world.commits)))
    assert_agreement(spark, world)
    spark.write(world.location, world.spec, table_of(list(world.rows.values())[:2], world.spec.columns))
    _call(spark, world, "run_clean(table => 't', retain_commits => 3)")
    assert_agreement(spark, world)
    assert world.open().roll_back().files > 0  # of Spark's commit
    assert_agreement(spark, world)
    history.change()
    world.rows = dict(rows)
    world.replace(list(rows.values()))
    assert_agreement(spark, world)
    spark.write(world.location, world.spec, table_of(list(world.rows.values())[:2], world.spec.columns))
    assert_agreement(spark, world)
    assert commit.instant in {each.instant for each in world.open().history()}
