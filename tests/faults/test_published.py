"""Snapshots that are tables of their own: when they are written, what is in them, and what they refuse."""

from __future__ import annotations

import datetime
import itertools
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hudi import HudiTableBuilder

from lakewright.errors import LakewrightError
from lakewright.pipeline import maintain, raw_care
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.merge import merge
from lakewright.project.project import open_project
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore
from tests.faults.conftest import LAKE, Shop, Told
from tests.strides import strides

DAY = datetime.timedelta(days=1)
ROWS = "SELECT * FROM {} ORDER BY id"


def now(shop: Shop) -> str:
    """The source's time."""
    moment = str(shop.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')")[0][0])
    return f"{moment}Z"


def ask(shop: Shop, as_of: str, table: str = "orders", more: str = "") -> None:
    """Let lake.yaml ask for the snapshot ``monthly``."""
    text = f'snapshots:\n  monthly:\n    table: {table}\n    as_of: "{as_of}"\n'
    (shop.folder / "lake.yaml").write_text(f"{LAKE}{more}{text}")


def rows(shop: Shop, table: str = "monthly", *options: str) -> Any:
    return shop.ok("sql", ROWS.format(table), "--json", *options).json


def place(told: Told) -> str:
    """The line that an error names, without the folder."""
    return (told.where or "").rpartition("/")[2]


def merged(shop: Shop, *tables: str) -> list[str]:
    """Merge; what was committed."""
    return [each["table"] for each in shop.ok("merge", "--json", *tables).json["merged"] if each["commit"]]


def test_a_snapshot_has_the_rows_of_its_time_and_keeps_them(loaded: Shop) -> None:
    loaded.sql("UPDATE orders SET price = 1 WHERE id < 5; DELETE FROM orders WHERE id = 7")
    moment = now(loaded)
    ask(loaded, moment)
    loaded.ok("run")
    state = loaded.tables()["monthly"]
    assert (state["state"], state["rows"], "no transaction after" in state["problem"]) == ("waiting", None, True)
    assert loaded.fails("sql", ROWS.format("monthly")).code == "LW-529"
    loaded.sql("UPDATE orders SET id = id + 100 WHERE id < 3; DELETE FROM orders WHERE id = 8")
    ran = loaded.ok("run", "--json").json["merged"]
    assert [(each["table"], each["as_of"]) for each in ran if each["as_of"]] == [("monthly", moment)]
    wanted = rows(loaded, "orders", "--as-of", moment)
    assert (len(wanted), rows(loaded)) == (19, wanted)
    loaded.sql("DELETE FROM orders")
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}
    assert merged(loaded) == []
    assert rows(loaded) == rows(loaded, "monthly", "--committed") == rows(loaded, "monthly", "--as-of", now(loaded)) == wanted
    batches = HudiTableBuilder.from_base_uri(str(loaded.folder / "curated/monthly")).build().read()
    assert pa.Table.from_batches(batches).num_rows == 19
    state = loaded.tables()["monthly"]
    assert (state["state"], state["rows"], state["problem"], state["as_of"]) == ("written", 19, None, moment)
    assert (state["source"], state["origin"]) == ("shop", "public.orders")


def test_every_command_knows_what_it_is(loaded: Shop) -> None:
    moment = now(loaded)
    loaded.sql("ALTER TABLE orders ADD COLUMN later int; UPDATE orders SET later = 1")
    ask(loaded, moment)
    loaded.ok("run")
    (told,) = [each for each in loaded.ok("tables", "--json").json["tables"] if each["as_of"]]
    assert (told["table"], told["path"], told["as_of"]) == ("monthly", "curated/monthly", moment)
    columns = [each["column"] for each in loaded.ok("schema", "monthly", "--json").json["columns"]]
    assert columns == ["id", "name", "price"]
    (commit,) = [each for each in loaded.ok("history", "monthly", "--json").json["commits"] if each["checkpoint"]]
    of = commit["checkpoint"]["published"]
    assert (of["table"], of["as_of"], commit["inserts"]) == ("orders", moment, 20)
    assert [each["table"] for each in loaded.ok("verify", "--json").json["tables"]] == ["orders", "parts", "monthly"]
    assert loaded.ok("verify", "monthly", "--json").json["tables"][0]["rows"] == 20
    (report,) = loaded.ok("check", "--json").json["reports"]
    assert (report["not_compared"], len(report["tables"])) == (["monthly"], 2)
    assert "monthly" in [each for row in loaded.ok("sql", "SHOW TABLES", "--json").json for each in row.values()]
    assert loaded.fails("sql", ROWS.format("monthly"), "--since", "1h").code == "LW-528"
    for command in (["restore", "monthly", "--to", "5m"], ["resync", "monthly"], ["merge", "monthly"], ["pause", "monthly"]):
        assert loaded.fails(*command).code == "LW-528", command
    assert "monthly" not in loaded.ok("maintain", "--json").out
    loaded.fails("sql", "SELECT * FROM raw.monthly")
    (lost,) = loaded.files("curated/monthly/*.parquet")
    (commit,) = loaded.files("curated/monthly/.hoodie/*.commit")
    for gone, read, merging in ((lost, "LW-417", "LW-417"), (commit, "LW-522", "LW-404")):
        gone.unlink()
        told = loaded.fails("sql", ROWS.format("monthly"))
        assert (told.code, "remove the snapshot's folder" in (told.hint or "")) == (read, True)
        assert (loaded.tables()["monthly"]["state"], loaded.run("verify", "monthly").code) == ("damaged", 3)
        told = loaded.fails("merge")
        assert (told.code, "remove the snapshot's folder" in (told.hint or "")) == (merging, True)
    shutil.rmtree(loaded.folder / "curated/monthly")
    store = FaultyStore(LocalStore(loaded.folder), Fault("open curated/monthly/", "die"))
    with Lake(open_project(loaded.folder), store) as lake, pytest.raises(LakewrightError, match="injected"):
        lake.merge()
    assert (merged(loaded), len(rows(loaded))) == (["monthly"], 20)
    (loaded.folder / "lake.yaml").write_text(LAKE.replace("shop: {", "other: {"))  # its source is not named any more
    columns = loaded.ok("schema", "monthly", "--json").json["columns"]
    assert [(each["column"], each["source_type"]) for each in columns if each["key"]] == [("id", "")]


