"""Small files become larger ones: the same rows in fewer files, in one commit, or nothing."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from hudi_world import BY_REGION, LOCK, Crash, DyingStore, World, assert_rows, checkpoint, own_rows, row, rust_changes, rust_rows
from tests.strides import strides

from lakewright.formats.hudi import upsert
from lakewright.formats.hudi.table import HudiTable
from lakewright.storage.local import LocalStore

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A table with four small files in one partition and one in another."""
    world = World(tmp_path / "prepared", BY_REGION)
    with monkeypatch.context() as patch:
        patch.setattr(upsert, "_SMALL_BYTES", 0)  # so that new rows come into new files
        for version in range(4):
            world.upsert([row(10 * version + i, version) for i in range(3)])
        world.upsert([row(1, 4), row(70, 4, region="south")])
    return world


def _gather(table: HudiTable, number: int) -> int:
    with table.write() as write:
        count = write.gather(1 << 20, 3)
        if count:
            write.commit(checkpoint(number))
        return count


def test_small_files_of_a_partition_become_one(world: World) -> None:
    table = world.open()
    before = {repr(sorted({**r, "_hoodie_file_name": ""}.items())) for r in own_rows(table.snapshot())}
    start = world.commits[1][0].instant
    changes = sorted(map(repr, map(world.key, rust_changes(world.location, start, world.commits[-1][0].instant))))
    assert _gather(table, 5) == 4
    snapshot = world.open().snapshot()
    assert snapshot is not None
    assert len(snapshot.files) == 2
    assert snapshot.checkpoint == checkpoint(5)
    assert {repr(sorted({**r, "_hoodie_file_name": ""}.items())) for r in own_rows(snapshot)} == before
    assert sorted(map(repr, map(world.key, rust_changes(world.location, start, snapshot.instant)))) == changes
    assert_rows(rust_rows(world.location), world.rows, world.spec)
    assert world.open().verify().flaws == ()
    for commit, rows, spec in world.commits:
        assert_rows(own_rows(world.open().snapshot(commit.instant)), rows, spec)
    assert _gather(world.open(), 5) == 0
    world.upsert([row(11, 6), row(90, 6)], [(2,)])
    world.open().clean([])
    world.check()


@strides(23)
def test_a_crash_leaves_the_small_files_or_the_larger_ones(stride: int, world: World, tmp_path: Path) -> None:
    seen = set()
    for calls in range(1, 300, stride):
        shutil.copytree(world.root, tmp_path / "world")
        copy = World(tmp_path / "world", world.spec)
        copy.rows, copy.commits = dict(world.rows), list(world.commits)
        store = DyingStore(LocalStore(copy.root), calls)
        with contextlib.suppress(Crash):
            _gather(copy.open(store), 5)
        if not store.has_died:
            break
        copy.store.delete(LOCK)
        snapshot = copy.open().snapshot()
        assert snapshot is not None
        seen.add(len(snapshot.files))
        assert_rows(own_rows(snapshot), copy.rows, copy.spec)
        assert_rows(rust_rows(copy.location), copy.rows, copy.spec)
        copy.upsert([row(90, 9)])
        copy.open().clean([])
        copy.check()
        shutil.rmtree(copy.root)
    assert seen == {2, 5} or stride > 1
