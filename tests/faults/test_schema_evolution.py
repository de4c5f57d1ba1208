"""Columns that come, go, get other names and wider types: the table goes on, and at each moment reads as its source did."""

from __future__ import annotations

import pytest
from hudi import HudiTableBuilder

from tests.faults.conftest import LAKE, Shop

ALL_EQUAL = {"orders": "equal", "parts": "equal"}


@pytest.fixture
def lake(shop: Shop) -> Shop:
    """The lake with a merge-on-read table, captured and merged once; those of the property tests are of either type."""
    (shop.folder / "lake.yaml").write_text(f"{LAKE}tables:\n  orders: {{from: shop.public.orders, type: mor}}\n")
    shop.ok("run")
    return shop


def read(shop: Shop, columns: str = "*", *options: str) -> list[tuple[object, ...]]:
    """Some rows of the table as SQL shows them."""
    text = f"SELECT {columns} FROM orders WHERE id IN (1, 2, 3, 500, 501) ORDER BY id"
    return [tuple(row.values()) for row in shop.ok("sql", text, "--json", *options).json]


def names(shop: Shop) -> list[str]:
    """The table's columns in the order of SELECT *."""
    return list(shop.ok("sql", "SELECT * FROM orders LIMIT 1", "--json").json[0])


def stored(shop: Shop, column: str) -> list[object]:
    """A column of the same rows as hudi-rs, an independent reader, has it."""
    table = HudiTableBuilder.from_base_uri(str(shop.folder / "curated/orders")).build()
    found = {row["id"]: row[column] for batch in table.read() for row in batch.to_pylist()}
    return [found[id] for id in (1, 2, 3, 500, 501) if id in found]


def test_a_dropped_column_stays_and_is_not_written(lake: Shop) -> None:
    before = lake.ok("history", "orders", "--json").json["commits"][-1]["instant"]
    lake.sql("UPDATE orders SET name = 'a' WHERE id = 1")
    lake.sql("ALTER TABLE orders DROP COLUMN price")
    lake.sql("UPDATE orders SET name = 'b' WHERE id = 2")
    lake.sql("INSERT INTO orders VALUES (500, 'c')")
    lake.ok("capture")
    expected = [(1, "a", "0.25"), (2, "b", None), (3, "value-secret-7", "0.75"), (500, "c", None)]
    assert read(lake) == expected
    assert lake.equal() == ALL_EQUAL
    assert (read(lake), read(lake, "*", "--committed"), names(lake)) == (expected, expected, ["id", "name", "price"])
    assert read(lake, "price", "--as-of", before) == [("0.25",), ("0.50",), ("0.75",)]
    columns = lake.ok("schema", "orders", "--json").json["columns"]
    assert [(column["column"], column["gone"]) for column in columns] == [("id", False), ("name", False), ("price", True)]
    lake.sql("DELETE FROM orders WHERE id = 1; INSERT INTO orders VALUES (501, 'd')")
    assert lake.equal() == ALL_EQUAL
    assert read(lake, "id, price") == [(2, None), (3, "0.75"), (500, None), (501, None)]


def test_a_column_dropped_from_a_table_at_rest_stays(lake: Shop) -> None:
    lake.sql("ALTER TABLE orders DROP COLUMN price")
    assert lake.equal() == ALL_EQUAL
    assert read(lake) == [(1, "value-secret-7", "0.25"), (2, "value-secret-7", "0.50"), (3, "value-secret-7", "0.75")]
    lake.sql("UPDATE orders SET name = 'a' WHERE id = 1")
    assert lake.equal() == ALL_EQUAL
    assert read(lake, "price") == [(None,), ("0.50",), ("0.75",)]


def test_a_column_that_takes_the_name_of_a_dropped_one_stops_the_table(lake: Shop) -> None:
    lake.sql("ALTER TABLE orders DROP COLUMN price")
    lake.sql("INSERT INTO orders VALUES (500, 'a')")
    lake.ok("run")
    lake.sql("ALTER TABLE orders ADD COLUMN price int")
    lake.sql("INSERT INTO orders VALUES (501, 'b', 7)")
    lake.ok("run")
    assert "is another one than before" in lake.tables()["orders"]["problem"]
    lake.ok("resync", "orders")
    assert lake.equal() == ALL_EQUAL
    assert read(lake, "id, price")[-1] == (501, 7)


