from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from lakewright.errors import SourceError, SourceUnreachable
from lakewright.model.batch import raw_schema
from lakewright.model.contracts import Load
from lakewright.model.names import TableName
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres import snapshot
from lakewright.sources.postgres.source import PostgresSource
from lakewright.sources.postgres.values import decode

Sql = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def source(url: str) -> PostgresSource:
    return PostgresSource(url, ["public.*"], f"load_{url.partition('test_')[2][:12]}")


def read(load: Load, schema: TableSchema) -> pa.Table:
    return pa.Table.from_batches(load.batches(schema), raw_schema(schema))


def load_all(source: PostgresSource) -> dict[str, pa.Table]:
    schemas = source.discover().tables
    with source.open_load(schemas, after=None) as load:
        return {schema.name.table: read(load, schema) for schema in schemas}


def test_rows_are_raw_rows_at_the_consistent_point(source: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'one'), (2, NULL)")
    (schema,) = source.discover().tables
    before = source.current_position()
    with source.open_load([schema], after=None) as load:
        rows = read(load, schema)
    assert load.position >= before
    assert abs(load.time - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=5)
    assert rows.schema == raw_schema(schema)
    assert sorted(rows.to_pylist(), key=lambda row: row["id"])[0] == {
        "Op": "I",
        "_commit_time": load.time,
        "_position": str(load.position),
        "id": 1,
        "name": "one",
        "_unavailable": None,
        "_old_key": None,
        "_exact": None,
    }
    assert sorted(rows["name"].to_pylist(), key=str) == [None, "one"]


VALUES = {
    "boolean": ["true", "false"],
    "smallint": ["-32768", "7"],
    "integer": ["-2147483648"],
    "bigint": ["9223372036854775807"],
    "real": ["0.1", "NaN", "-Infinity", "1e-30"],
    "double precision": ["0.1", "NaN", "Infinity", "1.7976931348623157e308"],
    "bytea": ["\\x00ff", ""],
    "numeric(10,2)": ["-99999999.99", "NaN", "0"],
    "numeric(38,10)": ["1234567890123456789012345678.0123456789"],
    "numeric": ["Infinity", "12345678901234567890.123456789012345678901234567890", "NaN", "1.500"],
    "date": ["infinity", "-infinity", "2024-02-29", "4713-01-01 BC", "5874897-12-31", "0044-03-15 BC"],
    "timestamp without time zone": ["infinity", "-infinity", "2024-01-01 12:00:00.123456", "294276-12-31 23:59:59.99"],
    "timestamp with time zone": ["infinity", "-infinity", "2024-01-01 12:00:00.5+02", "294276-12-31", "294246-12-31"],
    "timestamp(0) without time zone": ["4713-01-01 BC", "294247-01-10", "0001-01-01", "9999-12-31 23:59:59"],
    "time without time zone": ["10:00:00.5"],
    "interval": ["1 mon -2 days 03:04:05.678"],
    "uuid": ["00112233-4455-6677-8899-aabbccddeeff"],
    "json": ['{"a":  1}'],
    "jsonb": ['{"a":  1}'],
    "character(4)": ["ab"],
    "character varying(4)": ["ab "],
    "text": ["it's \u2013 \U0001f600\n", ""],
    '"char"': ["x"],
    "name": ["called"],
    "inet": ["10.0.0.1", "10.0.0.0/8"],
    "cidr": ["10.0.0.0/8"],
    "bit(3)": ["101"],
    "int4range": ["[1,5)"],
    "point": ["(1,2)"],
    "public.mood": ["good"],
    "public.pair": ["(1,)", "(,)"],
    "integer[]": ["{1,NULL,3}", "{{1,2},{3,4}}", "{}"],
    "text[]": ['{a,"b c",NULL,"NULL","\\"q\\""}'],
    "numeric(10,2)[]": ["{1.50,NaN}"],
    "boolean[]": ["{t,f}"],
    "date[]": ["{2024-01-01,infinity}"],
}


def numbers(array: pa.Array) -> str:
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if pa.types.is_date(array.type) else pa.int64())
    return repr(array.to_pylist())


def printed(source: PostgresSource, schema: TableSchema) -> list[str | None]:
    """Column v as its output function prints it, which the stream sends; psycopg2 leaves text as it is."""
    with source.database.session() as session, session.cursor() as cursor:
        query = f"SELECT CASE WHEN v IS DISTINCT FROM NULL THEN concat(v) END FROM public.{schema.name.table} ORDER BY ctid"
        cursor.execute(query)
        return [text for (text,) in cursor.fetchall()]


def test_every_type_is_what_its_text_decodes_to(source: PostgresSource, sql: Sql) -> None:
    sql("CREATE TYPE mood AS ENUM ('good'); CREATE TYPE pair AS (a int, b text)")
    for number, (source_type, texts) in enumerate(VALUES.items()):
        values = ", ".join("($$" + text + "$$)" for text in texts)
        sql(f"CREATE TABLE t{number:02} (v {source_type}); INSERT INTO t{number:02} VALUES {values}, (NULL)")
    tables = load_all(source)
    for schema, source_type in zip(source.discover().tables, VALUES, strict=True):
        (column,), rows, texts = schema.columns, tables[schema.name.table], printed(source, schema)
        assert column.source_type == source_type
        expected = decode(column, pa.array(texts, pa.string()))
        # By repr, because NaN equals nothing; dates by number, because Python knows the years 1 to 9999 only.
        assert numbers(rows["v"].combine_chunks()) == numbers(expected.array), source_type
        exact = [f'{{"v": "{expected.exact[row]}"}}' if row in expected.exact else None for row in range(len(texts))]
        assert rows["_exact"].to_pylist() == exact, source_type


