"""Table services between writes, each of which may die at any store call: a model of rows by instant tells what must be there."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hudi_world import (
    BY_REGION,
    LOCK,
    LOGGED_BY_REGION,
    PATH,
    Crash,
    DyingStore,
    Key,
    Overtaken,
    Row,
    World,
    assert_rows,
    checkpoint,
    keys_of,
    own_rows,
    row,
    rust_rows,
    table_of,
)

from lakewright.errors import CommitConflict, FormatError
from lakewright.formats.hudi import avro, key_index, rollback, upsert
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.table import HudiTable
from lakewright.formats.hudi.timeline import INFLIGHT, REPLACE, REQUESTED
from lakewright.model.contracts import Write
from lakewright.model.table import Checkpoint, TableSpec
from lakewright.model.times import utc_now

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.crash) for seed in range(1, 60))]


class Services:
    """A table, and its rows and checkpoint as of each instant; `step` does something to both."""

    def __init__(self, root: Path, spec: TableSpec, seed: int) -> None:
        self.world = World(root, spec)
        self.chance = random.Random(f"{seed} {spec}")
        self.states: dict[str, tuple[dict[Key, Row], Checkpoint]] = {}
        self.number = 0
        self.after: tuple[dict[Key, Row], Checkpoint] = ({}, checkpoint(0))
        self.log: list[str] = []

    def step(self) -> None:
        """One operation, which dies halfway now and then, and a comparison of what is there then."""
        what = self.chance.choice([self.change] * 4 + [self.replace, self.restore, self.clean, self.clean, self.savepoint])
        what = self.chance.choice([what, what, what, self.roll_back, self.repair, self.gather, self.compact])
        store = DyingStore(self.world.store, self.chance.randint(3, 50)) if self.chance.random() < 0.4 else self.world.store
        self.log.append(f"{what.__name__} {'dies' if store is not self.world.store else ''}")
        with contextlib.suppress(Crash):
            what(self.world.open(store))
        self.world.store.delete(LOCK)
        self.compare()

    def compare(self) -> None:
        """The newest state is a known one, or what the last step was to make."""
        snapshot = self.world.open().snapshot()
        if snapshot is None:
            assert not self.states or "roll_back" in self.log[-1], self.log
            self.states.clear()
            return
        rows, mark = self.states.setdefault(snapshot.instant, self.after)
        assert snapshot.checkpoint == mark, self.log
        assert_rows(own_rows(snapshot), rows, self.world.spec)
        assert_rows(rust_rows(self.world.location), rows, self.world.spec)

    def compare_all(self) -> None:
        """Every instant that can be read holds what it held."""
        for commit in self.world.open().snapshots():
            assert_rows(own_rows(self.world.open().snapshot(commit.instant)), self.states[commit.instant][0], self.world.spec)
        assert [flaw for flaw in self.world.open().verify().flaws if flaw.kind == "fault"] == []

    # ---- what is done

    def change(self, table: HudiTable) -> None:
        rows, deletes = self._rows(), []
        written = {self.world.key(r) for r in rows}
        with self._writing(table) as (write, before):
            deletes = [key for key in sorted(before) if key not in written and self.chance.random() < 0.2]
            kept = {key: value for key, value in before.items() if key not in deletes}
            self._next(kept | {self.world.key(r): r for r in rows})
            write.upsert(table_of(rows), keys_of(deletes, self.world.spec))

    def replace(self, table: HudiTable) -> None:
        rows = self._rows()
        with self._writing(table) as (write, _):
            self._next({self.world.key(r): r for r in rows})
            write.replace(self.world.spec, iter(table_of(rows).to_batches()))

    def restore(self, table: HudiTable) -> None:
        readable = table.snapshots()
        if readable:
            rows, mark = self.states[self.chance.choice(readable).instant]
            with self._writing(table) as (write, _):
                self.after = rows, mark
                write.replace(self.world.spec, iter(table_of(rows.values()).to_batches()))

    def gather(self, table: HudiTable) -> None:
        with table.write() as write:
            if write.base and write.base.checkpoint and write.gather(1 << 30, 2):
                self.after = self.states[write.base.instant]
                write.commit(write.base.checkpoint)

    def compact(self, table: HudiTable) -> None:
        newest = table.snapshots()
        if newest:
            self.after = self.states[newest[-1].instant]
            table.compact(1)

    def clean(self, table: HudiTable) -> None:
        readable = [commit.instant for commit in table.snapshots()]
        keep = self.chance.sample(readable, min(len(readable), 1))
        table.clean(keep)
        table.archive(keep, 2, 2)

    def savepoint(self, table: HudiTable) -> None:
        readable = table.snapshots()
        if readable:
            commit = self.chance.choice(readable)
            table.release([commit.instant]) if commit.saved else table.save(commit.instant, "why")

    def roll_back(self, table: HudiTable) -> None:
        with contextlib.suppress(FormatError):
            table.roll_back()

    def repair(self, table: HudiTable) -> None:
        table.repair()

    # ---- helpers

    def _rows(self) -> list[Row]:
        self.number += 1
        numbers = self.chance.sample(range(25), self.chance.randint(1, 8))
        return [row(n, self.number, region=self.chance.choice(["north", "south"])) for n in numbers]

    def _next(self, rows: dict[Key, Row]) -> None:
        self.after = rows, checkpoint(self.number)

    @contextlib.contextmanager
    def _writing(self, table: HudiTable) -> Iterator[tuple[Write, dict[Key, Row]]]:
        """A write, and the rows before it; it commits what `after` says."""

        with table.write() as write:
            snapshot = self.world.open().snapshot()
            yield write, self.states[snapshot.instant][0] if snapshot else {}
            write.commit(self.after[1])


@pytest.mark.parametrize("spec", [BY_REGION, LOGGED_BY_REGION], ids=["cow", "mor"])
@pytest.mark.parametrize("seed", SEEDS)
def test_services_between_writes_change_no_row(
    seed: int, spec: TableSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "_SMALL_BYTES", 2000)
    monkeypatch.setattr(key_index, "LEAST_BYTES", 0)
    services = Services(tmp_path, spec, seed)
    for _ in range(16):
        services.step()
    with monkeypatch.context() as later:
        later.setattr(rollback, "ALIVE_FOR", rollback.ALIVE_FOR * 0)
        services.world.open().repair()
        assert services.world.open().repair(dry_run=True) == []
    services.compare()
    services.compare_all()


def test_what_a_clean_took_of_a_group_whose_end_is_archived_is_needed_by_no_later_write(tmp_path: Path) -> None:
    world = World(tmp_path, BY_REGION)
    for version in range(3):
        world.replace([row(n, version) for n in range(4)])
    world.open().clean([])
    for version in range(3):
        world.upsert([row(1, 5 + version)])
    hoodie = tmp_path / PATH / ".hoodie"
    for commit, *_ in world.commits[:3]:  # the archive may reach up to the clean
        for file in hoodie.glob(f"{commit.instant}.*"):
            file.unlink()
    later = [commit.instant for commit, *_ in world.commits[3:]]
    assert [commit.instant for commit in world.open().snapshots()] == later
    for commit, rows, spec in world.commits[3:]:
        assert_rows(own_rows(world.open().snapshot(commit.instant)), rows, spec)
    assert world.open().roll_back().previous == later[-2]


def _archived(root: Path) -> World:
    """A table whose southern rows no commit on the timeline wrote."""
    world = World(root, BY_REGION)
    world.replace([row(n, region=("north", "south")[n % 2]) for n in range(8)])
    _go_on(world)
    return world


def _go_on(world: World) -> None:
    """Commits to the northern rows, until those before are archived."""
    for version in range(4):
        world.upsert([row(0, version)])
    world.open().clean([])
    assert world.open().archive([], 1, 1) >= 4


def test_without_the_archive_the_table_is_refused_and_with_it_every_row_is_back(tmp_path: Path) -> None:
    world = _archived(tmp_path)
    archived = tmp_path / PATH / ".hoodie/archived"
    archived.rename(tmp_path / "away")
    for step in (world.open().snapshot, lambda: world.open().clean([])):
        with pytest.raises(FormatError) as caught:
            step()
        assert caught.value.code == "LW-417"
    (tmp_path / "away").rename(archived)
    world.check_rows()
    _go_on(world)
    world.check()


@pytest.mark.parametrize("states", [(".commit",), (".commit", ".inflight", ".commit.requested")])
def test_without_a_commit_after_the_archived_ones_the_table_is_refused_until_it_is_replaced(
    states: tuple[str, ...], tmp_path: Path
) -> None:
    """It is not empty, and nothing deletes its files."""
    world = _archived(tmp_path)
    paths = [tmp_path / PATH / ".hoodie" / f"{world.commits[-1][0].instant}{state}" for state in states]
    backup = {path: path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    for step in (world.open().snapshot, lambda: world.upsert([row(1, 9)])):
        with pytest.raises(FormatError) as caught:
            step()
        assert caught.value.code == "LW-417"
    assert "fault" in {flaw.kind for flaw in world.open().verify().flaws}
    world.open().repair()
    for path, content in backup.items():
        path.write_bytes(content)
    world.check()
    for path in paths:
        path.unlink()
    world.replace([row(3, 9, region="south")])
    world.check_rows()
    world.upsert([row(2, 9)])
    world.check_rows()


@pytest.mark.parametrize("ends", ["in a conflict", "by a kill"])
def test_what_a_writer_leaves_that_slept_while_the_timeline_went_past_it_is_taken_away(ends: str, tmp_path: Path) -> None:
    """Before the timeline all files count as archived ones. Nobody reads the table then, nor does a clean take what is hidden."""
    world = _archived(tmp_path)
    store = Overtaken(world.store, "upload", ".parquet", lambda: _go_on(world))
    with contextlib.ExitStack() as stack:
        write = stack.enter_context(world.open(store).write())
        write.upsert(table_of([row(1, 9, region="south")]), keys_of([], world.spec))
        with pytest.raises(FormatError, match="are not those"):
            world.open().clean([])
        if ends == "in a conflict":
            with pytest.raises(CommitConflict):
                write.commit(checkpoint(99))
        else:
            stack = stack.pop_all()  # kept to the end of the test: one that goes would undo the write
            write._heartbeat.stop()
    if ends == "by a kill":
        faults = [flaw for flaw in world.open().verify().flaws if flaw.kind == "fault"]
        assert ["repair" in flaw.mend for flaw in faults] == [True, True]
        assert len(world.open().repair()) == 1
    world.check()


def _record(name: str, **fields: object) -> dict[str, object]:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": ["null", kind]} for key, kind in fields.items()]}


SLICE = _record("Slice", fileId="string", partitionPath="string")
GROUP = _record("Group", slices={"type": "array", "items": SLICE})
PLANNED = _record("Requested", clusteringPlan=_record("Plan", inputGroups={"type": "array", "items": GROUP}))


def _plan_clustering(world: World, region: str) -> str:
    """Have another engine plan to cluster the files of a region; the instant."""
    folder = Folder(world.store, PATH)
    files = [file for file in Folder(world.store, PATH).data()[0] if file.partition == f"region={region}"]
    time = folder.timeline().next_time(utc_now())
    plan = {"inputGroups": [{"slices": [{"fileId": file.file_id, "partitionPath": file.partition} for file in files]}]}
    world.store.create(folder.instant_name(time, REPLACE, REQUESTED), avro.encode(PLANNED, {"clusteringPlan": plan}))
    return time


@pytest.mark.parametrize("spec", [BY_REGION, LOGGED_BY_REGION], ids=["cow", "mor"])
def test_a_planned_clustering_does_not_bring_back_rows_that_were_changed_since(spec: TableSpec, tmp_path: Path) -> None:
    world = World(tmp_path, spec)
    world.replace([row(1, region="north"), row(2, region="south")])
    plans = [_plan_clustering(world, "north") for _ in range(2)]
    world.upsert([row(2, 1, region="south")])
    pending = [instant.time for instant in Folder(world.store, PATH).timeline().pending]
    assert pending == plans
    world.upsert([row(1, 2, region="north")])
    world.check()
    under_way = _plan_clustering(world, "south")
    folder = Folder(world.store, PATH)
    world.store.create(folder.instant_name(under_way, REPLACE, INFLIGHT), b"")
    with pytest.raises(FormatError) as caught:
        world.overwrite([row(2, 3, region="south")])
    assert caught.value.code == "LW-414"
    world.check_rows()
    world.upsert([row(1, 3, region="north")])
    world.check_rows()


def test_a_saved_commit_is_there_while_those_after_it_are_archived(tmp_path: Path) -> None:
    world = World(tmp_path, BY_REGION)
    saved = world.replace([row(n, region=("north", "south")[n % 2]) for n in range(8)]).instant
    world.open().save(saved, "why")
    next_one = world.upsert([row(1, 1)]).instant
    found = world.open(Overtaken(world.store, "read", f"{next_one}.commit", lambda: _go_on(world))).snapshots()
    assert [commit.instant for commit in found] == [saved]
    assert [commit.instant for commit in world.open().snapshots()] == [saved, world.commits[-1][0].instant]
