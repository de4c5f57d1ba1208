"""What DMS wrote, landed and merged: the rows of a capture of our own, whatever DMS sends twice, late, or over what it wrote."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import io
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests import dms
from tests.conftest import run_sql
from tests.strides import strides

from lakewright.errors import LakewrightError
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import TableSchema
from lakewright.pipeline import landing, merge_all
from lakewright.pipeline.feed import moved
from lakewright.pipeline.lake import Lake
from lakewright.project import known
from lakewright.project.project import open_project
from lakewright.raw import dms as raw_dms
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore

pytestmark = pytest.mark.usefixtures("one_thread")

SOURCE = """
lake: t
sources:
  db: {{kind: postgres, url: "{url}", tables: ["s.*"], slot: "{slot}"}}
"""
DEPLOYED = """
deploy:
  terraform: live
  region: eu-west-1
  environments:
    dev:
      cidr: 10.40.0.0/20
      databases: {db: {name: db, address: 192.168.7.20/32, route: 192.168.0.0/16}}
"""
ITEM, LINE, NONE = (TableName("s", name) for name in ("item", "line", "none"))
TABLES = {"s_item": ITEM, "s_line": LINE, "s_none": NONE}
Rows = list[tuple[Any, ...]]


@dataclasses.dataclass(frozen=True)
class Story:
    """A lake that captured a database in steps: up to where each went, and which rows each table had then."""

    folder: Path
    marks: tuple[Position, ...]
    rows: tuple[dict[str, Rows], ...]
    schemas: tuple[TableSchema, ...]


@pytest.fixture(scope="module")
def story(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    run_sql(server.url, "CREATE DATABASE landing")
    url, folder = server.database_url("landing"), tmp_path_factory.mktemp("story")
    (folder / "lake.yaml").write_text(SOURCE.format(url=url, slot="landing"))
    marks, rows = [], []
    for statements in (dms.BEGINNING, *dms.STEPS):
        run_sql(url, *statements)
        with Lake.open(folder) as lake:
            lake.capture()
            if not marks:
                schemas = tuple(lake.log("db").followed())
            lake.merge()
            marks.append(lake.log("db").view().watermark)
            rows.append({name: rows_of(lake, name) for name in TABLES})
    run_sql(url, "SELECT pg_drop_replication_slot('landing')")
    yield Story(folder, tuple(marks), tuple(rows), schemas)
    run_sql(server.url, "DROP DATABASE landing WITH (FORCE)")  # a worker may leave this module and come back


class World:
    """A lake over what a task writes; time is the task's."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story, self.folder = story, folder
        folder.mkdir(exist_ok=True)
        (folder / "lake.yaml").write_text(SOURCE.format(url="postgresql://nobody@127.0.0.1:1/db", slot="none") + DEPLOYED)
        (folder / "live").mkdir(exist_ok=True)
        self.know(story.schemas)
        with Lake.open(story.folder) as lake:
            self.task = dms.Task(LocalStore(folder), "raw/dms/db/", lake.log("db"))

    def know(self, schemas: tuple[TableSchema, ...]) -> None:
        """Render what is known of the tables."""
        (self.folder / "live" / known.FILE).write_text(json.dumps(known.committed({"db": schemas})))

    def life(self, *faults: Fault) -> Lake:
        return Lake(open_project(self.folder), FaultyStore(LocalStore(self.folder), *faults))

    def land(self, *faults: Fault, **later: float) -> list[LakewrightError]:
        """Land, and merge what came; what went wrong."""
        self.task.wait(**later)
        with self.life(*faults) as lake:
            failures = landing.land_all(lake, clock=lambda: self.task.now)
            merge_all.merge_all(lake)
            return failures

    def codes(self, **later: float) -> list[str]:
        return [failure.code for failure in self.land(**later)]

    def rows(self) -> dict[str, Rows]:
        with Lake.open(self.folder) as lake:
            return {mirror.name: rows_of(lake, mirror.name) for mirror in lake.mirrors()}

    def change(self, table: TableName, second: int, op: str = "I", **values: Any) -> tuple[TableSchema, dms.Row]:
        """A change of a transaction that committed in that second; each is later in the log than those before."""
        schema = next(schema for schema in self.story.schemas if schema.name == table)
        time = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=second)
        text = f"{time:%Y-%m-%d %H:%M:%S.%f}"
        return schema, {"Op": op, "_commit_time": text, "_position": self.task._next({"_commit_time": time}), **values}

    def added(self) -> dict[str, int]:
        """How many rows each table has more than it began with."""
        return {name: len(rows) - len(self.story.rows[0][name]) for name, rows in self.rows().items()}

    def generations(self) -> dict[TableName, int]:
        """How often each table was loaded."""
        with self.life() as lake:
            return dict(lake.log("db").view().generations())

    def begin(self) -> None:
        """Load everything, and land it."""
        self.task.load()
        assert self.land(minutes=16) == []
        assert self.rows() == self.story.rows[0]


