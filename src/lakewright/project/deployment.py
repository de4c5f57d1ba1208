"""The settings `deploy` of lake.yaml: the lake on AWS, and what differs between its environments.

What AWS would refuse an hour later is refused here, with the line. Names, ranges and limits are AWS's own, with the page that has
them; what the catalog, DMS and Athena cannot do with certain tables and columns is for `lakewright deploy check`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from lakewright.project.aws_values import (
    Capacity,
    Cron,
    Days,
    Email,
    EnvironmentName,
    FileSchedule,
    InstanceClass,
    MergeSchedule,
    Range,
    Region,
)
from lakewright.project.document import KeyPath
from lakewright.project.group import Problem, Settings
from lakewright.project.values import Name, ShortName
from lakewright.project.volumes import Volumes

MAX_LAKE_NAME = 20
"""Of ``<lake>-<environment>``: with zone, account and region behind it, it names a bucket, in at most 63 characters."""
READABLE = {
    "raw": ("STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"),
    "curated": ("STANDARD_IA", "INTELLIGENT_TIERING"),
    "quarantine": ("STANDARD_IA", "INTELLIGENT_TIERING"),
    "logs": ("STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"),
    "results": (),
}
"""By zone the storage classes from which what lies there is still read. Athena does not skip files in Glacier, it fails on them.
https://docs.aws.amazon.com/athena/latest/ug/querying-hudi-in-athena-considerations-and-limitations.html"""
OF_TABLES = ("raw", "curated", "quarantine")
"""The zones whose files tables need or are made of: which of them can go `lakewright maintain` knows, and S3 does not."""


class Database(Settings):
    """A PostgreSQL source as DMS reaches it. Its login is the variable ``<source>_login`` of the root, and stands nowhere."""

    name: str = Field(min_length=1)
    """The database's name in its server."""
    address: Range
    """The server as the VPC sees it, as narrow as can be: ``192.168.7.20/32``."""
    port: int = Field(default=5432, ge=1, le=65535)
    """The server's port."""
    route: Range
    """The network around it, which the VPC has a way to."""
    ssl_mode: Literal["require", "verify-ca", "verify-full"] = "require"
    """How much DMS asks of the connection. The verified ones need `certificate`."""
    certificate: str | None = None
    """The file of the authority's certificate in PEM, from the lake's folder."""


class Share(Settings):
    """A source of files as DataSync finds it: its folder on an NFS share. Server and agents are variables of the root."""

    path: str = Field(pattern="^/")
    """The folder of the share that is the source's `path`."""
    schedule: FileSchedule = "rate(1 hour)"
    """When files are transferred, an hour apart at least: ``rate(1 hour)``, or cron in UTC."""


class Serverless(Settings):
    """Capacity units between which DMS moves by itself."""

    min_capacity: Capacity = 1
    """The least."""
    max_capacity: Capacity
    """The most."""


