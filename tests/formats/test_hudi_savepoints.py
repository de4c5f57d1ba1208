"""Savepoints: what they keep, that they are as Hudi's own, and crashes while they are made and removed."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import fastavro
import pytest
from hudi_world import BY_REGION, LOCK, PATH, PLAIN, Crash, DyingStore, World, assert_rows, own_rows, row, rust_rows
from tests.strides import strides

from lakewright.errors import FormatError
from lakewright.formats.hudi import avro
from lakewright.formats.hudi.table import HudiTable
from lakewright.storage.local import LocalStore

pytestmark = pytest.mark.usefixtures("one_thread")


def _prepared(root: Path, kind: Literal["cow", "mor"] = "cow") -> World:
    """A table with three commits, of which the last two rewrote a file each, or wrote a log."""
    world = World(root, dataclasses.replace(BY_REGION, type=kind))
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(4)])
    world.upsert([row(1, 1, region="south")])
    world.upsert([row(2, 2)])
    return world


@pytest.mark.parametrize("kind", ["cow", "mor"])
def test_a_savepoint_keeps_its_commit_until_it_is_removed(tmp_path: Path, kind: Literal["cow", "mor"]) -> None:
    world = _prepared(tmp_path, kind)
    commit, rows, spec = world.commits[1]
    table = world.open()
    assert table.save(commit.instant, "why")
    assert not table.save(commit.instant, "another reason")
    assert table.reasons([commit.instant, world.commits[0][0].instant]) == {commit.instant: "why"}
    assert [c.instant for c in table.history() if c.saved] == [commit.instant]
    world.replace(list(world.rows.values()))
    table.clean([])
    readable = [c.instant for c in world.open().snapshots()]
    assert readable[-1] == world.commits[-1][0].instant
    assert readable[:-1] == [commit.instant] if kind == "cow" else commit.instant in readable  # logs go with their base file
    assert_rows(own_rows(world.open().snapshot(commit.instant)), rows, spec)
    assert_rows(rust_rows(world.location, commit.instant), rows, spec)
    world.check()
    assert table.release([commit.instant]) == 1
    assert world.open().clean([]) > 0
    assert [c.instant for c in world.open().snapshots()] == [world.commits[-1][0].instant]
    world.check()


def test_a_savepoint_is_what_hudi_writes(tmp_path: Path) -> None:
    world = _prepared(tmp_path)
    instant = world.commits[1][0].instant
    world.open().save(instant, "why")
    hoodie = tmp_path / PATH / ".hoodie"
    assert (hoodie / f"{instant}.savepoint.inflight").read_bytes() == b""
    (record,) = fastavro.reader(io.BytesIO((hoodie / f"{instant}.savepoint").read_bytes()))
    assert isinstance(record, dict)
    assert (record["savepointedBy"], record["comments"], record["version"]) == ("lakewright", "why", 1)
    snapshot = world.open().snapshot(instant)
    assert snapshot is not None
    kept = {
        f"{PATH}/{partition}/{name}"
        for partition, said in record["partitionMetadata"].items()
        for name in said["savepointDataFile"]
    }
    assert kept == {file.name for file in snapshot.files}


def test_only_what_can_be_read_is_kept_and_only_what_is_there_removed(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.upsert([row(1)])
    world.upsert([row(1, 1)])
    table, gone = world.open(), world.commits[0][0].instant
    table.clean([])
    refused: list[Callable[[], object]] = [
        lambda: table.save(gone, "why"),
        lambda: table.save("20200101000000000", "why"),
        lambda: table.release([gone]),
    ]
    for step in refused:
        with pytest.raises(FormatError) as caught:
            step()
        assert caught.value.code == "LW-415"
    world.check()


@pytest.mark.parametrize("step", ["made", "removed", "archived"])
@strides(23)
def test_a_crash_leaves_a_savepoint_or_none(stride: int, step: str, tmp_path: Path) -> None:
    prepared = _prepared(tmp_path / "prepared")
    commit, rows, spec = prepared.commits[1]
    if step == "removed":
        prepared.open().save(commit.instant, "why")
    elif step == "archived":
        _archived(prepared)
    acts: dict[str, Callable[[HudiTable], object]] = {
        "made": lambda table: table.save(commit.instant, "why"),
        "removed": lambda table: table.release([commit.instant]),
        "archived": lambda table: (table.clean([]), table.archive([], 1, 1)),
    }

    seen = set()
    for calls in range(1, 100, stride):
        shutil.copytree(prepared.root, tmp_path / "world")
        world = World(tmp_path / "world", spec)
        world.rows, world.commits = dict(prepared.rows), list(prepared.commits)
        store = DyingStore(LocalStore(world.root), calls)
        with contextlib.suppress(Crash):
            acts[step](world.open(store))
        if not store.has_died:
            break
        world.store.delete(LOCK)
        table = world.open()
        saved = [c.instant for c in table.history() if c.saved]
        seen.add(bool(saved))
        table.clean(saved)
        table.archive(saved, 1, 1)
        if saved:
            assert_rows(own_rows(table.snapshot(commit.instant)), rows, spec)
        assert world.open().verify().flaws == ()
        assert not [p for p in (world.root / PATH / ".hoodie").glob("*.savepoint.inflight") if not saved]
        world.upsert([row(9)])
        assert_rows(rust_rows(world.location), world.rows, spec)
        assert_rows(own_rows(world.open().snapshot()), world.rows, spec)
        shutil.rmtree(world.root)
    assert seen == ({True} if step == "archived" else {True, False}) or stride > 1


def _archived(world: World) -> None:
    """Let many commits follow a savepoint of the second, and archive what may go."""
    world.open().save(world.commits[1][0].instant, "why")
    for version in range(4, 10):
        world.upsert([row(3, version), row(20 + version, version)])
        world.clean()


def test_the_timeline_of_a_table_with_old_savepoints_stays_short(tmp_path: Path) -> None:
    world = _prepared(tmp_path)
    commit, rows, spec = world.commits[1]
    _archived(world)
    hoodie = tmp_path / PATH / ".hoodie"
    assert len(list(hoodie.glob("*.*commit"))) < 6
    assert not (hoodie / f"{commit.instant}.commit").exists()
    table = world.open()
    assert [c.instant for c in table.snapshots() if c.saved] == [commit.instant]
    assert [c.instant for c in table.history() if c.saved] == [commit.instant]
    snapshot = table.snapshot(commit.instant)
    assert snapshot is not None
    assert snapshot.checkpoint == commit.checkpoint
    assert_rows(own_rows(snapshot), rows, spec)
    assert_rows(rust_rows(world.location, commit.instant), rows, spec)
    assert_rows(rust_rows(world.location), world.rows, spec)
    assert_rows(own_rows(table.snapshot()), world.rows, spec)
    assert table.verify().flaws == ()
    assert table.release([commit.instant]) == 1
    assert world.open().clean([]) > 0
    world.check()


def test_a_savepoint_of_another_engine_keeps_its_commit_on_the_timeline(tmp_path: Path) -> None:
    world = _prepared(tmp_path)
    instant = world.commits[1][0].instant
    foreign = avro.encode(avro.SAVEPOINT, {"savepointedBy": "me", "savepointedAt": 0, "comments": "", "partitionMetadata": {}})
    world.store.create(f"{PATH}/.hoodie/{instant}.savepoint", foreign)
    _archived(world)
    assert (tmp_path / PATH / f".hoodie/{instant}.commit").exists()
    assert world.open().reasons([instant]) == {instant: "made by me"}
    assert_rows(own_rows(world.open().snapshot(instant)), world.commits[1][1], world.spec)
