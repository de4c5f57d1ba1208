"""Spark as an engine, from one machine to a cluster: relations, SQL over them, and writes into Hudi tables.

The session is in UTC, reads and writes days and times as they are, and takes SQL with quoted names, as DuckDB does. What Spark
shares with others in the process, a session that is there already, keeps its own settings.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from lakewright.errors import CommitConflict, MissingDependency, QueryError

BUNDLE = "org.apache.hudi:hudi-spark3.5-bundle_2.12:0.15.0"
"""Hudi as Glue 5.0 has it."""
S3_JARS = ("org.apache.hadoop:hadoop-aws:3.3.4", "com.amazonaws:aws-java-sdk-bundle:1.12.262")
"""What Hadoop of Spark 3.5 reads S3 with; a managed Spark has its own."""
FILE_NAME, FILE_ROW = '"scan path"', '"scan number"'
"""A row's file and its place in it, from 0, in a relation of files that asks for them."""

_STARTED_WITH = {
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.kryo.registrator": "org.apache.spark.HoodieSparkKryoRegistrar",
    "spark.sql.extensions": "org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.hudi.catalog.HoodieCatalog",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
_ON_ONE_MACHINE = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
_ON_S3 = {
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.s3a.aws.credentials.provider": "com.amazonaws.auth.DefaultAWSCredentialsProviderChain",
}
_SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",  # with the line above, as every other engine has it
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Days before 1582 are those that stand in the file: neither refused nor moved to another calendar.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.avro.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.avro.datetimeRebaseModeInWrite": "CORRECTED",
}
_SUBMITTED = "PYSPARK_GATEWAY_PORT"
"""Is in the environment of a process that spark-submit started."""
_CONFLICT = re.compile(r"lakewright\.errors\.CommitConflict: (.*)")
_CAUSE = re.compile(r"Caused by: (?:[\w$]+\.)*([\w$]+)")
_GLOB = re.compile(r"([{}\[\]*?\\])")


