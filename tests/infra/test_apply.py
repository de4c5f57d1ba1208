"""On the emulated AWS: AutoCorp's environments made, planned again, applied again, taken away; and each module's example.

Between the two plans the job tells the catalog what it merged: what is the job's to change no plan undoes.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jmespath
import pytest
from botocore.exceptions import ClientError
from tests.infra.conftest import INFRA, Terraform

from lakewright.deploy.registration import Registration
from lakewright.model.table import DataFile, Snapshot, TableSpec
from lakewright.testing.aws import emulated_aws

FORGOTTEN = tomllib.loads((Path(__file__).parent / "forgotten.toml").read_text(encoding="utf-8"))["forgotten"]
"""What the emulation forgets, so that a second plan wants to change it."""
ENVIRONMENTS = ["dev", *(pytest.param(name, marks=pytest.mark.full) for name in ("staging", "prod"))]
NOBODY_ASKS = "-auto-approve", "-input=false", "-parallelism=20"
AGENT = "arn:aws:datasync:us-east-1:123456789012:agent/agent-0123456789abcdef0"
REPLICA_REGIONS = {
    name: region
    for name in ("dev", "staging", "prod")
    if (region := json.loads((INFRA / f"live/autocorp/{name}/terraform.tfvars.json").read_text())["lake"]["replica_region"])
}
"""By environment where its copies are, if it has some."""
BUCKETS = {"network": ["shop-dev-logs"], "replication": ["shop-prod-curated", "shop-replica-curated"]}
"""What the examples of modules take as there."""
LISTS = {
    "athena list_work_groups": "WorkGroups[].Name",
    "budgets describe_budgets": "Budgets[].BudgetName",
    "ce get_anomaly_monitors": "AnomalyMonitors[].MonitorName",
    "cloudtrail describe_trails": "trailList[].Name",
    "cloudwatch describe_alarms": "MetricAlarms[].AlarmName",
    "cloudwatch list_dashboards": "DashboardEntries[].DashboardName",
    "datasync list_locations": "Locations[].LocationUri",
    "datasync list_tasks": "Tasks[].Name",
    "dms describe_certificates": "Certificates[].CertificateIdentifier",
    "dms describe_endpoints": "Endpoints[].EndpointIdentifier",
    "dms describe_event_subscriptions": "EventSubscriptionsList[].CustSubscriptionId",
    "dms describe_replication_configs": "ReplicationConfigs[].ReplicationConfigIdentifier",
    "dms describe_replication_instances": "ReplicationInstances[].ReplicationInstanceIdentifier",
    "dms describe_replication_subnet_groups": "ReplicationSubnetGroups[].ReplicationSubnetGroupIdentifier",
    "dms describe_replication_tasks": "ReplicationTasks[].ReplicationTaskIdentifier",
    "ec2 describe_flow_logs": "FlowLogs[].FlowLogId",
    "ec2 describe_security_groups": "SecurityGroups[].GroupId",
    "ec2 describe_vpc_endpoints": "VpcEndpoints[?State != 'deleted'].VpcEndpointId",
    "ec2 describe_vpcs": "Vpcs[].VpcId",
    "events list_rules": "Rules[].Name",
    "glue get_connections": "ConnectionList[].Name",
    "glue get_databases": "DatabaseList[].Name",
    "glue get_security_configurations": "SecurityConfigurations[].Name",
    "glue list_crawlers": "CrawlerNames[]",
    "glue list_data_quality_rulesets": "Rulesets[].Name",
    "glue list_jobs": "JobNames[]",
    "glue list_triggers": "TriggerNames[]",
    "glue list_workflows": "Workflows[]",
    "iam list_roles": "Roles[].RoleName",
    "logs describe_log_groups": "logGroups[].logGroupName",
    "logs describe_resource_policies": "resourcePolicies[].policyName",
    "s3 list_buckets": "Buckets[].Name",
    "scheduler list_schedules": "Schedules[].Name",
    "secretsmanager list_secrets": "SecretList[].Name",
    "sns list_topics": "Topics[].TopicArn",
}
"""Everything that infra/ makes, by what lists it."""


class Account:
    """The emulated account, as boto3 sees it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._session = boto3.Session("testing", "testing", region_name=environment["AWS_REGION"])
        self._endpoint = environment["AWS_ENDPOINT_URL"]

    def client(self, service: str, region: str | None = None) -> Any:
        return self._session.client(service, region, endpoint_url=self._endpoint)

    def entry(self, database: str, name: str) -> dict[str, Any]:
        """A table as the catalog has it, its partitions with it, without when it was changed."""
        place = {"DatabaseName": database}
        table = self.client("glue").get_table(**place, Name=name)["Table"]
        pages = self.client("glue").get_paginator("get_partitions").paginate(**place, TableName=name)
        return {
            "columns": [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]],
            "locations": [table["StorageDescriptor"]["Location"], table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["path"]],
            "partitions": [partition["Values"] for page in pages for partition in page["Partitions"]],
        }

    def contents(self) -> set[str]:
        """Everything in it; keys and secrets that wait for their end are gone, and so are endpoints listed as deleted."""
        found = set()
        for call, names in LISTS.items():
            service, operation = call.split()
            account = {"AccountId": "123456789012"} if service == "budgets" else {}
            answer = getattr(self.client(service), operation)(**account)
            found |= {f"{call}: {name}" for name in jmespath.search(names, answer) or []}
        for region in {None, *REPLICA_REGIONS.values()}:
            found |= self._keys(self.client("kms", region))
        return found

    @staticmethod
    def _keys(kms: Any) -> set[str]:
        """The keys of a region that do not wait for their end, and their names."""
        kept = {f"kms list_aliases: {alias['AliasArn']}" for alias in kms.list_aliases()["Aliases"]}
        for key in kms.list_keys()["Keys"]:
            if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
                kept.add(f"kms list_keys: {key['KeyArn']}")
        return kept


