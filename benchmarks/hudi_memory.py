"""The memory that an upsert into full base files takes: the peak of a process that does nothing else.

The table has base files of 120 MB, at which size they are full, and 100,000 random keys are in all of them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks._figure import Figure
from benchmarks.hudi import CHANGED, SPEC, batches_of, checkpoint, rows_of
from lakewright.formats.hudi import HudiFormat
from lakewright.formats.hudi.base_file import MAX_BYTES
from lakewright.storage.local import LocalStore

ROWS = 6_000_000
MEMORY_LIMIT = 1_000_000_000


def run() -> Iterator[Figure]:
    """``hudi-memory`` in bytes of resident memory."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        table = HudiFormat(LocalStore(Path(name))).create("sales", SPEC)
        with table.write() as write:
            write.replace(SPEC, batches_of(ROWS, np.random.default_rng(1)))
            write.commit(checkpoint(1))
        snapshot = table.snapshot()
        assert snapshot is not None
        assert max(file.size for file in snapshot.files) > 0.9 * MAX_BYTES
        peak = subprocess.run([sys.executable, "-m", __name__, name], check=True, capture_output=True, text=True)
        yield Figure("hudi-memory", float(peak.stdout), "bytes", "the limit", MEMORY_LIMIT)


def _upsert(root: Path) -> None:
    table = HudiFormat(LocalStore(root)).open("sales")
    assert table is not None
    chance = np.random.default_rng(2)
    rows = rows_of(chance.choice(ROWS, CHANGED, replace=False), chance)
    with table.write() as write:
        write.upsert(rows, rows.slice(0, 0).select(SPEC.key))
        write.commit(checkpoint(2))


if __name__ == "__main__":
    _upsert(Path(sys.argv[1]))
    scale = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
