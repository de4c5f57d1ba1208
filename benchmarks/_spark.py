"""Real Spark with Hudi's own writer: the peer of what writes tables here.

The session is the one of ``lakewright merge --engine spark``, with as much parallelism as the machine has cores. What Hudi's own
writer is spared: the metadata table, the timeline server, cleaning and archiving. Its input is in memory before it begins.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.errors import MissingDependency
from lakewright.model import types
from lakewright.model.table import MOR, TableSpec

CORES = 2
_SUBMIT = "--driver-memory 4g pyspark-shell"
_LOOKUPS_AND_SHUFFLES = (
    *("insert.shuffle", "bulkinsert.shuffle", "upsert.shuffle", "delete.shuffle"),
    *("simple.index", "bloom.index"),
)
_WRITE = {
    "hoodie.datasource.write.keygenerator.class": "org.apache.hudi.keygen.NonpartitionedKeyGenerator",
    "hoodie.datasource.write.partitionpath.field": "",
    "hoodie.metadata.enable": "false",
    "hoodie.embed.timeline.server": "false",
    "hoodie.clean.automatic": "false",
    "hoodie.archive.automatic": "false",
    **{f"hoodie.{name}.parallelism": str(CORES) for name in _LOOKUPS_AND_SHUFFLES},
}


class Spark:
    """One Spark on this machine; `scratch` is a folder for what is passed to it. Writes return the seconds that they took."""

    def __init__(self, session: Any, scratch: Path) -> None:
        self._session, self._scratch = session, scratch

    def write(self, location: Path, spec: TableSpec, rows: Iterable[pa.RecordBatch], operation: str) -> float:
        """Write rows into the table of an unpartitioned `spec`: Hudi's bulk_insert, upsert or delete."""
        source = self._scratch / "rows.parquet"
        with pq.ParquetWriter(source, spec.arrow()) as file:
            for batch in rows:
                file.write_batch(batch)
        frame = self._session.read.parquet(str(source)).repartition(CORES).cache()
        frame.count()
        options = _WRITE | {
            "hoodie.table.name": spec.name,
            "hoodie.datasource.write.table.type": "MERGE_ON_READ" if spec.type == MOR else "COPY_ON_WRITE",
            "hoodie.datasource.write.recordkey.field": ",".join(spec.key),
            "hoodie.datasource.write.precombine.field": "_position",
            "hoodie.datasource.write.operation": operation,
        }
        start = time.perf_counter()
        frame.write.format("hudi").options(**options).mode("append").save(str(location))
        took = time.perf_counter() - start
        frame.unpersist()
        return took

    def compact(self, location: Path) -> float:
        """Plan a compaction and run it; raises where Spark found nothing to compact."""
        at_once = "hoodie.compact.inline.max.delta.commits=1"  # by default it waits for five
        before = set(location.glob(".hoodie/*.commit"))
        start = time.perf_counter()
        for step in ("schedule", "run"):
            self._session.sql(f"CALL run_compaction(op => '{step}', path => '{location}', options => '{at_once}')").collect()
        took = time.perf_counter() - start
        if len(set(location.glob(".hoodie/*.commit")) - before) != 1:
            raise RuntimeError("Spark compacted nothing, so there is no figure beside it")
        return took

    def checksum(self, location: Path, spec: TableSpec) -> tuple[int, int]:
        """How many rows the table has, and the sum of the hashes of what they hold."""
        rows = self._session.read.format("hudi").load(str(location))
        text = f"conv(substr(md5({row_text(spec, 'unix_micros')}), 1, 8), 16, 10)"
        (found,) = rows.selectExpr("count(*)", f"sum(CAST({text} AS BIGINT))").collect()
        return int(found[0]), int(found[1])


def row_text(spec: TableSpec, micros: str) -> str:
    """A row as one text, in SQL that Spark and DuckDB agree on but for `micros`, the function of a timestamp's microseconds."""
    exact = {types.TIMESTAMP: f"{micros}({{}})", types.DOUBLE: "CAST(floor({} * 1000000) AS BIGINT)"}
    listed = (exact.get(kind, "{}").format(name) for name, kind in spec.columns)
    return f"concat_ws('|', {', '.join(listed)})"


@contextlib.contextmanager
def spark(scratch: Path) -> Iterator[Spark]:
    """A session; without Spark, or Java for it, the process ends and says what is missing and how to get it."""
    os.environ["PYSPARK_SUBMIT_ARGS"] = _SUBMIT
    try:
        from lakewright.engines.spark import SparkEngine

        engine = SparkEngine(f"local[{CORES}]")
    except ImportError:
        sys.exit("MISSING pyspark, the peer of this figure: `make bench-spark` installs it and Hudi's jar, and needs Java 17")
    except MissingDependency as error:
        sys.exit(f"MISSING the peer of this figure: {error}; {error.hint}")
    try:
        engine.session.conf.set("spark.sql.shuffle.partitions", str(CORES))
        yield Spark(engine.session, scratch)
    finally:
        engine.close()
