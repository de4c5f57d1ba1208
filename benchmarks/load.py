"""Full load: a table of PostgreSQL to a durable raw file, and the memory that takes.

The table is ``firen`` of PeerDB's firenibble: integers, floats, short texts, dates, a timestamp, a decimal; some 260 bytes a row.
The limit is the server's own fastest way out: ``COPY ... (FORMAT binary)`` through psql to nowhere, over the same socket.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._figure import Figure
from lakewright.model.position import START
from lakewright.raw import parquet
from lakewright.sources.postgres.embedded import EmbeddedPostgres, programs
from lakewright.sources.postgres.source import PostgresSource
from lakewright.storage.local import LocalStore

ROWS = 5_000_000
MEMORY_ROWS = 10_000_000
MEMORY_LIMIT = 1_000_000_000
ROUNDS = 2

_TABLE = """
CREATE TABLE firen (
    id bigint PRIMARY KEY, b1 bigint, b2 bigint, i1 int, f1 float8, f2 float8, f3 float8, f4 float8,
    v1 varchar(32), v2 varchar(32), v3 varchar(32), v4 varchar(32), v5 varchar(32), v6 varchar(32),
    d1 date, d2 date, ts timestamptz, n1 numeric(18,4))
"""
_FILL = """
INSERT INTO firen SELECT g, g * 7919, g * 104729, g % 1000000, g * 0.37, sqrt(g), g / 3.0, -g * 1.1,
    md5(g::text), md5((g + 1)::text), left(md5((g + 2)::text), 20), left(md5((g + 3)::text), 12), 'status_' || g % 7,
    md5((g % 1000)::text),
    date '2020-01-01' + (g % 2000)::int, date '2021-01-01' + (g % 1500)::int,
    timestamptz '2022-01-01' + g * interval '1 second', (g % 100000000) / 10000.0
FROM generate_series({first}::bigint, {last}) g
"""


def run(rows: int = ROWS, memory_rows: int = MEMORY_ROWS) -> Iterator[Figure]:
    """``load`` in rows a second, the best of some rounds, and ``load-memory``, the peak of a process that does nothing else."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "pg")
        server.start()
        try:
            _psql(server.url, _TABLE, _FILL.format(first=1, last=rows), "VACUUM (FREEZE, ANALYZE) firen")
            limits, ours = [], []
            for _ in range(ROUNDS):
                limits.append(_seconds([_program("psql"), server.url, "-qc", "COPY firen TO STDOUT (FORMAT binary)"]))
                start = time.perf_counter()
                _load(server.url, folder)
                ours.append(time.perf_counter() - start)
            yield Figure("load", rows / min(ours), "rows/s", "COPY (FORMAT binary) to nowhere", rows / min(limits))
            _psql(server.url, _FILL.format(first=rows + 1, last=memory_rows))
            peak = subprocess.run([sys.executable, "-m", __name__, server.url, name], check=True, capture_output=True, text=True)
            yield Figure("load-memory", float(peak.stdout), "bytes", "the limit", MEMORY_LIMIT)
        finally:
            server.stop()


def _load(url: str, folder: Path) -> None:
    source = PostgresSource(url, ["public.firen"], "benchmark")
    (schema,) = source.discover().tables
    store = LocalStore(folder / "lake")
    with source.open_load([schema], after=START) as load:
        parquet.write(store, "firen.parquet", schema, load.batches(schema))
    store.delete("firen.parquet")


def _psql(url: str, *statements: str) -> None:
    for statement in statements:
        subprocess.run([_program("psql"), url, "-qc", statement], check=True)


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _program(name: str) -> str:
    return str(programs() / name)


if __name__ == "__main__":
    _load(sys.argv[1], Path(sys.argv[2]))
    scale = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
