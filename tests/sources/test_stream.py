"""The stream of a real server: what comes, where it stands, how it is cut and what the server is told."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg2
import pytest

from lakewright.errors import SourceError, SourceUnreachable
from lakewright.model.contracts import Flush
from lakewright.model.names import TableName
from lakewright.model.position import Position, parse_lsn
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres import PostgresSource, stream

Sql = Callable[[str], Any]
NAME = "lake"
# Three kilobytes that do not compress: kept outside of the row (TOAST).
LONG = "(SELECT string_agg(md5(g::text || {0}::text), '') FROM generate_series(1, 100) g)"


@dataclasses.dataclass
class Lake:
    """What is captured of a source: rows in the order they came, by table; the schemas they came under; what was told."""

    source: PostgresSource
    position: Position
    schemas: list[TableSchema]
    rows: dict[str, list[dict[str, Any]]]
    flushes: list[Flush]

    def follow(self, *, acknowledge: bool = True) -> None:
        """Take up everything that is committed now."""
        until = self.source.current_position()
        with self.source.open_stream(self.position, self.schemas, {}) as opened:
            for flush in opened.flushes():
                self.take(flush)
                if flush.watermark is not None:
                    self.position = flush.watermark
                    if acknowledge:
                        opened.acknowledge(flush.watermark.lsn)
                    if flush.watermark >= until:
                        return

    def take(self, flush: Flush) -> None:
        if flush.batches or flush.stopped:
            self.flushes.append(flush)
        for batch in flush.batches:
            known = self.rows.setdefault(batch.schema.name.table, [])
            known += [{k: v for k, v in row.items() if v is not None} for row in batch.rows.to_pylist()]
            self.schemas = [batch.schema if schema.name == batch.schema.name else schema for schema in self.schemas]

    def changes(self, table: str = "t") -> list[tuple[Any, ...]]:
        """Op, key and position of a table's rows; positions as (number of the transaction, ordinal)."""
        every = sorted({row["_position"][:16] for rows in self.rows.values() for row in rows})
        return [
            (row["Op"], row.get("id"), (every.index(row["_position"][:16]) + 1, int(row["_position"][17:])))
            for row in self.rows.get(table, [])
        ]


@pytest.fixture
def lake(url: str) -> Callable[..., Lake]:
    def begin(*tables: str) -> Lake:
        """Publish what there is and start from here."""
        name = f"{NAME}_{url.partition('test_')[2][:12]}"
        source = PostgresSource(url, list(tables) or ["public.*"], name)
        schemas = source.discover()
        with source.open_load(schemas, first=True) as load:
            return Lake(source, load.position, schemas, {}, [])

    return begin


