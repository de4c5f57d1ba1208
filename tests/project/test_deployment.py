"""The settings `deploy` in lake.yaml: what they mean, and what AWS would refuse, each with its line."""

from __future__ import annotations

import ipaddress

import pytest

from lakewright.errors import ConfigError

HEAD = """\
lake: shop_lake
sources:
  shop: {kind: postgres, url: embedded}
  drop: {kind: files, path: in, datasets: {orders: '*.csv'}}
tables:
  stock: {from: shop.public.stock, type: mor}
"""
SHARE = "shares: {drop: {path: /drop}}"
DATABASE = "databases: {shop: {name: shop, address: 192.168.7.20/32, route: 192.168.0.0/16}}"


def _lake(environment: str, top: str = "", name: str = "dev") -> str:
    return f"{HEAD}deploy:\n  terraform: ../live\n  region: us-east-1\n{top}  environments:\n    {name}:\n{environment}"


def _environment(*lines: str, cidr: str = "10.40.0.0/20") -> str:
    return "".join(f"      {line}\n" for line in (f"cidr: {cidr}", DATABASE, SHARE, *lines))


def test_an_environment_with_defaults(lake_yaml):
    settings = lake_yaml(_lake(_environment(), top="  cow: [stock]\n")).settings.deploy
    dev = settings.environments["dev"]
    assert (settings.region, settings.cow, dev.cidr) == ("us-east-1", ["stock"], ipaddress.IPv4Network("10.40.0.0/20"))
    assert (dev.dms.instance, dev.merge.schedule, dev.shares["drop"].schedule) == (
        "dms.t3.medium",
        "cron(0/15 * * * ? *)",
        "rate(1 hour)",
    )
    assert (dev.zones.raw.transitions, dev.zones.curated.transitions, dev.disposable) == ({"GLACIER_IR": 90}, {}, False)


def test_a_lake_without_deploy_has_no_environment(lake_yaml):
    assert lake_yaml(HEAD).settings.deploy is None


