"""Writes of Hudi tables beside real Spark with Hudi's own writer: 1 M rows of 10 columns, and changes of 100,000 of them.

Both get the same rows and go through the same steps in turn: a table is loaded, rows are upserted by random key, rows go,
and in a merge-on-read table rows are upserted and compacted. Spark's session is there and warm, and its input in its memory: the
best of some rounds counts, on both sides. In the end both tables hold the same rows.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks._figure import Figure
from benchmarks._spark import Spark, row_text, spark
from benchmarks.hudi import CHANGED, ROWS, SPEC, checkpoint, rows_of
from lakewright.formats.hudi import HudiFormat
from lakewright.formats.hudi.write import HudiWrite
from lakewright.model.contracts import Table
from lakewright.model.table import MOR, TableSpec
from lakewright.pipeline import scan
from lakewright.pipeline.stored import Stored
from lakewright.storage.local import LocalStore

ROUNDS = 3
Seconds = tuple[float, float]


class Pair:
    """Two tables in the folder `root` that hold the same rows, ours and Spark's; each step gives the seconds of both."""

    def __init__(self, root: Path, peer: Spark, spec: TableSpec) -> None:
        self._peer, self._spec, self._theirs = peer, spec, root / "theirs" / spec.name
        self._table = HudiFormat(LocalStore(root / "ours")).create(spec.name, spec)
        self._commits = 0

    def load(self, batches: Callable[[], Iterator[pa.RecordBatch]]) -> Seconds:
        """The first rows."""
        ours = self._write(lambda write: write.replace(self._spec, batches()))
        return ours, self._peer.write(self._theirs, self._spec, batches(), "bulk_insert")

    def upsert(self, rows: pa.Table) -> Seconds:
        """Rows, new ones and others."""
        ours = self._write(lambda write: write.upsert(rows, rows.slice(0, 0).select(self._spec.key)))
        return ours, self._peer.write(self._theirs, self._spec, rows.to_batches(), "upsert")

    def delete(self, rows: pa.Table) -> Seconds:
        """Rows that go, by their keys."""
        ours = self._write(lambda write: write.upsert(rows.slice(0, 0), rows.select(self._spec.key)))
        return ours, self._peer.write(self._theirs, self._spec, rows.to_batches(), "delete")

    def compact(self) -> Seconds:
        """All logs into base files."""
        start = time.perf_counter()
        self._table.compact(1)
        return time.perf_counter() - start, self._peer.compact(self._theirs)

    def check(self) -> None:
        """Both tables have the same rows."""
        assert checksum(self._table) == self._peer.checksum(self._theirs, self._spec)

    def _write(self, fill: Callable[[HudiWrite], None]) -> float:
        self._commits += 1
        start = time.perf_counter()
        with self._table.write() as write:
            fill(write)
            write.commit(checkpoint(self._commits))
        return time.perf_counter() - start


def checksum(table: Table) -> tuple[int, int]:
    """What `Spark.checksum` gives, of a table of ours."""
    snapshot = table.snapshot()
    assert snapshot is not None
    text = f"CAST('0x' || substr(md5({row_text(snapshot.spec, 'epoch_us')}), 1, 8) AS BIGINT)"
    with duckdb.connect() as connection:
        rows = Stored(connection, table, snapshot).sql(scan.Selection(snapshot.spec))
        (found,) = connection.execute(f"SELECT count(*), sum({text}) FROM ({rows})").fetchall()
    return int(found[0]), int(found[1])


def run() -> Iterator[Figure]:
    """Seconds of each step, the best of some rounds."""
    chance = np.random.default_rng(1)
    rows = rows_of(np.arange(ROWS), chance)
    upserts = [rows_of(chance.choice(ROWS, CHANGED, replace=False), chance) for _ in range(ROUNDS)]
    shuffled = chance.permutation(ROWS)
    deletes = [rows.take(pa.array(np.sort(part))) for part in np.split(shuffled[: ROUNDS * CHANGED], ROUNDS)]

    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, spark(Path(name)) as peer:
        folder = Path(name)

        def loaded(label: str, spec: TableSpec) -> tuple[Pair, Seconds]:
            pair = Pair(folder / label, peer, spec)
            return pair, pair.load(lambda: iter(rows.to_batches(100_000)))

        tables = [loaded(f"cow-{number}", SPEC) for number in range(ROUNDS)]
        yield figure("hudi-spark-insert", (took for _, took in tables))
        table = tables[-1][0]
        yield figure("hudi-spark-upsert", map(table.upsert, upserts))
        yield figure("hudi-spark-delete", map(table.delete, deletes))
        table.check()

        table, _ = loaded("mor", dataclasses.replace(SPEC, type=MOR))
        appended: list[Seconds] = []
        compacted: list[Seconds] = []
        for _ in range(ROUNDS):
            appended += map(table.upsert, upserts)
            table.check()
            compacted.append(table.compact())
        table.check()
        yield figure("hudi-spark-mor-upsert", appended)
        yield figure("hudi-spark-compact", compacted)


def figure(name: str, measured: Iterable[Seconds]) -> Figure:
    """The best of both."""
    ours, peer = (min(values) for values in zip(*measured, strict=True))
    return Figure(name, ours, "s", "Spark local[2] with Hudi 0.15", peer)