@contextlib.contextmanager
def transaction(url: str) -> Iterator[psycopg2.extensions.cursor]:
    """A transaction that commits at the end of the block."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            yield cursor


def confirmed(sql: Sql) -> int:
    ((lsn,),) = sql("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()")
    return parse_lsn(lsn)


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


def test_a_huge_transaction_comes_in_pieces(
    lake: Callable[..., Lake], sql: Sql, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(stream, "MAX_MESSAGES", 100)
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    found = lake()
    sql("INSERT INTO t VALUES (0)")
    sql("INSERT INTO t SELECT generate_series(1, 1000)")
    sql("INSERT INTO t VALUES (1001)")
    found.follow()
    assert found.changes() == [
        ("I", 0, (1, 1)),
        *(("I", number, (2, number)) for number in range(1, 1001)),
        ("I", 1001, (3, 1)),
    ]
    assert len(found.flushes) > 10
    for flush in found.flushes:
        (batch,) = flush.batches
        whole = batch.last.lsn == found.flushes[-1].batches[0].last.lsn or batch.last.ordinal in (1, 1000)
        assert (flush.watermark is not None) == whole
        assert flush.watermark is None or flush.watermark > batch.last
        assert len(batch.rows) <= 200


def test_a_transaction_larger_than_a_flush_is_cut_by_its_bytes(
    lake: Callable[..., Lake], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_BYTES", 100_000)
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    found = lake()
    sql("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 500) g")
    found.follow()
    sizes = [flush.batches[0].rows.num_rows for flush in found.flushes]
    assert sum(sizes) == 500
    assert max(sizes) <= 100
    assert [flush.watermark for flush in found.flushes[:-1]] == [None] * (len(sizes) - 1)


def test_a_second_delivery_gives_the_same_positions_however_it_is_cut(
    lake: Callable[..., Lake], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    found = lake()
    start = found.position
    for number in range(20):
        sql(f"INSERT INTO t SELECT g, 'v' FROM generate_series({number * 10}, {number * 10 + 9}) g")
        sql(f"UPDATE t SET v = 'w' WHERE id % 20 = {number}")
    found.follow(acknowledge=False)
    first = found.rows["t"]
    for size in (1, 7, 1000):
        monkeypatch.setattr(stream, "MAX_MESSAGES", size)
        again = dataclasses.replace(found, position=start, rows={}, flushes=[])
        again.follow(acknowledge=False)
        assert again.rows["t"] == first
    middle = Position.parse(first[150]["_position"])
    rest = dataclasses.replace(found, position=middle, rows={}, flushes=[])
    rest.follow(acknowledge=False)
    assert rest.rows["t"] == first[151:]


def test_the_server_hears_only_what_was_acknowledged(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql("CREATE TABLE u (id int PRIMARY KEY)")
    found = lake("public.t")
    start = confirmed(sql)
    # A transaction that begins before and commits after others: its changes' LSNs are below what is confirmed by then.
    with transaction(url) as early:
        early.execute("INSERT INTO t VALUES (1)")
        sql("INSERT INTO t VALUES (2)")
        with found.source.open_stream(found.position, found.schemas, {}) as opened:
            flushes = opened.flushes()
            first = next(flush for flush in flushes if flush.batches)
            assert first.watermark is not None
            assert confirmed(sql) == start
            opened.acknowledge(first.watermark.lsn)
            sql("INSERT INTO t VALUES (3)")
            early.connection.commit()
            sql("INSERT INTO u SELECT generate_series(1, 1000)")
            until = found.source.current_position()
            for flush in flushes:
                assert flush.watermark is not None
                if flush.watermark >= until:
                    break
            # Several keepalives with higher LSNs have come and been answered by now.
            assert confirmed(sql) == first.watermark.lsn
            opened.acknowledge(flush.watermark.lsn)
            opened.acknowledge(first.watermark.lsn)
            next(flushes)
            assert confirmed(sql) == flush.watermark.lsn


def test_an_idle_table_lets_the_watermark_follow_other_writes(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql("CREATE TABLE u (id int PRIMARY KEY)")
    found = lake("public.t")
    sql("INSERT INTO u SELECT generate_series(1, 1000)")
    until = found.source.current_position()
    watermarks = []
    with found.source.open_stream(found.position, found.schemas, {}) as opened:
        for flush in opened.flushes():
            assert not flush.batches
            assert flush.watermark is not None
            watermarks.append(flush.watermark)
            if flush.watermark >= until:
                break
    assert watermarks == sorted(watermarks)
    assert all(watermark.ordinal == 0 for watermark in watermarks)


def test_nothing_of_an_open_transaction_is_behind_the_watermark(lake: Callable[..., Lake], sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    found = lake()
    with transaction(url) as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        sql("INSERT INTO t VALUES (2)")
        found.follow()
        passed = found.position
    found.follow()
    assert [(op, key) for op, key, _ in found.changes()] == [("I", 2), ("I", 1)]
    assert Position.parse(found.rows["t"][0]["_position"]) < passed < Position.parse(found.rows["t"][1]["_position"])


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


def test_a_lost_connection_is_unreachable_and_nothing_is_lost(lake: Callable[..., Lake], sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    found = lake()
    with found.source.open_stream(found.position, found.schemas, {}) as opened:
        flushes = opened.flushes()
        next(flushes)
        sql("SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE database = current_database()")
        with pytest.raises(SourceUnreachable) as caught:
            next(flushes)
    assert caught.value.code == "LW-244"
    sql("INSERT INTO t VALUES (1)")
    found.follow()
    assert found.changes() == [("I", 1, (1, 1))]


def test_an_error_of_the_server_in_the_middle_of_the_stream(lake: Callable[..., Lake], sql: Sql) -> None:
    # A type whose values can be read but not printed.
    sql("CREATE TYPE odd")
    sql("CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'int4in'")
    sql("CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out'")
    sql("CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = int4)")
    sql("CREATE TABLE t (id int PRIMARY KEY, v odd)")
    found = lake()
    sql("INSERT INTO t VALUES (1, '7')")
    with pytest.raises(SourceError, match="invalid internal value for enum") as caught:
        found.follow()
    assert caught.value.code == "LW-245"


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
