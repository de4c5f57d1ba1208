"""What a real server's ALTER TABLE does to the stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lakewright.errors import NeedsLoad
from lakewright.model.names import TableName
from lakewright.model.position import Position
from tests.sources.following import Lake, Sql

Names = tuple[str, ...]


@pytest.mark.parametrize(
    ("change", "value"), [("ADD c int", None), ("ADD c int DEFAULT 5", 5), ("ADD c int NOT NULL DEFAULT 5", 5)]
)
def test_an_added_column_goes_on(lake: Callable[..., Lake], sql: Sql, change: str, value: int | None) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    found = lake()
    sql("INSERT INTO t VALUES (1)")
    sql(f"ALTER TABLE t {change}")
    sql("INSERT INTO t VALUES (2)")
    found.follow()
    assert [(row["id"], row.get("c")) for row in found.rows["t"]] == [(1, None), (2, value)]
    batches = [batch for flush in found.flushes for batch in flush.batches]
    assert [batch.schema.column_names for batch in batches] == [("id",), ("id", "c")]
    assert (batches[1].schema.number, batches[1].schema.column("c").missing) == (0, None if value is None else str(value))
    # Opened again under the schema of that position, older changes that come again do not matter.
    sql("INSERT INTO t VALUES (3)")
    found.follow()
    assert found.rows["t"][-1]["id"] == 3


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("ALTER v TYPE bytea USING v::bytea", "(id, v) VALUES ({0}, '{0}')"),
        ("ALTER v TYPE varchar(9)", "(id, v) VALUES ({0}, '{0}')"),
        ("ADD c double precision DEFAULT random()", "(id, v) VALUES ({0}, '{0}')"),
        ("REPLICA IDENTITY USING INDEX t_v", "(id, v) VALUES ({0}, '{0}')"),
        ("DROP CONSTRAINT t_pkey", "(id, v) VALUES ({0}, '{0}')"),
    ],
)
def test_any_other_change_stops_that_table_alone(lake: Callable[..., Lake], sql: Sql, change: str, columns: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL)")
    sql("CREATE UNIQUE INDEX t_v ON t (v)")
    sql("CREATE TABLE u (id int PRIMARY KEY)")
    found = lake()
    sql("INSERT INTO t VALUES (1, 'a')")
    sql(f"ALTER TABLE t {change}")
    sql(f"INSERT INTO t {columns.format(2)}")
    sql(f"INSERT INTO t {columns.format(3)}")
    sql("INSERT INTO u VALUES (1)")
    found.follow()
    assert [row["id"] for row in found.rows.get("t", [])] in ([1], [])
    assert [row["id"] for row in found.rows["u"]] == [1]
    (stopped,) = [stop for flush in found.flushes for stop in flush.stopped]
    assert (stopped.table, stopped.error.code) == (TableName("public", "t"), "LW-242")
    after = [Position.parse(row["_position"]) for row in found.rows.get("t", [])]
    assert all(position <= stopped.position for position in after)
    assert stopped.position < Position.parse(found.rows["u"][0]["_position"])


@pytest.mark.parametrize(
    ("change", "insert", "columns", "dropped", "vacated"),
    [
        ("DROP v", "(id, w) VALUES (2, 1)", ("id", "w"), ("v",), ()),
        ("RENAME v TO u", "(id, u) VALUES (2, 'b')", ("id", "u", "w"), (), ("v",)),
        ("ALTER v TYPE varchar(9)", "(id, v) VALUES (2, 'b')", ("id", "v", "w"), (), ()),
        ("ALTER w TYPE numeric(9, 2)", "(id, w) VALUES (2, 1234567.89)", ("id", "v", "w"), (), ()),
    ],
)
def test_a_column_that_goes_is_renamed_or_widened_without_a_rewrite_goes_on(
    lake: Callable[..., Lake], sql: Sql, change: str, insert: str, columns: Names, dropped: Names, vacated: Names
) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(5), w numeric(5, 2))")
    found = lake()
    sql("INSERT INTO t VALUES (1, 'a', 1)")
    sql(f"ALTER TABLE t {change}")
    sql(f"INSERT INTO t {insert}")
    # The catalog is of a later time than the changes are.
    sql("ALTER TABLE t ADD later int")
    found.follow()
    assert [stop for flush in found.flushes for stop in flush.stopped] == []
    old, new = (batch.schema for flush in found.flushes for batch in flush.batches)
    assert (old.column_names, old.dropped, old.vacated) == (("id", "v", "w"), (), ())
    names = [tuple(column.name for column in each) for each in (new.columns, new.dropped, new.vacated)]
    assert (*names, new.number) == (columns, dropped, vacated, 0)
    assert [column.number for column in new.stored] == sorted(column.number for column in new.stored)


@pytest.mark.parametrize(
    "changes",
    [
        ["RENAME v TO a", "INSERT INTO t VALUES (2, 'b', 1)", "RENAME a TO b"],
        ["RENAME v TO a", "INSERT INTO t VALUES (2, 'b', 1)", "DROP a"],
        ["RENAME v TO a", "RENAME w TO v", "INSERT INTO t VALUES (2, 'b', 1)"],
        ["DROP v", "ADD v int", "INSERT INTO t VALUES (2, 1, 1)"],
    ],
)
def test_a_column_of_which_nobody_knows_what_became_stops_the_table(
    lake: Callable[..., Lake], sql: Sql, changes: list[str]
) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(5), w numeric(5, 2))")
    found = lake()
    for change in changes:
        sql(change if change.startswith("INSERT") else f"ALTER TABLE t {change}")
    found.follow()
    (stopped,) = [stop for flush in found.flushes for stop in flush.stopped]
    assert (stopped.error.code, type(stopped.error) is NeedsLoad) == ("LW-242", False)


def test_changes_from_before_a_column_went_have_it(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(5), w int)")
    found = lake()
    sql("INSERT INTO t VALUES (1, 'a', 1)")
    sql("ALTER TABLE t ADD x int")
    sql("INSERT INTO t VALUES (2, 'b', 2, 2)")
    sql("ALTER TABLE t DROP v")
    sql("ALTER TABLE t RENAME w TO y")
    found.follow()
    assert [(row["id"], row["v"], row["w"]) for row in found.rows["t"]] == [(1, "a", 1), (2, "b", 2)]
    sql("INSERT INTO t VALUES (3, 3, 3)")
    found.follow()
    assert [(row.get("id"), row.get("y"), row.get("x")) for row in found.rows["t"]][-1] == (3, 3, 3)


def test_a_type_whose_values_may_be_others_needs_a_load(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v int)")
    found = lake()
    sql("ALTER TABLE t ALTER v TYPE bigint USING v * 2")
    sql("INSERT INTO t VALUES (1, 1)")
    found.follow()
    (stopped,) = [stop for flush in found.flushes for stop in flush.stopped]
    assert (stopped.error.code, type(stopped.error)) == ("LW-242", NeedsLoad)


def test_a_renamed_table_stops(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    found = lake()
    sql("INSERT INTO t VALUES (1)")
    sql("ALTER TABLE t RENAME TO s")
    sql("INSERT INTO s VALUES (2)")
    found.follow()
    (stopped,) = [stop for flush in found.flushes for stop in flush.stopped]
    assert (stopped.table, stopped.error.code) == (TableName("public", "t"), "LW-243")
    assert list(found.rows.get("s", [])) == []
