"""What a real server's ALTER TABLE does to the stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lakewright.model.names import TableName
from lakewright.model.position import Position
from tests.sources.following import Lake, Sql


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
        ("DROP v", "(id) VALUES ({0})"),
        ("RENAME v TO w", "(id, w) VALUES ({0}, '{0}')"),
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
