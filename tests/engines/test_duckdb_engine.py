"""The engine: relations, streams, bounds, and what must not leak from one query into the next."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from shop_tables import Shop

from lakewright.engines.duckdb import DuckDBEngine
from lakewright.engines.relation import Relation, TableRef
from lakewright.errors import QueryError

NEVER_ENDS = """SELECT a.x, b.y FROM UNNEST(sequence(1, 1000000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 1000000)) AS b(y)
WHERE a.x * b.y % 1000003 = -1"""


def rows(engine: DuckDBEngine, statement: str, relations: Shop) -> list[tuple[object, ...]]:
    table = engine.query(statement, relations).reader.read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_columns_have_athena_types(engine: DuckDBEngine, shop: Shop) -> None:
    statement = """SELECT *, count(*) OVER () AS n, sum(id) OVER () AS s, approx_distinct(id) OVER () AS d, now() AS z,
        ARRAY[1] AS a, map(ARRAY['k'], ARRAY[1.5]) AS m, json_extract(document, '$.a') AS j, NULL AS u, to_utf8(name) AS b
        FROM orders"""
    result = engine.query(statement, shop)
    assert result.columns == (
        ("id", "integer"),
        ("name", "varchar"),
        ("amount", "decimal(10,2)"),
        ("day", "date"),
        ("at", "timestamp"),
        ("factor", "double"),
        ("paid", "boolean"),
        ("document", "varchar"),
        ("n", "bigint"),
        ("s", "bigint"),
        ("d", "bigint"),
        ("z", "timestamp with time zone"),
        ("a", "array(integer)"),
        ("m", "map(varchar,double)"),
        ("j", "json"),
        ("u", "unknown"),
        ("b", "varbinary"),
    )
    table = result.reader.read_all()
    assert table.num_rows == 3
    assert table.schema.field("s").type == pa.int64()
    assert table.schema.field("j").type == pa.string()


def test_names_may_repeat_and_unnamed_outputs_are_numbered(engine: DuckDBEngine, shop: Shop) -> None:
    assert [name for name, _ in engine.query("SELECT id, id, 1, upper('a') FROM orders", shop).columns] == [
        "id",
        "id",
        "_col2",
        "_col3",
    ]


def test_each_reference_is_resolved_once(engine: DuckDBEngine, shop: Shop) -> None:
    rows(engine, "SELECT 1 FROM orders a, Orders b, shop.orders c, lines WHERE a.id = b.id AND b.id = c.id", shop)
    assert sorted(map(str, shop.resolved)) == ["lines", "orders", "shop.orders"]


def test_a_common_table_expression_hides_a_table_only_where_it_is_visible(engine: DuckDBEngine, shop: Shop) -> None:
    assert rows(engine, "WITH lines AS (SELECT 9 AS q) SELECT q FROM lines", shop) == [(9,)]
    assert shop.resolved == []
    statement = "SELECT count(*) FROM (WITH lines AS (SELECT 9 AS q) SELECT q FROM lines) x, lines WHERE x.q = 9"
    assert rows(engine, statement, shop) == [(3,)]
    assert rows(engine, "WITH lines AS (SELECT * FROM lines) SELECT count(*) FROM lines", shop) == [(3,)]
    assert rows(engine, "WITH lines AS (SELECT 9 AS q) SELECT count(*) FROM shop.lines", shop) == [(3,)]
    assert [ref.name for ref in shop.resolved] == ["lines"] * 3


def test_a_name_of_the_statement_cannot_reach_into_a_relation(engine: DuckDBEngine, shop: Shop) -> None:
    class Inner(Shop):
        def resolve(self, ref: TableRef) -> Relation | None:
            return Relation("SELECT i FROM secret", (("i", "int"),)) if ref.name == "outer_table" else None

    engine.connection().execute("CREATE OR REPLACE TEMP TABLE secret AS SELECT 42 AS i")
    statement = "WITH secret AS (SELECT 1 AS i) SELECT o.i, s.i FROM outer_table o, secret s"
    assert rows(engine, statement, Inner()) == [(42, 1)]
    with pytest.raises(QueryError, match="no table secret"):
        engine.query("SELECT * FROM secret", Inner())
    assert rows(engine, "WITH relation_1 AS (SELECT 7 AS i) SELECT r.i, o.i FROM relation_1 r, outer_table o", Inner()) == [
        (7, 42)
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("TIMESTAMP '2025-12-31 23:59:59'", datetime.datetime(2025, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)),
        ("TIMESTAMP '2025-12-31 23:59:59.5 UTC'", datetime.datetime(2025, 12, 31, 23, 59, 59, 500_000, datetime.UTC)),
        ("DATE '2025-12-31'", datetime.datetime(2025, 12, 31, tzinfo=datetime.UTC)),
        ("TIMESTAMP '2026-01-01 00:00:00' - INTERVAL '1' DAY", datetime.datetime(2025, 12, 31, tzinfo=datetime.UTC)),
    ],
)
def test_as_of_is_evaluated_per_reference(engine: DuckDBEngine, shop: Shop, expression: str, expected: datetime.datetime) -> None:
    statement = f"SELECT count(*), (SELECT count(*) FROM orders) FROM orders FOR TIMESTAMP AS OF {expression} AS o"
    assert rows(engine, statement, shop) == [(1, 3)]
    assert {ref.as_of for ref in shop.resolved} == {None, expected}


def test_as_of_the_clock(engine: DuckDBEngine, shop: Shop) -> None:
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=2, seconds=1)
    rows(engine, "SELECT 1 FROM orders FOR SYSTEM_TIME AS OF current_timestamp - INTERVAL '2' HOUR", shop)
    as_of = shop.resolved[0].as_of
    assert as_of is not None
    assert before < as_of < datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=2) + datetime.timedelta(seconds=1)


def test_questions_about_the_tables(engine: DuckDBEngine, shop: Shop) -> None:
    assert rows(engine, "SHOW TABLES", shop) == [("shop", "orders"), ("shop", "lines"), ("shop", "mixed")]
    assert rows(engine, "show tables in shop 'o*|m*';", shop) == [("shop", "orders"), ("shop", "mixed")]
    assert rows(engine, "SHOW TABLES FROM other", shop) == []
    assert rows(engine, "DESCRIBE Shop.Lines", shop) == [("id", "int"), ("line", "int"), ("quantity", "bigint")]
    assert rows(engine, "SHOW COLUMNS FROM mixed", shop) == [("orderid", "int")]
    plan = rows(engine, "EXPLAIN SELECT count(*) FROM lines", shop)
    assert any("Aggregate" in str(line) or "AGGREGATE" in str(line) for (line,) in plan)


def test_a_new_statement_ends_an_answer_that_is_still_read(engine: DuckDBEngine, shop: Shop) -> None:
    first = engine.query("SELECT x FROM UNNEST(sequence(1, 1000000)) AS t(x)", shop).reader
    assert first.read_next_batch().num_rows > 0
    assert rows(engine, "SELECT 1", shop) == [(1,)]
    half_read = engine.query("SELECT x FROM UNNEST(sequence(1, 1000000)) AS t(x)", shop).reader
    assert half_read.read_next_batch().num_rows > 0
    assert engine.connection().execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(QueryError) as caught:
        half_read.read_all()
    assert caught.value.code == "LW-511"


def test_closing_an_answer_frees_the_connection_and_ends_no_other(engine: DuckDBEngine, shop: Shop) -> None:
    connection = engine.connection()
    answer = engine.query("SELECT x FROM UNNEST(sequence(1, 1000000)) AS t(x)", shop)
    assert answer.reader.read_next_batch().num_rows > 0
    with pytest.raises(duckdb.Error, match="open result"):
        connection.execute("SELECT 1")
    answer.close()
    assert connection.execute("SELECT 1").fetchall() == [(1,)]
    other = engine.query("SELECT x FROM UNNEST(sequence(1, 1000000)) AS t(x)", shop)
    first = other.reader.read_next_batch().num_rows
    answer.close()
    assert first + other.reader.read_all().num_rows == 1_000_000


def test_an_error_in_a_late_row_leaves_the_rows_before_it(engine: DuckDBEngine, shop: Shop) -> None:
    statement = "SELECT 1 / (x - 900000) FROM UNNEST(sequence(1, 1000000)) AS t(x)"
    reader = engine.query(statement, shop).reader
    assert reader.read_next_batch().num_rows > 0
    with pytest.raises(QueryError, match="division by zero"):
        reader.read_all()
    assert rows(engine, "SELECT 1", shop) == [(1,)]


def test_memory_is_bounded(tmp_path: Path, shop: Shop) -> None:
    engine = DuckDBEngine(tmp_path / "temp", memory_limit="64MB", threads=1, max_temp="1MB")
    statement = "SELECT array_agg(CAST(x AS varchar) || 'abcdefghijklmnopqrstuvwxyz') FROM UNNEST(sequence(1, 3000000)) AS t(x)"
    with pytest.raises(QueryError) as caught:
        engine.query(statement, shop).reader.read_all()
    assert caught.value.code == "LW-509"
    engine.close()


def test_the_connection_is_locked_down(engine: DuckDBEngine) -> None:
    con = engine.connection()
    settings = dict(con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert settings["TimeZone"] == "UTC"
    assert settings["lock_configuration"] == "true"
    for off in (
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "allow_community_extensions",
        "python_enable_replacements",
    ):
        assert settings[off] == "false", off
    python_variable = pa.table({"a": [1]})
    with pytest.raises(duckdb.CatalogException, match="python_variable"):
        con.execute("SELECT * FROM python_variable")
    assert python_variable.num_rows == 1


def test_another_thread_stops_a_statement(engine: DuckDBEngine, shop: Shop) -> None:
    ended = threading.Event()
    connection = engine.connection()

    def stop() -> None:
        while not ended.wait(0.05):
            connection.interrupt()

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with pytest.raises(QueryError) as caught:
            engine.query(NEVER_ENDS, shop).reader.read_all()
    finally:
        ended.set()
        thread.join()
    assert caught.value.code == "LW-511"
    assert rows(engine, "SELECT 1", shop) == [(1,)]


CTRL_C = """
import signal, sys
from pathlib import Path
from lakewright.engines.duckdb import DuckDBEngine

class Nothing:
    def names(self): return []
    def resolve(self, ref): return None

engine = DuckDBEngine(Path(sys.argv[1]))
try:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    print("started", flush=True)
    engine.query(sys.argv[2], Nothing()).reader.read_all()
except KeyboardInterrupt:
    print("stopped", engine.query("SELECT 1", Nothing()).reader.read_all().num_rows, flush=True)
"""


def test_ctrl_c_stops_a_statement(temp: Path) -> None:
    command = [sys.executable, "-c", CTRL_C, str(temp), NEVER_ENDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "stopped 1\n"
    assert process.returncode == 0


def test_show_tables_needs_no_rows(engine: DuckDBEngine) -> None:
    class Unreadable(Shop):
        def names(self) -> Sequence[tuple[str, str]]:
            return []

        def resolve(self, ref: TableRef) -> Relation | None:
            raise AssertionError(f"{ref} was resolved")

    assert engine.query("SHOW TABLES", Unreadable()).reader.read_all().num_rows == 0