class SparkEngine:
    """A Spark session with Hudi; `master` is Spark's own default where it is None. Use it from one thread at a time.

    `s3` are settings of Hadoop's ``fs.s3a`` for tables on S3; None where there is none. Whoever runs a cluster sets its own.

    Raises `MissingDependency` LW-802 where Spark cannot start. Methods raise `QueryError` LW-512 for what Spark cannot do, which
    Spark itself tells on stderr; no error of Spark's.
    """

    def __init__(self, master: str | None = None, s3: Mapping[str, str] | None = None) -> None:
        self._shared = SparkSession.getActiveSession()
        builder = SparkSession.builder.appName("lakewright")
        is_local = (master is None or master.startswith("local")) and _SUBMITTED not in os.environ
        settings = _STARTED_WITH | _jars(BUNDLE, *(S3_JARS if is_local and s3 is not None else ()))
        if master is not None:
            builder = builder.master(master)
        if is_local and s3 is not None:
            settings |= _ON_S3 | {f"spark.hadoop.fs.s3a.{name}": value for name, value in s3.items()}
        if is_local:
            settings |= _ON_ONE_MACHINE
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers have to know this package
        for name, value in settings.items():
            builder = builder.config(name, value)
        try:
            with _talk_on_stderr():
                self.session: Any = (self._shared or builder.getOrCreate()).newSession()
        except (PySparkException, Py4JError, OSError) as error:
            raise MissingDependency(
                "LW-802",
                f"spark does not start: {_reason(error)}",
                hint="it needs Java 17: set JAVA_HOME to its folder; the lines above are Spark's own",
            ) from None
        for name, value in _SESSION.items():
            self.session.conf.set(name, value)

    def close(self) -> None:
        """End the session, unless somebody else has it too."""
        if self._shared is None:
            self.session.stop()

    # ---- relations

    def files(self, locations: Iterable[str], columns: Iterable[tuple[str, str]], *, numbered: bool = False) -> DataFrame:
        """Parquet files, with columns of lake types; if `numbered`, with `FILE_NAME` and `FILE_ROW` too."""
        schema = ", ".join(f"`{name}` {kind}" for name, kind in columns)
        with known_errors():
            frame: DataFrame = self.session.read.schema(schema).parquet(*(_GLOB.sub(r"\\\1", path) for path in locations))
            if numbered:
                frame = frame.select(
                    "*",
                    frame["_metadata.file_name"].alias(FILE_NAME.strip('"')),
                    frame["_metadata.row_index"].alias(FILE_ROW.strip('"')),
                )
            return frame

    def table(self, location: str, instant: str) -> DataFrame:
        """A Hudi table as of an instant."""
        with known_errors():
            frame: DataFrame = self.session.read.format("hudi").option("as.of.instant", instant).load(location)
            return frame

    def name(self, frame: DataFrame, name: str) -> None:
        """Let SQL know the frame as `name`, in place of another."""
        with known_errors():
            frame.createOrReplaceTempView(name)

    def keep(self, name: str, text: str) -> None:
        """Compute a SELECT, which may read an older relation `name`, and keep its rows under that name.

        They are kept without the plan that made them: what is computed of kept relations again and again would make plans grow
        beyond all bounds.
        """
        with known_errors():
            self.session.sql(text).localCheckpoint().createOrReplaceTempView(name)

    def drop(self, names: Sequence[str]) -> None:
        """Let go of relations, where they are; Spark frees what nobody refers to."""
        with known_errors():
            for name in names:
                self.session.catalog.dropTempView(name)

    def one(self, text: str) -> Any:
        """The one value that a SELECT gives."""
        with known_errors():
            return self.session.sql(text).collect()[0][0]

    # ---- tables

    def write(self, location: str, text: str, settings: Mapping[str, str], guard: Callable[[], None]) -> None:
        """Write the rows of a SELECT into the Hudi table at `location`, in one commit.

        `guard` runs in a worker, perhaps on another machine, when Hudi's instant is open and before it completes. Where it raises
        `CommitConflict` nothing is committed, and this raises it too.
        """
        with known_errors():
            rows = self.session.sql(text)
            none = self.session.sparkContext.parallelize([0], 1).mapPartitions(lambda _: _checked(guard))
            guarded = rows.union(self.session.createDataFrame(none, _nullable(rows)))
            parallel = str(self.session.sparkContext.defaultParallelism)
            lookups = {f"hoodie.{index}.index.parallelism": parallel for index in ("simple", "global.simple")}
            guarded.write.format("hudi").options(**settings, **lookups).mode("append").save(location)


@contextlib.contextmanager
def known_errors() -> Iterator[None]:
    """What Spark raises becomes `QueryError` LW-512, or the `CommitConflict` of a guard."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        if found := _CONFLICT.search(str(error)):
            raise CommitConflict("LW-416", found[1], hint="read the table again and repeat") from None
        hint = "what Spark printed on stderr says more; without --engine the same merge runs in this process"
        raise QueryError("LW-512", f"spark failed: {_reason(error)}", hint=hint) from None


@contextlib.contextmanager
def _talk_on_stderr() -> Iterator[None]:
    """Processes that the block starts write to stderr what they would write to stdout, where only our data belongs."""
    sys.stdout.flush()
    before = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)


def _checked(guard: Callable[[], None]) -> Iterator[Any]:
    guard()
    return iter(())


def _nullable(frame: DataFrame) -> Any:
    """The frame's columns, each of which may be null: so the table's schema does not depend on how a value was written."""
    schema = frame.schema
    for field in schema.fields:
        field.nullable = True
    return schema


def _reason(error: BaseException) -> str:
    """The innermost class that a failure names: its message may hold a row's value."""
    text = str(error)
    causes = _CAUSE.findall(text)
    return (
        causes[-1] if causes else f"{type(error).__name__} {text.splitlines()[0] if isinstance(error, OSError) else ''}".strip()
    )


def _jars(*coordinates: str) -> dict[str, str]:
    """What gives Spark these jars, where whoever started this process did not: the files of ``make bundle``, else Maven."""
    if _SUBMITTED in os.environ:
        return {}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakewright" / "jars"
    files = {each: cache / f"{'-'.join(each.split(':')[1:])}.jar" for each in coordinates}
    there = ",".join(str(file) for file in files.values() if file.exists())
    missing = ",".join(each for each, file in files.items() if not file.exists())
    return {name: value for name, value in (("spark.jars", there), ("spark.jars.packages", missing)) if value}
