"""Run: a lake watched from its first row to its last check, driven by the folder's demo.yaml.

The steps are the same for every folder: seed the embedded database, load, follow live changes, follow one row through its
life, kill the lake with SIGKILL in the middle and go on, compare source and lake.
"""

from __future__ import annotations

import contextlib
import datetime
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lakewright.demo import script
from lakewright.demo.exports import Exports, Say, Show
from lakewright.demo.settings import Demo, Follow
from lakewright.errors import SourceError
from lakewright.model.times import utc_now
from lakewright.pipeline.check import CheckReport
from lakewright.pipeline.history import RowChange
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.verify import require_sound
from lakewright.sources.postgres.source import PostgresSource

VISIBLE_SECONDS = 30.0
FRESHNESS_SAMPLES = 10


def run(folder: Path, demo: Demo, scale: float, say: Say, show: Show) -> list[CheckReport]:
    """Run the demonstration; returns the comparison of each source and the lake at its end, the database last.

    The lake and its database stay. Raises `LakewrightError` where a step fails.
    """
    with Lake.open(folder) as lake:
        source = next(iter(lake.project.settings.sources))
        url = _database(lake, source)
        _seed(url, folder, demo, scale, say)
        exports = Exports(lake, url, demo.exports, scale) if demo.exports else None
        _load(lake, source, say)
        with _up(folder) as first:
            _await(lambda: lake.status().sources[0].captured_by is not None)
            workload = script.Loop(url, folder / demo.workload.script, demo.workload.rate, "lakewright.step")
            end = time.monotonic() + demo.workload.seconds
            say(
                f"live: {demo.workload.rate:g} transactions/s for {demo.workload.seconds:g} s,"
                " captured and merged by `lakewright up`"
            )
            _follow(lake, url, demo.follow, say)
            _freshness(lake, url, demo.follow, say)
            sent = exports.send(say) if exports else []
            first.send_signal(signal.SIGKILL)
            first.wait()
            say(f"killed `lakewright up` with SIGKILL after {workload.runs} transactions; the workload goes on")
            time.sleep(1.0)
        with _up(folder):
            say("started it again")
            time.sleep(max(0.0, end - time.monotonic()))
            say(f"the workload made {workload.stop()} transactions")
            if exports:
                exports.follow(sent, say, show)
            for name in demo.queries:
                show(lake, name)
            verified = lake.verify()
            require_sound(verified)
            say(f"verified {sum(table.files for table in verified)} files of {len(verified)} tables: no fault")
            reports = []
            for name in [exports.source, source] if exports else [source]:
                say(f"comparing {name} with the lake:")
                reports.append(lake.check(name))
                for check in reports[-1].tables:
                    say(f"  {check.table}: {check.verdict}, {check.source_rows} rows")
                if name != source:
                    say(f"{reports[-1].equal} of {len(reports[-1].tables)} tables of {name} equal")
            return reports


def _database(lake: Lake, name: str) -> str:
    """The URL of the database that is seeded and changed."""
    source = lake.source(name)
    if not isinstance(source, PostgresSource):
        hint = "name the embedded database first under `sources` in lake.yaml"
        raise SourceError("LW-248", f"the first source, {name}, is no database", hint=hint)
    return source.database.url


def _seed(url: str, folder: Path, demo: Demo, scale: float, say: Say) -> None:
    start = time.monotonic()
    if script.is_empty(url):
        script.run_files(url, [folder / name for name in demo.seed], {"lakewright.scale": repr(scale)})
        say(f"seeded an embedded PostgreSQL in {time.monotonic() - start:.1f} s")
    else:
        say("found the embedded PostgreSQL with its tables, of the scale that it was seeded at")
        script.run_statement(url, demo.follow.delete)  # an interrupted demonstration may have left it


