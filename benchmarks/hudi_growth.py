"""How the cost of a small change grows with its table: 10,000 random keys, a tenth of them new, into 1, 10 and 50 M rows.

The peer is pyarrow reading the record keys of all base files, which is what a lookup without key indexes has to do. Then a
merge-on-read table is aggregated with what its logs say; the peer is the same without that.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq

from benchmarks._figure import Figure
from benchmarks.hudi import SPEC, batches_of, checkpoint, rows_of
from lakewright.formats.hudi import HudiFormat
from lakewright.model.contracts import Table
from lakewright.model.table import COW, MOR
from lakewright.pipeline import scan
from lakewright.pipeline.stored import Stored
from lakewright.storage.local import LocalStore

SIZES = {"1m": 1_000_000, "10m": 10_000_000, "50m": 50_000_000}
CHANGED, NEW = 10_000, 1_000
ROUNDS = 3


def run() -> Iterator[Figure]:
    """Seconds of the first upsert, of the best of some more, and of a read, by type and size."""
    for kind in (COW, MOR):
        for label, size in SIZES.items():
            with tempfile.TemporaryDirectory(prefix="benchmark-") as root:
                table = HudiFormat(LocalStore(Path(root))).create("lake/sales", dataclasses.replace(SPEC, type=kind))
                chance = np.random.default_rng(1)
                _fill(table, size, chance)
                keys = _read_keys(table)
                cold, *warm = (_upsert(table, size, number, chance) for number in range(1, ROUNDS + 1))
                for name, took in (("cold", cold), ("warm", min(warm))):
                    yield Figure(f"hudi-growth-{kind}-{label}-{name}", took, "s", "pyarrow reading all record keys", keys)
                if kind == MOR:
                    snapshot, optimized = (min(_read(table, with_logs) for _ in range(ROUNDS)) for with_logs in (True, False))
                    yield Figure(f"hudi-growth-{kind}-{label}-read", snapshot, "s", "read-optimised", optimized)


def _fill(table: Table, size: int, chance: np.random.Generator) -> None:
    with table.write() as write:
        write.replace(table.spec, batches_of(size, chance))
        write.commit(checkpoint(1))


def _upsert(table: Table, size: int, number: int, chance: np.random.Generator) -> float:
    first = size + (number - 1) * NEW
    ids = np.concatenate([chance.choice(size, CHANGED - NEW, replace=False), np.arange(first, first + NEW)])
    rows = rows_of(ids, chance)
    start = time.perf_counter()
    with table.write() as write:
        write.upsert(rows, rows.slice(0, 0).select(["id"]))
        write.commit(checkpoint(number + 1))
    return time.perf_counter() - start


def _read(table: Table, with_logs: bool) -> float:
    """Seconds of an aggregate over the newest snapshot, from its metadata to the answer."""
    with duckdb.connect(config={"preserve_insertion_order": False}) as connection:
        start = time.perf_counter()
        snapshot = table.snapshot()
        assert snapshot is not None
        stored = Stored(connection, table, snapshot if with_logs else dataclasses.replace(snapshot, logs=()))
        rows = stored.sql(scan.Selection(snapshot.spec))
        (answer,) = connection.execute(
            f"SELECT count(*), sum(amount), max(score), count(DISTINCT status) FROM ({rows})"
        ).fetchall()
        assert answer[0] == snapshot.rows
        stored.close()
        return time.perf_counter() - start


def _read_keys(table: Table) -> float:
    snapshot = table.snapshot()
    assert snapshot is not None
    start = time.perf_counter()
    for file in snapshot.files:
        pq.read_table(file.location, columns=["_hoodie_record_key"], partitioning=None)
    return time.perf_counter() - start
