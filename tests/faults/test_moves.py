"""A table whose rows cannot go on in their folder: it is moved to a new one, and read where it was until that is done."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import shutil
from pathlib import Path

import pytest

from lakewright.errors import CommitConflict, FormatError, LakewrightError, LeaseHeld
from lakewright.pipeline import maintain, merge_native, rewrites, table_at
from lakewright.pipeline.instants import based
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.merge import merge
from lakewright.project.project import open_project
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore
from tests.faults.conftest import LAKE, VALUE, Shop
from tests.strides import strides

HOUR = datetime.timedelta(hours=1)
ALL_EQUAL = {"orders": "equal", "parts": "equal"}
COUNT = "SELECT count(*) AS n, sum(id) AS ids FROM orders"


def ask(shop: Shop, settings: str = "type: mor, partition: name") -> None:
    """Let lake.yaml ask for the table otherwise."""
    (shop.folder / "lake.yaml").write_text(f"{LAKE}tables: {{orders: {{from: shop.public.orders, {settings}}}}}\n")


def folders(shop: Shop) -> list[str]:
    """The folders of the table, by name."""
    return sorted(path.name for path in (shop.folder / "curated").glob("orders*"))


def path(shop: Shop) -> str:
    """Where other engines find the table."""
    return next(str(t["path"]) for t in shop.ok("tables", "--json").json["tables"] if t["table"] == "orders")


def flaws(lake: Lake) -> list[object]:
    """What is not as it should be in the table's folders."""
    return [*lake.verify("orders")[0].flaws]


def test_a_setting_waits_for_apply_which_moves_the_table(loaded: Shop) -> None:
    ask(loaded)
    loaded.sql("DELETE FROM orders WHERE id = 3")
    assert "move table orders to a new folder" in loaded.ok("run", "--json").json["merged"][0]["waits"]
    problem = loaded.tables()["orders"]["problem"]
    assert [
        word for word in ("is of type cow", "asks for mor", "asks for name", "20 rows", "1 file") if word not in problem
    ] == []
    assert loaded.ok("sql", COUNT, "--json").json == [{"n": 19, "ids": 207}]
    assert loaded.ok("sql", COUNT, "--committed", "--json").json == [{"n": 20, "ids": 210}]
    before = datetime.datetime.now(datetime.UTC)
    assert [c["action"] for c in loaded.run("plan", "--json").json["changes"]] == [
        problem.removeprefix("`lakewright apply` is to ")
    ]
    loaded.ok("apply")
    assert loaded.run("plan", "--json").json["changes"] == []
    former, now = folders(loaded)
    assert (former, path(loaded)) == ("orders", f"curated/{now}")
    loaded.sql(f"INSERT INTO orders VALUES (500, '{VALUE}'); UPDATE orders SET price = 1 WHERE id = 7")
    assert loaded.equal() == ALL_EQUAL
    (properties,) = loaded.files(f"curated/{now}/.hoodie/hoodie.properties")
    assert ("MERGE_ON_READ" in properties.read_text(), bool(loaded.files(f"curated/{now}/name={VALUE}/*.parquet"))) == (
        True,
        True,
    )
    assert loaded.ok("sql", COUNT, "--committed", "--as-of", before.isoformat(), "--json").json == [{"n": 20, "ids": 210}]
    assert loaded.ok("sql", COUNT, "--as-of", before.isoformat(), "--json").json == [{"n": 19, "ids": 207}]
    assert loaded.ok("verify").code == 0
    commits = loaded.ok("history", "orders", "--json").json["commits"]
    assert [commit["instant"] for commit in commits] == sorted({commit["instant"] for commit in commits})


def test_days_are_made_of_the_rows_and_a_setting_that_is_put_back_moves_nothing(shop: Shop) -> None:
    shop.sql("ALTER TABLE orders ADD COLUMN day date, ADD COLUMN region text")
    shop.ok("run")
    shop.sql("UPDATE orders SET day = '2026-02-03', region = 'north' WHERE id > 5")
    shop.ok("capture")
    ask(shop, "partition: [region, day(day)]")
    live = ("sql", "SELECT count(day) AS n FROM orders", "--json")
    assert (shop.ok(*live).json, shop.ok(*live, "--committed").json) == ([{"n": 15}], [{"n": 0}])
    (shop.folder / "lake.yaml").write_text(LAKE)
    shop.ok("run")
    assert (shop.run("plan", "--json").json["changes"], folders(shop)) == ([], ["orders"])
    ask(shop, "partition: [region, day(day)]")
    shop.sql("UPDATE orders SET day = '2026-02-04' WHERE id = 20")
    shop.ok("apply")
    assert shop.equal() == ALL_EQUAL
    assert shop.files("curated/orders-*/region=north/day_day=2026-02-03/*.parquet")


