"""Tables that are dropped, made again, renamed or altered: one stops alone, and a resync goes on."""

from __future__ import annotations

import datetime
import re
import signal
from collections.abc import Sequence

import pytest

from lakewright.errors import SourceError
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres.source import PostgresSource
from tests.faults.conftest import LAKE, VALUE, Shop

ALL_EQUAL = {"orders": "equal", "parts": "equal"}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE orders ALTER COLUMN price TYPE text",
        "ALTER TABLE orders ALTER COLUMN id TYPE text",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD COLUMN code serial, ADD PRIMARY KEY (id, code)",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ALTER COLUMN id DROP NOT NULL",
        "ALTER TABLE orders REPLICA IDENTITY NOTHING",
        "DROP TABLE orders; CREATE TABLE orders (id int PRIMARY KEY, name text, price numeric(8, 2))",
    ],
)
def test_a_changed_table_stops_alone_and_goes_on_after_a_resync(loaded: Shop, statement: str) -> None:
    loaded.sql(f"UPDATE orders SET name = '{VALUE} again' WHERE id = 1")
    loaded.sql(statement)
    loaded.sql(f"INSERT INTO orders (id, name) VALUES (500, '{VALUE}')")
    loaded.sql(f"INSERT INTO parts VALUES (500, '{VALUE}')")
    loaded.ok("run")
    tables = loaded.tables()
    assert {name: table["state"] for name, table in tables.items()} == {"orders": "stopped", "parts": "idle"}
    problem = tables["orders"]["problem"]
    command = re.search(r"`lakewright (resync [a-z.]+)`", problem)
    assert command, problem
    assert tables["parts"]["rows"] == 3
    # Where it stopped it can still be read, and the answer says so.
    read = loaded.ok("sql", "SELECT count(*) FROM orders", "--format", "csv")
    assert ("20" in read.out, "orders stands at" in read.err) == (True, True)
    assert loaded.run("check", "--source", "--json").code == 3
    then = datetime.datetime.now(datetime.UTC).isoformat()
    moves = [warning for warning in loaded.run("plan", "--json").json["warnings"] if "moves it to a new folder" in warning]
    loaded.ok(*command[1].split())
    loaded.sql(f"INSERT INTO orders (id, name) VALUES (501, '{VALUE}')")
    verdicts = loaded.equal()
    assert verdicts in (ALL_EQUAL, {"orders": "append-only", "parts": "equal"})
    assert loaded.tables()["orders"]["state"] == "idle"
    assert loaded.ok("verify").code == 0
    # So it says of that time for good.
    read = loaded.ok("sql", "SELECT count(*) FROM orders", "--format", "csv", "--as-of", then)
    assert ("20" in read.out, "orders stands at" in read.err) == (True, True)
    assert "stands at" not in loaded.ok("sql", "SELECT count(*) FROM orders").err
    # Where key or types are not those of the rows so far, the table is in a folder of its own.
    moved = [change for change in ("TYPE text", "PRIMARY KEY (id, code)", "DROP CONSTRAINT", "NOTHING") if change in statement]
    assert (len(loaded.files("curated/_table-folders/orders/*")), len(moves)) == (bool(moved), bool(moved))


def test_a_log_that_differs_without_an_update_is_different(loaded: Shop) -> None:
    loaded.sql("CREATE TABLE visits (id int NOT NULL, page text)")
    loaded.sql("INSERT INTO visits SELECT g, 'p' FROM generate_series(1, 5) g")
    assert loaded.equal() == {**ALL_EQUAL, "visits": "equal"}
    loaded.sql("DELETE FROM visits WHERE id = 5")
    assert loaded.equal() == {**ALL_EQUAL, "visits": "append-only"}
    # Without the server's count of deletes a row too many is what a row written twice would be.
    loaded.sql("SELECT pg_stat_reset()")
    assert loaded.equal() == {**ALL_EQUAL, "visits": "different"}


def test_a_log_whose_source_had_updates_is_no_fault(loaded: Shop) -> None:
    loaded.sql("CREATE TABLE visits (id int NOT NULL, page text)")
    loaded.sql("INSERT INTO visits SELECT g, 'p' FROM generate_series(1, 5) g")
    loaded.ok("run")
    loaded.sql("UPDATE visits SET page = 'q' WHERE id = 5; DROP TABLE parts")
    told = loaded.fails("check", exit_code=3)
    assert (told.code, told.message) == ("LW-601", "1 of 3 tables are not equal to their source")


