"""Amounts move between two tables in transactions; no live query sees one half of a transfer."""

from __future__ import annotations

import random
from pathlib import Path

import psycopg2
import pytest

from lakewright.pipeline.lake import Lake
from tests.conftest import Sql

from .running import repeated, up, wait_for, write_project

ACCOUNTS, AMOUNT = 10, 100
SUMS = "SELECT sum(v) AS v FROM checking UNION ALL SELECT sum(v) FROM savings"


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("queries", "every"), [(1_000, 0.2), pytest.param(10_000, 0.1, marks=[pytest.mark.crash, pytest.mark.timeout(3600)])]
)
def test_no_query_sees_half_a_transfer(queries: int, every: float, tmp_path: Path, url: str, sql: Sql) -> None:
    for table in ("checking", "savings"):
        sql(f"CREATE TABLE {table} (id int PRIMARY KEY, v int)")
        sql(f"INSERT INTO {table} SELECT g, {AMOUNT} FROM generate_series(1, {ACCOUNTS}) AS g")
    write_project(tmp_path, url, "public.*", "transfers")
    rng, connection = random.Random(3), psycopg2.connect(url)

    def transfer() -> None:
        with connection, connection.cursor() as cursor:
            tables = rng.sample(["checking", "savings"], 2)
            for table, change in zip(tables, (-7, 7), strict=True):
                cursor.execute(f"UPDATE {table} SET v = v + {change} WHERE id = {rng.randint(1, ACCOUNTS)}")

    with up(tmp_path), Lake.open(tmp_path) as lake:
        wait_for(lambda: len(lake.mirrors()) == 2)
        seen = set()
        with repeated(transfer, every):
            for _ in range(queries):
                with lake.sql(SUMS) as answer:
                    sums = tuple(row["v"] for batch in answer.batches() for row in batch.to_pylist())
                assert sum(sums) == 2 * ACCOUNTS * AMOUNT
                seen.add(sums)
        assert len(seen) > 10
    connection.close()
