"""Reads of a copy-on-write table: an aggregate of 5 M rows beside plain Parquet, and the planning of 10,000 files.

``hudi-read-aggregate`` is a query of the committed table in one process, listing and translation included. The peer is DuckDB
over the same base files as plain Parquet, with the engine's settings; that of ``hudi-read-aggregate-own`` reads the same rows in
a file of DuckDB's own writing, which has decimals as integers. ``hudi-read-plan`` is what comes before a query reads its first
row, of a table with 100 partitions of 100 files each; ``hudi-read-plan-first`` is the first time in a process.
"""

from __future__ import annotations

import functools
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
from lakewright.pipeline.lake import Lake
from lakewright.storage.local import LocalStore

ROWS = 5_000_000
PARTITIONS, FILES = 100, 10_000
ROUNDS = 15
PLAN_AIM = 0.1
QUERY = "SELECT kind, count(*), sum(amount) FROM {} GROUP BY kind ORDER BY kind"
_MANY = TableSpec("ev", (("id", "bigint"), ("shard", "string"), ("_position", "string")), ("id",), ("shard",))


def run() -> Iterator[Figure]:
    """Median seconds of a query and of planning one."""
    with (
        lake(ROWS) as (opened, _),
        tempfile.TemporaryDirectory(prefix="benchmark-") as name,
        duckdb.connect() as peer,
    ):
        peer.execute("SET preserve_insertion_order = false; SET parquet_metadata_cache = true")
        own = Path(name) / "own.parquet"
        with opened.sql("SELECT * FROM ev", committed=True) as answer:
            rows = pa.Table.from_batches(answer.batches())
        peer.from_arrow(rows).write_parquet(str(own))
        del rows
        plain = {"": scan.strings(_files(opened)), "-own": f"'{own}'"}
        times: dict[str, list[float]] = {"ours": [], **{which: [] for which in plain}}
        for _ in range(ROUNDS):
            times["ours"].append(_seconds(lambda: rows_of(opened, QUERY.format("ev"), committed=True)))
            for which, files in plain.items():
                query = QUERY.format(f"read_parquet({files}, hive_partitioning = false)")
                times[which].append(_seconds(functools.partial(_fetch, peer, query)))
        taken = {which: statistics.median(each) for which, each in times.items()}
        yield Figure("hudi-read-aggregate", taken["ours"], "s", "DuckDB over the base files as plain Parquet", taken[""])
        yield Figure("hudi-read-aggregate-own", taken["ours"], "s", "DuckDB over Parquet of its own writing", taken["-own"])

    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        store = LocalStore(Path(name))
        _fill(store)
        tables = HudiFormat(store)
        first, *later = (_seconds(lambda: _plan(tables)) for _ in range(ROUNDS))
        yield Figure("hudi-read-plan-first", first, "s", "the aim", PLAN_AIM)
        yield Figure("hudi-read-plan", statistics.median(later), "s", "the aim", PLAN_AIM)


def _fetch(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    connection.sql(query).fetchall()


def _files(opened: Lake) -> list[str]:
    """Where the table's base files are."""
    table = HudiFormat(opened.store).open("curated/ev")
    snapshot = table.snapshot() if table else None
    assert snapshot is not None
    return [file.location for file in snapshot.files]


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
