"""Crashes at every store call, failures of the store, SIGKILL, and random histories: the old or the new state, never a third."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hudi_world import (
    BY_REGION,
    COLUMNS,
    LOCK,
    PATH,
    PLAIN,
    TWO_KEYS_BY_REGION,
    Crash,
    DyingStore,
    World,
    assert_rows,
    keys_of,
    own_rows,
    row,
    rust_changes,
    rust_rows,
    table_of,
)
from tests.strides import strides

from lakewright.errors import StorageError
from lakewright.formats.hudi import key_index
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.write import HudiWrite
from lakewright.model.contracts import Store
from lakewright.model.table import TableSpec
from lakewright.storage.local import LocalStore

Step = Callable[[World, Store], object]

STEPS: dict[str, Step] = {
    "upsert": lambda world, store: world.upsert([row(1, 5, region="south"), row(2, 5), row(50, 5)], [(3,)], store=store),
    "replace": lambda world, store: world.replace([row(1, 6), row(60, 6, region="east")], store=store),
    "overwrite": lambda world, store: world.overwrite([row(1, 6, region="north"), row(60, 6, region="north")], store=store),
    "clean": lambda world, store: world.clean([world.commits[1][0].instant], store, newest=1, least=1),
    "compact": lambda world, store: world.open(store).compact(1),
}
MOR_BY_REGION = dataclasses.replace(BY_REGION, type="mor")


def _prepared(root: Path, pending: bool, spec: TableSpec = BY_REGION) -> World:
    """A table with three commits, and perhaps a write that died with data files and markers in place."""
    world = World(root, spec)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(8)])
    world.upsert([row(1, 1, region="south")])
    world.upsert([row(2, 2)])
    if pending:
        _die_with_files(world)
    return world


def _die_with_files(world: World) -> None:
    """Let a write die just before it would complete."""
    write = HudiWrite(Folder(world.store, PATH))
    write.upsert(table_of([row(1, 8), row(4, 8), row(80, 8)]), keys_of([], world.spec))
    write._heartbeat.stop()  # as the death of the process would
    hoodie = world.root / PATH / ".hoodie"
    assert list((hoodie / ".temp").rglob("*.marker.*"))
    assert list((hoodie / ".heartbeat").iterdir())


def _copy(world: World, root: Path) -> World:
    shutil.copytree(world.root, root)
    copy = World(root, world.spec)
    copy.rows, copy.commits = dict(world.rows), list(world.commits)
    return copy


@pytest.mark.parametrize("pending", [False, True], ids=["", "after a crash"])
@pytest.mark.parametrize("step", ["upsert", "replace", pytest.param("overwrite", marks=pytest.mark.crash), "clean"])
@strides(5)
def test_a_crash_before_any_store_call_leaves_the_old_or_the_new_state(
    stride: int, step: str, pending: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crash_at_each(stride, step, _prepared(tmp_path / "prepared", pending), tmp_path, monkeypatch)


@pytest.mark.parametrize("pending", [False, pytest.param(True, marks=pytest.mark.crash)], ids=["", "after a crash"])
@pytest.mark.parametrize(
    "step",
    [
        "upsert",
        "overwrite",
        "compact",
        pytest.param("replace", marks=pytest.mark.crash),
        pytest.param("clean", marks=pytest.mark.crash),
    ],
)
@strides(5)
def test_so_does_one_of_a_merge_on_read_table(
    stride: int, step: str, pending: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crash_at_each(stride, step, _prepared(tmp_path / "prepared", pending, MOR_BY_REGION), tmp_path, monkeypatch)


def _crash_at_each(stride: int, step: str, prepared: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_index, "LEAST_BYTES", 0)
    grown: set[bool] = set()
    for calls in range(1, 500, stride):
        world = _copy(prepared, tmp_path / "world")
        store = DyingStore(LocalStore(world.root), calls)
        with contextlib.suppress(Crash):
            STEPS[step](world, store)
        if not store.has_died:
            break
        world.store.delete(LOCK)  # as a dead holder's lock is taken over
        grown.add(len(world.commits) > len(prepared.commits))
        assert_rows(rust_rows(world.location), world.rows, world.spec)
        world.open().compact(2)  # as the next merge does
        world.upsert([row(90, 9)])
        world.clean(newest=1, least=1)
        world.check()
        shutil.rmtree(world.root)
    assert calls > 10
    assert grown == ({False} if step in ("clean", "compact") else {False, True})


@pytest.mark.parametrize("spec", [BY_REGION, MOR_BY_REGION], ids=["cow", "mor"])
def test_a_dead_replacement_is_one_pending_instant(spec: TableSpec, tmp_path: Path) -> None:
    """Of two of one time Spark can roll back neither, and writes no more."""
    world = World(tmp_path, spec)
    world.replace([row(1)])
    for last in range(1, 99):
        store = DyingStore(world.store, last, writes=True)
        with contextlib.suppress(Crash):
            world.replace([row(last), row(0)], store=store)
        if not store.has_died:
            break
        world.store.delete(LOCK)
        times = [instant.time for instant in Folder(world.store, PATH).timeline().pending]
        assert len(set(times)) == len(times)
    assert last > 10


@pytest.mark.parametrize("step", ["upsert", "replace"])
@strides(11)
def test_a_failing_store_surfaces_and_nothing_is_left(stride: int, step: str, tmp_path: Path) -> None:
    prepared = _prepared(tmp_path / "prepared", pending=False)

    def full() -> BaseException:
        return StorageError("LW-304", "no space left on the disk")

    for calls in range(1, 500, stride):
        world = _copy(prepared, tmp_path / "world")
        store = DyingStore(LocalStore(world.root), calls, full, once=True)
        surfaced = []
        try:
            STEPS[step](world, store)
        except StorageError as error:
            surfaced.append(error.code)
        assert set(surfaced) <= {"LW-304"}
        if surfaced:
            world.check()
        shutil.rmtree(world.root)
        if not store.has_died:
            break
    assert calls > 10


def test_a_crash_during_create_leaves_nothing_or_the_table(tmp_path: Path) -> None:
    for calls in range(1, 20):
        store = DyingStore(LocalStore(tmp_path / str(calls)), calls)
        world = World(tmp_path / str(calls), PLAIN)
        try:
            world.open(store)
        except Crash:
            world.upsert([row(1)])
            world.check()
        if not store.has_died:
            break
    assert calls > 3


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], str(Path(sys.argv[2]).parents[1])]
from hudi_world import BY_REGION, World, row
world = World(Path(sys.argv[1]), BY_REGION)
for version in range(100000):
    world.upsert([row(i, version, region=("north", "south")[(i + version) % 2]) for i in range(5)])
    print(version, flush=True)
"""