@pytest.fixture
def account(terraform: Terraform, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Account, Terraform]]:
    """An account with nothing in it but the gateway of a VPN, and Terraform that speaks to it."""
    with emulated_aws() as aws:
        account = Account(aws.environment())
        gateway = account.client("ec2").create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
        given = {
            "aws_max_retries": 2,  # the emulation answers what it has not with an error that the provider takes for a passing one
            "shop_login": {"username": "replication", "password": "se,cret", "host": "192.168.7.20", "port": 5432},
            "shop_gateway": {"vpn_gateway_id": gateway},
            "exports": {"server": "files.autocorp.example", "agent_arns": [AGENT]},
        }
        variables = {f"TF_VAR_{name}": json.dumps(value) for name, value in given.items()}
        copied, environment = terraform.copied(tmp_path / "infra"), aws.environment() | variables
        if request.node.callspec.params.get("environment") in REPLICA_REGIONS:
            yield account, copied.within(environment)
            return
        with copied.attached(tmp_path / "said", environment) as attached:
            yield account, attached


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_made_stays_and_goes_again(
    account: tuple[Account, Terraform], environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made is what was meant: a second plan finds nothing to do, also after a run of the job; and it all goes again."""
    aws, terraform = account
    before = aws.contents()
    terraform.init("bootstrap")
    terraform("bootstrap", "apply", "-var=force_destroy=true", *NOBODY_ASKS)
    folder = f"live/autocorp/{environment}"
    backend = terraform.infra / "live/autocorp/backend.hcl"
    backend.write_text(terraform("bootstrap", "output", "-raw", "backend"), encoding="utf-8")

    terraform.init(folder, "-backend-config=../backend.hcl")
    terraform(folder, "apply", *NOBODY_ASKS)
    assert len(aws.contents()) > 60
    if environment in REPLICA_REGIONS:
        assert copies(aws, f"autocorp-{environment}") == dict.fromkeys(
            ("curated", "quarantine", "raw"), REPLICA_REGIONS[environment]
        )
    learned = learn(aws, f"autocorp_{environment}_curated", monkeypatch)
    terraform(folder, "plan", "-out=second", "-input=false")
    assert unexpected(json.loads(terraform(folder, "show", "-json", "second"))) == []
    terraform(folder, "apply", *NOBODY_ASKS, "second")
    assert aws.entry(f"autocorp_{environment}_curated", "sales_order") == learned

    let_go(terraform, folder)
    terraform(folder, "destroy", *NOBODY_ASKS)
    terraform("bootstrap", "destroy", "-var=force_destroy=true", *NOBODY_ASKS)
    assert aws.contents() == before


def copies(aws: Account, name: str) -> dict[str, str]:
    """By zone of a lake where S3 copies its bucket: the region of the bucket there."""
    s3, found = aws.client("s3"), {}
    for bucket in (bucket["Name"] for bucket in s3.list_buckets()["Buckets"] if bucket["Name"].startswith(f"{name}-")):
        with contextlib.suppress(ClientError):
            (rule,) = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
            there = rule["Destination"]["Bucket"].rpartition(":")[2]
            found[bucket.removeprefix(f"{name}-").split("-")[0]] = s3.get_bucket_location(Bucket=there)["LocationConstraint"]
    return found


def let_go(terraform: Terraform, folder: str) -> None:
    """What docs/howto/aws-destroy.md tells of an environment that is not disposable and is to go all the same."""
    path = terraform.infra / folder / "terraform.tfvars.json"
    given = json.loads(path.read_text(encoding="utf-8"))
    if not given["lake"]["disposable"]:
        given["lake"]["disposable"] = True
        path.write_text(json.dumps(given), encoding="utf-8")
        terraform(folder, "apply", *NOBODY_ASKS)


def learn(aws: Account, database: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the job tell the catalog of a table with a column more, days, a wider type, and a folder that it moved to."""
    before = aws.entry(database, "sales_order")
    place = f"{before['locations'][0].rstrip('/')}-2-1"
    columns = [(name, "decimal(14,2)" if name == "total_amount" else kind) for name, kind in before["columns"][5:]]
    spec = TableSpec(
        "sales_order", (*columns, ("channel", "string"), ("order_date_day", "string")), ("order_id",), ("order_date_day",)
    )
    days = ("2026-11-21", "2026-11-22", None)
    files = [
        DataFile(f"sales_order-2-1/order_date_day={day or '__HIVE_DEFAULT_PARTITION__'}/1.parquet", "", 1, 1, (day,), ())
        for day in days
    ]
    with monkeypatch.context() as here:
        for name, value in aws.environment.items():
            here.setenv(name, value)
        assert Registration().learn(database, Snapshot("20261122", None, spec, tuple(files)), place) == []
    after = aws.entry(database, "sales_order")
    assert ("channel", "string") in after["columns"]
    assert ("total_amount", "decimal(14,2)") in after["columns"]
    assert (after["locations"], len(after["partitions"])) == ([place, place], 3)
    return after


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("module", [folder.name for folder in sorted(INFRA.glob("modules/*"))])
def test_a_modules_example_is_made_stays_and_goes_again(account: tuple[Account, Terraform], module: str) -> None:
    """A module's example can be made and taken away as it stands, beside the buckets that it names."""
    aws, terraform = account
    for bucket in BUCKETS.get(module, ()):
        aws.client("s3").create_bucket(Bucket=bucket)
        aws.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    before = aws.contents()
    folder = f"modules/{module}/examples/minimal"
    (terraform.infra / folder / "provider.tf").write_text('provider "aws" {\n  max_retries = 2\n}\n', encoding="utf-8")
    terraform.init(folder)
    terraform(folder, "apply", *NOBODY_ASKS)
    terraform(folder, "plan", "-out=second", "-input=false")
    assert unexpected(json.loads(terraform(folder, "show", "-json", "second"))) == []
    if module == "storage":  # its bucket of access logs has some
        (terraform.infra / folder / "main_override.tf").write_text('module "storage" {\n  force_destroy = true\n}\n')
        terraform(folder, "apply", *NOBODY_ASKS)
    terraform(folder, "destroy", *NOBODY_ASKS)
    assert aws.contents() == before


def unexpected(plan: dict[str, Any]) -> list[str]:
    """The changes of a plan besides those in place of what the emulation forgets."""
    faults = []
    for resource in plan["resource_changes"]:
        change = resource["change"]
        if change["actions"] == ["update"]:
            changed = {name for name, value in change["after"].items() if change["before"].get(name) != value}
            changed -= {one["attribute"] for one in FORGOTTEN if one["type"] == resource["type"]}
            faults += [f"{resource['address']}: {name}" for name in sorted(changed)]
        elif change["actions"] not in (["no-op"], ["read"]):
            faults.append(f"{resource['address']}: {change['actions']}")
    return faults
