"""A base file that is lost, cut or replaced is told, whoever committed last and however long ago it was written."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hudi_world import BY_REGION, COLUMNS, PATH, PLAIN, World, assert_rows, checkpoint, edited, own_rows, row

from lakewright.errors import FormatError
from lakewright.formats.hudi import rollback
from lakewright.formats.hudi.metadata import INVENTORY
from lakewright.model.table import TableSpec

REGIONS = ("north", "south", "west")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A table of three partitions, of which a second commit changed one."""
    world = World(tmp_path, BY_REGION)
    world.replace([row(i, region=REGIONS[i % 3]) for i in range(9)])
    world.upsert([row(0, 1, region="north")])
    return world


def _files(world: World, region: str) -> list[Path]:
    """The base files of a partition, oldest first."""
    return sorted((world.root / PATH / f"region={region}").glob("*.parquet"), key=lambda path: path.stem.rpartition("_")[2])


def _refused(act: Callable[[], object], code: str = "LW-417") -> str:
    with pytest.raises(FormatError) as caught:
        act()
    assert caught.value.code == code
    assert "lakewright resync orders" in str(caught.value.hint)
    return caught.value.message


def _commits(world: World) -> list[Path]:
    return sorted((world.root / PATH / ".hoodie").glob("*.*commit"))


def _forget(path: Path) -> None:
    """Make a commit one of another engine, or one of an older version of ours."""
    with edited(path) as data:
        del data["extraMetadata"][INVENTORY]


@pytest.mark.parametrize("region", ["north", "south"], ids=["with an older version of it", "the only one of its group"])
def test_a_lost_file_is_named_and_nothing_is_written(world: World, region: str) -> None:
    lost = _files(world, region)[-1]
    content = lost.read_bytes()
    lost.unlink()
    assert lost.name in _refused(world.open().snapshot)
    before = sorted((world.root / PATH).rglob("*.parquet"))
    for write in (lambda: world.upsert([row(2, 5, region="west")]), world.upsert, lambda: world.upsert([], [(1,)])):
        assert lost.name in _refused(write)
    assert sorted((world.root / PATH).rglob("*.parquet")) == before
    lost.write_bytes(content)
    world.upsert([row(2, 5, region="west")])
    world.check()


def test_each_instant_is_read_on_its_own(world: World) -> None:
    _files(world, "north")[-1].unlink()
    first, rows, spec = world.commits[0]
    assert_rows(own_rows(world.open().snapshot(first.instant)), rows, spec)
    _files(world, "south")[-1].unlink()
    _refused(lambda: world.open().snapshot(first.instant))


def test_a_file_that_was_cut_or_is_another_is_named(world: World) -> None:
    for region in ("north", "south"):
        path = _files(world, region)[-1]
        content = path.read_bytes()
        for other in (content[:-9], _files(world, "west")[-1].read_bytes() + b"x"):
            path.write_bytes(other)
            assert path.name in _refused(world.open().snapshot, "LW-405")
            _refused(lambda: world.upsert([row(2, 5, region="west")]), "LW-405")
        path.write_bytes(content)
    world.check()


def test_a_file_that_an_archived_commit_wrote_is_named(world: World) -> None:
    for version in range(2, 7):
        world.upsert([row(0, version, region="north")])
    world.clean()
    assert len(_commits(world)) == 2
    world.check()
    path = _files(world, "south")[-1]
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert path.name in _refused(world.open().snapshot, "LW-405")
    path.unlink()
    assert path.name in _refused(world.open().snapshot)
    world.replace([row(1, 9, region="south")])
    world.check()


def test_what_changes_between_two_reads_is_seen(world: World) -> None:
    table = world.open()
    first = table.snapshot()
    assert table.snapshot() is first
    lost = _files(world, "south")[-1]
    content = lost.read_bytes()
    lost.unlink()
    assert lost.name in _refused(table.snapshot)
    lost.write_bytes(content)
    assert table.snapshot() == first
    world.upsert([row(1, 3, region="south")])
    assert_rows(own_rows(table.snapshot()), world.rows, world.spec)


def test_rows_come_back_by_a_replacement_and_not_by_the_file(world: World) -> None:
    lost = _files(world, "south")[-1]
    content = lost.read_bytes()
    lost.unlink()
    world.replace([row(i, 2, region=REGIONS[i % 2]) for i in range(4)])
    world.check()
    lost.write_bytes(content)
    world.check()
    world.upsert([row(1, 3, region="south")])
    world.check()


def test_a_file_too_many_is_told(world: World) -> None:
    """Such as one of a write that was rolled back, restored from a backup, of an instant that counts as archived."""
    newest = _files(world, "north")[-1]
    newest.with_name(f"other-0_0-0-0_{world.commits[0][0].instant}.parquet").write_bytes(newest.read_bytes())
    assert "not those which instant" in _refused(world.open().snapshot)


