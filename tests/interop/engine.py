"""Real Spark with Hudi as reader and writer of our tables; rows pass in and out as Parquet files, so that no type is guessed."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.model.table import COW, MOR, POSITION_COLUMN, TableSpec

GENERATOR = "org.apache.hudi.keygen.{}KeyGenerator"

_SESSION = {
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.kryo.registrator": "org.apache.spark.HoodieSparkKryoRegistrar",
    "spark.sql.extensions": "org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.hudi.catalog.HoodieCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.default.parallelism": "2",
}
_PARALLEL = (
    *("insert.shuffle", "bulkinsert.shuffle", "upsert.shuffle", "delete.shuffle"),
    *("simple.index", "global.simple.index", "bloom.index"),
)
_WRITE = {
    "hoodie.datasource.write.hive_style_partitioning": "true",
    "hoodie.datasource.write.precombine.field": POSITION_COLUMN,
    "hoodie.embed.timeline.server": "false",
    "hoodie.metadata.enable": "false",
    "hoodie.compact.inline": "false",
    **{f"hoodie.{name}.parallelism": "2" for name in _PARALLEL},
    "hoodie.datasource.write.row.writer.enable": "false",  # as users are told to, and as we do
}
_S3_JARS = ("hadoop-aws-3.3.4.jar", "aws-java-sdk-bundle-1.12.262.jar")


class Spark:
    """One Spark session; `bundle` is the jar of Hudi, `scratch` a folder for what passes between the engines.

    What Hadoop reads S3 with lies beside that jar.
    """

    def __init__(self, bundle: Path, scratch: Path) -> None:
        from pyspark.sql import SparkSession

        os.environ["PYSPARK_PYTHON"] = sys.executable
        builder = SparkSession.builder.master("local[2]").appName("interop").config("spark.jars", str(bundle))
        # By path: a jar that is named as the bundle is, Spark copies first.
        builder = builder.config("spark.driver.extraClassPath", ":".join(str(bundle.parent / jar) for jar in _S3_JARS))
        for name, value in _SESSION.items():
            builder = builder.config(name, value)
        self.session: Any = builder.config("spark.sql.warehouse.dir", str(scratch / "warehouse")).getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")
        self._scratch = (scratch / str(number) for number in itertools.count())

    def close(self) -> None:
        """End the session and its JVM."""
        self.session.stop()

    def reach(self, endpoint: str, credentials: Mapping[str, str]) -> None:
        """Let ``s3://`` be the S3 at `endpoint`, for good: Hadoop keeps what it opened.

        `credentials` are variables of the environment, which Spark's workers get.
        """
        context = self.session.sparkContext
        context.environment.update(credentials)
        settings = {
            "s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "s3a.endpoint": endpoint,
            "s3a.path.style.access": "true",
            "s3a.access.key": credentials["AWS_ACCESS_KEY_ID"],
            "s3a.secret.key": credentials["AWS_SECRET_ACCESS_KEY"],
        }
        for name, value in settings.items():
            context._jsc.hadoopConfiguration().set(f"fs.{name}", value)

    def read(self, location: Path | str, **options: str) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
        """The columns, with Spark's types, and the rows of a table; `__` in an option's name stands for a dot."""
        dotted = {name.replace("__", "."): value for name, value in options.items()}
        frame = self.session.read.format("hudi").options(**dotted).load(str(location))
        out = next(self._scratch)
        frame.coalesce(1).write.parquet(str(out))
        # By file: the folder's name must not become a partition.
        rows = [row for path in sorted(out.glob("*.parquet")) for row in pq.ParquetFile(path).read().to_pylist()]
        return [(field.name, field.dataType.simpleString()) for field in frame.schema.fields], rows

    def write(
        self, location: Path | str, spec: TableSpec, rows: pa.Table, operation: str = "upsert", note: str = "note", **options: str
    ) -> None:
        """Write rows with Hudi's own writer, under the key and partition of `spec`; `note` is SQL for the column ``note``."""
        source = next(self._scratch)
        source.mkdir(parents=True)
        pq.write_table(rows, source / "rows.parquet")
        kind = "Complex" if len(spec.key) > 1 else "Simple" if len(spec.partition) == 1 else "Custom"
        kind = kind if spec.partition else "Nonpartitioned"
        settings = _WRITE | {
            "hoodie.table.name": spec.name,
            "hoodie.datasource.write.table.type": {COW: "COPY_ON_WRITE", MOR: "MERGE_ON_READ"}[spec.type],
            "hoodie.datasource.write.operation": operation,
            "hoodie.datasource.write.recordkey.field": ",".join(spec.key),
            "hoodie.datasource.write.partitionpath.field": ",".join(
                f"{name}:SIMPLE" if kind == "Custom" else name for name in spec.partition
            ),
            "hoodie.datasource.write.keygenerator.class": GENERATOR.format(kind),
        }
        settings |= {name.replace("__", "."): value for name, value in options.items()}
        frame = self.session.read.option("datetimeRebaseMode", "CORRECTED").parquet(str(source))
        frame = frame.selectExpr(*(f"{note} AS note" if name == "note" else name for name in rows.column_names))
        frame.write.format("hudi").options(**settings).mode("append").save(str(location))