def test_the_former_folder_lives_through_the_retention(loaded: Shop) -> None:
    ask(loaded)
    loaded.ok("apply")
    former, now = folders(loaded)
    with Lake.open(loaded.folder) as lake:
        mirror, time = lake.mirror("orders"), datetime.datetime.now(datetime.UTC)
        first = lake.history("orders")[0].instant
        lake.savepoint("orders", first)
        for later in (time + HOUR / 2, time + 2 * HOUR):
            maintain.tend(lake, mirror, later)
            assert folders(loaded) == [former, now]
        lake.release("orders", first)
        told = maintain.tend(lake, mirror, time + 2 * HOUR)
        assert (told.dropped, folders(loaded)) == (1, [now])
        assert flaws(lake) == []
        with lake.sql(COUNT, as_of=time.isoformat()) as answer:
            assert [batch.to_pylist()[0]["n"] for batch in answer.batches()] == [20]
    assert loaded.equal() == ALL_EQUAL


def test_a_zombie_fails_whenever_it_goes_on(loaded: Shop) -> None:
    ask(loaded, "type: mor")
    loaded.sql("DELETE FROM orders WHERE id = 3")
    loaded.ok("capture")
    with Lake.open(loaded.folder) as lake, Lake.open(loaded.folder) as other:
        mirror = dataclasses.replace(lake.mirror("orders"), type="cow")
        table, log = lake.table(mirror), lake.log("shop")
        assert table is not None
        with table.write() as write:
            at = table_at.plan(mirror, log, log.view(), based(table, write.base), log.view().watermark)
            other.apply()
            with pytest.raises(CommitConflict):
                write.commit(at.checkpoint)
        with pytest.raises(CommitConflict), table.write():
            pass
        with pytest.raises(CommitConflict):
            table.lend()
        assert (flaws(lake), len(folders(loaded))) == ([], 2)
    assert loaded.equal() == ALL_EQUAL


