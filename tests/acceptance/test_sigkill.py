"""Real SIGKILL, of capture and merge at chosen calls, of `up` at random moments: restarted, the lake equals the source."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from lakewright.pipeline.lake import Lake
from tests.conftest import Sql
from tests.property.histories import TABLES, History

from . import victim
from .running import repeated, up, wait_for, write_project

PROCESSES = multiprocessing.get_context("forkserver")
"""Each process begins with what is imported, which takes longer than its work."""
PROCESSES.set_forkserver_preload([victim.__name__])

MANIFEST = r"create .*/_manifests/0*{}\.json"
KILLS = [
    ("capture", "after", r"close .*/h/pair/LOAD"),
    ("capture", "before", MANIFEST.format(2)),
    ("capture", "before", r"open .*/h/pair/\d{4}/"),
    ("capture", "after", r"close .*/h/pair/\d{4}/"),
    ("capture", "before", MANIFEST),
    ("capture", "after", MANIFEST),
    ("capture", "", "acknowledge"),
    ("merge", "after", r"close .*/h_pair/.*\.parquet"),
    ("merge", "before", r"create .*/h_pair/\.hoodie/\d+\.commit$"),
    ("merge", "after", r"create .*/h_pair/\.hoodie/\d+\.commit$"),
]


@pytest.fixture
def history(url: str) -> Iterator[History]:
    connection = psycopg2.connect(url)
    yield History(connection, "h", random.Random(5))
    connection.close()


def assert_equal(lake: Lake) -> None:
    report = lake.check("db")
    assert {table.table: table.verdict for table in report.tables} == {f"h_{name}": "equal" for name in TABLES}


def test_killed_at_a_call(tmp_path: Path, url: str, sql: Sql, history: History) -> None:
    write_project(tmp_path, url, "h.*", "sigkill")
    for number, (step, when, pattern) in enumerate(KILLS):
        history.transaction()
        sql(f"INSERT INTO h.pair VALUES ({5000 + number}, 'a')")
        sql(f"INSERT INTO h.wide VALUES ({5000 + number})")
        if number > 1:
            with Lake.open(tmp_path) as lake:
                # The capture that starts opens the log with the next manifest, and names its files in the one after.
                pattern = pattern.format(lake.log("db").view().number + 2) if pattern == MANIFEST else pattern
                if step == "merge":
                    lake.capture()
        process = PROCESSES.Process(target=victim.main, args=(tmp_path, step, when, pattern))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, (step, when, pattern)
        if number > 0:
            with Lake.open(tmp_path) as lake:
                lake.run()
                assert_equal(lake)


@pytest.mark.parametrize("kills", [2, pytest.param(60, marks=[pytest.mark.crash, pytest.mark.timeout(1200)])])
def test_up_killed_at_random_moments(kills: int, tmp_path: Path, url: str, history: History) -> None:
    write_project(tmp_path, url, "h.*", "killed_up")
    rng = random.Random()
    with repeated(history.transaction, 0.02):
        for _ in range(kills):
            with up(tmp_path) as process:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(rng.uniform(1.0, 5.0))
                process.kill()
                assert process.wait() == -signal.SIGKILL
    with up(tmp_path), Lake.open(tmp_path) as lake:
        # A signal that comes before `up` captures would end it as it ends any program that starts.
        wait_for(lambda: lake.status().sources[0].captured_by is not None)
        wait_for(lambda: len(lake.mirrors()) == len(TABLES))
        assert_equal(lake)
