"""The memory that a large export takes on its way to a committed table: the peak of a process that does nothing else."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import csv_load
from benchmarks._figure import Figure
from lakewright.pipeline.lake import Lake

ROWS = 58_000_000
"""10 GB of CSV."""
MEMORY_LIMIT = 1_000_000_000


def run(rows: int = ROWS) -> Iterator[Figure]:
    """``csv-memory`` in bytes of resident memory, its inference of the dataset included."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        (folder / "lake.yaml").write_text(csv_load.LAKE)
        csv_load.write(folder / "in" / "customers.csv", rows)
        peak = subprocess.run([sys.executable, "-m", __name__, name], check=True, capture_output=True, text=True)
        yield Figure("csv-memory", float(peak.stdout), "bytes", "the limit", MEMORY_LIMIT)


if __name__ == "__main__":
    with Lake.open(Path(sys.argv[1])) as lake:
        lake.capture()
        lake.merge()
    scale = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