def test_a_commit_that_comes_meanwhile_keeps_the_table_where_it_is(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that moves it was suspended, and lost the lease."""
    ask(loaded, "type: mor")
    loaded.sql("DELETE FROM orders WHERE id = 3")
    loaded.ok("capture")
    fill = merge_native.apply
    with Lake.open(loaded.folder) as lake, Lake.open(loaded.folder) as other:
        mirror = lake.mirror("orders")
        agreed = rewrites.waiting(lake, mirror)

        def overtaken(*arguments: object) -> object:
            table = other.table(mirror)
            assert table is not None
            with table.write() as write:
                assert write.base is not None
                assert write.base.checkpoint is not None
                write.commit(write.base.checkpoint)
            return fill(*arguments)  # type: ignore[arg-type]

        with pytest.raises(CommitConflict):
            merge(lake, mirror, apply=overtaken, agreed=agreed)  # type: ignore[arg-type]
        assert path(loaded) == "curated/orders"
        assert [flaw.kind for flaw in lake.verify("orders")[0].flaws] == ["leftover"]
        lake.maintain()
        assert (flaws(lake), folders(loaded)) == ([], ["orders"])
    loaded.ok("apply")
    assert loaded.equal() == ALL_EQUAL


def test_two_at_once_and_a_reader_in_the_middle(loaded: Shop) -> None:
    ask(loaded)
    with Lake.open(loaded.folder) as lake, Lake.open(loaded.folder) as other:
        with lake.sql("SELECT a.id FROM orders a CROSS JOIN orders b CROSS JOIN orders c", committed=True) as answer:
            batches = answer.batches()
            read = next(batches).num_rows
            agreed = rewrites.waiting(other, other.mirror("orders"))
            with other.hold("orders"), pytest.raises(LeaseHeld):
                merge(lake, lake.mirror("orders"), agreed=agreed)
            other.apply()
            assert read + sum(batch.num_rows for batch in batches) == 20**3
        assert rewrites.waiting(lake, lake.mirror("orders")) is None
        merged = merge(lake, lake.mirror("orders"), agreed=agreed)
        assert merged is not None
        assert (merged.commit, len(folders(loaded))) == (None, 2)


def test_a_restore_from_the_former_folder_is_a_move_too(loaded: Shop) -> None:
    first = loaded.ok("history", "orders", "--json").json["commits"][0]["instant"]
    ask(loaded, "partition: name")
    loaded.ok("apply")
    loaded.sql("DELETE FROM orders WHERE id > 3")
    loaded.ok("run")
    newest = loaded.ok("history", "orders", "--json").json["commits"][-1]["instant"]
    assert loaded.ok("restore", "orders", "--to", newest, "--json").json["moves"] is None
    asked = loaded.ok("restore", "orders", "--to", first).out
    assert "to a new folder, where other engines have to read it from then on: partition (name) becomes ()" in asked
    assert (len(folders(loaded)), loaded.ok("sql", COUNT, "--json").json[0]["n"]) == (2, 3)
    loaded.ok("restore", "orders", "--to", first, "--yes")
    assert loaded.ok("sql", COUNT, "--json").json == [{"n": 20, "ids": 210}]
    assert len(folders(loaded)) == 3
    loaded.ok("resume", "orders")
    loaded.ok("apply")
    assert loaded.equal() == ALL_EQUAL


def test_rows_of_a_type_that_the_folder_had_before_its_own_are_restored_in_a_new_one(loaded: Shop) -> None:
    """Engines read all of a folder under its newest schema."""
    loaded.sql("ALTER TABLE orders ALTER COLUMN id TYPE bigint")
    loaded.ok("run")
    first = loaded.ok("history", "orders", "--json").json["commits"][0]["instant"]
    assert (loaded.equal(), folders(loaded)) == (ALL_EQUAL, ["orders"])
    asked = loaded.ok("restore", "orders", "--to", first, "--json").json
    assert "column id bigint becomes int" in asked["moves"]
    loaded.ok("restore", "orders", "--to", first, "--yes")
    assert (loaded.ok("sql", COUNT, "--json").json, len(folders(loaded))) == ([{"n": 20, "ids": 210}], 2)
    loaded.ok("resume", "orders")
    assert (loaded.equal(), len(folders(loaded))) == (ALL_EQUAL, 2)


def test_a_table_whose_every_commit_was_undone_is_moved_too(loaded: Shop) -> None:
    loaded.ok("rollback", "orders", "--yes")
    ask(loaded, "partition: name")
    loaded.ok("run")
    assert loaded.equal() == ALL_EQUAL


def test_a_damaged_record_is_named(loaded: Shop) -> None:
    ask(loaded)
    loaded.ok("apply")
    (record,) = loaded.files("curated/_table-folders/orders/*.json")
    record.write_text(record.read_text().replace("orders-1", "orders-2"))
    with Lake.open(loaded.folder) as lake, pytest.raises(FormatError, match=str(record.name)):
        lake.table(lake.mirror("orders"))


def test_a_move_that_died_before_it_was_recorded_is_recorded_and_not_done_again(loaded: Shop) -> None:
    ask(loaded)
    loaded.sql("DELETE FROM orders WHERE id = 3")
    loaded.ok("capture")
    store = FaultyStore(LocalStore(loaded.folder), Fault("create .*_table-folders/", "die"))
    with Lake(open_project(loaded.folder), store) as lake, pytest.raises(LakewrightError):
        merge(lake, lake.mirror("orders"), agreed=rewrites.waiting(lake, lake.mirror("orders")))
    with Lake.open(loaded.folder) as lake:
        agreed = rewrites.waiting(lake, lake.mirror("orders"))
        assert (path(loaded), agreed is None) == ("curated/orders", False)
        merged = merge(lake, lake.mirror("orders"), agreed=agreed)
        assert merged is not None
        assert (merged.commit, path(loaded) in {"curated/orders"}, flaws(lake)) == (None, False, [])
    assert loaded.equal() == ALL_EQUAL


def copied(folder: Path, temps: pytest.TempPathFactory) -> Path:
    """A copy of a lake."""
    return Path(shutil.copytree(folder, temps.mktemp("copy") / "lake"))


@strides(37)
def test_a_death_at_every_call_of_a_move(stride: int, loaded: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The old table or the new one; and it can be read, verified, moved again, whatever was left."""
    ask(loaded)
    loaded.sql("DELETE FROM orders WHERE id = 3; UPDATE orders SET price = 1 WHERE id = 7")
    loaded.ok("capture")
    seen = set()
    for call, when in ((call, when) for call in itertools.count(1, stride) for when in ("before", "after")):
        store = FaultyStore(LocalStore(copied(loaded.folder, tmp_path_factory)), Fault(call, "die", when))  # type: ignore[arg-type]
        folder = Path(store.location("lake.yaml")).parent
        reached = True
        with Lake(open_project(folder), store) as lake:
            try:
                merge(lake, lake.mirror("orders"), agreed=rewrites.waiting(lake, lake.mirror("orders")))
                reached = False
            except LakewrightError:
                pass
        shop = Shop(folder, loaded.url, loaded.sql, loaded.capsys)
        seen.add((path(shop) == "curated/orders", str(shop.ok("sql", COUNT, "--committed", "--json").json)))
        assert shop.ok("sql", COUNT, "--json").json == [{"n": 19, "ids": 207}]
        with Lake.open(folder) as lake:
            assert [flaw for flaw in lake.verify("orders")[0].flaws if flaw.kind == "fault"] == []
            mirror = lake.mirror("orders")
            merge(lake, mirror, agreed=rewrites.waiting(lake, mirror))
            maintain.tend(lake, mirror, datetime.datetime.now(datetime.UTC))
            assert (flaws(lake), len(folders(shop))) == ([], 2), (call, when)
        assert path(shop) != "curated/orders"
        assert shop.ok("sql", COUNT, "--committed", "--json").json == [{"n": 19, "ids": 207}]
        if not reached:
            break
    assert len(seen) == 2
