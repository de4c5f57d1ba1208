from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import psycopg2
import pytest

from lakewright.errors import RESYNC, SourceError, SourceUnreachable
from lakewright.model.contracts import Stream
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres import connection, source
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from lakewright.sources.postgres.source import PostgresSource
from tests.acceptance.running import wait_for

Sql = Callable[[str], Any]


@pytest.fixture
def shop(url: str) -> PostgresSource:
    return PostgresSource(url, ["public.*"], f"shop_{url.partition('test_')[2][:12]}")


def run_sql(url: str, *statements: str) -> None:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)


def load(shop: PostgresSource, schemas: Sequence[TableSchema]) -> tuple[list[dict[str, Any]], Position]:
    with shop.open_load(schemas, after=None) as loaded:
        return [row for schema in schemas for batch in loaded.batches(schema) for row in batch.to_pylist()], loaded.position


def follow(stream: Stream, until: Position) -> tuple[list[dict[str, Any]], Position]:
    """The rows of the stream up to a watermark at or after `until`, and that watermark."""
    rows: list[dict[str, Any]] = []
    for flush in stream.flushes():
        rows += [row for batch in flush.batches for row in batch.rows.to_pylist()]
        if flush.watermark is not None and flush.watermark >= until:
            return rows, flush.watermark
    raise AssertionError


def test_feed_is_the_server(shop: PostgresSource, sql: Sql) -> None:
    feed = shop.feed()
    assert (feed.kind, feed.timeline) == ("native", 1)
    assert sql("SELECT system_identifier::text FROM pg_control_system()") == [(feed.system,)]


def test_a_session_is_kept_for_the_next_call_unless_the_server_ended_it(shop: PostgresSource, sql: Sql) -> None:
    ours = "FROM pg_stat_activity WHERE application_name = 'lakewright' AND datname = current_database()"
    shop.discover()
    first = sql(f"SELECT pid {ours}")
    shop.discover()
    assert len(first) == 1
    assert sql(f"SELECT pid {ours}") == first
    sql(f"SELECT pg_terminate_backend(pid, 10000) {ours}")
    assert shop.discover().tables == []
    second = sql(f"SELECT pid {ours}")
    assert len(second) == 1
    assert second != first
    shop.close()
    while sql(f"SELECT pid {ours}"):
        pass


def test_a_session_that_a_block_leaves_a_transaction_open_on_is_not_kept(shop: PostgresSource) -> None:
    with shop.database.session() as session, session.cursor() as cursor:
        cursor.execute("BEGIN; SET LOCAL search_path = elsewhere")
    with shop.database.session() as session, session.cursor() as cursor:
        cursor.execute("SHOW search_path")
        assert cursor.fetchone() == ("pg_catalog",)


