"""How a table differs between two moments."""

from __future__ import annotations

from typing import Any

from lakewright.model.position import Position
from tests.faults.conftest import LAKE, VALUE, Shop


def differs(shop: Shop, *arguments: str) -> dict[str, Any]:
    """The answer but for where the moments are."""
    found = shop.run("diff", *arguments, "--json")
    return {name: value for name, value in found.json.items() if name not in ("table", "start", "end")}


def test_rows_that_came_went_and_changed(shop: Shop) -> None:
    (shop.folder / "lake.yaml").write_text(f'{LAKE}tables:\n  orders: {{from: shop.public.orders, partition: "day(made)"}}\n')
    shop.sql("ALTER TABLE orders ADD made timestamptz DEFAULT '2026-01-01', ADD weight real DEFAULT 'NaN'")
    shop.ok("run")
    first = shop.ok("history", "orders", "--json").json["commits"][-1]
    shop.sql("UPDATE orders SET price = 99, made = '2026-02-02' WHERE id = 2; UPDATE orders SET name = NULL WHERE id = 3")
    shop.sql("DELETE FROM orders WHERE id = 4; INSERT INTO orders (id, name) VALUES (21, 'new')")
    shop.sql("UPDATE orders SET id = 30 WHERE id = 5; UPDATE orders SET price = price WHERE id = 6")
    shop.ok("capture")
    changed = [
        {"change": "changed", "key": {"id": 2}, "before": {"made": "2026-01-01T00:00:00", "price": "0.50"},
         "after": {"made": "2026-02-02T00:00:00", "price": "99.00"}, "times": 1},
        {"change": "changed", "key": {"id": 3}, "before": {"name": VALUE}, "after": {"name": None}, "times": 1},
    ]  # fmt: skip
    expected = {"added": 2, "removed": 2, "changed": 2, "columns": {"name": 1, "price": 1, "made": 1}}
    found = differs(shop, "orders", "--from", first["instant"])
    assert {name: found[name] for name in expected} == expected
    assert found["rows"][:2] == changed
    assert [(row["change"], row["key"]["id"]) for row in found["rows"]][2:] == [
        ("removed", 4), ("removed", 5), ("added", 21), ("added", 30)
    ]  # fmt: skip
    assert found["rows"][4]["after"] == {"name": "new", "made": "2026-01-01T00:00:00", "weight": None}
    # The same between positions, times and commits, merged or not.
    start, end = (shop.ok("diff", "orders", "--from", first["instant"], "--json").json[name] for name in ("start", "end"))
    assert (start, Position.parse(end)) == (first["instant"], Position.parse(end))
    position = str(Position(*first["checkpoint"]["position"])) if isinstance(first["checkpoint"]["position"], list) else None
    position = position or first["checkpoint"]["position"]
    assert differs(shop, "orders", "--from", position, "--to", end) == found
    assert differs(shop, "orders", "--from", first["time"], "--to", end) == found
    shop.ok("merge")
    last = shop.ok("history", "orders", "--json").json["commits"][-1]["instant"]
    assert differs(shop, "orders", "--from", position, "--to", last) == found
    back = differs(shop, "orders", "--from", last, "--to", first["instant"], "--limit", "1")
    assert (back["added"], back["removed"], back["changed"], len(back["rows"])) == (2, 2, 2, 1)
    assert differs(shop, "orders", "--from", last)["rows"] == []
    ran = shop.ok("diff", "orders", "--from", first["instant"], "--to", last, "--limit", "0")
    assert ran.out == "2 added, 2 removed, 2 changed (name in 1, price in 1, made in 1)\n"


def test_a_renamed_column_is_one_and_an_added_one_differs_where_it_has_values(loaded: Shop) -> None:
    position = loaded.ok("status", "--json").json["sources"][0]["watermark"]
    loaded.sql("ALTER TABLE orders RENAME COLUMN name TO label")
    loaded.sql("ALTER TABLE orders ADD grade int; ALTER TABLE orders DROP COLUMN price")
    loaded.sql("UPDATE orders SET label = 'a', grade = 1 WHERE id = 1")
    loaded.ok("capture")
    row = {"change": "changed", "key": {"id": 1}, "before": {"label": VALUE, "price": "0.25", "grade": None},
           "after": {"label": "a", "price": None, "grade": 1}, "times": 1}  # fmt: skip
    assert differs(loaded, "orders", "--from", position)["rows"] == [row]
    former = loaded.ok("history", "orders", "--json").json["commits"][-1]["instant"]
    assert differs(loaded, "orders", "--from", former)["rows"] == [row]
    loaded.ok("apply")
    loaded.ok("merge")
    renamed = loaded.ok("history", "orders", "--json").json["commits"][-1]["instant"]
    assert renamed != former
    assert differs(loaded, "orders", "--from", former, "--to", renamed)["rows"] == [row]
    before, after = ({"name": v["label"], "price": v["price"], "grade": v["grade"]} for v in (row["after"], row["before"]))
    back = {**row, "before": before, "after": after}
    assert differs(loaded, "orders", "--from", renamed, "--to", former)["rows"] == [back]


def test_rows_without_a_key_are_compared_whole(loaded: Shop) -> None:
    loaded.sql("CREATE TABLE visits (page text, at int); INSERT INTO visits VALUES ('a', 1), ('a', 1), ('b', NULL)")
    loaded.ok("run")
    position = loaded.ok("status", "--json").json["sources"][0]["watermark"]
    loaded.sql("TRUNCATE visits; INSERT INTO visits VALUES ('a', 1), ('c', NULL), ('c', NULL)")
    loaded.ok("capture")
    found = differs(loaded, "visits", "--from", position)
    assert (found["added"], found["removed"], found["changed"]) == (2, 2, 0)
    assert [(row["change"], row["times"], row["before"], row["after"]) for row in found["rows"]] == [
        ("added", 2, {}, {"page": "c"}),
        ("removed", 1, {"page": "a", "at": 1}, {}),
        ("removed", 1, {"page": "b"}, {}),
    ]


def test_moments_that_are_none(loaded: Shop) -> None:
    loaded.ok("status")
    for moment, code in (("noon", "LW-521"), ("F" * 16 + ".0000000000", "LW-520"), ("1990-01-01", "LW-520")):
        assert loaded.fails("diff", "orders", "--from", moment).code == code
