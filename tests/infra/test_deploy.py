"""`lakewright deploy` beside real Terraform and an emulated AWS: what it says before anything is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.infra.conftest import INFRA, Terraform

from lakewright.deploy.check import check
from lakewright.deploy.plan import plan
from lakewright.deploy.target import target
from lakewright.model.times import utc_now
from lakewright.project.project import Project, open_project
from lakewright.testing.aws import emulated_aws

VARIABLES = {
    "shop_login": json.dumps({"username": "replication", "password": "secret", "host": "192.168.7.20", "port": 5432}),
    "shop_gateway": json.dumps({"vpn_gateway_id": "vgw-1"}),
    "exports": json.dumps(
        {"server": "files.example", "agent_arns": [f"arn:aws:datasync:us-east-1:{'1' * 12}:agent/agent-{'0' * 17}"]}
    ),
    "aws_max_retries": "2",
}


@pytest.fixture
def lake(terraform: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The example's lake.yaml over a copy of its roots, whose state stays on this machine; all variables are given."""
    (tmp_path / "infra").symlink_to(terraform.infra)
    folder = tmp_path / "examples" / "autocorp"
    folder.mkdir(parents=True)
    source = INFRA.parent / "examples" / "autocorp"
    for name in ("lake.yaml", "queries", "datasets", "rules"):
        (folder / name).symlink_to(source / name)
    (terraform.infra / "live" / "autocorp" / "dev" / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    for name, value in VARIABLES.items():
        monkeypatch.setenv(f"TF_VAR_{name}", value)
    return open_project(folder)


def test_what_it_says_before_the_first_apply(lake: Project, terraform: Terraform, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` lacks what bootstrap makes; `plan` makes everything, and loses nothing."""
    with emulated_aws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        checked = check(target(lake, "dev"), utc_now().date())
        assert [finding.name for finding in checked.findings if not finding.ok] == [
            "role dms-vpc-role",
            "role dms-cloudwatch-logs-role",
        ]
        terraform("live/autocorp/dev", *(argument for argument in terraform.offline if argument != "-backend=false"))
        planned = plan(target(lake, "dev"))
    assert planned.changes == ()
    assert {"dms replication task", "glue catalog table", "athena named query", "datasync task"} <= {*planned.makes}
    assert (planned.makes["glue catalog table"], planned.makes["athena named query"]) == (11, 19)
