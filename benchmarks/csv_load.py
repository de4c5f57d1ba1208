"""An export of customers, 1.2 M rows of CSV, to a committed table of the lake: transferred, verified, read, logged, merged.

The peer only reads and writes: DuckDB copies the same file to Parquet. ``csv-load`` is what each file costs: the dataset's
definition is known, as it is from the second file on. ``csv-load-first`` is the first one, from which it is inferred.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks._figure import Figure
from lakewright.pipeline.lake import Lake

ROWS = 1_200_000
ROUNDS = 3
_PEER = "DuckDB COPY read_csv to Parquet"
LAKE = """
lake: b
sources:
  drop: {kind: files, path: in, settle: 1ms, datasets: {customers: {files: "*.csv", mode: snapshot}}}
"""
_SELECT = """
SELECT g AS customer_id, 'First' || g % 997 AS first_name, 'Last' || g % 8191 AS last_name,
    'user' || g || '@example.com' AS email, '555-' || lpad((g % 10000)::text, 4, '0') AS phone,
    (g % 9999) || ' "Main" Street, Apt ' || g % 77 AS address, 'City ' || g % 541 AS city,
    chr(65 + (g % 26)::int) || chr(65 + (g % 7)::int) AS state, lpad((g % 99999)::text, 5, '0') AS zip,
    date '1940-01-01' + (g % 25000)::int AS born, timestamp '2020-01-01' + g * interval '61 seconds' AS created_at,
    (g * 37 % 1000000)::decimal(12, 2) / 100 AS balance, g % 3 = 0 AS newsletter,
    CASE WHEN g % 9 = 0 THEN NULL ELSE md5(g::text) END AS note
FROM range(1, {last}) t(g)
"""


def run() -> Iterator[Figure]:
    """``csv-load`` in seconds, the best of some rounds in turn with the peer, and ``csv-load-first``, which is one round."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        export = folder / "export.csv"
        write(export, ROWS)
        ours, peer = [], []
        first, definition = _load(folder / "first", export, None)
        for number in range(ROUNDS):
            start = time.perf_counter()
            duckdb.sql(f"COPY (SELECT * FROM read_csv('{export}')) TO '{folder / 'peer.parquet'}' (FORMAT parquet)")
            peer.append(time.perf_counter() - start)
            ours.append(_load(folder / str(number), export, definition)[0])
        yield Figure("csv-load", min(ours), "s", _PEER, min(peer))
        yield Figure("csv-load-first", first, "s", _PEER, min(peer))


def write(path: Path, rows: int) -> None:
    """An export of so many rows."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({_SELECT.format(last=rows + 1)}) TO '{path}' (HEADER)")


def _load(folder: Path, export: Path, definition: str | None) -> tuple[float, str]:
    """Seconds from the file's being there to the committed table, and the dataset's definition."""
    (folder / "in").mkdir(parents=True)
    (folder / "datasets").mkdir()
    (folder / "lake.yaml").write_text(LAKE)
    (folder / "in" / "customers.csv").hardlink_to(export)
    if definition is not None:
        (folder / "datasets" / "customers.yaml").write_text(definition)
    with Lake.open(folder) as lake:
        start = time.perf_counter()
        lake.capture()
        lake.merge()
        seconds = time.perf_counter() - start
        with lake.sql("SELECT count(*) FROM customers", committed=True) as answer:
            assert next(answer.batches()).column(0).to_pylist() == [ROWS]
    return seconds, (folder / "datasets" / "customers.yaml").read_text()
