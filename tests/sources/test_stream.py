"""What comes of a real server's changes, and where each stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lakewright.model.contracts import Flush
from tests.sources.following import LONG, Lake, Sql, transaction


def test_many_changes_of_a_row_in_transactions(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    found = lake()
    with transaction(url) as cursor:
        cursor.execute("INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'; UPDATE t SET v = NULL; DELETE FROM t")
        cursor.execute("INSERT INTO t VALUES (1, 'c')")
    sql("DELETE FROM t")
    found.follow()
    assert found.changes() == [
        ("I", 1, (1, 1)),
        ("U", 1, (1, 2)),
        ("U", 1, (1, 3)),
        ("D", 1, (1, 4)),
        ("I", 1, (1, 5)),
        ("D", 1, (2, 1)),
    ]
    assert [row.get("v") for row in found.rows["t"]] == ["a", "b", None, None, "c", None]
    times = [row["_commit_time"] for row in found.rows["t"]]
    assert times == sorted(times)
    assert len(set(times)) == 2


def test_rolled_back_savepoints_leave_no_trace(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    found = lake()
    with transaction(url) as cursor:
        cursor.execute("INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (2); ROLLBACK TO s; INSERT INTO t VALUES (3)")
        cursor.execute("SAVEPOINT s2; DELETE FROM t WHERE id = 1; RELEASE s2")
    found.follow()
    assert found.changes() == [("I", 1, (1, 1)), ("I", 3, (1, 2)), ("D", 1, (1, 3))]


def test_unchanged_toast_is_unavailable(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, a text, b text, n int)")
    sql(f"INSERT INTO t VALUES (1, {LONG.format(1)}, {LONG.format(2)}, 1)")
    found = lake()
    sql("UPDATE t SET n = 2")
    sql("UPDATE t SET b = 'short'")
    found.follow()
    first, second = found.rows["t"]
    assert (first["_unavailable"], first["n"], "a" in first) == (["a", "b"], 2, False)
    assert (second["_unavailable"], second["b"]) == (["a"], "short")


def test_key_changes_in_a_chain_with_unchanged_toast(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, big text)")
    sql(f"INSERT INTO t SELECT v, {LONG.format('v')} FROM generate_series(1, 2) v")
    found = lake()
    with transaction(url) as cursor:
        cursor.execute("UPDATE t SET id = 9 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = 9")
        cursor.execute("UPDATE t SET id = 3, big = 'x' WHERE id = 2")
    found.follow()
    assert found.changes() == [
        ("D", 1, (1, 1)),
        ("I", 9, (1, 1)),
        ("D", 2, (1, 2)),
        ("I", 1, (1, 2)),
        ("D", 9, (1, 3)),
        ("I", 2, (1, 3)),
        ("D", 2, (1, 4)),
        ("I", 3, (1, 4)),
    ]
    inserts = [row for row in found.rows["t"] if row["Op"] == "I"]
    assert [(row.get("_old_key"), row.get("_unavailable")) for row in inserts] == [
        ({"id": 1}, ["big"]),
        ({"id": 2}, ["big"]),
        ({"id": 9}, ["big"]),
        (None, None),
    ]


def test_a_key_outside_its_row(lake: Callable[..., Lake], sql: Sql) -> None:
    # The index entry must stay below 2,700 bytes, the row's part is moved out by its neighbours.
    sql("CREATE TABLE t (id text PRIMARY KEY, n int)")
    sql("ALTER TABLE t ALTER id SET STORAGE EXTERNAL")
    sql("INSERT INTO t VALUES (repeat('k', 2500), 1)")
    found = lake()
    sql("UPDATE t SET n = 2")
    found.follow()
    assert [(row["Op"], len(row["id"]), row["n"], row.get("_unavailable")) for row in found.rows["t"]] == [("U", 2500, 2, None)]


def test_a_truncate_of_two_tables_is_one_change_of_both(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql("CREATE TABLE u (id int PRIMARY KEY REFERENCES t)")
    found = lake()
    with transaction(url) as cursor:
        cursor.execute("INSERT INTO t VALUES (1); TRUNCATE t, u; INSERT INTO t VALUES (2)")
    found.follow()
    assert found.changes("t") == [("I", 1, (1, 1)), ("T", None, (1, 2)), ("I", 2, (1, 3))]
    assert found.changes("u") == [("T", None, (1, 2))]


def test_a_keyless_table_is_a_log_of_inserts_and_truncates(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    found = lake()
    sql("INSERT INTO t VALUES (1), (2)")
    sql("UPDATE t SET id = 3")
    sql("DELETE FROM t")
    sql("TRUNCATE t")
    found.follow()
    assert [(op, key) for op, key, _ in found.changes()] == [("I", 1), ("I", 2), ("T", None)]


@pytest.mark.parametrize("identity", ["FULL", "USING INDEX t_other"])
def test_other_replica_identities(lake: Callable[..., Lake], sql: Sql, identity: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, other text NOT NULL, big text)")
    sql("CREATE UNIQUE INDEX t_other ON t (other)")
    sql(f"ALTER TABLE t REPLICA IDENTITY {identity}")
    sql(f"INSERT INTO t VALUES (1, 'a', {LONG.format(1)})")
    found = lake()
    sql("UPDATE t SET other = 'b'")
    sql("UPDATE t SET id = 2")
    sql("DELETE FROM t")
    found.follow()
    rows = [(r["Op"], r.get("id"), r.get("other"), len(r.get("big", "")), r.get("_old_key")) for r in found.rows["t"]]
    if identity == "FULL":
        assert rows == [
            ("U", 1, "b", 3200, None),
            ("D", 1, None, 0, None),
            ("I", 2, "b", 3200, None),
            ("D", 2, None, 0, None),
        ]
    else:
        assert rows == [
            ("D", None, "a", 0, None),
            ("I", 1, "b", 0, {"other": "a"}),
            ("U", 2, "b", 0, None),
            ("D", None, "b", 0, None),
        ]


def test_tables_that_are_not_followed_do_not_shift_ordinals(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql("CREATE TABLE u (id int PRIMARY KEY)")
    found = lake()
    found.schemas = [schema for schema in found.schemas if schema.name.table == "t"]
    with transaction(url) as cursor:
        cursor.execute("INSERT INTO u VALUES (1); INSERT INTO t VALUES (1); INSERT INTO u VALUES (2); INSERT INTO t VALUES (2)")
    found.follow()
    assert found.changes() == [("I", 1, (1, 2)), ("I", 2, (1, 4))]
    assert list(found.rows) == ["t"]


def test_values_of_all_kinds_come_as_the_lake_types(lake: Callable[..., Lake], sql: Sql) -> None:
    sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, b boolean, s smallint, r real, d numeric(6,2), n numeric, day date,"
        " at timestamptz, local timestamp, raw bytea, doc jsonb, words text[], numbers int[], fixed char(5), span interval)"
    )
    found = lake()
    sql(
        "INSERT INTO t VALUES (1, true, 2, 0.1, 1.5, 1e50, '2026-02-03', '2026-02-03 04:05:06.789+02', '2026-02-03 04:05:06',"
        " '\\x00ff', '{\"b\": 1}', '{a,NULL}', '{{1},{2}}', 'ab', '1 day')"
    )
    sql("INSERT INTO t (id, d, day, at) VALUES (2, 'NaN', 'infinity', '-infinity')")
    found.follow()
    first, second = found.rows["t"]
    plain = {k: str(v) for k, v in first.items() if not k.startswith("_")}
    assert plain == {
        "Op": "I",
        "id": "1",
        "b": "True",
        "s": "2",
        "r": "0.10000000149011612",
        "d": "1.50",
        "n": "1" + "0" * 50,
        "day": "2026-02-03",
        "at": "2026-02-03 02:05:06.789000+00:00",
        "local": "2026-02-03 04:05:06+00:00",
        "raw": "b'\\x00\\xff'",
        "doc": '{"b": 1}',
        "words": '["a",null]',
        "numbers": "[[1],[2]]",
        "fixed": "ab   ",
        "span": "1 day",
    }
    assert second["_exact"] == '{"d": "NaN", "day": "infinity", "at": "-infinity"}'


def test_changes_of_a_partitioned_table_come_under_its_root(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    sql("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    sql("CREATE TABLE t2 (v text, id int NOT NULL)")
    sql("ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (20)")
    found = lake()
    sql("INSERT INTO t VALUES (1, 'a'), (11, 'b')")
    sql("UPDATE t SET id = 12 WHERE id = 1")
    sql("DELETE FROM t2 WHERE id = 11")
    found.follow()
    assert [(op, key) for op, key, _ in found.changes()] == [("I", 1), ("I", 11), ("D", 1), ("I", 12), ("D", 11)]
    assert [row.get("v") for row in found.rows["t"]] == ["a", "b", None, "a", None]


def tables_of(flushes: Sequence[Flush]) -> set[str]:
    return {batch.schema.name.table for flush in flushes for batch in flush.batches}


def test_many_tables_in_one_transaction(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    for number in range(12):
        sql(f"CREATE TABLE t{number} (id int PRIMARY KEY)")
    found = lake()
    with transaction(url) as cursor:
        for step in range(36):
            cursor.execute(f"INSERT INTO t{step % 12} VALUES ({step})")
    found.follow()
    assert tables_of(found.flushes) == {f"t{number}" for number in range(12)}
    for number in range(12):
        expected = [("I", step, (1, step + 1)) for step in range(number, 36, 12)]
        assert found.changes(f"t{number}") == expected