def test_a_key_added_to_a_log_makes_it_a_table(loaded: Shop) -> None:
    loaded.sql("CREATE TABLE visits (id int NOT NULL, page text)")
    loaded.sql("INSERT INTO visits SELECT g, 'p' FROM generate_series(1, 5) g")
    assert loaded.equal() == {**ALL_EQUAL, "visits": "equal"}
    loaded.sql("DELETE FROM visits WHERE id = 5")
    assert loaded.equal() == {**ALL_EQUAL, "visits": "append-only"}
    loaded.sql("ALTER TABLE visits ADD PRIMARY KEY (id)")
    loaded.sql("INSERT INTO visits VALUES (6, 'q')")
    before = loaded.sql("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::text")[0][0]
    loaded.ok("resync", "visits")
    loaded.ok("run")
    count = ("sql", "SELECT count(*) AS n FROM visits", "--json", "--committed")
    assert [loaded.ok(*count, *more).json for more in ((), ("--as-of", before))] == [[{"n": 5}], [{"n": 5}]]
    loaded.sql("DELETE FROM visits WHERE id = 4")
    assert loaded.equal() == {**ALL_EQUAL, "visits": "equal"}


@pytest.mark.parametrize("statement", ["DROP TABLE orders", "ALTER TABLE orders RENAME TO bills"])
def test_a_table_that_is_gone_leaves_the_others_alone(loaded: Shop, statement: str) -> None:
    loaded.sql(statement)
    loaded.sql(f"INSERT INTO parts VALUES (500, '{VALUE}')")
    loaded.ok("run")
    assert loaded.ok("sql", "SELECT count(*) AS n FROM orders", "--json").json == [{"n": 20}]
    assert loaded.tables()["parts"]["rows"] == 3
    told = loaded.fails("resync", "orders")
    assert (told.code, "orders" in told.message, "lakewright plan" in (told.hint or "")) == ("LW-213", True, True)
    ran = loaded.run("check", "--source", "--json")
    verdicts = {table["table"]: table for table in ran.json["reports"][0]["tables"]}
    assert (ran.code, verdicts["parts"]["verdict"], verdicts["orders"]["verdict"] in ("error", "stopped")) == (3, "equal", True)
    if "bills" in statement:
        assert verdicts["bills"]["verdict"] == "equal"


@pytest.mark.parametrize("identity", ["FULL", "USING INDEX orders_name"])
def test_another_replica_identity_goes_on(loaded: Shop, identity: str) -> None:
    loaded.sql("UPDATE orders SET name = 'order ' || id")
    loaded.sql("ALTER TABLE orders ALTER name SET NOT NULL")
    loaded.sql("CREATE UNIQUE INDEX orders_name ON orders (name)")
    loaded.ok("run")
    loaded.sql(f"ALTER TABLE orders REPLICA IDENTITY {identity}")
    loaded.sql("UPDATE orders SET price = 1 WHERE id = 1")
    loaded.sql("UPDATE orders SET name = 'other', id = 99 WHERE id = 2")
    loaded.sql("DELETE FROM orders WHERE id = 3")
    loaded.ok("run")
    if loaded.tables()["orders"]["state"] == "stopped":
        loaded.ok("resync", "orders")
    assert loaded.equal() == ALL_EQUAL


def test_up_loads_a_new_table_and_goes_on_with_a_resynced_one(loaded: Shop) -> None:
    with loaded.up() as up:
        loaded.sql("ALTER TABLE orders DROP COLUMN price")
        loaded.sql(f"INSERT INTO orders VALUES (500, '{VALUE}')")
        loaded.sql(f"INSERT INTO parts VALUES (500, '{VALUE}')")
        up.until_merged("parts")
        loaded.sql("CREATE TABLE visits (id int PRIMARY KEY)")
        loaded.sql("INSERT INTO visits VALUES (1)")
        loaded.ok("resync", "orders")
        up.until_merged("visits")
        loaded.sql("DELETE FROM visits")
        code, err = up.stop(signal.SIGINT)
        assert (code, err) == (0, "")
    assert loaded.equal() == {**ALL_EQUAL, "visits": "equal"}


