from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lakewright.errors import SourceError
from lakewright.sources.postgres.catalog import discover
from lakewright.sources.postgres.connection import Database
from lakewright.sources.postgres.publication import Publications, drop_slot, find_slot

Sql = Callable[[str], list[tuple[Any, ...]]]
OURS = Publications("lake_shop")


def plan_and_apply(url: str) -> tuple[list[str], list[str]]:
    with Database(url).session() as session:
        tables, _ = discover(session, ["public.*"], {})
        return OURS.plan(session, tables), OURS.apply(session, tables)


def published(sql: Sql) -> list[tuple[str, str]]:
    return sql("SELECT pubname, schemaname || '.' || tablename FROM pg_publication_tables ORDER BY 1, 2")


def test_both_exist_even_if_empty(url: str, sql: Sql) -> None:
    lines, done = plan_and_apply(url)
    assert lines == done == ["create publication lake_shop", "create publication lake_shop_inserts"]
    options = sql("SELECT pubname, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication ORDER BY 1")
    assert options == [
        ("lake_shop", True, True, True, True, True),
        ("lake_shop_inserts", True, True, False, False, True),
    ]
    assert plan_and_apply(url) == ([], [])


def test_tables_follow_their_key(url: str, sql: Sql) -> None:
    sql("CREATE TABLE keyed (id int PRIMARY KEY); CREATE TABLE keyless (id int); CREATE TABLE child () INHERITS (keyed)")
    plan_and_apply(url)
    assert published(sql) == [
        ("lake_shop", "public.keyed"),
        ("lake_shop_inserts", "public.child"),
        ("lake_shop_inserts", "public.keyless"),
    ]
    sql("ALTER TABLE keyless ADD PRIMARY KEY (id); DROP TABLE child; ALTER TABLE keyed DROP CONSTRAINT keyed_pkey")
    lines, _ = plan_and_apply(url)
    assert lines == [
        "remove table public.keyed from publication lake_shop",
        "add table public.keyless to publication lake_shop",
        "remove table public.keyless from publication lake_shop_inserts",
        "add table public.keyed to publication lake_shop_inserts",
    ]
    sql("INSERT INTO keyed VALUES (1); UPDATE keyed SET id = 2; DELETE FROM keyed")
    assert published(sql) == [("lake_shop", "public.keyless"), ("lake_shop_inserts", "public.keyed")]


def test_publications_of_others_are_left_alone(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION theirs FOR TABLE t WITH (publish = 'insert')")
    plan_and_apply(url)
    assert sql("SELECT pubupdate FROM pg_publication WHERE pubname = 'theirs'") == [(False,)]
    assert ("theirs", "public.t") in published(sql)


def test_adding_leaves_other_tables_published(url: str, sql: Sql) -> None:
    sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int)")
    plan_and_apply(url)
    sql("ALTER TABLE b ADD PRIMARY KEY (id)")
    with Database(url).session() as session:
        tables, _ = discover(session, ["public.b"], {})
        OURS.add(session, tables)
    assert published(sql) == [("lake_shop", "public.a"), ("lake_shop", "public.b")]


def test_changed_options_are_set_again(url: str, sql: Sql) -> None:
    plan_and_apply(url)
    sql("ALTER PUBLICATION lake_shop SET (publish = 'insert')")
    lines, _ = plan_and_apply(url)
    assert lines == ["set the options of publication lake_shop"]
    assert sql("SELECT pubdelete FROM pg_publication WHERE pubname = 'lake_shop'") == [(True,)]


def test_publication_of_all_tables_is_refused(url: str, sql: Sql) -> None:
    sql("CREATE PUBLICATION lake_shop FOR ALL TABLES")
    with pytest.raises(SourceError) as caught:
        plan_and_apply(url)
    assert caught.value.code == "LW-215"


def test_slot_facts(url: str, sql: Sql) -> None:
    with Database(url).session() as session:
        assert find_slot(session, "facts") is None
        sql("SELECT pg_create_logical_replication_slot('facts', 'pgoutput')")
        slot = find_slot(session, "facts")
        assert slot is not None
        assert (slot.plugin, slot.reader, slot.lost) == ("pgoutput", None, False)
        assert slot.confirmed is not None
        assert slot.restart is not None
        assert slot.confirmed >= slot.restart
        assert slot.retained > 0
        drop_slot(session, "facts")
        drop_slot(session, "facts")
        assert find_slot(session, "facts") is None