def test_a_renamed_column_is_copied_once_somebody_agrees(lake: Shop) -> None:
    before = lake.ok("history", "orders", "--json").json["commits"][-1]["instant"]
    lake.sql("UPDATE orders SET name = 'a' WHERE id = 1")
    lake.sql("ALTER TABLE orders RENAME COLUMN name TO label")
    lake.sql("UPDATE orders SET label = 'b' WHERE id = 2")
    lake.ok("capture")
    expected = [("a", None), ("b", None), ("value-secret-7", None)]
    assert read(lake, "label, name") == expected
    assert "name to label" in lake.ok("merge", "--json").json["merged"][0]["waits"]
    planned = lake.run("plan", "--json")
    (change,) = planned.json["changes"]
    assert (planned.code, "name to label" in change["action"], "20 rows" in change["action"]) == (3, True, True)
    assert "copy column name to label" in lake.tables()["orders"]["problem"]
    assert read(lake, "name", "--committed") == [("value-secret-7",)] * 3
    assert lake.equal() == ALL_EQUAL
    assert len(lake.ok("apply", "--json").json["changes"]) == 1
    assert (lake.ok("plan").code, lake.tables()["orders"]["problem"]) == (0, None)
    assert (read(lake, "label, name"), read(lake, "label, name", "--committed")) == (expected, expected)
    assert (stored(lake, "label"), stored(lake, "name")) == (["a", "b", "value-secret-7"], [None] * 3)
    assert read(lake, "name", "--as-of", before) == [("value-secret-7",)] * 3
    lake.sql("INSERT INTO orders VALUES (500, 'c', 1)")
    assert lake.equal() == ALL_EQUAL
    assert read(lake, "label, name")[-1] == ("c", None)
    assert names(lake) == ["id", "name", "label", "price"]


def test_a_column_renamed_back_before_it_was_copied_costs_nothing(lake: Shop) -> None:
    lake.sql("ALTER TABLE orders RENAME COLUMN name TO label")
    lake.sql("UPDATE orders SET label = 'a' WHERE id = 1")
    lake.ok("run")
    lake.sql("ALTER TABLE orders RENAME COLUMN label TO name")
    lake.sql("UPDATE orders SET name = 'b' WHERE id = 2")
    assert lake.equal() == ALL_EQUAL
    assert read(lake, "name, label", "--committed") == [("a", None), ("b", None), ("value-secret-7", None)]


@pytest.mark.parametrize(
    ("statement", "column", "kind", "value"),
    [
        ("ALTER price TYPE numeric(12, 2)", "price", "decimal(12,2)", "9999999999.25"),
        ("ALTER id TYPE bigint USING id + 400", "id", "bigint", None),
        ("ALTER name TYPE varchar(50)", "name", "string", "'x'"),
    ],
)
def test_a_wider_column_goes_on(lake: Shop, statement: str, column: str, kind: str, value: str) -> None:
    before = lake.ok("history", "orders", "--json").json["commits"][-1]["instant"]
    rows = lake.ok("sql", "SELECT * FROM orders ORDER BY id", "--json").json
    lake.sql(f"ALTER TABLE orders {statement}")
    lake.sql(f"INSERT INTO orders (id, {column}) VALUES (700, {value})" if column != "id" else "INSERT INTO orders VALUES (9)")
    assert lake.equal() == ALL_EQUAL
    columns = {each["column"]: each["type"] for each in lake.ok("schema", "orders", "--json").json["columns"]}
    assert columns[column] == kind
    assert lake.ok("sql", "SELECT * FROM orders ORDER BY id", "--json", "--as-of", before).json == rows
    assert len(stored(lake, column)) >= 3 or "400" in statement
    lake.sql("UPDATE orders SET name = 'y' WHERE id % 2 = 0")
    lake.sql("DELETE FROM orders WHERE id % 5 = 0")
    assert lake.equal() == ALL_EQUAL


@pytest.mark.parametrize("statement", ["ALTER price TYPE numeric(12, 4)"])
def test_another_type_stops_the_table_and_names_the_way_out(loaded: Shop, statement: str) -> None:
    loaded.sql(f"ALTER TABLE orders {statement}")
    loaded.sql("INSERT INTO orders VALUES (500, 'a')")
    loaded.ok("run")
    stopped = loaded.tables()["orders"]
    assert (stopped["state"], "`lakewright resync public.orders`" in stopped["problem"]) == ("stopped", True)
    loaded.ok("resync", "orders")
    assert loaded.equal() == ALL_EQUAL


def test_what_older_rows_have_in_a_column_is_not_forgotten_with_a_rewrite(loaded: Shop) -> None:
    """A rewrite fills a default in, and the server then has no record of it: the log, which was not merged, needs it yet.

    Whether a column may be null changes nothing.
    """
    loaded.sql("ALTER TABLE orders ALTER name SET NOT NULL")
    loaded.sql("INSERT INTO orders VALUES (499, 'a')")
    loaded.sql("ALTER TABLE orders ALTER name DROP NOT NULL")
    loaded.sql("INSERT INTO orders VALUES (498)")
    loaded.sql("ALTER TABLE orders ADD COLUMN grade int DEFAULT 5")
    loaded.sql("INSERT INTO orders VALUES (500, 'a')")
    loaded.ok("capture")
    loaded.sql("VACUUM FULL orders")
    loaded.sql("ALTER TABLE orders ADD COLUMN remark text")
    loaded.sql("INSERT INTO orders VALUES (501, 'b')")
    assert loaded.equal() == ALL_EQUAL
