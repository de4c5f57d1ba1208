"""How the stream of a real server is cut into flushes, what the server is told, and how the stream ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from lakewright.errors import SourceError, SourceUnreachable
from lakewright.model.position import Position, parse_lsn
from lakewright.sources.postgres import stream
from tests.sources.following import Lake, Sql, transaction


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


def confirmed(sql: Sql) -> int:
    ((lsn,),) = sql("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()")
    return parse_lsn(lsn)


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
            opened.acknowledge(first.watermark)
            sql("INSERT INTO t VALUES (3)")
            early.connection.commit()
            sql("INSERT INTO u SELECT generate_series(1, 1000)")
            until = found.source.current_position()
            for flush in flushes:
                assert flush.watermark is not None
                if flush.watermark >= until:
                    break
            # Several keepalives with higher LSNs have come and been answered by now. The server takes an answer in its own time.
            while (known := confirmed(sql)) == start:
                next(flushes)
            assert known == first.watermark.lsn
            opened.acknowledge(flush.watermark)
            opened.acknowledge(first.watermark)
            while (known := confirmed(sql)) == first.watermark.lsn:
                next(flushes)
            assert known == flush.watermark.lsn


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
