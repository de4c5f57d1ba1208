"""The job on AWS Glue: what DMS and DataSync brought is captured, merged by Spark, and told to the catalog.

This file is the job's script.

Glue starts it with ``--JOB_NAME`` and arguments of its own, which are let pass, and with ours::

    --bundle s3://BUCKET/KEY            the project as `deploy.bundle.project_json` wrote it
    --zones raw=s3://...,curated=s3://...  where the lake's zones lie
    --databases curated=NAME            the catalog's database of each zone of tables; without it no catalog is told
    --tables NAME,NAME                  all tables unless said otherwise

A run that dies at any point is repeated by the next one, and a second one at a time waits for the table's lease. A failure is one
line, as the text that Python ends with; tables that can be merged are.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lakewright.deploy import bundle
from lakewright.errors import DeployError, LakewrightError, together
from lakewright.model.times import utc_now
from lakewright.observe import log
from lakewright.pipeline import deliveries, landing, merge_all, survey
from lakewright.pipeline.deliveries import DeliveredLake
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.steps import Merged, Step, describe
from lakewright.project import kinds

NAMESPACE = "Lakewright"
"""Of the metrics in CloudWatch, each with the dimension ``Lake``."""
_TOLD = ("captured", "left_out", "stopped")
"""What a run tells of its captures, which are over soon."""
_WAIT = 60.0
"""Seconds to wait for a table's lease: a holder that died elsewhere keeps it for 30."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a run did: rows that it wrote or removed, seconds that it took, and how old the newest word of the capture is."""

    rows: int
    seconds: float
    lag: float | None


def main(arguments: Sequence[str]) -> None:
    """Run the job; exits with the error's line where it fails."""
    log.configure("json", sys.stdout)
    try:
        options = _options(arguments)
        lake = bundle.read(_object(options.bundle), _pairs(options.zones))
        with tempfile.TemporaryDirectory(prefix="lakewright-") as folder, DeliveredLake(lake, Path(folder)) as holdings:
            _run(holdings, options.tables and options.tables.split(","), _pairs(options.databases))
    except LakewrightError as error:
        sys.exit(error.line())


def _run(lake: DeliveredLake, tables: Sequence[str] | None, databases: Mapping[str, str]) -> None:
    started, merged = time.monotonic(), list[Merged]()
    failures = landing.land_all(lake, _tell_captured) + deliveries.take_all(lake, _tell_captured)
    survey.mirrors(lake, tables)  # a name that there is not is told before Spark starts

    def notice(step: Any) -> None:
        merged.append(step)
        log.write("merged", subject=step.table, detail=describe(step).what)

    try:
        with merge_all.spark(lake.resolved) as apply:
            merge_all.merge_all(lake, tables, notice, wait=_WAIT, apply=apply)
    except LakewrightError as error:
        failures.append(error)
    failures += _tell_catalog(lake, tables, databases)
    changes = (step.commit for step in merged if step.commit is not None)
    rows = sum(commit.inserts + commit.updates + commit.deletes for commit in changes)
    _measure(lake, Measured(rows, time.monotonic() - started, _lag(lake)))
    if failures:
        raise together(failures)


def _tell_captured(step: Step) -> None:
    """What came of the files of DMS or DataSync, or a table that stopped."""
    told = describe(step)
    if told.kind in _TOLD:
        log.write(told.kind, subject=str(told.table or "raw"), detail=told.what)


def _tell_catalog(lake: Holdings, tables: Sequence[str] | None, databases: Mapping[str, str]) -> list[LakewrightError]:
    """Let the catalog know every table and snapshot, also one that was done before: that run may have died between the two."""
    if not databases:
        return []
    from lakewright.deploy.registration import Registration

    catalog, failures = Registration(lake.resolved.region), list[LakewrightError]()
    zones = {folder: zone for zone, folder in lake.resolved.folders.items()}
    mirrors = survey.mirrors(lake, tables)
    told = {mirror.name for mirror in mirrors}
    snapshots = [lake.records.mirror(record) for record in lake.published() if record.of.table in told]
    for mirror in (*mirrors, *snapshots):
        database = databases.get(zones[mirror.path.rpartition("/")[0]])
        try:
            table = lake.table(mirror)
            snapshot = table.snapshot() if table is not None else None
            if table is None or snapshot is None or database is None:
                continue
            for entry in catalog.learn(database, snapshot, lake.store.location(table.path)):
                log.write("catalog", "warning", subject=entry, detail="is no table of the catalog yet", hint="terraform apply")
        except LakewrightError as error:
            failures.append(error)
    return failures


def _lag(lake: Holdings) -> float | None:
    """Seconds since a capture wrote what the tables hold now, of the database that is furthest behind; None before the first.

    Sources of files do not count: that none came for long is no sign of a fault.
    """
    databases = [name for name, source in lake.resolved.sources.items() if source.files is None]
    ends = [lake.log(source).view().manifests for source in databases]
    written = [manifests[-1].written for manifests in ends if manifests]
    return (utc_now() - min(written)) / datetime.timedelta(seconds=1) if written else None


def _measure(lake: Holdings, measured: Measured) -> None:
    """Tell CloudWatch, and the job's log; a metric that does not arrive fails nothing."""
    import boto3
    import botocore.exceptions

    values = {"MergedRows": (measured.rows, "Count"), "MergeSeconds": (measured.seconds, "Seconds")}
    values |= {"CaptureAge": (measured.lag, "Seconds")} if measured.lag is not None else {}
    log.write("measured", detail=", ".join(f"{name} {value:g}" for name, (value, _) in values.items()))
    dimensions = [{"Name": "Lake", "Value": lake.resolved.name}]
    data = [
        {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit} for name, (value, unit) in values.items()
    ]
    try:
        boto3.client("cloudwatch", region_name=lake.resolved.region).put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        log.write("metrics", "warning", detail=f"CloudWatch did not take them: {type(error).__name__}")


def _object(url: str) -> bytes:
    """The object at an ``s3://`` URL; raises `StorageError`."""
    place, _, name = url.rpartition("/")
    with tempfile.TemporaryDirectory() as unused:
        data: bytes = kinds.load_kind(kinds.STORES, "s3")(place, unused).read(name)
        return data


def _pairs(text: str) -> dict[str, str]:
    """``name=value,name=value``; raises `DeployError` LW-730 for anything else."""
    pairs = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise DeployError("LW-730", f"{pair} is not name=value", hint="write zone=s3://bucket/prefix,zone=s3://bucket/prefix")
        pairs[name] = value.rstrip("/")
    return pairs


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise DeployError("LW-730", f"the job's arguments: {message}", hint="the module glue-job of infra/ passes them")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Our arguments; what Glue adds to them is let pass."""
    parser = _Parser("glue_job", allow_abbrev=False)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--zones", required=True)
    parser.add_argument("--databases", default="")
    parser.add_argument("--tables", default=None)
    return parser.parse_known_args(arguments)[0]


if __name__ == "__main__":
    main(sys.argv[1:])
