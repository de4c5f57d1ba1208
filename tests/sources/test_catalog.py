from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lakewright.errors import SourceError
from lakewright.model.evolution import compare
from lakewright.model.names import TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.sources.postgres.catalog import Refused, Types, choose, discover, schema_of
from lakewright.sources.postgres.connection import Database
from lakewright.sources.postgres.relation import Relation, RelationColumn

Sql = Callable[[str], list[tuple[Any, ...]]]


def found(url: str, *patterns: str, types: Types | None = None) -> dict[str, TableSchema]:
    with Database(url).session() as session:
        schemas, _ = discover(session, patterns or ["public.*"], types or {})
    return {str(schema.name): schema for schema in schemas}


def refused(url: str, *patterns: str) -> dict[str, Refused]:
    with Database(url).session() as session:
        return {str(table.table): table for table in discover(session, patterns or ["public.*"], {})[1]}


def test_types_come_from_the_catalog_with_domains_resolved(url: str, sql: Sql) -> None:
    sql("CREATE DOMAIN money_like AS numeric(12,2); CREATE DOMAIN price AS money_like CHECK (value >= 0)")
    sql("CREATE TYPE mood AS ENUM ('good')")
    sql("""CREATE TABLE t (id bigint PRIMARY KEY, small smallint NOT NULL, cost price, tags text[], m mood, at timestamp(3),
        double_id bigint GENERATED ALWAYS AS (id * 2) STORED, dropped int)""")
    sql("ALTER TABLE t DROP COLUMN dropped")
    schema = found(url)["public.t"]
    assert [(c.name, c.source_type, c.type, c.nullable) for c in schema.columns] == [
        ("id", "bigint", "bigint", False),
        ("small", "smallint", "int", False),
        ("cost", "numeric(12,2)", "decimal(12,2)", True),
        ("tags", "text[]", "string", True),
        ("m", "public.mood", "string", True),
        ("at", "timestamp(3) without time zone", "timestamp", True),
    ]
    assert schema.number == 0


def test_key_follows_the_replica_identity(url: str, sql: Sql) -> None:
    sql("CREATE TABLE d (b int, a int, PRIMARY KEY (a, b))")
    sql("CREATE TABLE f (a int PRIMARY KEY); ALTER TABLE f REPLICA IDENTITY FULL")
    sql("CREATE TABLE bare (a int); ALTER TABLE bare REPLICA IDENTITY FULL")
    sql("CREATE TABLE i (a int PRIMARY KEY, b text NOT NULL, c int); CREATE UNIQUE INDEX by_b ON i (b) INCLUDE (c)")
    sql("ALTER TABLE i REPLICA IDENTITY USING INDEX by_b")
    sql("CREATE TABLE n (a int PRIMARY KEY); ALTER TABLE n REPLICA IDENTITY NOTHING")
    sql("CREATE TABLE later (a int PRIMARY KEY DEFERRABLE)")
    tables = found(url)
    assert {name: (schema.key, schema.identity) for name, schema in tables.items()} == {
        "public.bare": ((), "full"),
        "public.d": (("a", "b"), "default"),
        "public.f": (("a",), "full"),
        "public.i": (("b",), "index"),
        "public.later": ((), "default"),
        "public.n": ((), "nothing"),
    }


def test_partitions_and_tables_without_a_log_are_left_out(url: str, sql: Sql) -> None:
    sql("CREATE TABLE root (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)")
    sql("CREATE TABLE leaf PARTITION OF root FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')")
    sql("CREATE UNLOGGED TABLE gone (id int); CREATE VIEW seen AS SELECT 1 AS one")
    assert list(found(url)) == ["public.root"]