def test_a_file_of_a_writer_that_lost_against_the_first_commit_counts_for_nobody(world: World) -> None:
    """It began before the first commit, and its file may come at any time: nothing was archived, so nothing older counts.

    Other engines count it, so `verify` tells it and `repair` deletes it.
    """
    newest = _files(world, "north")[-1]
    late = newest.with_name("other-0_0-0-0_20260102030405678.parquet")
    late.write_bytes(newest.read_bytes())
    world.upsert([row(1, 2, region="south")])
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)
    assert [(flaw.kind, late.name in flaw.path) for flaw in world.open().verify().flaws] == [("fault", True)]
    assert world.open().repair() != []
    assert not late.exists()
    world.check()


def test_after_commits_of_another_engine(world: World) -> None:
    world.upsert([row(1, 2, region="south")])
    world.upsert([row(0, 3, region="north")])
    for path in _commits(world)[-2:]:
        _forget(path)
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)
    world.open().clean([])
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)
    for region in REGIONS:  # two of its files, and one that only we wrote
        path = _files(world, region)[-1]
        content = path.read_bytes()
        path.unlink()
        assert path.name in _refused(world.open().snapshot)
        path.write_bytes(content)
    world.upsert([row(5, 4, region="west")])
    world.check()


@pytest.mark.parametrize("forgotten", ["the newest commit", "all commits"])
def test_an_archive_that_is_lost_is_missed_after_commits_of_another_engine(world: World, forgotten: str) -> None:
    """Rows of archived commits do not count without it, and no inventory is the newest commit's."""
    for version in range(2, 7):
        world.upsert([row(0, version, region="north")])
    world.clean()
    for path in _commits(world)[-1:] if forgotten == "the newest commit" else _commits(world):
        _forget(path)
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)
    archived = world.root / PATH / ".hoodie/archived"
    archived.rename(world.root / "away")
    assert "no archive that tells" in _refused(world.open().snapshot)
    assert world.open().repair() == []
    (world.root / "away").rename(archived)
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)


def test_after_a_replacement_by_another_engine(world: World) -> None:
    world.replace([row(i, 2, region=REGIONS[i % 2]) for i in range(4)])
    _forget(_commits(world)[-1])
    world.open().clean([])
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)
    lost = _files(world, "south")[-1]
    lost.unlink()
    assert lost.name in _refused(world.open().snapshot)


def test_a_table_without_any_inventory_is_read_and_gets_one(world: World) -> None:
    for path in _commits(world):
        _forget(path)
    world.open().clean([])
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)
    lost = _files(world, "west")[-1]
    content = lost.read_bytes()
    lost.unlink()
    assert lost.name in _refused(world.open().snapshot)
    lost.write_bytes(content)
    world.upsert([row(0, 4, region="north")])
    assert INVENTORY in json.loads(_commits(world)[-1].read_bytes())["extraMetadata"]
    world.check()


def test_a_commit_that_only_carries_a_checkpoint_keeps_the_inventory(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.replace([row(i) for i in range(5)])
    with world.open().write() as write:
        write.commit(checkpoint(2))
    own_rows(world.open().snapshot())
    said = {json.loads(path.read_bytes())["extraMetadata"][INVENTORY] for path in _commits(world)}
    assert len(said) == 1
    wider = TableSpec("orders", (*COLUMNS, ("extra", "int")), world.spec.key)
    world.upsert([row(9, 2, extra=1)], spec=wider)
    world.check()


@pytest.mark.parametrize("states", [("commit",), ("commit", "inflight", "commit.requested")])
def test_rows_of_a_commit_whose_file_was_lost_are_back_with_it(
    world: World, states: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that is done meanwhile deletes the files that it wrote."""
    lost = world.upsert([row(1, 7, region="south")]).instant
    for version in range(3):
        world.upsert([row(2, version, region="north")])
    paths = [world.root / PATH / ".hoodie" / f"{lost}.{state}" for state in states]
    backup = {path: path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    table = world.open()
    for step in (lambda: world.upsert([row(2, 9)]), lambda: table.clean([]), lambda: table.archive([], 1, 1)):
        with pytest.raises(FormatError) as caught:
            step()
        assert caught.value.code == "LW-417"
    with monkeypatch.context() as patch:
        patch.setattr(rollback, "ALIVE_FOR", datetime.timedelta(0))
        assert all("backup" in flaw.mend for flaw in table.verify().flaws if flaw.kind == "leftover")
        table.repair()
    for path, content in backup.items():
        path.write_bytes(content)
    world.check()
    world.upsert([row(2, 9, region="north")])
    world.check()
