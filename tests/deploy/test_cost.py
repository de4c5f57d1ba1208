"""Estimates: each amount is a quantity times a price, what is not known has none, and a budget that is too small is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lakewright.cli.main import main
from lakewright.deploy import quantities
from lakewright.deploy.cost import estimate, estimates
from lakewright.deploy.prices import read, shipped
from lakewright.deploy.schedule import longest_pause, runs_per_day
from lakewright.errors import ConfigError, DeployError

INFRA = Path(__file__).resolve().parents[2] / "infra"
VOLUMES = """volumes: {changes_gb_per_day: 0.5, files_gb_per_day: 1, raw_gb: 200, curated_gb: 20, rewritten_gb_per_day: 5,
        busy_tables: 3, merge_minutes: 0.5, merge_dpus: 2, queries_tb_per_month: 2, logs_gb_per_month: 4}"""


@pytest.fixture
def lake(change):
    """The lake, of whose environment dev all volumes are declared."""
    return change("shares: {drop: {path: /drop}}", f"shares: {{drop: {{path: /drop}}}}\n      {VOLUMES}")


def _dev(lake, **changes):
    settings = lake.settings.deploy.environments["dev"]
    return estimate("dev", "us-east-1", settings.model_copy(update=changes), shipped())


def _amounts(found):
    return {(line.service, line.what): line.usd for line in found.lines}


def test_each_amount_is_a_quantity_times_a_price(lake):
    found = _dev(lake)
    month = 730 / 24
    assert found.unknown == []
    assert _amounts(found) == {
        ("DMS", "replication instance"): round(730 * 0.0745, 2),
        ("DMS", "storage"): 0,
        ("DataSync", "files brought"): round(month * 0.0125, 2),
        ("S3", "raw, archived"): round((200 - 90 * 1.5) * 0.004, 2),
        ("S3", "raw"): round(90 * 1.5 * 0.023, 2),
        ("S3", "tables"): round(20 * 0.023, 2),
        ("S3", "former versions of tables"): round(5 * 30 * 0.023, 2),
        ("S3", "writes and listings"): round((3 * 1440 + 3 * 96 * 40) * month * 0.000005, 2),
        ("S3", "reads"): round((3 * 1440 + 3 * 96 * 100) * month * 0.0000004, 2),
        ("Glue", "merges"): round(96 * 1 / 60 * 2 * month * 0.44, 2),  # a minute is paid for at least
        ("Glue", "crawler of files"): round(10 / 60 * 2 * month * 0.44, 2),
        ("Athena", "queries"): 10,
        ("CloudWatch", "logs"): 2,
        ("CloudWatch", "alarms"): 0.3,
        ("CloudWatch", "dashboard"): 3,
        ("VPC", "interface endpoints"): 14.6,
        ("KMS", "key"): 1,
        ("Secrets Manager", "logins"): 0.4,
    }
    assert found.usd == pytest.approx(sum(_amounts(found).values()))
    assert found.by_service["Glue"] == pytest.approx(42.83 + 4.46, abs=0.02)


def test_copies_in_another_region_are_paid_for_there_and_on_the_way(lake):
    without, found = _dev(lake), _dev(lake, replica_region="us-west-2")
    assert found.unknown == []
    more = {key: usd for key, usd in _amounts(found).items() if _amounts(without).get(key) != usd}
    month = 730 / 24
    assert more == {
        ("S3", "copy of raw, archived"): round((200 - 90 * 1.5) * 0.004, 2),
        ("S3", "copy of raw"): round(90 * 1.5 * 0.0125, 2),
        ("S3", "copy of tables"): round(20 * 0.0125, 2),
        ("S3", "copy of former versions of tables"): round(5 * 30 * 0.0125, 2),
        ("S3", "writes of copies"): round((3 * 1440 + 3 * 96 * 40) * month * 0.00001, 2),
        ("S3", "transfer of copies"): round((0.5 + 1 + 5) * month * 0.02, 2),
        ("KMS", "key"): 2,
    }
    unknown = _dev(lake, replica_region="us-west-2", volumes=type(lake.settings.deploy.environments["dev"].volumes)()).unknown
    assert "S3, transfer of copies: changes_gb_per_day, files_gb_per_day, rewritten_gb_per_day are missing" in unknown


def test_what_nobody_declared_has_no_amount_and_is_told(lake):
    found = _dev(lake, volumes=type(lake.settings.deploy.environments["dev"].volumes)(raw_gb=10))
    amounts = _amounts(found)
    assert amounts["Glue", "merges"] is None
    assert found.by_service["Athena"] is None
    assert "Glue, merges: merge_minutes, merge_dpus are missing" in found.unknown
    assert "S3, raw, archived: changes_gb_per_day, files_gb_per_day are missing" in found.unknown
    assert found.usd == pytest.approx(sum(usd for usd in amounts.values() if usd is not None))


def test_a_price_that_nobody_knows_is_told(lake):
    settings = lake.settings.deploy.environments["dev"]
    dms = settings.dms.model_copy(update={"instance": "dms.c6i.large"})
    found = estimate("dev", "us-east-1", settings.model_copy(update={"dms": dms}), shipped())
    assert found.unknown == ["DMS, replication instance: no price of dms.c6i.large is known: --prices"]


def test_what_if_shows_both(lake):
    (found,) = estimates(lake, ["dev"], ["dms.multi_az=true", "merge.in_vpc=true", "volumes.vpn_connections=1"], [])
    changed = {line.what: (line.before, line.usd) for line in found.lines if line.before != line.usd}
    assert changed == {"replication instance": (54.38, 108.77), "interface endpoints": (14.6, 87.6), "VPN": (0, 36.5)}
    assert found.usd - found.before == pytest.approx(108.77 - 54.38 + 73 + 36.5)
    (gone,) = estimates(lake, ["dev"], ['dms={"serverless": {"max_capacity": 2}}'], [])
    assert [(line.what, line.usd) for line in gone.lines if line.why == "not any more"] == [
        ("replication instance", 0),
        ("storage", 0),
    ]


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ("dms.multi_a=true", "LW-102", "unknown setting deploy.environments.dev.dms.multi_a"),
        ("volumes.raw_gb=-1", "LW-104", "less than 0"),
        ("dms.multi_az", "LW-711", "is not SETTING=VALUE"),
    ],
)
def test_what_if_of_what_lake_yaml_would_not_take_is_refused(lake, asked, code, message):
    with pytest.raises((ConfigError, DeployError), match=message) as caught:
        estimates(lake, ["dev"], [asked], [])
    assert caught.value.code == code


def test_the_command_says_what_is_above_its_budget(lake, change, capsys):
    change("      volumes:", "      monthly_usd: 100\n      volumes:")
    assert main(["-C", str(lake.folder), "cost", "dev"]) == 3
    printed = capsys.readouterr()
    assert "ABOVE the budget of 100" in printed.out
    assert "not counted: taxes" in printed.err
    assert "the lake is in eu-west-1" in printed.err
    assert main(["-C", str(lake.folder), "cost", "--json"]) == 3
    dev, prod = json.loads(capsys.readouterr().out)["estimates"]
    assert (dev["budget"], prod["budget"], prod["before"]) == (100, None, None)
    assert {price["name"] for price in dev["prices"]} > {"glue.job", "dms.t3.medium"}
    assert main(["-C", str(lake.folder), "cost", "live", "--json"]) == 1
    assert '"LW-701"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("schedule", "times"),
    [
        ("cron(0/15 * * * ? *)", 96),
        ("cron(0 3 * * ? *)", 1),
        ("cron(0,30 8-18/2 * * ? *)", 12),
        ("rate(1 hour)", 24),
        ("rate(2 days)", 0.5),
        ("cron(0 3 ? * MON *)", None),
        ("arrival", None),
    ],
)
def test_how_often_a_schedule_fires(schedule, times):
    assert runs_per_day(schedule) == times


@pytest.mark.parametrize(
    ("schedule", "minutes"),
    [
        ("cron(0/15 * * * ? *)", 15),
        ("cron(0,5 * * * ? *)", 55),
        ("cron(30 3 * * ? *)", 1440),
        ("cron(0/15 8-18 * * ? *)", 795),
        ("cron(0 3 ? * MON *)", None),
        ("arrival", None),
    ],
)
def test_the_longest_pause_of_a_schedule(schedule, minutes):
    assert longest_pause(schedule) == minutes


def test_quantities_are_those_of_the_modules():
    def default(module: str, variable: str) -> str:
        text = (INFRA / "modules" / module / "variables.tf").read_text()
        return re.search(rf'variable "{variable}" {{.*?default\s+= (.*?)\n', text, re.DOTALL)[1]

    lake = (INFRA / "stacks" / "lake" / "main.tf").read_text()
    endpoints, for_jobs = re.search(r"endpoints = setunion\(\[(.*?)\], var.jobs_in_vpc \? \[(.*?)\]", lake).groups()
    assert (endpoints.count('"'), for_jobs.count('"')) == (2 * quantities.ENDPOINTS, 2 * quantities.JOB_ENDPOINTS)
    assert default("storage", "noncurrent_days") == str(quantities.NONCURRENT_DAYS)
    assert default("dms", "flush_seconds") == str(quantities.FLUSH_SECONDS)


def test_every_price_has_its_source():
    for price in shipped().values():
        assert price.source.startswith("https://"), price
        assert price.date is None or re.fullmatch(r"20\d\d-\d\d(-\d\d)?", price.date), price
        assert price.date or price.note, price


def _offer(code, region, *products):
    """A price list as AWS publishes it: of each product its family, attributes and steps of (begin, USD)."""
    return {
        "formatVersion": "v1.0",
        "offerCode": code,
        "publicationDate": "2026-11-01T12:00:00Z",
        "products": {
            f"SKU{number}": {"sku": f"SKU{number}", "productFamily": family, "attributes": {"regionCode": region, **attributes}}
            for number, (family, attributes, _) in enumerate(products)
        },
        "terms": {
            "OnDemand": {
                f"SKU{number}": {
                    f"SKU{number}.JRTCKXETXF": {
                        "priceDimensions": {
                            f"SKU{number}.JRTCKXETXF.{begin}": {"beginRange": begin, "unit": "x", "pricePerUnit": {"USD": usd}}
                            for begin, usd in steps
                        }
                    }
                }
                for number, (_, _, steps) in enumerate(products)
            }
        },
    }


def test_newer_prices_come_from_the_lists_of_aws(tmp_path):
    storage = _offer(
        "AmazonS3",
        "eu-west-1",
        ("Storage", {"usagetype": "EU-TimedStorage-ByteHrs"}, [("51200", "0.022"), ("0", "0.024")]),
        ("Storage", {"usagetype": "EU-TimedStorage-GIR-ByteHrs"}, [("0", "0.005")]),
        ("API Request", {"usagetype": "EU-Requests-Tier1"}, [("0", "0.0000055")]),
        ("API Request", {"usagetype": "EU-Requests-Tier2"}, [("0", "0.1")]),
        ("API Request", {"usagetype": "EU-Other-Requests-Tier2"}, [("0", "0.2")]),
    )
    keys = _offer("awskms", "eu-west-1", ("Encryption Key", {"usagetype": "eu-west-1-KMS-Keys"}, [("0", "0"), ("20", "1.5")]))
    for name, offer in {"s3": storage, "kms": keys}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(offer))
    prices = read([tmp_path / "s3.json", tmp_path / "kms.json"])
    assert (prices["s3.standard"].usd, prices["s3.standard"].region, prices["s3.standard"].date) == (
        0.024,
        "eu-west-1",
        "2026-11-01",
    )
    assert prices["s3.standard"].source.endswith("/offers/v1.0/aws/AmazonS3/current/eu-west-1/index.json")
    assert (prices["s3.glacier_ir"].usd, prices["s3.writes"].usd) == (0.005, 0.0000055)
    assert prices["s3.reads"] == shipped()["s3.reads"]  # two products fit, and cost differently
    assert prices["kms.key"].usd == 1.5  # the free ones come first


@pytest.mark.parametrize("content", ["no json", "[]", '{"offerCode": "AWSGlue"}', '{"region": "x", "prices": {"a": {}}}'])
def test_a_file_that_is_no_price_list_is_refused(tmp_path, content):
    (tmp_path / "prices.json").write_text(content)
    with pytest.raises(DeployError, match="cannot read prices from") as caught:
        read([tmp_path / "prices.json"])
    assert caught.value.code == "LW-710"


def test_a_list_without_a_price_of_ours_is_refused(tmp_path):
    (tmp_path / "prices.json").write_text(json.dumps(_offer("AmazonEC2", "us-east-1")))
    with pytest.raises(DeployError, match="has no price of a service that a lake uses"):
        read([tmp_path / "prices.json"])
