"""A database that nobody here designed: pgbench's, with a table without key, TRUNCATE, and tables dropped and made again."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lakewright.pipeline.check import CheckReport
from lakewright.pipeline.lake import Lake
from lakewright.sources.postgres.embedded import programs

from .running import up, wait_for, write_project

TABLES = ("pgbench_accounts", "pgbench_branches", "pgbench_history", "pgbench_tellers")
EQUAL = dict.fromkeys(TABLES, "equal")


def pgbench(url: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([programs() / "pgbench", *options, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def verdicts(report: CheckReport) -> dict[str, str]:
    return {table.table: table.verdict for table in report.tables}


def test_pgbench(tmp_path: Path, url: str) -> None:
    """It is equal while pgbench runs, and after. pgbench begins with a TRUNCATE of its history, which only grows then."""
    write_project(tmp_path, url, "public.*", "pgbench")
    assert pgbench(url, "-i", "-s", "1").wait() == 0
    with Lake.open(tmp_path) as lake:
        with up(tmp_path):
            wait_for(lambda: len(lake.mirrors()) == len(TABLES))
            running = pgbench(url, "-c", "2", "-T", "200", "-R", "100")
            wait_for(lambda: lake.check("db").tables[2].source_rows not in (None, 0))
            report = lake.check("db")
            assert running.poll() is None
            assert verdicts(report) == EQUAL
            running.terminate()
            running.wait()
            assert verdicts(lake.check("db")) == EQUAL
        lake.run()
        assert verdicts(lake.check("db")) == EQUAL


def test_tables_made_again(tmp_path: Path, url: str) -> None:
    """`pgbench -i` drops its tables and makes new ones: each stops and says why, and `resync` goes on."""
    write_project(tmp_path, url, "public.*", "pgbench_again")
    assert pgbench(url, "-i", "-s", "1").wait() == 0
    with Lake.open(tmp_path) as lake:
        lake.run()
        assert pgbench(url, "-i", "-s", "1").wait() == 0
        assert pgbench(url, "-t", "10").wait() == 0
        lake.run()
        report = lake.check("db")
        assert verdicts(report) == dict.fromkeys(TABLES, "stopped")
        assert all("dropped and created again" in (table.detail or "") for table in report.tables)
        for table in TABLES:
            lake.resync(table)
        assert verdicts(lake.check("db")) == EQUAL