def test_what_lake_yaml_says_later_changes_nothing(loaded: Shop) -> None:
    moment = now(loaded)
    loaded.sql("DELETE FROM orders WHERE id < 5")
    ask(loaded, moment)
    loaded.ok("run")
    wanted = rows(loaded)
    ask(loaded, "2026-01-01")
    told = loaded.fails("merge")
    assert (told.code, place(told), "never changes" in told.message, moment[:10] in (told.hint or "")) == (
        "LW-115",
        "lake.yaml:7",
        True,
        True,
    )
    assert (loaded.tables()["monthly"]["state"], rows(loaded)) == ("written", wanted)
    ask(loaded, moment, "parts")
    assert place(loaded.fails("run")) == "lake.yaml:6"
    (loaded.folder / "lake.yaml").write_text(LAKE)
    loaded.ok("run")
    assert (loaded.tables()["monthly"]["state"], rows(loaded)) == ("retired", wanted)
    loaded.sql("CREATE TABLE monthly (id int PRIMARY KEY)")
    loaded.run("run")
    assert (loaded.tables()["public.monthly"]["problem"].count("LW-110"), rows(loaded)) == (1, wanted)
    shutil.rmtree(loaded.folder / "curated/monthly")
    loaded.ok("run")
    assert (loaded.tables()["monthly"]["as_of"], rows(loaded)) == (None, [])


def test_a_snapshot_that_cannot_be_is_refused(loaded: Shop) -> None:
    loaded.sql("DELETE FROM orders WHERE id < 5")
    for as_of, table, more, code, line in (
        ("2001-01-01", "orders", "", "LW-520", 7),
        ("2001-01-01", "order", "", "LW-115", 6),
        ("noon", "orders", "", "LW-104", 7),
        ("2001-01-01", "orders", "tables: {monthly: {from: shop.public.orders}}\n", "LW-104", 6),
        ("2001-01-01", "monthly", "", "LW-104", 6),
    ):
        ask(loaded, as_of, table, more)
        told = loaded.fails("run")
        assert (told.code, place(told), bool(told.hint)) == (code, f"lake.yaml:{line}", True), told
    moment = now(loaded)
    loaded.sql("ALTER TABLE orders ADD COLUMN region text; DELETE FROM orders WHERE id < 6")
    ask(loaded, moment, more="tables: {orders: {from: shop.public.orders, partition: region}}\n")
    told = loaded.fails("run")
    assert (told.code, place(told), "region" in told.message) == ("LW-115", "lake.yaml:8", True)
    assert loaded.tables()["monthly"]["state"] == "left out"
    (loaded.folder / "lake.yaml").write_text(
        LAKE.replace("lake: shop", "lake: shop\nsnapshots: {parts: {table: orders, as_of: 2001-01-01}}")
    )
    told = loaded.fails("merge")
    assert (told.code, place(told)) == ("LW-115", "lake.yaml:2")
    told_of = [(each["table"], each["state"]) for each in loaded.ok("status", "--json").json["tables"]]
    assert (told_of, len(rows(loaded, "parts"))) == ([("orders", "idle"), ("parts", "idle"), ("parts", "left out")], 2)


def test_rejected_rows_stay_in_their_zone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("id\n1\n")
    source = "sources: {files: {kind: files, path: in, settle: 1ms, datasets: {people: a.csv}}}\n"
    (tmp_path / "lake.yaml").write_text(f"lake: t\n{source}snapshots: {{old: {{table: quarantine_people, as_of: 2001-01-01}}}}\n")
    with Lake.open(tmp_path) as lake:
        lake.capture()
        with pytest.raises(LakewrightError, match="rejected rows") as raised:
            lake.merge()
    assert (raised.value.code, (raised.value.where or "").rpartition("/")[2]) == ("LW-115", "lake.yaml:3")