@pytest.mark.parametrize(
    ("line", "where", "message", "hint"),
    [
        ("shares: {drop: {path: /drop, schedule: rate(30 minutes)}}", "shares.drop.schedule", "more often than once an hour", ""),
        ("shares: {drop: {path: /drop, schedule: 'cron(0/20 * * * ? *)'}}", "shares.drop.schedule", "more often than once", ""),
        ("shares: {drop: {path: /drop, schedule: hourly}}", "shares.drop.schedule", "not a schedule of six fields", ""),
        ("shares: {}", "shares", "source drop is missing", "say how AWS reaches it"),
        ("shares: {drop: {path: /d}, drip: {path: /d}}", "shares.drip", "there is no source drip of kind files", ""),
        ("merge: {schedule: 'cron(*/3 * * * ? *)'}", "merge.schedule", "more often than every five minutes", ""),
        ("merge: {schedule: 'cron(0,58 * * * ? *)'}", "merge.schedule", "more often than every five minutes", ""),
        ("crawl: 'cron(0 3 * * * *)'", "crawl", "a day of the month or one of the week, and ? for the other", ""),
        ("crawl: 'cron(60 3 * * ? *)'", "crawl", "60 is no minute of a schedule", ""),
        ("crawl: 'cron(0 3 ? * MOO *)'", "crawl", "MOO is no day of the week of a schedule", ""),
        ("crawl: 'cron(0 3-24 * * ? *)'", "crawl", "3-24 is no hour of a schedule", ""),
        ("merge: {schedule: 'cron(0/0 * * * ? *)'}", "merge.schedule", "0/0 is no minute of a schedule", ""),
        ("merge: {worker_type: G.3X}", "merge.worker_type", "'G.1X', 'G.2X'", ""),
        ("dms: {instance: dms.m5.large}", "dms.instance", "not a class of DMS", ""),
        ("dms: {instance: dms.t3.xlarge}", "dms.instance", "not a class of DMS", ""),
        ("dms: {instance: db.t3.medium}", "dms.instance", "not a class of DMS", ""),
        ("zones: {raw: {transitions: {GLACIER_IT: 90}}}", "zones.raw.transitions.GLACIER_IT", "raw cannot be read from", ""),
        ("cidr: 10.40.0.0/8", "cidr", "not a range of IPv4 addresses", ""),
        ("cidr: 10.0.0.0/8", "cidr", "a VPC's range is from /16 to /26", ""),
        ("cidr: 192.168.0.0/20", "databases.shop.route", "overlaps the VPC's 192.168.0.0/20", "another range"),
        (
            "zones: {curated: {transitions: {GLACIER: 90}}}",
            "zones.curated.transitions.GLACIER",
            "curated cannot be read from",
            "leave",
        ),
        ("zones: {raw: {expire_days: 90}}", "zones.raw.expire_days", "S3 does not know which files", ""),
        ("zones: {logs: {transitions: {GLACIER: 90}, expire_days: 60}}", "zones.logs.transitions.GLACIER", "deleted before", ""),
        ("zones: {curated: {transitions: {STANDARD_IA: 7}}}", "zones.curated.transitions.STANDARD_IA", "after 30 days", ""),
        ("dms: {serverless: {max_capacity: 3}}", "dms.serverless.max_capacity", "not a capacity of DMS", ""),
        ("dms: {serverless: {max_capacity: 8}, storage_gb: 50}", "dms.storage_gb", "a serverless replication has none", ""),
        ("dms: {serverless: {min_capacity: 8, max_capacity: 4}}", "dms.serverless.min_capacity", "more than max_capacity 4", ""),
        ("replica_region: us-east-1", "replica_region", "is the region that the lake itself is in", "name another"),
        ("replica_region: elsewhere", "replica_region", "does not match", ""),
        ("log_days: 100", "log_days", "not a number of days that CloudWatch has", ""),
        ("emails: [nobody]", "emails[0]", "does not match", ""),
    ],
)
def test_what_aws_would_refuse_later(lake_yaml, line, where, message, hint):
    replaced = line.partition(":")[0]
    text = "".join(kept for kept in _environment().splitlines(keepends=True) if not kept.strip().startswith(f"{replaced}:"))
    with pytest.raises(ConfigError) as caught:
        lake_yaml(_lake(f"{text}      {line}\n"))
    error = caught.value
    assert (error.code, error.message.startswith(f"deploy.environments.dev.{where}")) == ("LW-104", True), error
    assert message in error.message
    assert hint in (error.hint or "")
    assert error.where is not None
    assert "lake.yaml:" in error.where


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 3 * * ? *)",
        "cron(0,30 8-18/2 ? * MON-FRI *)",
        "cron(0 0 L * ? *)",
        "cron(0 0 15W 1,JUL ? 2026-2030)",
        "cron(5 0 ? * 6#3 *)",
        "cron(5 0 ? * 6L *)",
    ],
)
def test_schedules_that_aws_has(lake_yaml, schedule):
    assert lake_yaml(_lake(_environment(f"crawl: '{schedule}'"))).settings.deploy.environments["dev"].crawl == schedule


def test_a_name_that_makes_bucket_names_too_long(lake_yaml):
    with pytest.raises(ConfigError, match="shop-lake-productions cannot be a part") as caught:
        lake_yaml(_lake(_environment(), name="productions"))
    assert caught.value.where is not None
    assert caught.value.where.endswith("lake.yaml:11")


def test_environments_share_no_addresses(lake_yaml):
    other = f"    staging:\n{_environment(cidr='10.40.8.0/21')}"
    with pytest.raises(ConfigError, match=r"environments\.staging\.cidr '10.40.8.0/21': overlaps that of dev") as caught:
        lake_yaml(_lake(_environment() + other))
    assert caught.value.code == "LW-104"


def test_cow_names_a_table_of_the_lake(lake_yaml):
    with pytest.raises(ConfigError, match=r"deploy.cow\[0\] 'stick': there is no table stick under tables"):
        lake_yaml(_lake(_environment(), top="  cow: [stick]\n"))
