"""One small history, with a death at every call of the store: before the call has an effect, and after."""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from lakewright.errors import LakewrightError, QueryError
from lakewright.model.table import newest_mark
from lakewright.pipeline.lake import Lake
from lakewright.testing.faults import Fault, FaultyStore
from tests.strides import strides

from .histories import TABLES, History
from .test_delivery_rule import compare, drop
from .world import World

Act = Callable[[Lake], object]
SCHEMA = "every_call"


def faults(stride: int) -> Iterator[Fault]:
    for call in itertools.count(1, stride):
        yield Fault(call, "die", "before")
        yield Fault(call, "die", "after")


def struck(world: World, fault: Fault, act: Act) -> bool:
    """Do it in a life with this fault; False where the life ended before the fault's turn."""
    with contextlib.suppress(LakewrightError), world.life(fault) as lake:
        act(lake)
    assert isinstance(lake.store, FaultyStore)
    assert isinstance(fault.call, int)
    return len(lake.store.calls) >= fault.call


def merge_all(lake: Lake) -> None:
    lake.merge()


@pytest.fixture
def history(database: str) -> Iterator[History]:
    """Some transactions in a schema of their own."""
    connection = psycopg2.connect(database)
    made = History(connection, SCHEMA, random.Random(1))
    for _ in range(8):
        made.transaction()
    yield made
    connection.rollback()
    drop(connection, SCHEMA)
    connection.close()


@pytest.fixture
def new_world(database: str, history: History, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], World]:
    return lambda folder: World(folder, database, history.schema, random.Random(1), monkeypatch)


@strides(80)
def test_a_first_load(stride: int, tmp_path: Path, history: History, new_world: Callable[[Path], World]) -> None:
    for number, fault in enumerate(faults(stride)):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = new_world(folder)
        reached = struck(world, fault, world.capture)
        with world.life() as lake:
            world.capture(lake)
            compare(world, lake, history, [], str(fault))
        shutil.rmtree(folder)
        if not reached:
            assert number > 2
            return


@strides(19)
def test_a_capture(stride: int, tmp_path: Path, history: History, new_world: Callable[[Path], World]) -> None:
    world = new_world(tmp_path)
    with world.life() as lake:
        world.capture(lake)
    for number, fault in enumerate(faults(stride)):
        for _ in range(3):
            history.transaction()
        reached = struck(world, fault, world.capture)
        with world.life() as lake:
            world.capture(lake)
            compare(world, lake, history, [], str(fault))
            lake.log("db").fold_manifests()
        if not reached:
            assert number > 2
            return


@pytest.mark.parametrize("step", ["merge", pytest.param("clean", marks=pytest.mark.crash), "fold"])
@strides(121)
def test_a_merge_a_clean_or_a_fold(
    stride: int, step: str, tmp_path: Path, history: History, new_world: Callable[[Path], World]
) -> None:
    """A merge of changes, a clean of old instants, a fold of manifests: each from the same folder, over and over."""
    template = tmp_path / "template"
    template.mkdir()
    world = new_world(template)
    for turn in range(8 if step == "clean" else 2):
        for _ in range(3):
            history.transaction()
        with world.life() as lake:
            world.capture(lake)
            if step != "merge" or turn == 0:
                merge_all(lake)
    for number, fault in enumerate(faults(stride)):
        folder = tmp_path / str(number)
        shutil.copytree(template, folder)
        world = new_world(folder)
        acts: dict[str, Act] = {
            "merge": merge_all,
            "clean": world.maintain,
            "fold": lambda lake: lake.log("db").fold_manifests(),
        }
        reached = struck(world, fault, acts[step])
        with world.life() as lake:
            compare(world, lake, history, [], str(fault))
            acts[step](lake)
            merge_all(lake)
            compare(world, lake, history, [], f"{fault}, then again")
            for name in TABLES:
                mirror = lake.mirror(f"{SCHEMA}_{name}")
                columns = lake.log("db").newest_schema(mirror.origin).column_names
                assert world.hudi_rs(mirror, columns) == history.rows(name), (name, str(fault))
        shutil.rmtree(folder)
        if not reached:
            assert number > 0
            return


@pytest.mark.parametrize("step", ["restore", *(pytest.param(step, marks=pytest.mark.crash) for step in ("pause", "resume"))])
@strides(121)
def test_a_restore_a_pause_or_a_resume(
    stride: int, step: str, tmp_path: Path, history: History, new_world: Callable[[Path], World]
) -> None:
    """The old state or the new one, never a third: rows and what the table follows change together."""
    template, name = tmp_path / "template", f"{SCHEMA}_wide"
    template.mkdir()
    world = new_world(template)
    with world.life() as lake:
        world.capture(lake)
        merge_all(lake)
        history.transaction()
        world.capture(lake)
        merge_all(lake)
        instant = lake.history(name)[0].instant
        if step == "resume":
            lake.restore(name, instant)
    acts: dict[str, Act] = {
        "restore": lambda lake: lake.restore(name, instant),
        "pause": lambda lake: lake.pause(name),
        "resume": lambda lake: lake.resume(name),
    }
    seen: list[tuple[bool, str]] = []
    for number, fault in enumerate(faults(stride)):
        folder = tmp_path / str(number)
        shutil.copytree(template, folder)
        world = new_world(folder)
        reached = struck(world, fault, acts[step])
        with world.life() as lake:
            table = lake.table(lake.mirror(name))
            mark = newest_mark(table.history()) if table else None
            assert mark is not None
            with lake.sql(f"SELECT * FROM {name}", committed=True) as answer:
                rows = sorted(repr(row) for batch in answer.batches() for row in batch.to_pylist())
            seen.append((mark.paused, repr((rows, mark.position))))
            with contextlib.suppress(QueryError):  # a table that is not paused
                lake.resume(name)
            merge_all(lake)
            compare(world, lake, history, [], str(fault))
        shutil.rmtree(folder)
        if not reached:
            break
    assert len(set(seen)) <= 2
    assert {paused for paused, _ in seen} == {False, True} or stride > 1
    assert seen[-1][0] == (step != "resume")
