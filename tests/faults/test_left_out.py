"""Nothing is left out in silence: tables that cannot be captured, that stopped, that are gone, and settings that fit nothing."""

from __future__ import annotations

import signal

import pytest

from tests.faults.conftest import VALUE, Shop

ALL_EQUAL = {"orders": "equal", "parts": "equal"}


def settings(shop: Shop, tables: str = "[public.*]", more: str = "") -> None:
    """Write lake.yaml with these patterns, and more below."""
    source = f'{{kind: postgres, url: "${{env:SHOP_URL}}", tables: {tables}}}'
    (shop.folder / "lake.yaml").write_text(f"lake: shop\nsources:\n  shop: {source}\n{more}")


def test_every_command_names_what_is_chosen_and_not_captured(shop: Shop) -> None:
    shop.sql("CREATE UNLOGGED TABLE cache (id int PRIMARY KEY)")
    shop.sql('CREATE TABLE odd (id int PRIMARY KEY, "a b" text)')
    shop.sql("CREATE TABLE spans (id float8 PRIMARY KEY)")
    shop.sql("CREATE VIEW shown AS SELECT * FROM orders")
    settings(shop, "[public.*, public.shown, public.ordres]")
    wanted = {"cache": "LW-228", "odd": "LW-211", "spans": "LW-212", "shown": "LW-228", "ordres": "LW-227"}
    wanted = {f"public.{name}": code for name, code in wanted.items()}
    for command, code in (("plan", 3), ("apply", 0), ("run", 0)):
        ran = shop.run(command, "--json")
        assert ran.code == code
        assert {left["table"]: left["code"] for left in ran.json["left_out"]} == wanted, command
    lines = {line for line in shop.ok("run").err.splitlines() if line.startswith("left out")}
    assert {line.split(":")[0].removeprefix("left out ") for line in lines} == wanted.keys()
    assert [line for line in lines if "did you mean public.orders?" in line] != []
    told = {table["origin"]: table["problem"] for table in shop.tables().values() if table["state"] == "left out"}
    assert {table: problem.partition("(")[2][:6] for table, problem in told.items()} == wanted
    shop.sql("INSERT INTO parts VALUES (500)")
    with shop.up() as up:
        up.until_merged("parts")
        assert up.stop(signal.SIGTERM) == (0, "")
        assert {event["subject"]: event["error"]["code"] for event in up.seen if event["kind"] == "left_out"} == wanted
    ran = shop.run("check", "--source", "--json")
    verdicts = {table["table"]: table["verdict"] for table in ran.json["reports"][0]["tables"]}
    assert (ran.code, verdicts) == (3, {**ALL_EQUAL, **dict.fromkeys(wanted, "error")})
    settings(shop, "[public.*, -public.cache, -public.odd, -public.spans]")
    assert shop.equal() == ALL_EQUAL


def test_a_table_that_can_be_captured_later_is_loaded_then(loaded: Shop) -> None:
    loaded.sql("CREATE UNLOGGED TABLE cache (id int PRIMARY KEY)")
    loaded.ok("run")
    loaded.sql("ALTER TABLE cache SET LOGGED")
    assert loaded.equal() == {**ALL_EQUAL, "cache": "equal"}


def test_a_stop_is_told_when_it_happens_and_at_each_start(loaded: Shop) -> None:
    with loaded.up() as up:
        loaded.sql("INSERT INTO parts VALUES (499)")
        up.until_merged("parts")
        loaded.sql("ALTER TABLE orders ALTER price TYPE text")
        loaded.sql(f"INSERT INTO orders VALUES (500, '{VALUE}')")
        loaded.sql(f"INSERT INTO parts VALUES (500, '{VALUE}')")
        event = up.until_merged_and("parts", "stopped")
        assert (event["subject"], event["error"]["code"]) == ("public.orders", "LW-242")
        assert "lakewright resync" in event["error"]["hint"]
        assert up.stop(signal.SIGTERM) == (0, "")
        assert len([event for event in up.seen if event["kind"] == "stopped"]) == 1
    err = loaded.ok("run").err
    assert err.count("stopped public.orders: table public.orders cannot go on") == 1
    assert [left["code"] for left in loaded.ok("run", "--json").json["left_out"]] == ["LW-242"]
    loaded.ok("resync", "orders")
    assert "stopped" not in loaded.ok("run").err


def test_a_dropped_table_is_retired_by_lake_yaml(loaded: Shop) -> None:
    loaded.sql("DROP TABLE orders")
    loaded.ok("run")
    table = loaded.tables()["orders"]
    assert (table["state"], "-public.orders" in table["problem"]) == ("dropped", True)
    assert [left["code"] for left in loaded.run("plan", "--json").json["left_out"]] == ["LW-213"]
    assert loaded.run("check", "--source").code == 3

    settings(loaded, "[public.*, -public.orders]")
    table = loaded.tables()["orders"]
    assert (table["state"], table["problem"], table["rows"]) == ("retired", None, 20)
    assert loaded.ok("apply", "--json").json["left_out"] == []
    assert "orders" not in loaded.ok("run").err
    assert loaded.equal() == {"parts": "equal"}
    assert loaded.ok("sql", "SELECT count(*) AS n FROM orders", "--json").json == [{"n": 20}]


