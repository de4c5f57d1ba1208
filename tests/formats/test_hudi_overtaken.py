"""Readers and writers that something overtakes at one call of their store: another's write, service or death."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from hudi_world import (
    BY_REGION,
    LOCK,
    LOGGED,
    PATH,
    Crash,
    Overtaken,
    World,
    assert_rows,
    checkpoint,
    keys_of,
    own_rows,
    row,
    table_of,
)

from lakewright.errors import CommitConflict
from lakewright.formats.hudi import HudiFormat
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.table import HudiTable
from lakewright.formats.hudi.timeline import format_time
from lakewright.model.contracts import Entry, Store
from lakewright.model.times import utc_now
from lakewright.storage.local import LocalStore

pytestmark = pytest.mark.usefixtures("one_thread")


class _Listed:
    """Passes calls on to a store; the first two listings of a prefix, with which a write opens, are of an earlier moment."""

    def __init__(self, store: Store, prefix: str, listing: dict[str, Any]) -> None:
        self._store, self._prefix, self._earlier = store, prefix, [listing, listing]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, prefix: str, *rest: Any, **named: Any) -> Iterator[Any]:
        is_earlier = prefix == self._prefix and not rest and not named and self._earlier
        return iter(self._earlier.pop().values()) if is_earlier else self._store.list(prefix, *rest, **named)


class _Interrupted(LocalStore):
    """Does something in its first listing, between the names of ``.hoodie`` and what it asks of the first."""

    meanwhile: Callable[[], object] | None = None

    def _entry(self, name: str) -> Entry | None:
        act = self.meanwhile
        if act is not None and name.endswith(".commit"):
            self.meanwhile = None
            act()
        return super()._entry(name)


def _die() -> NoReturn:
    raise Crash


def _dies(world: World, call: str, end: str, work: Callable[[HudiTable], object]) -> None:
    """Have a process do some work with the table and die at a call of its store; its lock ends in time."""
    with pytest.raises(Crash):
        work(world.open(cast(Store, Overtaken(world.store, call, end, _die))))
    (world.root / LOCK).unlink(missing_ok=True)


def _open_write(table: HudiTable) -> None:
    with table.write():
        pass


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, BY_REGION)
    world.replace([row(n, region=("north", "south")[n % 2]) for n in range(4)])
    world.upsert([row(0, 1)])
    world.upsert([row(0, 2)])
    return world


@pytest.mark.parametrize("what", ["snapshot", "verify"])
def test_a_reader_misses_no_file_while_a_table_is_archived_for_the_first_time(what: str, world: World) -> None:
    """The commits go after their names were listed; their archive was not there yet."""
    store = _Interrupted(world.root)
    table = world.open(store)
    assert table.spec == world.spec
    store.meanwhile = lambda: world.open().archive([], 1, 1)
    if what == "snapshot":
        assert_rows(own_rows(table.snapshot()), world.rows, world.spec)
    else:
        assert table.verify().flaws == ()
    assert store.meanwhile is None
    assert Folder(world.store, PATH).hoodie().archive != ()


def test_a_reader_that_knows_a_commit_misses_no_file_while_that_is_rolled_back(world: World) -> None:
    before = world.commits[-2][1]
    data = Overtaken(world.store, "list", f"{PATH}/", lambda: world.open().roll_back(), nth=3)
    table = world.open(cast(Store, data))
    assert_rows(own_rows(table.snapshot()), world.rows, world.spec)  # which lists the files in two calls
    assert_rows(own_rows(table.snapshot()), before, world.spec)


def test_a_write_that_somebody_died_rolling_back_does_not_complete(world: World) -> None:
    """Its files may be gone, though it is pending still."""
    with world.open().write() as write:
        write.upsert(table_of([row(1, 9, region="south")]), keys_of([], world.spec))
        _dies(world, "create", ".rollback", _open_write)
        with pytest.raises(CommitConflict):
            write.commit(checkpoint(9))
    world.upsert([row(1, 3, region="south")])
    world.check()


def test_a_writer_that_was_rolled_back_and_lives_shares_its_time_with_nobody(world: World) -> None:
    """Where the newest instant is ahead of the clock, times follow from the timeline alone."""
    ahead = format_time(utc_now() + datetime.timedelta(seconds=40))
    world.store.create(f"{PATH}/.hoodie/{ahead}.restore.requested", b"")  # by another engine
    with world.open().write() as slow:
        _open_write(world.open())
        with world.open().write() as write:
            slow.replace(world.spec, iter(table_of([row(5)]).to_batches()))
            write.upsert(table_of([row(1, 9, region="south")]), keys_of([], world.spec))
            with pytest.raises(CommitConflict):
                slow.commit(checkpoint(8))
            write.commit(checkpoint(9))
    world.rows[1,] = row(1, 9, region="south")
    assert_rows(own_rows(world.open().snapshot()), world.rows, world.spec)


@pytest.fixture
def logged(tmp_path: Path) -> World:
    world = World(tmp_path, LOGGED)
    world.replace([row(n) for n in range(4)])
    world.upsert([row(0, 1)])
    return world


def test_a_compaction_that_another_begins_anew_and_dies_in_does_not_complete(logged: World) -> None:
    def overtake() -> None:
        _dies(logged, "upload", ".parquet", lambda table: table.compact(1))

    late = Overtaken(logged.store, "read_tagged", LOCK, overtake, nth=2)  # the first one is of the plan
    with pytest.raises(CommitConflict):
        logged.open(cast(Store, late)).compact(1)
    logged.check_rows()
    assert logged.open().compact(1) == 1
    logged.check_rows()


def test_files_of_a_compaction_that_completed_meanwhile_stay(logged: World) -> None:
    _dies(logged, "create", ".compaction.inflight", lambda table: table.compact(1))
    mortal = cast(Store, Overtaken(logged.store, "upload", ".parquet", _die))
    late = Overtaken(mortal, "create", ".compaction.inflight", lambda: logged.open().compact(1))
    with pytest.raises(CommitConflict):
        logged.open(cast(Store, late)).compact(1)
    assert Folder(logged.store, PATH).timeline().pending == []
    logged.check_rows()


def test_a_table_that_is_made_while_another_opens_it_is_none_or_whole(tmp_path: Path) -> None:
    """Between a look for its properties and a look at what else is in the folder, which is a table's then."""
    store = LocalStore(tmp_path)
    meanwhile = Overtaken(store, "list", f"{PATH}/", lambda: HudiFormat(store).create(PATH, BY_REGION))
    table = HudiFormat(cast(Store, meanwhile)).open(PATH)
    assert table is not None
    assert table.snapshot() is None


def test_a_write_that_begins_while_another_lists_the_table_is_no_other_engine(tmp_path: Path) -> None:
    """A listing on a disk has the names of a directory before those below it: a heartbeat, and no inflight file yet."""
    world = World(tmp_path, BY_REGION)
    world.upsert([row(1)])
    with world.open().write() as first:
        before = list(world.store.list(f"{PATH}/.hoodie/"))
        first.upsert(table_of([row(2)]), keys_of([], world.spec))
        beats = world.store.list(f"{PATH}/.hoodie/.heartbeat/")
        listing = {entry.name: entry for entry in (*beats, *before)}
        with world.open(_Listed(world.store, f"{PATH}/.hoodie/", listing)).write() as second:
            second.upsert(table_of([row(3)]), keys_of([], world.spec))
            second.commit(checkpoint(7))
        with pytest.raises(CommitConflict):
            first.commit(checkpoint(8))
    assert {each["id"] for each in own_rows(world.open().snapshot())} == {1, 3}
    assert world.open().verify().flaws == ()