def test_types_given_by_the_user_hold_for_the_load(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, amount numeric, flag boolean)")
    sql("INSERT INTO t VALUES (1, 1.5, true), (2, 0.12345, false)")
    types = {TableName("public", "t"): {"amount": "decimal(10,4)", "flag": "string"}}
    rows = load_all(PostgresSource(url, ["public.*"], "typed", types))["t"]
    assert [str(value) for value in rows["amount"].to_pylist()] == ["1.5000", "None"]
    assert rows["_exact"].to_pylist() == [None, '{"amount": "0.12345"}']
    assert rows["flag"].to_pylist() == ["t", "f"]


def test_partitions_are_read_by_their_root_and_children_by_themselves(source: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    sql("CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (10); CREATE TABLE rest PARTITION OF root DEFAULT")
    sql("INSERT INTO root VALUES (1), (100)")
    sql("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)")
    sql("INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)")
    rows = {name: sorted(table["id"].to_pylist()) for name, table in load_all(source).items()}
    assert rows == {"child": [2], "parent": [1], "root": [1, 100]}


def test_odd_names_are_quoted(source: PostgresSource, sql: Sql) -> None:
    sql("""CREATE TABLE "It's a ""table"" %s" ("Order" int PRIMARY KEY, "select" text)""")
    sql("""INSERT INTO "It's a ""table"" %s" VALUES (1, 'x')""")
    (rows,) = load_all(source).values()
    assert rows.drop_columns(["_commit_time", "_position"]).to_pylist() == [
        {"Op": "I", "Order": 1, "select": "x", "_unavailable": None, "_old_key": None, "_exact": None}
    ]


def test_many_rows_come_in_bounded_batches(source: PostgresSource, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_BATCH_BYTES", 64 << 10)
    sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 10000) g")
    (schema,) = source.discover().tables
    with source.open_load([schema], after=None) as load:
        batches = list(load.batches(schema))
    assert len(batches) > 5
    assert max(batch.num_rows for batch in batches) < 2000
    assert sorted(id for batch in batches for id in batch["id"].to_pylist()) == list(range(1, 10001))


def test_tables_read_by_several_threads_are_of_one_moment(source: PostgresSource, sql: Sql) -> None:
    for name in "abcd":
        sql(f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} SELECT generate_series(1, 1000)")
    schemas = source.discover().tables
    with source.open_load(schemas, after=None) as load:
        for name in "abcd":
            sql(f"DELETE FROM {name}")
        with ThreadPoolExecutor(4) as pool:
            assert [len(table) for table in pool.map(lambda schema: read(load, schema), schemas)] == [1000] * 4


def test_first_load_makes_publications_and_slot_and_replaces_an_unfinished_one(source: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    load_all(source)
    begun = source.status().confirmed_lsn
    assert source.plan(source.discover().tables) == []
    sql("INSERT INTO t VALUES (1)")
    (schema,) = source.discover().tables
    with source.open_load([schema], after=None) as load:
        assert source.status().confirmed_lsn == load.position.lsn
        assert begun is not None
        assert load.position.lsn > begun


def test_later_load_leaves_the_slot_alone(source: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    load_all(source)
    before = source.status().confirmed_lsn
    sql("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)")
    ends = source.current_position()
    schemas = [schema for schema in source.discover().tables if schema.name.table == "later"]
    with source.open_load(schemas, after=ends) as load:
        assert load.position >= ends
        assert len(read(load, schemas[0])) == 1
    assert source.status().confirmed_lsn == before
    assert sql("SELECT tablename FROM pg_publication_tables ORDER BY 1") == [("later",), ("t",)]
    assert sql("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") == [(1,)]


@pytest.mark.parametrize("statement", ["TRUNCATE t", "ALTER TABLE t ALTER COLUMN id TYPE int USING id + 1", "TRUNCATE root"])
def test_rows_that_a_truncate_or_rewrite_took_away_fail_the_load(source: PostgresSource, sql: Sql, statement: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    sql("CREATE TABLE root (id int PRIMARY KEY) PARTITION BY HASH (id)")
    sql("CREATE TABLE leaf PARTITION OF root FOR VALUES WITH (MODULUS 1, REMAINDER 0); INSERT INTO root VALUES (1)")
    schemas = {schema.name.table: schema for schema in source.discover().tables}
    with source.open_load(list(schemas.values()), after=None) as load:
        sql(statement)
        hit = schemas["root" if "root" in statement else "t"]
        with pytest.raises(SourceUnreachable, match="truncated or rewritten") as caught:
            read(load, hit)
        assert caught.value.code == "LW-221"
        (other,) = [schema for schema in schemas.values() if schema is not hit]
        assert len(read(load, other)) == 1


def test_table_dropped_meanwhile_is_an_error(source: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    (schema,) = source.discover().tables
    with source.open_load([schema], after=None) as load:
        sql("DROP TABLE t")
        with pytest.raises(SourceError, match="does not exist"):
            read(load, schema)


def test_consumer_that_stops_early_leaves_nothing_running(
    source: PostgresSource, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_BATCH_BYTES", 64 << 10)
    sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 500000) g")
    (schema,) = source.discover().tables
    before = {*threading.enumerate()}
    with source.open_load([schema], after=None) as load:
        batches = load.batches(schema)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        assert {*threading.enumerate()} <= before
    source.close()
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakewright' AND datname = current_database()"
    deadline = time.monotonic() + 30
    while sql(sessions) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sql(sessions) == [(0,)]
