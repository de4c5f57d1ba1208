"""Any crash, anywhere, then a restart, gives the same table.

Random histories of a real PostgreSQL, captured and merged by lives that end at random store calls. After each history the lake
equals the source: by live SQL before and after the last merge, at every position that was noted on the way, before the one or
after it, and by hudi-rs from the files. A seed is a history with its crashes; replay one with LAKEWRIGHT_SEED.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg2
import pytest

from lakewright.model.position import Position
from lakewright.pipeline.lake import Lake

from .histories import TABLES, History
from .world import Rows, World

SEEDS = [int(os.environ["LAKEWRIGHT_SEED"])] if "LAKEWRIGHT_SEED" in os.environ else range(200)
MANY_SECONDS = float(os.environ.get("LAKEWRIGHT_CRASH_SECONDS", "1800"))
VERBS = ("capture", "capture", "unwritten", "unacknowledged", "merge", "merge", "maintain", "resync", "zombie", "care")


def run(seed: int, folder: Path, url: str, patch: pytest.MonkeyPatch, verbs: Sequence[str] = VERBS, dying: float = 0.5) -> int:
    """One history with its crashes, and every comparison; the assertion's message is what happened.

    Returns how many tables were compared at a position of the past.
    """
    rng = random.Random(seed)
    connection = psycopg2.connect(url)
    try:
        history = History(connection, f"h{seed}", rng)
        world = World(folder, url, history.schema, rng, patch, dying)
        noted: list[tuple[Position, dict[str, Rows]]] = []
        for _ in range(rng.randint(3, 6)):
            for _ in range(rng.randint(0, 5)):
                history.transaction()
            world.live(rng.choice(verbs), most=rng.choice((10, 30, 90)))
            if rng.random() < 0.3:
                with world.life() as lake:
                    noted.append((lake.source("db").current_position(), {name: history.rows(name) for name in TABLES}))
        with world.life() as lake:
            world.capture(lake)
            past = compare(world, lake, history, noted[::2], "live")
            world.resume(lake)
            lake.merge()
        with world.life() as lake:
            past += compare(world, lake, history, noted[1::2], "merged")
            for mirror in lake.mirrors():
                columns = lake.log("db").newest_schema(mirror.origin).column_names
                assert world.hudi_rs(mirror, columns) == history.rows(mirror.origin.table), (seed, mirror, "hudi-rs", world.log)
            if rng.random() < 0.1:
                assert lake.check("db").passed, (seed, world.log)
        return past
    finally:
        connection.rollback()
        drop(connection, f"h{seed}")
        connection.close()


def compare(world: World, lake: Lake, history: History, noted: list[tuple[Position, dict[str, Rows]]], when: str) -> int:
    """The lake now against the source now, and at each noted position that the log reaches against what the source held there.

    Returns how many tables were compared at a noted position.
    """
    view, past, mirrors = lake.log("db").view(), 0, lake.mirrors()
    assert {mirror.name for mirror in mirrors} == {f"{history.schema}_{name}" for name in TABLES}
    for mirror in mirrors:
        origin, name = mirror.origin, mirror.origin.table
        assert world.at(lake, mirror, None) == history.rows(name), (when, name, world.log)
        for position, rows in noted:
            expired = view.expired(origin)
            if view.load_of(origin, position) is not None and (expired is None or position >= expired.position):
                # A column that was added later may show before it was: the catalog tells of now.
                width = len(rows[name][0]) if rows[name] else None
                found = sorted((row[:width] for row in world.at(lake, mirror, position)), key=repr)
                assert found == rows[name], (when, name, position, world.log)
                past += 1
    return past


def drop(connection: psycopg2.extensions.connection, name: str) -> None:
    """Remove what a history made in the server."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (name,))
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {name} CASCADE; DROP PUBLICATION IF EXISTS {name}, {name}_inserts")


@pytest.mark.parametrize("seed", SEEDS)
def test_any_crash_then_a_restart_gives_the_same_table(
    seed: int, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(seed, tmp_path, database, monkeypatch)


def test_a_history_with_noted_positions_compares_them(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(0, tmp_path, database, monkeypatch, verbs=("capture", "merge"), dying=0) > 0


@pytest.mark.crash
@pytest.mark.timeout(MANY_SECONDS + 300)
def test_many_more_histories(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """New ones at every run; a failure prints its seed."""
    end, first = time.monotonic() + MANY_SECONDS, random.randrange(10**6, 10**9)
    for seed in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count(first)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with monkeypatch.context() as patch:
            try:
                run(seed, folder, database, patch)
            except BaseException as error:
                error.add_note(f"replay with LAKEWRIGHT_SEED={seed}")
                raise
        shutil.rmtree(folder)