def test_a_killed_process_leaves_whole_commits_and_the_next_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path, BY_REGION)
    for turn in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(turn + 1):
                told = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
        found = rust_rows(world.location)
        versions = {(r["blob"][1], r["id"], r["region"]) for r in found}
        (version,) = {v for v, _, _ in versions}
        assert version >= told
        assert versions == {(version, i, ("north", "south")[(i + version) % 2]) for i in range(5)}
        world.commits = []
        world.replace([])
    world.open().clean([])
    world.check()


@pytest.mark.parametrize("spec", [PLAIN, BY_REGION, TWO_KEYS_BY_REGION], ids=["plain", "partition", "two keys"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.crash) for seed in (1, 2))])
def test_random_histories_equal_a_dict(seed: int, spec: TableSpec, tmp_path: Path) -> None:
    chance = random.Random(f"{seed} {spec}")
    world = World(tmp_path, spec)
    world.replace([row(n) for n in range(12)])
    for version in range(1, 12):
        _random_step(world, chance, version)
    world.upsert([])
    world.check()
    table = world.open()
    readable = {commit.instant for commit in table.snapshots()}
    for commit, rows, spec_then in world.commits:
        if commit.instant in readable:
            assert_rows(own_rows(table.snapshot(commit.instant)), rows, spec_then)
            assert_rows(rust_rows(world.location, commit.instant), rows, spec_then)
    newest = world.commits[-1][0].instant
    start = chance.choice([commit.instant for commit, _, _ in world.commits])
    changed = [world.key(r) for r in own_rows(table.snapshot()) if start < r["_hoodie_commit_time"]]
    assert sorted(map(world.key, rust_changes(world.location, start, newest))) == sorted(changed)


def _random_step(world: World, chance: random.Random, version: int) -> None:
    spec = world.spec
    step = chance.choice(["upsert"] * 4 + ["crash"] * 2 + ["replace", "overwrite", "add", "leave", "clean"])
    if step == "add":
        added = (f"extra{version}", chance.choice(["int", "bigint"]))
        spec = TableSpec(spec.name, (*spec.columns, added), spec.key, spec.partition)
    extra = dict.fromkeys((name for name, _ in spec.columns[len(COLUMNS) :]), version)
    numbers = chance.sample(range(25), chance.randint(0, 10))
    rows = [row(n, version, chance.choice("ab"), chance.choice(["north", "south", "", None]), **extra) for n in numbers]
    written = {world.key(r) for r in rows}
    deletes = [key for key in sorted(world.rows) if key not in written and chance.random() < 0.3]
    if step == "replace":
        world.replace(rows)
    elif step == "overwrite":
        world.overwrite(rows)
    elif step == "clean":
        world.open().clean([chance.choice(world.commits)[0].instant])
    elif step == "leave":
        with world.open().write() as write:
            write.upsert(table_of(rows, spec.columns), keys_of(deletes, spec))
    else:
        store = DyingStore(world.store, chance.randint(5, 60)) if step == "crash" else world.store
        with contextlib.suppress(Crash):
            world.upsert(rows, deletes, spec, store)
        world.store.delete(LOCK)
    assert_rows(rust_rows(world.location), world.rows, world.spec)
