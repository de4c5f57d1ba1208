"""A small change of a large table beside real Spark with Hudi's own writer: 10,000 rows by random key into 10 M rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import hudi_spark
from benchmarks._figure import Figure
from benchmarks._spark import spark
from benchmarks.hudi import SPEC, batches_of, rows_of

ROWS = 10_000_000
CHANGED = 10_000
ROUNDS = 2


def run() -> Iterator[Figure]:
    """Seconds, the best of some rounds."""
    chance = np.random.default_rng(1)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, spark(Path(name)) as peer:
        table = hudi_spark.Pair(Path(name), peer, SPEC)
        table.load(lambda: batches_of(ROWS, np.random.default_rng(2)))
        changes = (rows_of(chance.choice(ROWS, CHANGED, replace=False), chance) for _ in range(ROUNDS))
        yield hudi_spark.figure("hudi-spark-upsert-small", map(table.upsert, changes))
        table.check()
