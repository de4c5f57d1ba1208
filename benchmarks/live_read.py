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
    """Median seconds of a query in one process."""
    with lake(ROWS) as (opened, url):
        execute(url, f"UPDATE ev SET amount = amount + 1 WHERE id % {ROWS // CHANGES} = 3")
        opened.capture(lambda _: None)
        for name, text in QUERIES.items():
            live, committed = rows_of(opened, text), rows_of(opened, text, committed=True)
            assert live != committed or name.endswith("point"), "the tail does not show"
            times = [
                (_seconds(partial(rows_of, opened, text)), _seconds(partial(rows_of, opened, text, committed=True)))
                for _ in range(ROUNDS)
            ]
            ours, peer = (statistics.median(column) for column in zip(*times, strict=True))
            yield Figure(name, ours, "s", "--committed", peer)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
