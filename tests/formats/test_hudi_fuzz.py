"""Files of a table whose bytes were changed or cut: an error that names the file, or the right rows; nothing else."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hudi_world import BY_REGION, PATH, Key, Row, World, assert_rows, checkpoint, keys_of, row, table_of

from lakewright.errors import FormatError
from lakewright.formats.hudi import compact, key_index
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.table import HudiTable
from lakewright.formats.hudi.write import HudiWrite
from lakewright.model.table import BASE_COLUMN, COW, MOR, PLACE_COLUMN, Snapshot

_ARCHIVE, _INFLIGHT = "*.archive.*", "*.inflight"
_ALWAYS = (
    "hoodie.properties",
    "*.commit",
    "*.clean",
    "*.savepoint",
    "*.parquet",
    _ARCHIVE,
    _INFLIGHT,
    ".hoodie_partition_metadata",
)
KINDS = {
    COW: (*_ALWAYS, "*.replacecommit", "*.clean.requested", "*.rollback"),
    MOR: (*_ALWAYS, "*.deltacommit", "*.compaction.requested", "*.log.*", "*.keys"),
}


@pytest.fixture(scope="module", autouse=True)
def _indexed() -> Iterator[None]:
    """Base files have key indexes, however small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_index, "LEAST_BYTES", 0)
        yield


@pytest.fixture(scope="module", params=KINDS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A table with an instant of each kind that there is in a table of its type."""
    world = World(tmp_path_factory.mktemp("fuzz"), dataclasses.replace(BY_REGION, type=request.param))
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(6)])
    world.upsert([row(1, 1, region="south")], [(2,)])
    _die(world)
    world.replace([row(i, 2, region=("north", "south")[i % 2]) for i in range(6)])
    world.open().save(world.commits[-1][0].instant, "by hand")
    world.upsert([row(1, 3)])
    world.open().compact(1)
    world.open().clean([])
    world.upsert([row(2, 4)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compact, "_run", lambda *_: 0)
        world.open().compact(1)  # and its plan waits
    world.upsert([row(2, 5)], [(5,)])
    return world


def _die(world: World) -> None:
    """Leave a write as the death of its process would."""
    write = HudiWrite(Folder(world.store, PATH))
    write.upsert(table_of([row(1, 8)]), keys_of([], world.spec))
    write._heartbeat.stop()


def _targets(world: World, pattern: str) -> list[Path]:
    folder = world.root / PATH
    return sorted(path for path in folder.rglob(pattern) if path.is_file() and ".temp" not in str(path))


def _strike(path: Path, chance: random.Random) -> None:
    """Change a byte or some, cut the file, or empty it."""
    data = bytearray(path.read_bytes() or bytes(64))
    match chance.choice(["flip"] * 6 + ["cut", "zero", "empty"]):
        case "flip":
            for _ in range(chance.choice([1, 1, 1, 2, 5])):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case "cut":
            del data[chance.randrange(len(data)) :]
        case "zero":
            start = chance.randrange(len(data))
            data[start : start + 64] = bytes(len(data[start : start + 64]))
        case "empty":
            data.clear()
    path.write_bytes(data)


def _rows(world: World, table: HudiTable, snapshot: Snapshot | None) -> list[Row]:
    if snapshot is None:
        return []
    changes = [change for batch in table.changes(snapshot) for change in batch.to_pylist()]
    changed = {(change[BASE_COLUMN], change[PLACE_COLUMN]) for change in changes}
    found = [change for change in changes if not change["_deleted"]]
    for file in snapshot.files:
        batches = BaseFileReader(world.store, file.name, file.size).batches(world.spec)
        stored = enumerate(row for batch in batches for row in batch.to_pylist())
        found += [row for place, row in stored if (file.location, place) not in changed]
    return found


def _read(world: World, table: HudiTable, rows: dict[Key, Row]) -> None:
    """The newest snapshot has these rows, and so has each commit that can be read those it had."""
    snapshot = table.snapshot()
    assert_rows(_rows(world, table, snapshot), rows, world.spec)
    assert snapshot is not None
    assert snapshot.rows == len(rows)
    expected = {commit.instant: before for commit, before, _ in world.commits} | {snapshot.instant: rows}
    for commit in table.snapshots():
        if commit.instant in expected:  # a compaction is no commit of the model
            assert_rows(_rows(world, table, table.snapshot(commit.instant)), expected[commit.instant], world.spec)
    table.history()


def _use(world: World, rows: dict[Key, Row]) -> None:
    """Verify, read, write, read, compact, clean, read."""
    table = world.open()
    table.verify()
    _read(world, table, rows)
    with table.write() as write:
        write.upsert(table_of([row(3, 9)]), keys_of([(4,)], world.spec))
        write.commit(checkpoint(99))
    after = {key: found for key, found in rows.items() if key != (4,)} | {(3,): row(3, 9)}
    _read(world, world.open(), after)
    world.open().compact(1)
    world.open().clean([])
    _read(world, world.open(), after)


def _strike_and_use(whole: World, root: Path, seed: int, kind: str | None = None) -> None:
    chance = random.Random(seed)
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(whole.root, root)
    world = World(root, whole.spec)
    world.commits = whole.commits
    kind = kind or chance.choice(KINDS[world.spec.type])
    if kind == _ARCHIVE:  # of the other commits it alone tells
        assert world.open().archive([], 1, 1)
    if kind == _INFLIGHT:
        _die(world)
    path = chance.choice(_targets(world, kind))
    _strike(path, chance)
    try:
        _use(world, whole.rows)
    except FormatError as error:
        if PATH not in error.message:
            raise AssertionError(f"seed {seed}: {path.name}: it is not named: {error}") from error
    except Exception as error:
        raise AssertionError(f"seed {seed}: {path.name}: {type(error).__name__}: {error}") from error


@pytest.mark.usefixtures("one_thread")
def test_a_struck_file_of_each_kind_is_named_or_changes_no_row(whole: World, tmp_path: Path) -> None:
    for seed, kind in enumerate(KINDS[whole.spec.type]):
        _strike_and_use(whole, tmp_path / "struck", seed, kind)


@pytest.mark.crash
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(20))
def test_many_struck_files_are_named_or_change_no_row(whole: World, tmp_path: Path, part: int) -> None:
    for seed in range(1000 + part * 200, 1200 + part * 200):
        _strike_and_use(whole, tmp_path / "struck", seed)