class Replication(Settings):
    """What DMS runs on."""

    instance: InstanceClass = "dms.t3.medium"
    """The class of a replication instance, which cannot be stopped, only deleted."""
    storage_gb: int = Field(default=50, ge=5, le=6144)
    """Its disk, for the log and for changes that wait."""
    multi_az: bool = False
    """Whether a second one stands by in another availability zone."""
    engine_version: str | None = Field(default=None, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")
    """The version of DMS. Versions expire within two years: the newest unless said otherwise."""
    serverless: Serverless | None = None
    """No instance but capacity units."""
    lob_max_kb: int = Field(default=1024, ge=1, le=102400)
    """The longest text, JSON, array or bytea in KB. DMS cuts what is longer, and then its table is suspended."""


class Merge(Settings):
    """The Glue job that merges raw into tables."""

    schedule: MergeSchedule = "cron(0/15 * * * ? *)"
    """When it runs, five minutes apart at least: cron in UTC, or ``arrival`` of files in raw."""
    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X"] = "G.1X"
    """The size of a worker."""
    max_workers: int = Field(default=4, ge=2, le=299)
    """How many workers it may have; it starts with two."""
    timeout_minutes: int = Field(default=60, ge=1, le=10080)
    """After how long it is stopped; the next run goes on from where it was."""
    flexible: bool = False
    """Whether it may wait for capacity that is cheaper."""
    in_vpc: bool = False
    """Whether it runs in the VPC and reaches AWS by endpoints alone, which cost; else it starts sooner, in a network of AWS's."""
    capture_minutes: int | None = Field(default=None, ge=1)
    """How long ago what it finds in raw may have been written before somebody hears of it. Of a database that is idle
    `lakewright capture` writes every minute, DMS nothing."""


class Lifecycle(Settings):
    """What becomes of a zone's objects as they age."""

    transitions: dict[str, Annotated[int, Field(ge=1)]] = {}
    """After how many days objects move to a storage class."""
    expire_days: int | None = Field(default=None, ge=1)
    """After how many days they are deleted; of raw and of tables never, for `lakewright maintain` knows what they need."""


class Zones(Settings):
    """How the zones age. Files of tables may never go where Athena and Hudi cannot read them."""

    raw: Lifecycle = Lifecycle(transitions={"GLACIER_IR": 90})
    """Change files, as captured."""
    curated: Lifecycle = Lifecycle()
    """Tables."""
    quarantine: Lifecycle = Lifecycle()
    """Tables of rejected rows, where the lake has sources of files."""
    logs: Lifecycle = Lifecycle(transitions={"GLACIER": 90}, expire_days=400)
    """Logs and reports of all services."""
    results: Lifecycle = Lifecycle(expire_days=30)
    """Results of Athena's queries."""

    def problems(self) -> Iterator[tuple[KeyPath, str]]:
        """What S3 refuses, and what would break tables, each with its setting."""
        for zone in type(self).model_fields:
            rule: Lifecycle = getattr(self, zone)
            for storage, days in rule.transitions.items():
                path: KeyPath = (zone, "transitions", storage)
                if storage not in READABLE[zone]:
                    allowed = ", ".join(READABLE[zone]) or "none"
                    yield path, f"{zone} cannot be read from {storage} (storage classes it can be read from: {allowed})"
                elif storage == "STANDARD_IA" and days < 30:
                    yield path, "S3 moves objects to STANDARD_IA after 30 days at the earliest"
                elif rule.expire_days is not None and days >= rule.expire_days:
                    yield path, f"objects are deleted before, after {rule.expire_days} days"
            if zone in OF_TABLES and rule.expire_days is not None:
                yield (zone, "expire_days"), "S3 does not know which files a table still needs; `lakewright maintain` does"


class Environment(Settings):
    """One environment: a lake of its own, in a folder of the Terraform roots that has its name."""

    cidr: Range
    """The addresses of its VPC, from /16 to /26, which no network that it has a way to shares."""
    availability_zones: Annotated[list[Annotated[str, Field(pattern="^[a-z]$")]], Field(min_length=2, max_length=4)] = ["a", "b"]
    """The letters of the region's availability zones that it uses, two at least."""
    disposable: bool = False
    """Whether ``terraform destroy`` takes data, logs and key with it."""
    databases: dict[ShortName, Database] = {}
    """The lake's sources of kind ``postgres``, by name."""
    shares: dict[ShortName, Share] = {}
    """The lake's sources of kind ``files``, by name."""
    dms: Replication = Replication()
    """What change capture runs on."""
    merge: Merge = Merge()
    """The job that merges."""
    crawl: Cron = "cron(0 3 * * ? *)"
    """When raw files are looked through for new columns, in UTC."""
    zones: Zones = Zones()
    """How the zones age."""
    replica_region: Region | None = None
    """Another region, to which S3 copies raw and tables as they are written; `terraform apply` makes the buckets there."""
    log_days: Days = 365
    """For how many days services' logs are kept."""
    emails: list[Email] = []
    """Who hears of failures, of costs and of what wants a look."""
    volumes: Volumes = Volumes()
    """What the lake carries, for `lakewright cost`."""
    bucket_limit_gb: int | None = Field(default=None, ge=1)
    """The size above which a bucket is worth a look."""
    monthly_usd: int | None = Field(default=None, ge=1)
    """The monthly budget, with an alarm at 80 % of it; `lakewright cost` tells whether the estimate is above."""
    anomaly_usd: int | None = Field(default=None, ge=1)
    """From how much on unusual costs are told of; in one environment of an account."""
    trail: bool = False
    """Whether all API calls are recorded; in one environment of an account."""

    def problems(self, sources: Mapping[str, str]) -> Iterator[tuple[KeyPath, str, str | None]]:
        """What is wrong beside the lake's `sources`, each with its kind, and beside each other."""
        if not 16 <= self.cidr.prefixlen <= 26:
            yield ("cidr",), "a VPC's range is from /16 to /26", None
        for group, kind in (("databases", "postgres"), ("shares", "files")):
            for name in sorted(getattr(self, group).keys() - {each for each, its in sources.items() if its == kind}):
                yield (group, name), f"there is no source {name} of kind {kind}", "name it as under sources"
            for name in (each for each, its in sources.items() if its == kind and each not in getattr(self, group)):
                yield (group,), f"source {name} is missing", f"say how AWS reaches it: {group}: {{{name}: {{...}}}}"
        for name, database in self.databases.items():
            if database.route.overlaps(self.cidr):
                hint = "give the VPC another range: nothing in it would reach the database"
                yield ("databases", name, "route"), f"overlaps the VPC's {self.cidr}", hint
            if not database.address.subnet_of(database.route):
                yield ("databases", name, "address"), f"is not in the network {database.route}", None
            if database.ssl_mode != "require" and database.certificate is None:
                yield ("databases", name, "ssl_mode"), "needs certificate", None
        if self.dms.serverless is not None:
            for setting in sorted(self.dms.model_fields_set & {"instance", "storage_gb", "engine_version"}):
                yield ("dms", setting), "a serverless replication has none", "leave it out, or serverless"
            if self.dms.serverless.min_capacity > self.dms.serverless.max_capacity:
                yield ("dms", "serverless", "min_capacity"), f"more than max_capacity {self.dms.serverless.max_capacity}", None
        for path, message in self.zones.problems():
            yield ("zones", *path), message, "leave the rule out"


class Deployment(Settings):
    """The lake on AWS: where its Terraform is, and its environments. `lakewright deploy render` writes what Terraform takes."""

    terraform: str = Field(min_length=1)
    """The folder of the Terraform roots, from the lake's folder; each environment has a folder of its name in it."""
    region: Region
    """AWS's region."""
    cow: list[Name] = []
    """Tables that are ``cow`` on AWS whatever `tables` says: Athena reads no timestamps of ``mor`` tables."""
    environments: dict[EnvironmentName, Environment] = Field(min_length=1)
    """The environments, by name."""

    def problems(self, lake: str, sources: Mapping[str, str], tables: Collection[str]) -> Iterator[Problem]:
        """What AWS would refuse, and what does not go with the rest of lake.yaml: `sources` are the lake's with their kinds."""
        top: KeyPath = ("deploy", "environments")
        for name, environment in self.environments.items():
            if len(full := full_name(lake, name)) > MAX_LAKE_NAME or not re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", full):
                message = (
                    f"{full} cannot be a part of AWS's names (lower-case words and hyphens, at most {MAX_LAKE_NAME} characters)"
                )
                yield Problem((*top, name), message, "choose a shorter name for the lake or the environment")
            if environment.replica_region == self.region:
                message = "is the region that the lake itself is in"
                yield Problem((*top, name, "replica_region"), message, "name another, or leave it out")
            for path, message, hint in environment.problems(sources):
                yield Problem((*top, name, *path), message, hint)
        for (first, one), (second, other) in itertools.combinations(self.environments.items(), 2):
            if one.cidr.overlaps(other.cidr) and one.databases:
                hint = "give each environment a range of its own: the network of the databases has a way to both"
                yield Problem((*top, second, "cidr"), f"overlaps that of {first}, {one.cidr}", hint)
        for index, name in enumerate(self.cow):
            if name not in tables:
                yield Problem(("deploy", "cow", index), f"there is no table {name} under tables")


def full_name(lake: str, environment: str) -> str:
    """The name of a lake's environment, which every name of it on AWS begins with."""
    return f"{lake}-{environment}".replace("_", "-")
