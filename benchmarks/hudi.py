"""Hudi tables: 1 M rows of 10 columns inserted, then 100,000 of them upserted by random key.

The peer is pyarrow alone: the tables that our base files hold, meta columns included, written to as many Parquet files with the
same encodings, one after the other. It finds no key, reads nothing and syncs nothing to disk: it is a limit rather than a rival.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks._figure import Figure
from lakewright.formats.hudi import HudiFormat
from lakewright.model.position import Feed, Position
from lakewright.model.table import Checkpoint, Snapshot, TableSpec
from lakewright.storage.encodings import encodings
from lakewright.storage.local import LocalStore

ROWS = 1_000_000
CHANGED = 100_000
ROUNDS = 3
SPEC = TableSpec(
    "sales",
    (
        ("id", "bigint"),
        ("customer", "bigint"),
        ("status", "string"),
        ("amount", "decimal(12,2)"),
        ("created", "timestamp"),
        ("day", "date"),
        ("note", "string"),
        ("score", "double"),
        ("paid", "boolean"),
        ("_position", "string"),
    ),
    ("id",),
)
_PART = 500_000


def run() -> Iterator[Figure]:
    """The best of some rounds of each, in seconds."""
    chance = np.random.default_rng(1)
    rows = rows_of(np.arange(ROWS), chance)
    changed = rows_of(chance.choice(ROWS, CHANGED, replace=False), chance)
    times: dict[str, list[tuple[float, float]]] = {"hudi-insert": [], "hudi-upsert": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as root:
            for name, took in _round(Path(root), rows, changed):
                times[name].append(took)
    for name, measured in times.items():
        ours, peer = (min(values) for values in zip(*measured, strict=True))
        yield Figure(name, ours, "s", "pyarrow writing the same bytes", peer)


def _round(root: Path, rows: pa.Table, changed: pa.Table) -> Iterator[tuple[str, tuple[float, float]]]:
    table = HudiFormat(LocalStore(root)).create("lake/sales", SPEC)
    start = time.perf_counter()
    with table.write() as write:
        write.replace(SPEC, iter(rows.to_batches(100_000)))
        write.commit(checkpoint(1))
    yield "hudi-insert", (time.perf_counter() - start, _peer(table.snapshot(), root))
    start = time.perf_counter()
    with table.write() as write:
        write.upsert(changed, rows.slice(0, 0).select(["id"]))
        write.commit(checkpoint(2))
    yield "hudi-upsert", (time.perf_counter() - start, _peer(table.snapshot(), root))


def _peer(snapshot: Snapshot | None, root: Path) -> float:
    """Seconds that pyarrow takes to write the files of a snapshot again."""
    assert snapshot is not None
    assert snapshot.rows == ROWS
    files = [pq.ParquetFile(file.location).read() for file in snapshot.files]
    start = time.perf_counter()
    for number, file in enumerate(files):
        path = root / f"peer{number}.parquet"
        pq.write_table(file, path, row_group_size=1 << 17, **encodings(file))
    return time.perf_counter() - start


def rows_of(ids: np.ndarray[tuple[int], np.dtype[np.int64]], chance: np.random.Generator) -> pa.Table:
    """Rows with these keys and random values."""
    count = len(ids)
    columns = [
        pa.array(ids),
        pa.array(chance.integers(0, 100_000, count)),
        pa.array(np.array(["new", "paid", "sent", "returned"])[chance.integers(0, 4, count)]),
        pa.array(chance.integers(0, 10**6, count)).cast(pa.decimal128(19, 0)).cast(pa.decimal128(12, 2), safe=False),
        pa.array(chance.integers(1_500_000_000_000_000, 1_700_000_000_000_000, count)).cast(pa.timestamp("us", tz="UTC")),
        pa.array(chance.integers(10_000, 20_000, count).astype(np.int32)).cast(pa.date32()),
        pc.binary_join_element_wise("order note", pa.array(chance.integers(0, 10**9, count)).cast(pa.string()), " "),
        pa.array(chance.random(count)),
        pa.array(chance.random(count) < 0.5),
        pc.binary_join_element_wise("0001.0000000001A2B3C8", pc.utf8_lpad(pa.array(ids).cast(pa.string()), 10, "0"), "."),
    ]
    return pa.table(columns, names=[name for name, _ in SPEC.columns]).cast(SPEC.arrow())


def batches_of(rows: int, chance: np.random.Generator) -> Iterator[pa.RecordBatch]:
    """Rows with the keys from 0 on, a part of them in memory at a time."""
    for start in range(0, rows, _PART):
        yield from rows_of(np.arange(start, min(rows, start + _PART)), chance).to_batches(100_000)


def checkpoint(number: int) -> Checkpoint:
    """The checkpoint of the n-th commit."""
    return Checkpoint(Feed("native", "1", 1), 1, Position(number))
