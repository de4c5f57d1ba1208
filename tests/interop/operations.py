"""Each operation of ours on a table, as a step in which the process may die."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from lakewright.formats.hudi import rollback, upsert
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.write import HudiWrite
from lakewright.model.contracts import Store
from tests.formats.hudi_world import PATH, World, checkpoint, keys_of, table_of
from tests.interop.histories import History

COMPACTS = {"hoodie.compact.inline": "true", "hoodie.compact.inline.max.delta.commits": "1"}
"""Spark runs the compactions that wait, and others."""


class Operation(NamedTuple):
    """`prepare` gives `run` something to do; the store of `run` may die. `options` are Spark's, which comes next."""

    prepare: Callable[[History], object]
    run: Callable[[History, Store], object]
    options: Mapping[str, str] = {}


def _upsert(history: History, store: Store) -> None:
    history.world.upsert(*history.changes(), store=store)


def _replace(history: History, store: Store) -> None:
    history.world.replace(history.rows(5), store=store)


def _overwrite(history: History, store: Store) -> None:
    history.world.overwrite(history.moves(), store=store)


def _restore(history: History, store: Store) -> None:
    """The rows of the commit before the newest one take the place of all."""
    _, rows, _ = history.world.commits[-2]
    history.world.replace(list(rows.values()), store=store)


def _many_small_files(history: History) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upsert, "_SMALL_BYTES", 0)
        _changes(history)


def _gather(history: History, store: Store) -> None:
    with history.world.open(store).write() as write:
        assert write.gather(1 << 30, 2) > 0
        write.commit(checkpoint(len(history.world.commits)))


def _compact(history: History, store: Store) -> None:
    assert history.world.open(store).compact(1) > 0


def _clean(history: History, store: Store) -> None:
    assert history.world.open(store).clean([]) > 0


def _cleaned(history: History) -> None:
    _changes(history)
    history.world.open().clean([])


def _archive(history: History, store: Store) -> None:
    assert history.world.open(store).archive([], newest=1, least=1) > 0


def _roll_back(history: History, store: Store) -> None:
    """The newest commit is undone, in the model too where its file is gone."""
    world = history.world
    try:
        world.open(store).roll_back()
    finally:
        if world.commits[-1][0].instant not in {commit.instant for commit in world.open().history()}:
            del world.commits[-1]
            world.rows = dict(world.commits[-1][1])


def _dead_write(history: History) -> None:
    """A write that died before it would complete."""
    _changes(history)
    world = history.world
    write = HudiWrite(Folder(world.store, PATH))
    rows, deletes = history.changes()
    write.upsert(table_of(rows, world.spec.columns), keys_of(deletes, world.spec))
    write._heartbeat.stop()


def _repair(history: History, store: Store) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollback, "ALIVE_FOR", datetime.timedelta(0))
        assert history.world.open(store).repair()


def _save(history: History, store: Store) -> None:
    history.world.open(store).save(history.world.commits[-1][0].instant, "why")


def _saved(history: History) -> None:
    _changes(history)
    _save(history, history.world.store)


def _release(history: History, store: Store) -> None:
    history.world.open(store).release([history.world.commits[-1][0].instant])


def _changes(history: History) -> None:
    """Two commits, between which no other engine writes."""
    for _ in range(2):
        history.change()


def _nothing(_: History) -> None:
    pass


OPERATIONS = {
    "upsert": Operation(_nothing, _upsert),
    "replace": Operation(_nothing, _replace),
    "overwrite": Operation(_nothing, _overwrite),
    "restore": Operation(_changes, _restore),
    "gather": Operation(_many_small_files, _gather),
    "clean": Operation(_changes, _clean),
    "archive": Operation(_cleaned, _archive),
    "roll back": Operation(_changes, _roll_back),
    "repair": Operation(_dead_write, _repair),
    "save": Operation(_changes, _save),
    "release": Operation(_saved, _release),
}
"""Of copy-on-write tables."""
OPERATIONS_OF_LOGS = {name: each for name, each in OPERATIONS.items() if name != "gather"}
OPERATIONS_OF_LOGS |= {
    "compact": Operation(_changes, _compact),
    "compact, as Spark does": Operation(_changes, _compact, COMPACTS),
}


def copied(history: History, root: Path) -> History:
    """A history on a copy of its table, to which the same will happen."""
    shutil.copytree(history.world.root, root)
    world = World(root, history.world.spec)
    world.rows, world.commits = dict(history.world.rows), list(history.world.commits)
    copy = History(world, 0)
    copy.chance.setstate(history.chance.getstate())
    copy._number = history._number
    return copy