def rows_of(lake: Lake, name: str) -> Rows:
    with lake.sql(f"SELECT * FROM {name}", committed=True) as answer:
        return sorted((tuple(row.items()) for batch in answer.batches() for row in batch.to_pylist()), key=repr)


@pytest.fixture
def world(story: Story, tmp_path: Path) -> World:
    return World(story, tmp_path)


def test_the_rows_are_those_of_our_own_capture(world: World) -> None:
    world.begin()
    for mark, rows in zip(world.story.marks[1:], world.story.rows[1:], strict=True):
        world.task.follow(mark)
        assert world.land(minutes=4) == []
        assert world.rows() == rows


def test_nothing_is_taken_twice(world: World) -> None:
    world.begin()
    world.task.follow(world.story.marks[1])
    assert world.land(minutes=4) == []
    with world.life() as lake:
        before = lake.log("db").view().number
        assert landing.land_all(lake, clock=lambda: world.task.now) == []
        assert lake.log("db").view().number == before


def test_what_dms_sends_again_changes_nothing(world: World) -> None:
    world.begin()
    world.task.follow(world.story.marks[1])
    again = [(name, world.task.store.read(name)) for name in world.task.written if "LOAD" not in name]
    assert world.land(minutes=4) == []
    for name, data in again:
        world.task.put(name.removeprefix(world.task.folder).replace(".parquet", "1.parquet"), data)
    world.task.follow(world.story.marks[2])
    assert world.land(minutes=4) == []
    assert world.rows() == world.story.rows[2]


def test_what_dms_sends_again_does_not_bring_back_what_was_deleted_since(world: World) -> None:
    world.begin()
    made, gone = world.change(ITEM, 0, id=500), world.change(ITEM, 1, "D", id=500)
    world.task.write_changes([made, gone])
    assert world.land(minutes=4) == []
    world.task.write_changes([made])
    world.task.write_changes([world.change(NONE, 2, id=1)])
    assert world.land(minutes=4) == []
    assert world.added() == {"s_item": 0, "s_line": 0, "s_none": 1}
    with world.life() as lake:
        view = lake.log("db").view()
        assert sum(file.rows for file in view.changes(ITEM, START, view.watermark)) == 2


def test_a_load_that_is_written_over_while_it_is_read_comes_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.begin()
    schema, _ = world.change(ITEM, 0)
    world.task.reload(schema, [{"id": 500}, {"id": 501}])
    world.task.wait(minutes=16)
    read = raw_dms.batches

    def meanwhile(store: Store, file: raw_dms.DmsFile) -> Iterator[pa.Table]:
        monkeypatch.setattr(raw_dms, "batches", read)
        world.task.wait(seconds=1)
        world.task.reload(schema, [{"id": 500}])
        return read(store, file)

    monkeypatch.setattr(raw_dms, "batches", meanwhile)
    assert world.land() == []
    assert world.rows() == world.story.rows[0]
    assert world.land(minutes=16) == []
    assert [dict(row)["id"] for row in world.rows()["s_item"]] == [500]


def test_changes_wait_until_nothing_earlier_can_come(world: World) -> None:
    world.begin()
    world.task.follow(world.story.marks[1])
    assert world.land(minutes=2) == []
    assert world.rows() == world.story.rows[0]
    assert world.land(minutes=1) == []
    assert world.rows() == world.story.rows[1]


