"""Live reads of 5 M rows with a tail of 10,000 changes, against reads of the committed table (the peer) in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks._figure import Figure
from benchmarks._lake import execute, lake, rows_of

ROWS = 5_000_000
CHANGES = 10_000
ROUNDS = 15
QUERIES = {
    "live-read-aggregate": "SELECT kind, count(*), sum(amount) FROM ev GROUP BY kind ORDER BY kind",
    "live-read-point": "SELECT id, amount FROM ev WHERE id = 2500003",
}


def run() -> Iterator[Figure]:
    """Median seconds of a query in one process: the first after the log moved, which folds the tail, and one after it."""
    with lake(ROWS) as (opened, url):
        execute(url, f"UPDATE ev SET amount = amount + 1 WHERE id % {ROWS // CHANGES} = 3")
        for name, text in QUERIES.items():
            times = []
            for _ in range(ROUNDS):
                execute(url, "UPDATE ev SET amount = amount + 1 WHERE id = 2500003")
                opened.capture()
                live, committed = partial(rows_of, opened, text), partial(rows_of, opened, text, committed=True)
                times.append((_seconds(live), _seconds(live), _seconds(committed)))
                assert live() != committed(), "the tail does not show"
            first, next_, peer = (statistics.median(column) for column in zip(*times, strict=True))
            yield Figure(name, next_, "s", "--committed", peer)
            yield Figure(f"{name}-first", first, "s", "--committed", peer)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