def test_a_new_table_that_cannot_be_published_is_left_out_alone(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    publish = PostgresSource.prepare

    def prepare(source: PostgresSource, tables: Sequence[TableSchema]) -> list[str]:
        if any(table.name.table == "later" for table in tables):
            raise SourceError("LW-206", "must be owner of publication", hint="as its owner: ALTER PUBLICATION ...")
        return publish(source, tables)

    loaded.sql("CREATE TABLE later (id int PRIMARY KEY)")
    loaded.sql(f"INSERT INTO parts VALUES (501, '{VALUE}')")
    with monkeypatch.context() as patch:
        patch.setattr(PostgresSource, "prepare", prepare)
        loaded.ok("run")
        assert loaded.tables()["public.later"]["state"] == "not loaded"
        assert loaded.tables()["parts"]["state"] == "idle"
    loaded.ok("run")
    assert loaded.tables()["later"]["state"] == "idle"


def test_a_moment_before_the_first_load_is_an_error(loaded: Shop) -> None:
    told = loaded.fails("sql", "--as-of", "2001-01-01", "SELECT * FROM orders")
    assert told.code == "LW-520"


def test_a_table_whose_name_is_taken_is_left_out_alone(loaded: Shop) -> None:
    loaded.sql('CREATE TABLE "Orders" (id int PRIMARY KEY)')
    ran = loaded.ok("run")
    assert "would both be table orders (LW-110)" in ran.err
    assert {name: table["state"] for name, table in loaded.tables().items()} == {
        "orders": "idle",
        "parts": "idle",
        "public.Orders": "left out",
    }
    loaded.sql(f"INSERT INTO orders (id, name) VALUES (501, '{VALUE}')")
    loaded.ok("run")
    ran = loaded.run("check", "--source", "--json")
    verdicts = {table["table"]: table["verdict"] for report in ran.json["reports"] for table in report["tables"]}
    assert (ran.code, verdicts) == (3, {**ALL_EQUAL, "public.Orders": "error"})
    assert [(left["table"], left["code"]) for left in loaded.ok("plan", "--json").json["left_out"]] == [
        ("public.Orders", "LW-110")
    ]
    settings = loaded.folder / "lake.yaml"
    settings.write_text(settings.read_text() + "tables: {orders_too: {from: shop.public.Orders}}\n")
    assert loaded.equal() == {**ALL_EQUAL, "orders_too": "equal"}


def test_a_name_that_another_table_had_is_that_of_its_rows_alone(loaded: Shop) -> None:
    loaded.sql("ALTER TABLE orders RENAME TO sales; INSERT INTO sales VALUES (1000)")
    loaded.sql("CREATE TABLE stock (id int PRIMARY KEY, name text); INSERT INTO stock VALUES (3)")
    loaded.run("run")
    names = {"orders": "sales", "former": "orders", "parts": "stock", "stock": "parts"}
    named = "".join(f"  {name}: {{from: shop.public.{table}}}\n" for name, table in names.items())
    (loaded.folder / "lake.yaml").write_text(f"{LAKE}tables:\n{named}")
    count = "SELECT (SELECT count(*) FROM orders), (SELECT max(id) FROM parts), (SELECT max(id) FROM stock)"
    loaded.run("capture")
    assert loaded.tables()["orders"]["state"] == "not merged"
    assert [[*row.values()] for row in loaded.ok("sql", count, "--json").json] == [[21, 3, 2]]
    loaded.ok("merge")
    assert [[*row.values()] for row in loaded.ok("sql", count, "--json", "--committed").json] == [[21, 3, 2]]
    assert loaded.ok("sql", "SELECT count(*) n FROM former", "--json").json == [{"n": 20}]
    loaded.sql("DELETE FROM stock; INSERT INTO sales VALUES (1001)")
    verdicts = loaded.equal()
    assert verdicts.pop("former") == "stopped"
    assert verdicts == {"orders": "equal", "parts": "equal", "stock": "equal"}


def test_a_resync_that_capture_refuses_says_why(loaded: Shop) -> None:
    loaded.sql("DROP TABLE orders CASCADE; CREATE TABLE orders (id int PRIMARY KEY)")
    (publication,) = next(iter(loaded.sql("SELECT pubname FROM pg_publication WHERE pubupdate")))
    loaded.sql(f"DROP PUBLICATION {publication}")
    loaded.sql(f"CREATE PUBLICATION {publication} FOR ALL TABLES WITH (publish = 'insert')")
    told = loaded.fails("resync", "orders")
    assert told.code == "LW-215"
    loaded.sql(f"DROP PUBLICATION {publication}")
    loaded.ok("apply")
    loaded.ok("resync", "orders")
    loaded.ok("resync")
    assert loaded.equal() == ALL_EQUAL