def test_no_half_of_a_transaction_is_taken_while_the_other_half_may_come(world: World) -> None:
    world.begin()
    first, half, other, later = (
        world.change(table, second, **values)
        for table, second, values in (
            (ITEM, 0, {"id": 500}),
            (ITEM, 1, {"id": 501}),
            (LINE, 1, {"a": 501, "b": ""}),
            (LINE, 2, {"a": 502, "b": ""}),
        )
    )
    world.task.write_changes([first, half])
    world.task.wait(minutes=3)
    world.task.write_changes([other, later])
    assert world.land() == []
    assert world.added() == {"s_item": 1, "s_line": 0, "s_none": 0}
    assert world.land(minutes=4) == []
    assert world.added() == {"s_item": 2, "s_line": 2, "s_none": 0}


def test_a_load_is_complete_when_changes_come_or_after_a_while(world: World) -> None:
    world.task.load()
    assert world.land(minutes=14) == []
    assert world.rows() == {}
    world.task.follow(world.story.marks[1])  # of two tables; the third has no rows, and nothing tells yet that it has none
    assert world.land(minutes=4) == []
    assert world.rows() == world.story.rows[1]


def test_a_load_that_was_taken_too_early_is_taken_again(world: World) -> None:
    world.task.load()
    whole = pq.read_table(io.BytesIO(world.task.store.read("raw/dms/db/s/item/LOAD00000001.parquet"))).to_pylist()
    schema = next(schema for schema in world.story.schemas if schema.name == ITEM)
    world.task.put("s/item/LOAD00000001.parquet", dms.parquet(whole[:15], world.task._schema(schema)))
    world.task.follow(world.story.marks[1])
    world.land(minutes=16)
    assert len(world.rows()["s_item"]) == 14  # and one of them was deleted since
    world.task.put("s/item/LOAD00000002.parquet", dms.parquet(whole[15:], world.task._schema(schema)))
    assert world.land(minutes=16) == []
    assert world.rows() == world.story.rows[1]


def test_a_reload_replaces_the_rows(world: World) -> None:
    world.begin()
    world.task.follow(world.story.marks[1])
    assert world.land(minutes=4) == []
    schema = next(schema for schema in world.story.schemas if schema.name == ITEM)
    world.task.load(files=3)
    assert world.land(minutes=16) == []
    world.task.wait(minutes=1)
    world.task.reload(schema, [{"id": 7, "label": "alone"}])  # over one of three files: the others are of the load before
    assert world.land(minutes=14) == []
    world.task.follow(world.story.marks[2])
    assert world.land(minutes=4) == []
    rows = world.rows()
    assert [dict(row)["id"] for row in rows["s_item"]] == [100, 11, 7]
    assert rows["s_none"] == world.story.rows[2]["s_none"]


def test_late_changes_stop_their_table_until_it_is_loaded_again(world: World) -> None:
    world.begin()
    late, other, early = (world.change(table, 0, id=500 + n) for n, table in enumerate((ITEM, NONE, ITEM)))
    world.task.write_changes([early])
    assert world.land(minutes=4) == []
    world.task.write_changes([late])
    world.task.write_changes([other])
    for _ in range(2):
        (error,) = world.land(minutes=4)
        assert (error.code, "reload-tables" in error.hint) == ("LW-363", True)
        assert world.added() == {"s_item": 1, "s_line": 0, "s_none": 1}
    with world.life() as lake:
        assert [stop.table for stop in lake.log("db").view().stopped()] == [ITEM]
    world.task.reload(early[0], [{"id": 500}, {"id": 502}])
    world.task.wait(minutes=1)
    world.task.write_changes([world.change(ITEM, 1, "D", id=502)])
    assert world.land(minutes=4) == []
    assert [dict(row)["id"] for row in world.rows()["s_item"]] == [500]