def test_partition_with_another_identity_is_refused(url: str, sql: Sql) -> None:
    sql("CREATE TABLE root (id int PRIMARY KEY) PARTITION BY HASH (id)")
    sql("CREATE TABLE leaf PARTITION OF root FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    sql("ALTER TABLE leaf REPLICA IDENTITY FULL")
    assert list(found(url)) == ["public.root"]
    sql("ALTER TABLE leaf REPLICA IDENTITY NOTHING")
    error = refused(url)["public.root"].error
    assert error.code == "LW-216"
    assert "partition public.leaf" in error.message


def test_patterns_take_and_leave_out() -> None:
    names = [TableName.parse(text) for text in ("public.a", "sales.order_line", "sales.order_old", "sales.other")]
    assert [str(n) for n in choose(names, ["public.*", "sales.order_*", "-*.order_old"])] == ["public.a", "sales.order_line"]
    with pytest.raises(SourceError, match="'a' does not say"):
        choose(names, ["a"])


@pytest.mark.parametrize(
    ("definition", "text", "known"),
    [
        ("text DEFAULT 'it''s {\"x\", y}'", 'it\'s {"x", y}', True),
        ("int[] DEFAULT '{1,2}'", "{1,2}", True),
        ("timestamptz NOT NULL DEFAULT '2024-01-01 12:00+02'", "2024-01-01 10:00:00+00", True),
        ("int", None, True),
        ("uuid DEFAULT gen_random_uuid()", None, False),
        ("int GENERATED ALWAYS AS IDENTITY", None, False),
        ("box DEFAULT '(1,1),(0,0)'", None, False),
    ],
)
def test_value_of_rows_older_than_a_column(url: str, sql: Sql, definition: str, text: str | None, known: bool) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    before = found(url)["public.t"]
    sql(f"ALTER TABLE t ADD COLUMN added {definition}")
    after = found(url)["public.t"]
    column = after.column("added")
    assert (column.missing, column.missing_known) == (text, known)
    assert (compare(before, after).refusal is None) == known


def test_types_given_by_the_user_replace_the_tables(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, amount numeric, at timestamptz)")
    given = {TableName("public", "t"): {"amount": "decimal(20,4)", "at": "string"}}
    schema = found(url, types=given)["public.t"]
    assert schema.columns[1:] == (
        Column("amount", "numeric", "decimal(20,4)", number=2),
        Column("at", "timestamp with time zone", "string", number=3),
    )


@pytest.mark.parametrize(
    ("definition", "code", "words"),
    [
        ("id timestamptz PRIMARY KEY", "LW-212", "key column id of public.t is timestamp with time zone"),
        ("id float8 PRIMARY KEY", "LW-212", "double precision"),
        ("id int PRIMARY KEY, op text", "LW-211", "column op"),
        ('id int PRIMARY KEY, "_hoodie_commit_time" text', "LW-211", "_hoodie_commit_time"),
        ('id int PRIMARY KEY, a text, "A" text', "LW-211", "by case alone"),
        ('id int PRIMARY KEY, "a b" text', "LW-211", "'a b'"),
        ("", "LW-217", "no columns"),
    ],
)
def test_table_that_cannot_be_taken_is_refused_alone(url: str, sql: Sql, definition: str, code: str, words: str) -> None:
    sql(f"CREATE TABLE t ({definition}); CREATE TABLE fine (id int PRIMARY KEY)")
    error = refused(url)["public.t"].error
    assert error.code == code
    assert words in error.message
    assert list(found(url)) == ["public.fine"]


def test_a_schema_with_a_dot_is_refused_and_can_be_left_out(url: str, sql: Sql) -> None:
    sql('CREATE SCHEMA "a.b"; CREATE TABLE "a.b".c (id int PRIMARY KEY); CREATE TABLE fine (id int PRIMARY KEY)')
    ((name, left_out),) = refused(url, "*.*").items()
    assert (name, left_out.error.code) == ("a.b.c", "LW-211")
    assert left_out.error.hint == "leave it out: -a?b.c"
    assert refused(url, "*.*", "-a?b.c") == {}
    assert list(found(url, "*.*", "-a?b.c")) == ["public.fine"]


@pytest.mark.parametrize("given", [{"id": "date"}, {"id": "decimal(5,2)"}, {"other": "string"}])
def test_a_given_type_that_does_not_fit_counts_for_nothing(url: str, sql: Sql, given: dict[str, str]) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    assert found(url, types={TableName("public", "t"): given}) == found(url)


def test_what_has_no_changes_is_refused_and_what_is_no_table_only_by_its_name(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY); CREATE UNLOGGED TABLE u (id int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t")
    sql("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    sql("CREATE UNLOGGED TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)")
    told = {name: (each.error.code, each.error.message) for name, each in refused(url).items()}
    assert told == {
        "public.p": ("LW-228", "partition public.p1 of public.p is unlogged or foreign: it has no changes"),
        "public.u": ("LW-228", "table public.u is unlogged: the server writes no changes of it"),
    }
    assert list(found(url)) == ["public.t"]
    assert list(refused(url, "public.v")) == ["public.v"]
    assert refused(url, "public.*", "-public.u").keys() == {"public.p"}


def test_the_schema_of_a_relation_is_the_catalog_of_now_with_its_types(url: str, sql: Sql) -> None:
    sql("CREATE DOMAIN short AS varchar(5); CREATE TABLE t (id int PRIMARY KEY, v short, w bigint)")
    ((oid, short),) = sql("SELECT 't'::regclass::oid::bigint, 'short'::regtype::oid::bigint")
    columns = [RelationColumn("id", 23, -1, True), RelationColumn("v", short, -1, False), RelationColumn("w", 20, -1, False)]
    with Database(url).session() as session:
        now = schema_of(session, Relation(oid, TableName("public", "t"), "d", tuple(columns)), {})
        assert now == found(url)["public.t"]
        columns[1:] = [RelationColumn("v", 1043, 7 + 4, False), RelationColumn("w", short + 1_000_000, -1, False)]
        former = Relation(oid, TableName("public", "t"), "d", tuple(columns))
        then = schema_of(session, former, {})
        assert [column.source_type for column in then.columns] == [
            "integer",
            "character varying(7)",
            "a type that was dropped since",
        ]
        assert compare(now, then).refusal == "its column w changed from bigint to a type that was dropped since"
        sql("DROP TABLE t")
        with pytest.raises(SourceError, match="was dropped"):
            schema_of(session, former, {})