def test_a_time_to_come_is_waited_for(loaded: Shop) -> None:
    coming = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    ask(loaded, coming.isoformat())
    loaded.sql("DELETE FROM orders WHERE id < 5")
    assert merged(loaded) == []
    assert "has not come" in loaded.tables()["monthly"]["problem"]
    with loaded.up() as up:
        up.until_merged("orders")
        loaded.sql(f"SELECT pg_sleep_until('{coming.isoformat()}'); DELETE FROM orders WHERE id < 9")
        up.until_merged("monthly")
    assert [row["id"] for row in rows(loaded)] == [*range(5, 21)]


def test_a_table_that_is_paused_or_was_not_captured(loaded: Shop) -> None:
    moment = now(loaded)
    loaded.sql("DELETE FROM orders WHERE id < 5")
    ask(loaded, moment)
    loaded.ok("pause", "orders")
    loaded.ok("run")
    assert "is paused" in loaded.tables()["monthly"]["problem"]
    loaded.ok("resume", "orders")
    loaded.sql("ALTER TABLE parts DROP CONSTRAINT parts_pkey; ALTER TABLE parts ALTER name TYPE int USING 1")
    loaded.run("run")
    assert len(rows(loaded)) == 20
    loaded.sql("DELETE FROM orders WHERE id < 7")
    later = now(loaded)
    loaded.sql("DELETE FROM orders WHERE id < 8")
    ask(loaded, later, "parts", "tables: {x: {from: shop.public.orders}}\n")
    shutil.rmtree(loaded.folder / "curated/monthly")
    told = loaded.fails("run")
    assert (told.code, "stopped at" in told.message) == ("LW-520", True)
    loaded.ok("resync", "parts")
    loaded.sql("ALTER TABLE parts RENAME name TO title; ALTER TABLE parts ADD name int; INSERT INTO parts (id) VALUES (9)")
    told = loaded.fails("run")
    assert loaded.tables()["parts"]["state"] == "stopped"
    assert (told.code, "stopped at" in told.message) == ("LW-520", True)


def test_what_a_snapshot_needs_does_not_expire_before_it_is_written(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintain, "STEPS", 1)
    loaded.sql("DELETE FROM orders WHERE id = 1")
    loaded.ok("run")
    moment = now(loaded)
    wanted = rows(loaded, "orders")
    ask(loaded, moment)
    for key in (2, 3, 4):
        loaded.sql(f"DELETE FROM orders WHERE id = {key}")
        loaded.ok("capture")
        loaded.ok("merge", "parts")
        with Lake.open(loaded.folder) as lake:
            merge(lake, lake.mirror("orders"))
    settings = "tables: {orders: {from: shop.public.orders, retention: {raw: 1d}}}\n"
    ask(loaded, moment, more=settings)
    expire(loaded)
    assert merged(loaded, "orders") == ["monthly"]
    assert rows(loaded) == wanted
    expire(loaded)
    shutil.rmtree(loaded.folder / "curated/monthly")
    told = loaded.fails("merge")
    assert (told.code, place(told)) == ("LW-527", "lake.yaml:8")


def expire(shop: Shop) -> None:
    """Clean all that may be cleaned, as of a time that is long after."""
    later = datetime.datetime.now(datetime.UTC) + 9 * DAY
    with Lake.open(shop.folder) as lake:
        mirror = lake.mirror("orders")
        for _ in range(2):
            maintain.tend(lake, mirror, later)
            raw_care.tend(lake, "shop", [mirror], later)


@strides(41)
def test_a_death_at_every_call_leaves_no_snapshot_or_all_of_it(
    loaded: Shop, tmp_path_factory: pytest.TempPathFactory, stride: int
) -> None:
    moment = now(loaded)
    loaded.sql("DELETE FROM orders WHERE id < 5")
    ask(loaded, moment)
    loaded.ok("run")
    shutil.rmtree(loaded.folder / "curated/monthly")  # its record stays
    seen = set()
    for call, when in ((call, when) for call in itertools.count(1, stride) for when in ("before", "after")):
        folder = Path(shutil.copytree(loaded.folder, tmp_path_factory.mktemp("copy") / "lake"))
        store = FaultyStore(LocalStore(folder), Fault(call, "die", when))  # type: ignore[arg-type]
        reached = True
        with Lake(open_project(folder), store) as lake:
            try:
                lake.merge()
                reached = False
            except LakewrightError:
                pass
        shop = Shop(folder, loaded.url, loaded.sql, loaded.capsys)
        state = shop.tables()["monthly"]
        seen.add((state["state"], state["rows"]))
        if state["state"] == "waiting":
            assert shop.fails("sql", ROWS.format("monthly")).code == "LW-529"
        assert len(merged(shop)) <= 1
        assert [row["id"] for row in rows(shop)] == [*range(1, 21)]
        (verified,) = shop.ok("verify", "monthly", "--json").json["tables"]
        assert (verified["rows"], verified["flaws"]) == (20, []), (call, when)
        if not reached:
            break
    assert seen == {("waiting", None), ("written", 20)}
