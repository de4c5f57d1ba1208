"""What is used in a month of each thing that AWS sells: from an environment's settings and its declared volumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from lakewright.deploy.schedule import longest_pause, runs_per_day
from lakewright.project.deployment import Environment

HOURS = 730
"""Of a month, as AWS's own calculator counts."""
DAYS = HOURS / 24

# What the modules of infra/ do unless told otherwise; a test compares.
ENDPOINTS, JOB_ENDPOINTS = 1, 5
NONCURRENT_DAYS = 30
FLUSH_SECONDS = 60

WRITES_PER_MERGE, READS_PER_MERGE = 40, 100
"""Requests to S3 for one table in one run of the job: assumed, not measured."""
MERGE_MINUTES, CRAWLER_MINUTES, CRAWLER_DPUS = 1, 10, 2
"""What a run is paid for at least: https://aws.amazon.com/glue/pricing/"""


@dataclasses.dataclass(frozen=True)
class Quantity:
    """How much of one thing; None where a volume is missing, which `why` then names."""

    service: str
    what: str
    amount: float | None
    price: str
    """The name of its price."""
    why: str
    """Where the amount comes from."""


def quantities(environment: Environment) -> Iterator[Quantity]:
    """All that is paid for, service by service."""
    yield from _dms(environment)
    yield from _files(environment)
    yield from _storage(environment)
    yield from _requests(environment)
    yield from _copies(environment)
    yield from _glue(environment)
    yield from _rest(environment)


def _dms(environment: Environment) -> Iterator[Quantity]:
    dms, count = environment.dms, len(environment.databases)
    twice = 2 if dms.multi_az else 1
    zones = " in 2 zones" if dms.multi_az else ""
    if not count:
        return
    if dms.serverless is not None:
        units = environment.volumes.capacity_units
        units = dms.serverless.min_capacity if units is None else units
        why = f"{count} x {units:g} units{zones} x {HOURS} h"
        yield Quantity("DMS", "capacity units", count * units * twice * HOURS, "dms.capacity_unit", why)
        return
    why = f"{count} x {dms.instance}{zones} x {HOURS} h"
    yield Quantity("DMS", "replication instance", count * twice * HOURS, dms.instance, why)
    included = 50 if dms.instance.startswith("dms.t") else 100
    more = max(0, dms.storage_gb - included)
    yield Quantity("DMS", "storage", count * twice * more, "dms.storage", f"{dms.storage_gb} GB, {included} come with the class")


def _files(environment: Environment) -> Iterator[Quantity]:
    if environment.shares:
        daily = environment.volumes.files_gb_per_day
        why = _given("files_gb_per_day", daily)
        yield Quantity("DataSync", "files brought", None if daily is None else daily * DAYS, "datasync.gb", why)


def _storage(environment: Environment) -> Iterator[Quantity]:
    volumes, archive = environment.volumes, environment.zones.raw.transitions.get("GLACIER_IR")
    arriving = _total(volumes.changes_gb_per_day, volumes.files_gb_per_day if environment.shares else 0)
    young = volumes.raw_gb
    if volumes.raw_gb is not None and archive is not None and arriving is not None:
        young = min(volumes.raw_gb, archive * arriving)
        old, why = volumes.raw_gb - young, f"older than {archive} days"
        yield Quantity("S3", "raw, archived", old, "s3.glacier_ir", f"raw_gb {volumes.raw_gb:g}, {why}")
    elif archive is not None:
        yield Quantity(
            "S3",
            "raw, archived",
            None,
            "s3.glacier_ir",
            _missing(environment, "raw_gb", "changes_gb_per_day", "files_gb_per_day"),
        )
    yield Quantity("S3", "raw", young, "s3.standard", _given("raw_gb", volumes.raw_gb))
    yield Quantity("S3", "tables", volumes.curated_gb, "s3.standard", _given("curated_gb", volumes.curated_gb))
    written, versions = volumes.rewritten_gb_per_day, None
    why = _given("rewritten_gb_per_day", written)
    if written is not None:
        versions, why = written * NONCURRENT_DAYS, f"{why}, kept for {NONCURRENT_DAYS} days"
    yield Quantity("S3", "former versions of tables", versions, "s3.standard", why)


def _copies(environment: Environment) -> Iterator[Quantity]:
    """What S3 keeps in another region, and what it takes there."""
    region, volumes = environment.replica_region, environment.volumes
    if region is None:
        return
    for quantity in _storage(environment):
        price = "s3.standard_ia" if quantity.price == "s3.standard" else quantity.price
        yield dataclasses.replace(quantity, what=f"copy of {quantity.what}", price=price, why=f"{quantity.why}; in {region}")
    writes = next(quantity for quantity in _requests(environment) if quantity.price == "s3.writes")
    yield dataclasses.replace(
        writes, what="writes of copies", price="s3.writes_ia", why=f"as many as writes and listings; in {region}"
    )
    files = volumes.files_gb_per_day if environment.shares else 0
    daily = _total(volumes.changes_gb_per_day, files, volumes.rewritten_gb_per_day)
    why = _missing(environment, "changes_gb_per_day", "files_gb_per_day", "rewritten_gb_per_day")
    if daily is not None:
        why = f"{daily:g} GB a day of changes, files and tables, to {region}"
    yield Quantity("S3", "transfer of copies", None if daily is None else daily * DAYS, "transfer.region", why)