def test_a_file_that_was_written_anew_stops_its_table(world: World) -> None:
    world.begin()
    world.task.write_changes([world.change(ITEM, 0, id=500)])
    assert world.land(minutes=4) == []
    name = world.task.written[-1].removeprefix(world.task.folder)
    schema, row = world.change(ITEM, 1, id=501)
    world.task.put(name, dms.parquet([row], world.task._schema(schema)))
    world.task.write_changes([world.change(NONE, 2, id=1)])
    assert world.codes(minutes=4) == ["LW-364"]
    assert world.added() == {"s_item": 1, "s_line": 0, "s_none": 1}
    world.task.reload(schema, [{"id": 1}])
    assert world.codes(minutes=14) == ["LW-364"]
    assert world.land(minutes=4) == []
    assert len(world.rows()["s_item"]) == 1


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("s/item/copy.parquet", b"", "neither that of a load nor of changes"),
        ("s/item/2030/01/01/20300101-000000000.parquet", b"not parquet", "is not what DMS writes"),
        ("s/item/2030/01/01/20300101-000000000.parquet", b"", "is not what DMS writes"),
    ],
)
def test_what_dms_did_not_write_holds_its_table_alone(world: World, name: str, data: bytes, said: str) -> None:
    world.begin()
    stray = world.task.put(name, data)
    world.task.write_changes([world.change(ITEM, 0, id=500)])
    world.task.write_changes([world.change(NONE, 0, id=500)])
    (error,) = world.land(minutes=4)
    assert (error.code, said in error.message, stray in error.message) == ("LW-362", True, True)
    assert world.added() == {"s_item": 0, "s_line": 0, "s_none": 1}
    world.task.store.delete(stray)
    assert world.land(minutes=4) == []
    assert world.added() == {"s_item": 1, "s_line": 0, "s_none": 1}


def test_rows_that_do_not_fit_hold_their_table_alone(world: World) -> None:
    world.begin()
    schema, row = world.change(ITEM, 0, id=500, price="much")
    columns = (dataclasses.replace(c, source_type="text") if c.name == "price" else c for c in schema.columns)
    world.task.write_changes([(dataclasses.replace(schema, columns=tuple(columns)), row)])
    world.task.write_changes([world.change(NONE, 0, id=500)])
    (error,) = world.land(minutes=4)
    assert (error.code, "price" in error.message, "much" in error.message) == ("LW-362", True, False)
    assert world.added() == {"s_item": 0, "s_line": 0, "s_none": 1}
    world.task.reload(schema, [{"id": 1}])
    assert world.land(minutes=16) == []
    assert len(world.rows()["s_item"]) == 1


def test_a_table_that_nobody_rendered_is_told_of(world: World) -> None:
    world.know(tuple(schema for schema in world.story.schemas if schema.name != NONE))
    world.task.load()
    world.task.follow(world.story.marks[2])
    (error,) = world.land(minutes=16)
    assert (error.code, "raw/dms/db/s/none/" in error.message) == ("LW-362", True)
    assert world.rows() == {name: rows for name, rows in world.story.rows[2].items() if name != "s_none"}


def test_one_log_is_not_of_two_captures(world: World, story: Story) -> None:
    world.task.load()
    with Lake.open(story.folder) as ours:
        feed = ours.log("db").view().feed
    world.land(minutes=16)
    with world.life() as lake:
        told = moved(feed, lake.log("db").view().feed)
        assert told is not None
        assert (told.code, "DMS" in told.message) == ("LW-229", True)
    shutil.copytree(story.folder / "raw" / "database", world.folder / "ours" / "raw" / "database")
    shutil.copytree(world.folder / "raw" / "dms", world.folder / "ours" / "raw" / "dms")
    other = World(story, world.folder / "ours")
    assert other.codes() == ["LW-229"]


def test_a_record_that_is_gone_is_told(world: World) -> None:
    world.begin()
    (record,) = (world.folder / "raw" / "database" / "db" / "_landings").iterdir()
    record.unlink()
    assert world.codes() == ["LW-354"]


@strides(17)
def test_a_landing_that_dies_at_any_call_is_made_anew(story: Story, tmp_path: Path, stride: int) -> None:
    world = World(story, tmp_path / "first")
    world.task.load(files=2)
    world.task.follow(story.marks[1], parts=2)
    world.task.wait(minutes=16)
    for call in itertools.count(1, stride):
        folder = tmp_path / str(call)
        shutil.copytree(world.folder, folder)
        other, struck = World(story, folder), 0
        other.task.now = world.task.now
        for when in ("before", "after"):
            with other.life(Fault(call, "die", when)) as lake, contextlib.suppress(LakewrightError):
                landing.land_all(lake, clock=lambda: world.task.now)
                struck += len(lake.store.calls) >= call  # type: ignore[attr-defined]
        assert other.land() == []
        assert other.rows() == story.rows[1]
        assert other.generations() == {ITEM: 1, LINE: 1, NONE: 1}
        if not struck:
            return
