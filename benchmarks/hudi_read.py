"""Reads of a copy-on-write table: an aggregate of 5 M rows beside plain Parquet, and the planning of 10,000 files.

``hudi-read-aggregate`` is a query of the committed table in one process, listing and translation included. The peer is DuckDB
over the same rows as it writes them itself. ``hudi-read-plan`` is what comes before a query reads its first row, of a table with
100 partitions of 100 files each; ``hudi-read-plan-first`` is the first time in a process.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import duckdb
import pyarrow as pa

from benchmarks._figure import Figure
from benchmarks._lake import lake, rows_of
from benchmarks.hudi import checkpoint
from lakewright.formats.hudi import HudiFormat, lanes, replace
from lakewright.model.table import TableSpec
from lakewright.pipeline import scan
from lakewright.storage.local import LocalStore

ROWS = 5_000_000
PARTITIONS, FILES = 100, 10_000
ROUNDS = 15
PLAN_AIM = 0.1
QUERY = "SELECT kind, count(*), sum(amount) FROM {} GROUP BY kind ORDER BY kind"
_MANY = TableSpec("ev", (("id", "bigint"), ("shard", "string"), ("_position", "string")), ("id",), ("shard",))


def run() -> Iterator[Figure]:
    """Median seconds of a query and of planning one."""
    with lake(ROWS) as (opened, _), tempfile.TemporaryDirectory(prefix="benchmark-") as name, duckdb.connect() as peer:
        plain = Path(name) / "plain.parquet"
        with opened.sql("SELECT * FROM ev", committed=True) as answer:
            rows = pa.Table.from_batches(answer.batches())
        peer.from_arrow(rows).write_parquet(str(plain))
        del rows
        times = []
        for _ in range(ROUNDS):
            ours = _seconds(lambda: rows_of(opened, QUERY.format("ev"), committed=True))
            times.append((ours, _seconds(lambda: peer.sql(QUERY.format(f"'{plain}'")).fetchall())))
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        yield Figure("hudi-read-aggregate", ours, "s", "DuckDB over plain Parquet", theirs)

    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        store = LocalStore(Path(name))
        _fill(store)
        tables = HudiFormat(store)
        first, *later = (_seconds(lambda: _plan(tables)) for _ in range(ROUNDS))
        yield Figure("hudi-read-plan-first", first, "s", "the aim", PLAN_AIM)
        yield Figure("hudi-read-plan", statistics.median(later), "s", "the aim", PLAN_AIM)


def _fill(store: LocalStore) -> None:
    """A commit of files that are full after a row."""
    ids = [range(first, first + PARTITIONS) for first in range(0, FILES, PARTITIONS)]
    parts = [
        [pa.array(some), pa.array(f"{n % PARTITIONS:05d}" for n in some), pa.array(["0001.00"] * PARTITIONS)] for some in ids
    ]
    batches = (pa.record_batch(columns, schema=_MANY.arrow()) for columns in parts)
    small = mock.patch.object(replace, "ROW_GROUP_ROWS", 1), mock.patch.object(lanes, "MAX_BYTES", 0)
    with small[0], small[1], HudiFormat(store).create("ev", _MANY).write() as write:
        write.replace(_MANY, batches)
        write.commit(checkpoint(1))


def _plan(tables: HudiFormat) -> None:
    """What `pipeline.relations` does for a table of the committed lake."""
    table = tables.open("ev")
    assert table is not None
    snapshot = table.snapshot(table.snapshots()[-1].instant)
    assert snapshot is not None
    assert len(snapshot.files) == FILES
    scan.snapshot_sql(snapshot, scan.Selection(snapshot.spec))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