def test_load_and_stream_meet_exactly_under_a_running_writer(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    stop = threading.Event()

    def write() -> None:
        with contextlib.closing(psycopg2.connect(shop.database.url)) as connection, connection.cursor() as cursor:
            for number in itertools.count():
                cursor.execute("INSERT INTO t VALUES (%s)", (number,))
                connection.commit()
                if stop.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        schemas = shop.discover().tables
        loaded, position = load(shop, schemas)
    finally:
        stop.set()
        writer.join()
    end = shop.current_position()
    with shop.open_stream(position, schemas, {}) as stream:
        streamed, _ = follow(stream, end)
    ids = Counter(row["id"] for row in loaded + streamed)
    assert ids == Counter(row[0] for row in sql("SELECT id FROM t"))
    assert all(row["_position"] == str(position) for row in loaded)
    assert all(row["_position"] > str(position) for row in streamed)


def test_bookmark_is_after_a_commit_that_did_not_wait_for_its_flush(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    schemas = shop.discover().tables
    _, position = load(shop, schemas)
    sql("SET synchronous_commit = off; INSERT INTO t VALUES (1)")
    bookmark = shop.current_position()
    with shop.open_stream(position, schemas, {}) as stream:
        rows, _ = follow(stream, bookmark)
    assert [row["id"] for row in rows] == [1]
    assert Position.parse(rows[0]["_position"]) < bookmark


def test_stream_goes_on_after_what_was_acknowledged(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    schemas = shop.discover().tables
    _, position = load(shop, schemas)
    for number in range(3):
        sql(f"INSERT INTO t VALUES ({number})")
        with shop.open_stream(position, schemas, {}) as stream:
            rows, position = follow(stream, shop.current_position())
            assert [row["id"] for row in rows] == [number]
            stream.acknowledge(position)
    wait_for(lambda: shop.status().confirmed_lsn == position.lsn)  # the server hears of it after the stream is closed


def test_table_loaded_later_joins_the_stream_at_its_own_load(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE later (id int PRIMARY KEY)")
    first, later = shop.discover().tables[1], shop.discover().tables[0]
    _, position = load(shop, [first])
    sql("INSERT INTO t VALUES (1); INSERT INTO later VALUES (1)")
    with shop.open_load([later], after=position) as loaded:
        assert [batch["id"].to_pylist() for batch in loaded.batches(later)] == [[1]]
    sql("INSERT INTO t VALUES (2); INSERT INTO later VALUES (2)")
    with shop.open_stream(position, [first, later], {later.name: loaded.position}) as stream:
        rows, _ = follow(stream, shop.current_position())
    assert len(rows) == 3
    assert [row["id"] for row in rows if row["_position"] > str(loaded.position)] == [2, 2]


def test_keyless_table_is_an_append_log_and_its_application_goes_on(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE log (line text)")
    schemas = shop.discover().tables
    _, position = load(shop, schemas)
    sql("INSERT INTO log VALUES ('a'); UPDATE log SET line = 'b'; DELETE FROM log; INSERT INTO log VALUES ('c')")
    sql("TRUNCATE log")
    with shop.open_stream(position, schemas, {}) as stream:
        rows, _ = follow(stream, shop.current_position())
    assert [(row["Op"], row["line"]) for row in rows] == [("I", "a"), ("I", "c"), ("T", None)]


def test_column_with_a_default_goes_on(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    schemas = shop.discover().tables
    _, position = load(shop, schemas)
    sql("ALTER TABLE t ADD COLUMN v text DEFAULT 'old'; INSERT INTO t VALUES (1, 'new')")
    with shop.open_stream(position, schemas, {}) as stream:
        for flush in stream.flushes():
            if flush.batches:
                (batch,) = flush.batches
                assert batch.schema.column("v").missing == "old"
                assert batch.rows["v"].to_pylist() == ["new"]
                return


def prepared(shop: PostgresSource, sql: Sql) -> tuple[list[TableSchema], Position]:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    schemas = shop.discover().tables
    return schemas, load(shop, schemas)[1]


def failure(shop: PostgresSource, after: Position, schemas: Sequence[TableSchema]) -> SourceError:
    with pytest.raises(SourceError) as caught, shop.open_stream(after, schemas, {}):
        pass
    assert caught.value.hint
    return caught.value


def test_slot_that_is_gone(shop: PostgresSource, sql: Sql) -> None:
    schemas, position = prepared(shop, sql)
    sql(f"SELECT pg_drop_replication_slot('{shop.name}')")
    error = failure(shop, position, schemas)
    assert error.code == "LW-222"
    assert "resync" in (error.hint or "")
    assert shop.status().state == "missing"


def test_slot_that_is_ahead_of_the_log(shop: PostgresSource, sql: Sql) -> None:
    schemas, position = prepared(shop, sql)
    sql("INSERT INTO t VALUES (1)")
    sql(f"SELECT pg_replication_slot_advance('{shop.name}', pg_current_wal_flush_lsn())")
    assert failure(shop, position, schemas).code == "LW-225"


def test_source_that_is_behind_the_log(shop: PostgresSource, sql: Sql) -> None:
    schemas, position = prepared(shop, sql)
    assert failure(shop, Position(position.lsn + (1 << 40)), schemas).code == "LW-224"


def test_slot_that_the_server_gave_up(own_server: EmbeddedPostgres) -> None:
    own_server.start()
    shop = PostgresSource(own_server.url, ["public.*"], "shop")
    schemas, position = prepared(shop, lambda statement: run_sql(own_server.url, statement))
    statements = ["ALTER SYSTEM SET max_slot_wal_keep_size = 0", "SELECT pg_reload_conf()"]
    segment = ["INSERT INTO t VALUES (DEFAULT)", "SELECT pg_switch_wal()"]
    run_sql(own_server.url, "ALTER TABLE t ALTER id ADD GENERATED ALWAYS AS IDENTITY", *statements, *segment * 3, "CHECKPOINT")
    assert failure(shop, position, schemas).code == "LW-223"
    assert shop.status().state == "lost"
    (slot,) = [finding for finding in shop.examine() if finding.name == "slot"]
    assert (slot.ok, slot.mend) == (False, RESYNC)


READER = """
import sys
from lakewright.model.position import Position
from lakewright.sources.postgres.source import PostgresSource
with PostgresSource(sys.argv[1], ["public.*"], sys.argv[2]).open_stream(Position(int(sys.argv[3])), (), {}):
    print("reading", flush=True)
    sys.stdin.read()
"""


def test_taken_slot_says_by_whom_and_is_free_after_its_reader_died(
    shop: PostgresSource, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas, position = prepared(shop, sql)
    arguments = [sys.executable, "-c", READER, shop.database.url, shop.name, str(position.lsn)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        assert shop.status().state == "active"
        monkeypatch.setattr(source, "_FREE_SECONDS", 0.3)
        error = failure(shop, position, schemas)
        assert error.code == "LW-220"
        assert "lakewright" in error.message
        assert str(sql("SELECT active_pid FROM pg_replication_slots WHERE active")[0][0]) in error.message
        with pytest.raises(SourceError, match="is taken"), shop.open_load(schemas, after=None):
            pass
        monkeypatch.undo()
        reader.kill()
    with shop.open_stream(position, schemas, {}) as stream:
        assert not next(stream.flushes()).batches


def test_cut_connection_is_unreachable_and_a_new_stream_goes_on(shop: PostgresSource, sql: Sql) -> None:
    schemas, position = prepared(shop, sql)
    with shop.open_stream(position, schemas, {}) as stream:
        sql("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE active")
        with pytest.raises(SourceUnreachable):
            for _ in stream.flushes():
                pass
    sql("INSERT INTO t VALUES (1)")
    with shop.open_stream(position, schemas, {}) as stream:
        assert [row["id"] for row in follow(stream, shop.current_position())[0]] == [1]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://someone:secret@localhost:1/shop", "LW-201"),
        ("host=/nowhere dbname=shop password=secret", "LW-201"),
        ("postgresql://someone:secret@localhost/shop?nonsense", "LW-202"),
        ("postgresql://someone:se@secret@localhost/shop", "LW-202"),
        ("postgresql://someone:se/secret@localhost/shop", "LW-202"),
        ("postgresql://someone:secret", "LW-202"),
        ("postgresql://someone:secret/shop", "LW-202"),
        ("host=localhost port=secret", "LW-202"),
        ("postgresql://localhost:1/shop?sslmode=secret", "LW-202"),
        ("postgresql://localhost:1/shop?connect_timeout=secret", "LW-202"),
        ("postgresql://localhost:1/shop?hostaddr=secret", "LW-202"),
    ],
)
def test_unreachable_or_wrong_url_keeps_the_secret(url: str, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        PostgresSource(url, ["public.*"], "shop").discover()
    assert caught.value.code == code
    assert isinstance(caught.value, SourceUnreachable) == (code == "LW-201")
    assert "secret" not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__}"


def test_server_that_is_too_old(shop: PostgresSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "OLDEST_VERSION", 99)
    with pytest.raises(SourceError, match=r"the server is PostgreSQL \d\d;") as caught:
        shop.discover()
    assert caught.value.code == "LW-205"


def test_settings_of_the_role_do_not_change_the_text_of_values(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, span text)")
    sql("INSERT INTO t VALUES (1, '2024-01-01 00:00:00+00', ('1 day 02:00')::interval)")
    ((database,),) = sql("SELECT current_database()")
    for setting in ("DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Tokyo'", "bytea_output = escape", "search_path = public"):
        sql(f"ALTER DATABASE {database} SET {setting}")
    schemas = shop.discover().tables
    rows, position = load(shop, schemas)
    assert str(rows[0]["at"]) == "2024-01-01 00:00:00+00:00"
    sql("INSERT INTO t SELECT 2, at, span FROM t")
    with shop.open_stream(position, schemas, {}) as stream:
        (streamed,), _ = follow(stream, shop.current_position())
    assert streamed["at"] == rows[0]["at"]


def test_estimates_and_counts(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, amount numeric); INSERT INTO t SELECT g, g / 8.0 FROM generate_series(1, 1000) g; ANALYZE t")
    sql("CREATE TABLE root (id int) PARTITION BY HASH (id)")
    sql("CREATE TABLE leaf PARTITION OF root FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    sql("INSERT INTO root SELECT generate_series(1, 500); ANALYZE root")
    assert shop.estimated_rows(shop.discover().tables) == {TableName("public", "root"): 500, TableName("public", "t"): 1000}
    assert [line for line in shop.advice(shop.discover().tables) if "`types: {amount: decimal(6,3)}`" in line]
    sql("UPDATE t SET amount = 'NaN' WHERE id = 1; SELECT pg_stat_force_next_flush()")
    keyless = "has no key and becomes an append log: inserts and truncates are captured"
    assert shop.advice(shop.discover().tables) == [
        f"table public.root {keyless}",
        f"table public.t {keyless}; 1 updates and deletes of it were made and are not",
    ]
    assert shop.current_position() > START
