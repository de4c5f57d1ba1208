"""What mends a table: its newest commit is undone, and what a dead or careless writer left is put right; no row is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hudi_world import BY_REGION, LOCK, PATH, Crash, DyingStore, World, assert_rows, keys_of, own_rows, row, table_of
from tests.strides import strides

from lakewright.errors import FormatError
from lakewright.formats.hudi import rollback
from lakewright.formats.hudi.folder import PARTITION_METADATA, Folder
from lakewright.formats.hudi.table import HudiTable
from lakewright.formats.hudi.timeline import COMPACTION, ROLLBACK
from lakewright.formats.hudi.write import HudiWrite
from lakewright.model.table import COW, MOR
from lakewright.storage.local import LocalStore

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _dead_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What died counts as dead without a wait."""
    monkeypatch.setattr(rollback, "ALIVE_FOR", datetime.timedelta(0))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A table with three commits."""
    world = World(tmp_path / "prepared", BY_REGION)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(6)])
    world.upsert([row(1, 1, region="south")], [(3,)])
    world.upsert([row(2, 2), row(9, 2)])
    return world


def _undone(world: World) -> None:
    """The model without its newest commit."""
    del world.commits[-1]
    commit, world.rows, world.spec = world.commits[-1]
    snapshot = world.open().snapshot()
    assert snapshot is not None
    assert (snapshot.instant, snapshot.checkpoint) == (commit.instant, commit.checkpoint)
    world.check()


# ---- the newest commit is undone


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "whole": lambda path: None,
    "cut": _cut,
    "empty": lambda path: path.write_bytes(b""),
    "without its inflight file": lambda path: path.with_suffix(".inflight").unlink(),
}


@pytest.mark.parametrize("name", ["whole", "cut"])
def test_the_newest_commit_of_logs_is_undone_too(tmp_path: Path, name: str) -> None:
    world = World(tmp_path, dataclasses.replace(BY_REGION, type="mor"))
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(6)])
    world.upsert([row(1, 1, region="south")], [(3,)])
    world.upsert([row(2, 2), row(1, 2, region="south")])
    newest = world.commits[-1][0].instant
    DAMAGE[name](world.root / PATH / ".hoodie" / f"{newest}.deltacommit")
    assert world.open().roll_back().files > 0
    _undone(world)
    assert not list((world.root / PATH).glob(f"region=*/*{newest[8:]}*"))
    world.upsert([row(2, 3)])
    world.check()


@pytest.mark.parametrize("name", DAMAGE)
def test_the_newest_commit_is_undone_whatever_its_file_says(world: World, name: str) -> None:
    newest = world.root / PATH / ".hoodie" / f"{world.commits[-1][0].instant}.commit"
    DAMAGE[name](newest)
    asked = world.open().roll_back(dry_run=True)
    assert newest.exists()
    assert (asked.instant, asked.previous) == (world.commits[-1][0].instant, world.commits[-2][0].instant)
    done = world.open().roll_back()
    assert (done.instant, done.files) == (asked.instant, asked.files)
    assert done.files > 0
    _undone(world)
    assert world.open().verify().flaws == ()
    world.upsert([row(9, 3)])
    world.check()


def test_a_replacement_is_undone_and_the_old_rows_are_back(world: World) -> None:
    world.replace([row(1, 9)])
    world.open().roll_back()
    _undone(world)


@pytest.mark.parametrize("type", [COW, MOR])
def test_other_engines_can_undo_it_too_where_we_died(tmp_path: Path, type: str) -> None:
    """They know the files of a dead write by its markers, or by a plan of ours."""
    world = World(tmp_path / "whole", dataclasses.replace(BY_REGION, type=type))
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(6)])
    newest = world.upsert([row(1, 1, region="south"), row(2, 1), row(9, 1)]).instant
    begun = []
    for last in itertools.count(1):
        copy = World(shutil.copytree(world.root, tmp_path / str(last)), world.spec)
        store = DyingStore(copy.store, last, writes=True)
        with contextlib.suppress(Crash):
            copy.open(store).roll_back()
        if not store.has_died:
            break
        folder = Folder(copy.store, PATH)
        hoodie = folder.hoodie()
        if not hoodie.is_completed(newest) and not any(instant.action == ROLLBACK for instant in hoodie.timeline.instants):
            files = {path.name for path in (copy.root / PATH).glob(f"region=*/*{newest[8:]}*")}
            marked = [folder.marked_file(newest, marker) for marker in hoodie.markers.get(newest, ())]
            assert files == {file[1] for file in marked if file}
            begun.append(len(files))
    assert sum(begun) > 0


def test_what_cannot_be_undone_is_refused(world: World) -> None:
    table, newest = world.open(), world.commits[-1][0].instant
    table.save(newest, "why")
    refused = []
    for step in (lambda: None, lambda: (table.release([newest]), world.open().clean([]))):
        step()
        with pytest.raises(FormatError) as caught:
            table.roll_back()
        refused.append((caught.value.code, "savepoint" in caught.value.message))
    assert refused == [("LW-418", True), ("LW-418", False)]
    world.check()


def test_a_compaction_is_not_undone(tmp_path: Path) -> None:
    world = World(tmp_path, dataclasses.replace(BY_REGION, type="mor"))
    world.replace([row(i) for i in range(6)])
    world.upsert([row(1, 1)])
    assert world.open().compact(1) > 0
    with pytest.raises(FormatError, match="is a compaction") as caught:
        world.open().roll_back()
    assert caught.value.code == "LW-418"
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)
    assert world.open().verify().flaws == ()


def test_a_compaction_that_died_does_not_outlive_the_commits_that_it_is_of(tmp_path: Path) -> None:
    """Its plan names their files: it could never be run, and no merge after it."""
    world = World(tmp_path, dataclasses.replace(BY_REGION, type="mor"))
    world.replace([row(i) for i in range(3)])
    world.upsert([row(10, 1, region="south")])
    world.upsert([row(10, 2, region="south")])
    store = DyingStore(world.store, 5, writes=True)
    with pytest.raises(Crash):
        world.open(store).compact(1)
    world.store.delete(LOCK)
    assert len(list((world.root / PATH).glob("region=south/*.parquet"))) == 2
    assert world.open().repair(dry_run=True) == []
    assert [instant.action for instant in Folder(world.store, PATH).timeline().pending] == [COMPACTION]
    for _ in range(2):
        world.open().roll_back()
        _undone(world)
    assert world.open().compact(1) == 0
    world.upsert([row(1, 3)])
    assert world.open().compact(1) == 1
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)


@pytest.mark.parametrize("kind", ["cow", "mor"])
@pytest.mark.parametrize("what", ["no savepoint", "a savepoint", "an archive that is gone"])
def test_a_commit_is_not_undone_where_those_before_it_are_archived(what: str, kind: str, tmp_path: Path) -> None:
    """There is nothing that would tell what the table was, not even an older commit of which a savepoint does."""
    world = World(tmp_path, dataclasses.replace(BY_REGION, type=kind))
    first = world.replace([row(i, region=("north", "south")[i % 2]) for i in range(6)])
    if what == "a savepoint":
        world.open().save(first.instant, "why")
    for version in range(3):
        world.upsert([row(2, version)])
    table = world.open()
    table.clean([])
    assert table.archive([], 1, 1) > 0
    archived = tmp_path / PATH / ".hoodie/archived"
    if what == "an archive that is gone":
        archived.rename(tmp_path / "away")
    with pytest.raises(FormatError, match="are archived") as caught:
        world.open().roll_back()
    assert caught.value.code == "LW-418"
    if what == "an archive that is gone":
        (tmp_path / "away").rename(archived)
    world.check_rows()


# ---- repair


def _no_partition_metadata(world: World) -> None:
    (world.root / PATH / "region=south" / PARTITION_METADATA).unlink()


def _damaged_partition_metadata(world: World) -> None:
    (world.root / PATH / "region=south" / PARTITION_METADATA).write_bytes(b"")


def _no_properties(world: World) -> None:
    hoodie = world.root / PATH / ".hoodie"
    (hoodie / "hoodie.properties").rename(hoodie / "hoodie.properties.backup")


def _orphan(world: World) -> None:
    file = next(f for f in Folder(world.store, PATH).data()[0] if f.instant == world.commits[-1][0].instant)
    content = (world.root / file.name).read_bytes()
    after_the_first = str(int(world.commits[0][0].instant) + 1)
    (world.root / file.name.replace(file.instant, after_the_first)).write_bytes(content)


def _stale_metadata_table(world: World) -> None:
    hoodie = world.root / PATH / ".hoodie"
    with (hoodie / "hoodie.properties").open("a") as file:
        file.write("hoodie.table.metadata.partitions=files\n")
    (hoodie / "metadata/.hoodie").mkdir(parents=True)
    (hoodie / "metadata/.hoodie/20200101000000000.deltacommit").touch()


def _dead_write(world: World) -> None:
    write = HudiWrite(Folder(world.store, PATH))
    write.upsert(table_of([row(2, 5)]), keys_of([], world.spec))
    write._heartbeat.stop()  # as the death of the process would


def _half_a_savepoint(world: World) -> None:
    (world.root / PATH / ".hoodie" / f"{world.commits[-1][0].instant}.savepoint.inflight").touch()


def _dead_clean(world: World) -> None:
    with pytest.raises(Crash):
        world.open(DyingStore(world.store, 3, writes=True)).clean([])
    world.store.delete(LOCK)


SPOILS = (
    _dead_write,
    _dead_clean,
    _no_partition_metadata,
    _damaged_partition_metadata,
    _orphan,
    _half_a_savepoint,
    _stale_metadata_table,
    _no_properties,
)


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_repair_tells_what_it_would_do_and_does_it(world: World, spoil: Callable[[World], None]) -> None:
    assert world.open().repair(dry_run=True) == []
    spoil(world)
    asked = world.open().repair(dry_run=True)
    assert asked
    assert world.open().repair(dry_run=True) == asked
    assert world.open().repair() == asked
    assert (world.open().repair(), world.open().verify().flaws) == ([], ())
    world.check()
    assert not list((world.root / PATH / ".hoodie").glob("hoodie.properties.backup"))


def test_a_repair_leaves_no_partition_without_metadata_wherever_it_dies(world: World) -> None:
    path = world.root / PATH / "region=south" / PARTITION_METADATA
    for calls in range(1, 20):
        path.write_bytes(b"")
        store = DyingStore(world.store, calls, writes=True)
        with contextlib.suppress(Crash):
            world.open(store).repair()
        if not store.has_died:
            break
        assert path.exists()
        world.store.delete(LOCK)
    assert calls > 1
    assert world.open().verify().flaws == ()


@pytest.mark.parametrize("spoil", SPOILS)
def test_what_the_next_merge_is_said_to_take_away_it_does(world: World, spoil: Callable[[World], None]) -> None:
    spoil(world)
    said = {flaw.path for flaw in world.open().verify().flaws if "next merge" in flaw.mend}
    world.upsert([row(4, 5)])
    assert not said & {flaw.path for flaw in world.open().verify().flaws}


# ---- crashes


@pytest.mark.parametrize("step", ["undo", "repair"])
@strides(23)
def test_a_crash_leaves_the_old_or_the_new_state(stride: int, step: str, world: World, tmp_path: Path) -> None:
    if step == "repair":
        for spoil in SPOILS:
            spoil(world)
    acts: dict[str, Callable[[HudiTable], object]] = {
        "undo": lambda table: table.roll_back(),
        "repair": lambda table: table.repair(),
    }
    seen = set()
    for calls in range(1, 200, stride):
        shutil.copytree(world.root, tmp_path / "world")
        copy = World(tmp_path / "world", world.spec)
        store = DyingStore(LocalStore(copy.root), calls)
        with contextlib.suppress(Crash):
            acts[step](copy.open(store))
        if not store.has_died:
            break
        copy.store.delete(LOCK)
        there = {commit.instant for commit in copy.open().history() if commit.checkpoint}
        copy.commits = [commit for commit in world.commits if commit[0].instant in there]
        copy.rows = copy.commits[-1][1]
        seen.add(len(copy.commits))
        assert_rows(own_rows(copy.open().snapshot()), copy.rows, copy.spec)
        copy.open().repair()
        assert copy.open().verify().flaws == ()
        copy.upsert([row(1, 7)])
        copy.check()
        shutil.rmtree(copy.root)
    assert calls > 3
    assert seen == ({3} if step == "repair" else {2, 3}) or stride > 1