def _requests(environment: Environment) -> Iterator[Quantity]:
    """Writes and reads, and where a trail keeps them the events that they are."""
    busy, runs = environment.volumes.busy_tables, _merges(environment)
    writes = reads = None
    why = _missing(environment, "busy_tables", "merges_per_day")
    if busy is not None and runs is not None:
        files = busy * 86_400 / FLUSH_SECONDS if environment.databases else 0
        writes, reads = (files + busy * runs * WRITES_PER_MERGE) * DAYS, (files + busy * runs * READS_PER_MERGE) * DAYS
        why = f"{busy} tables, a file in {FLUSH_SECONDS} s at most, {runs:g} merges a day with {{}} requests assumed"
    yield Quantity("S3", "writes and listings", writes, "s3.writes", why.format(WRITES_PER_MERGE))
    yield Quantity("S3", "reads", reads, "s3.reads", why.format(READS_PER_MERGE))
    if environment.trail:
        yield Quantity(
            "CloudTrail", "who read and wrote rows", _total(writes, reads), "cloudtrail.data_event", "S3's writes and reads"
        )


def _glue(environment: Environment) -> Iterator[Quantity]:
    volumes, runs = environment.volumes, _merges(environment)
    minutes, dpus, amount = volumes.merge_minutes, volumes.merge_dpus, None
    why = _missing(environment, "merges_per_day", "merge_minutes", "merge_dpus")
    if runs is not None and minutes is not None and dpus is not None:
        paid = max(minutes, MERGE_MINUTES)
        amount, why = runs * paid / 60 * dpus * DAYS, f"{runs:g} a day x {paid:g} min x {dpus:g} DPU"
    yield Quantity("Glue", "merges", amount, "glue.job_flexible" if environment.merge.flexible else "glue.job", why)
    if environment.shares:
        yield _crawls(environment)


def _crawls(environment: Environment) -> Quantity:
    runs, paid = runs_per_day(environment.crawl), max(environment.volumes.crawl_minutes, CRAWLER_MINUTES)
    if runs is None:
        return Quantity("Glue", "crawler of files", None, "glue.crawler", f"how often {environment.crawl} fires")
    why = f"{runs:g} a day x {paid:g} min x {CRAWLER_DPUS} DPU"
    return Quantity("Glue", "crawler of files", runs * paid / 60 * CRAWLER_DPUS * DAYS, "glue.crawler", why)


def _rest(environment: Environment) -> Iterator[Quantity]:
    volumes, places = environment.volumes, len(environment.availability_zones)
    scanned, logs = volumes.queries_tb_per_month, volumes.logs_gb_per_month
    buckets = 0 if environment.bucket_limit_gb is None else 4 + bool(environment.shares)
    jobs = (longest_pause(environment.merge.schedule) is not None) + (environment.merge.capture_minutes is not None)
    alarms = 2 * len(environment.databases) + jobs + buckets
    yield Quantity("Athena", "queries", scanned, "athena.scanned", _given("queries_tb_per_month", scanned))
    yield Quantity("CloudWatch", "logs", logs, "cloudwatch.logs", _given("logs_gb_per_month", logs))
    yield Quantity("CloudWatch", "alarms", alarms, "cloudwatch.alarm", "two lags a database, the job, a size a bucket")
    yield Quantity("CloudWatch", "dashboard", 1, "cloudwatch.dashboard", "one")
    endpoints = ENDPOINTS + (JOB_ENDPOINTS if environment.merge.in_vpc else 0)
    why = f"{endpoints} endpoint{'s' if endpoints > 1 else ''} x {places} zones x {HOURS} h"
    yield Quantity("VPC", "interface endpoints", endpoints * places * HOURS, "vpc.endpoint", why)
    if volumes.vpn_connections:
        why = f"{volumes.vpn_connections} x {HOURS} h"
        yield Quantity("VPC", "VPN", volumes.vpn_connections * HOURS, "vpc.vpn", why)
    keys = 1 + (environment.replica_region is not None)
    yield Quantity("KMS", "key", keys, "kms.key", "one in each region")
    yield Quantity("Secrets Manager", "logins", len(environment.databases), "secrets.secret", "one for each database")


def _merges(environment: Environment) -> float | None:
    declared = environment.volumes.merges_per_day
    return runs_per_day(environment.merge.schedule) if declared is None else declared


def _total(*amounts: float | None) -> float | None:
    """Their sum, where all are known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def _given(volume: str, amount: float | None) -> str:
    return f"{volume} is missing" if amount is None else f"{volume} {amount:g}"


def _missing(environment: Environment, *volumes: str) -> str:
    """Which of these volumes nobody declared; how often jobs run follows from most schedules, and files need a share."""
    known = {"merges_per_day": _merges(environment), "files_gb_per_day": None if environment.shares else 0}
    missing = [name for name in volumes if getattr(environment.volumes, name) is None and known.get(name) is None]
    return f"{', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing"