def test_a_table_that_is_not_chosen_any_more_is_retired_and_can_come_back(loaded: Shop) -> None:
    settings(loaded, "[public.*, -public.orders]", "tables: {sales: {from: shop.public.orders}}\n")
    plan = loaded.run("plan", "--json")
    assert plan.code == 3
    assert [change["action"] for change in plan.json["changes"]] == [
        "remove table public.orders from publication lakewright_shop_shop"
    ]
    assert [line for line in plan.json["pending"] if "will retire table public.orders" in line] != []
    loaded.ok("apply")
    assert loaded.ok("run").err == "captured 0 changes\n"
    assert loaded.tables()["sales"]["state"] == "retired"
    assert loaded.equal() == {"parts": "equal"}
    assert loaded.run("plan", "--json").json["pending"] == []

    settings(loaded)
    loaded.sql("DELETE FROM orders WHERE id = 1")
    loaded.ok("run")
    table = loaded.tables()["orders"]
    assert (table["state"], "lakewright resync" in table["problem"]) == ("stopped", True)
    loaded.ok("resync", "orders")
    assert loaded.equal() == ALL_EQUAL


@pytest.mark.parametrize(
    ("setting", "code", "line", "word"),
    [
        ("orders: {from: shop.public.orders, types: {pirce: 'decimal(9,2)'}}", "LW-113", 5, "did you mean price?"),
        ("orders: {from: shop.public.orders, types: {name: 'decimal(9,2)'}}", "LW-113", 5, "name is text"),
        ("orders: {from: shop.public.orders, partition: day(gone)}", "LW-113", 5, "no column gone"),
        ("orders: {from: shop.public.ordres}", "LW-111", 5, "did you mean public.orders?"),
    ],
)
def test_a_misspelt_setting_is_found_before_anything_goes_on_and_stops_nothing(
    loaded: Shop, setting: str, code: str, line: int, word: str
) -> None:
    settings(loaded, more=f"tables:\n  {setting}\n")
    loaded.sql(f"INSERT INTO orders (id, name) VALUES (501, '{VALUE}')")
    for command in ("plan", "apply", "run", "up"):
        told = loaded.fails(command)
        assert (told.code, (told.where or "").rpartition(":")[2]) == (code, str(line)), command
        assert word in told.message + (told.hint or "")
    assert any(not finding["ok"] and code in finding["detail"] for finding in loaded.run("doctor", "--json").json["findings"])
    settings(loaded)
    assert loaded.equal() == ALL_EQUAL


def test_a_changed_setting_counts_from_the_next_load_on_and_plan_says_so(shop: Shop) -> None:
    shop.sql("ALTER TABLE orders ADD COLUMN fee numeric, ADD COLUMN day date")
    shop.ok("run")
    settings(shop, more="tables: {orders: {from: shop.public.orders, types: {fee: 'decimal(9,2)'}}}\n")
    shop.sql("UPDATE orders SET fee = 1.5")
    assert shop.equal() == ALL_EQUAL
    warning, move = shop.ok("plan", "--json").json["warnings"]
    assert "moves it to a new folder" in move
    assert "column fee string becomes decimal(9,2); it has 20 rows now" in move
    assert warning == (
        "column fee of public.orders was captured as string and is to be decimal(9,2):"
        " `lakewright resync public.orders` loads it so"
    )
    shop.ok("resync", "orders")
    assert shop.equal() == ALL_EQUAL
    assert shop.ok("plan", "--json").json["warnings"] == []
    columns = {column["column"]: column["type"] for column in shop.ok("schema", "orders", "--json").json["columns"]}
    assert columns["fee"] == "decimal(9,2)"


def test_status_says_that_nobody_captures(loaded: Shop) -> None:
    loaded.sql(f"INSERT INTO orders (id, name) SELECT g, '{VALUE}' FROM generate_series(1000, 2000) g")
    status = loaded.ok("status", "--json").json
    (source,) = status["sources"]
    assert (source["state"], source["captured_by"], source["behind_bytes"] > 1000) == ("idle", None, True)
    assert {source[name] is not None for name in ("wal_status", "restart_lsn", "confirmed_lsn")} == {True}
    assert {(table["state"], table["lag_seconds"] > 0) for table in status["tables"]} == {("idle", True)}
    with loaded.up() as up:
        up.until_merged("orders")
        status = loaded.ok("status", "--json").json
        (source,) = status["sources"]
        assert (source["state"], source["captured_by"].startswith("capture (process")) == ("captured", True)
        assert {table["state"] for table in status["tables"]} == {"live"}
        up.stop(signal.SIGTERM)
