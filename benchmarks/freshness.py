"""From commit in PostgreSQL to visible, while a writer commits at a rate for a minute; the peers are the aims.

The writer notes when each of its commits returned, as the number of its last row. A reader asks again and again for the highest
number it sees; each number's time is that of the first answer that has it. `lakewright up` runs as a process of its own.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pyarrow.compute as pc
from hudi import HudiReadOptions, HudiTableBuilder

from benchmarks._figure import Figure
from benchmarks._lake import lake, rows_of

SECONDS = 60.0
ROWS = 1_000_000
COMMITS_PER_SECOND = 20
LIVE_AIM, COMMITTED_AIM = 1.0, 5.0


def run() -> Iterator[Figure]:
    """p50 and p99 in seconds; a lag that grows would show in the p99."""
    for rate in (1_000, 10_000):
        with lake(ROWS) as (opened, url), _up(opened.project.folder):
            answers = _measure(
                url, rate, lambda: int(str(rows_of(opened, f"SELECT max(id) FROM ev WHERE id > {ROWS}")[0][0] or 0))
            )
            yield from _figures(f"freshness-live-{rate}", answers, LIVE_AIM)
    with lake(ROWS) as (opened, url), _up(opened.project.folder):
        path = str(opened.project.folder / opened.mirror("ev").path)
        yield from _figures("freshness-hudi-rs-1000", _measure(url, 1_000, lambda: _newest(path), update=True), COMMITTED_AIM)


def _figures(name: str, seconds: list[float], aim: float) -> Iterator[Figure]:
    ordered = sorted(seconds)
    yield Figure(f"{name}-p50", ordered[len(ordered) // 2], "s", "aim", aim)
    yield Figure(f"{name}-p99", ordered[int(len(ordered) * 0.99)], "s", "aim", aim)


def _measure(url: str, rate: int, look: Callable[[], int], *, update: bool = False) -> list[float]:
    """Seconds from each commit to the first look that has it."""
    written: list[tuple[int, float]] = []
    done = threading.Event()
    writer = threading.Thread(target=_write, args=(url, rate, written, done, update), daemon=True)
    writer.start()
    seconds, seen, reached = [], 0, 0
    while seen < len(written) or not done.is_set():
        reached = max(reached, look())
        now = time.time()
        while seen < len(written) and written[seen][0] <= reached:
            seconds.append(now - written[seen][1])
            seen += 1
        if now - (written[-1][1] if written else now) > 60:
            raise RuntimeError(f"{len(written) - seen} commits are not visible a minute after the last one")
        time.sleep(0.02)
    writer.join()
    return seconds


def _write(url: str, rate: int, written: list[tuple[int, float]], done: threading.Event, update: bool) -> None:
    """Commit `COMMITS_PER_SECOND` times a second: new rows, or random rows of the table changed and one new row."""
    each = rate // COMMITS_PER_SECOND
    with contextlib.closing(psycopg2.connect(url)) as connection:
        start, number = time.monotonic(), ROWS
        for commit in range(int(SECONDS * COMMITS_PER_SECOND)):
            first, number = number + 1, number + (1 if update else each)
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO ev SELECT g, now(), (g %% 7)::int, 1.5, md5(g::text) FROM generate_series(%s::bigint, %s) g",
                    (first, number),
                )
                if update:
                    cursor.execute(
                        "UPDATE ev SET amount = amount + 1 WHERE id IN"
                        " (SELECT (random() * %s)::bigint FROM generate_series(1, %s))",
                        (ROWS, each),
                    )
            written.append((number, time.time()))
            time.sleep(max(0.0, start + (commit + 1) / COMMITS_PER_SECOND - time.monotonic()))
    done.set()


def _newest(path: str) -> int:
    """The highest number that a newly opened independent reader sees."""
    options = HudiReadOptions(filters=[("id", ">", str(ROWS))], projection=["id"])
    batches = HudiTableBuilder.from_base_uri(path).build().read(options)
    return max((pc.max(batch.column("id")).as_py() or 0 for batch in batches if batch.num_rows), default=0)


@contextlib.contextmanager
def _up(folder: Path) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "lakewright", "-C", str(folder), "--quiet", "up"])
    try:
        time.sleep(2.0)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