def _load(lake: Lake, source: str, say: Say) -> None:
    start = time.monotonic()
    lake.capture()
    captured = time.monotonic()
    merged = lake.merge()
    tables = {table.table: table.rows or 0 for table in lake.status().tables if table.source == source}
    say(
        f"loaded {sum(tables.values()):,} rows of {len(tables)} tables in {captured - start:.1f} s,"
        f" {sum(m.commit is not None and m.table in tables for m in merged)} Hudi commits in {time.monotonic() - captured:.1f} s"
    )


@contextlib.contextmanager
def _up(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`lakewright up` in a process of its own, stopped at the end of the block if it still runs."""
    command = [sys.executable, "-m", "lakewright", "-C", str(folder), "--quiet", "up"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _follow(lake: Lake, url: str, follow: Follow, say: Say) -> None:
    """One row inserted, updated and deleted; what the lake says of it, also as of before the update."""
    key = _where(follow)
    say(f"one row of {follow.table} where {key}:")
    script.run_statement(url, follow.insert)
    seconds = _await(lambda: _count(lake, follow) == 1)
    say(f"  inserted, visible after {seconds:.2f} s")
    before = utc_now()
    script.run_statement(url, follow.update)
    seconds = _await(lambda: len(_life(lake, follow)) >= 2)
    say(f"  updated, visible after {seconds:.2f} s")
    now, then = _row(lake, follow, None), _row(lake, follow, before)
    if now == then:
        raise SourceError("LW-251", "an update does not show against a query as of before it", hint="`lakewright status`")
    differing = [name for name in now if now[name] != then[name]]
    say(f"  as of before the update: {', '.join(f'{name} {then[name]} (now {now[name]})' for name in differing[:4])}")
    script.run_statement(url, follow.delete)
    seconds = _await(lambda: _count(lake, follow) == 0)
    say(f"  deleted, gone after {seconds:.2f} s")
    say("  its history: " + " → ".join(f"{c.change} {c.time:%H:%M:%S}" for c in _life(lake, follow)))


def _freshness(lake: Lake, url: str, follow: Follow, say: Say) -> None:
    """From commit in PostgreSQL to visible in live SQL, a few times while the workload runs."""
    seconds = []
    for _ in range(FRESHNESS_SAMPLES // 2):
        script.run_statement(url, follow.insert)
        seconds.append(_await(lambda: _count(lake, follow) == 1))
        script.run_statement(url, follow.delete)
        seconds.append(_await(lambda: _count(lake, follow) == 0))
    say(f"freshness over {len(seconds)} commits: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")


def _await(visible: Callable[[], bool]) -> float:
    """Look until it is there; returns the seconds it took."""
    start = time.monotonic()
    while not visible():
        if time.monotonic() - start > VISIBLE_SECONDS:
            raise SourceError(
                "LW-251", f"a committed change was not visible after {VISIBLE_SECONDS:.0f} s", hint="`lakewright status`"
            )
        time.sleep(0.02)
    return time.monotonic() - start


def _count(lake: Lake, follow: Follow) -> int:
    with lake.sql(f"SELECT count(*) FROM {follow.table} WHERE {_where(follow)}") as answer:
        return sum(batch.column(0)[0].as_py() for batch in answer.batches())


def _row(lake: Lake, follow: Follow, moment: datetime.datetime | None) -> dict[str, object]:
    text = f"SELECT * FROM {follow.table} WHERE {_where(follow)}"
    with lake.sql(text, as_of=moment.isoformat() if moment else None) as answer:
        rows = [row for batch in answer.batches() for row in batch.to_pylist()]
    return rows[0] if rows else {}


def _life(lake: Lake, follow: Follow) -> list[RowChange]:
    """The row's changes since it was last inserted."""
    changes: list[RowChange] = lake.history(follow.table, ",".join(f"{name}={value}" for name, value in follow.key.items()))
    starts = [index for index, change in enumerate(changes) if change.change == "insert"]
    return changes[starts[-1] :] if starts else []


def _where(follow: Follow) -> str:
    parts = (f"{name} = {value}" if isinstance(value, int) else f"{name} = '{value}'" for name, value in follow.key.items())
    return " AND ".join(parts)
