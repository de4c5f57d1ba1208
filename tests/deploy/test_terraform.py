"""Terraform as the commands run it: missing, of the wrong version, failing; and what it would do, in words."""

from __future__ import annotations

import json
import re
import shlex
import stat

import pytest
from tests.docs.aws_commands import Command, faults

from lakewright.deploy.outputs import outputs, steps
from lakewright.deploy.plan import explain, plan
from lakewright.deploy.render import render
from lakewright.deploy.target import target, targets
from lakewright.deploy.terraform import Terraform
from lakewright.errors import CheckFailed, DeployError

VERSION = {"terraform_version": "1.11.4", "provider_selections": {"registry.terraform.io/hashicorp/aws": "5.100.0"}}
LAKE = {
    "zones": {"raw": "s3://shop-dev-raw/", "curated": "s3://shop-dev-curated/"},
    "databases": {"curated": "shop_dev_curated"},
    "workgroups": {"analysts": "shop-dev-analysts"},
    "task_arn": "arn:aws:dms:eu-west-1:123456789012:task:ABC",
    "endpoints": {"source": "arn:aws:dms:eu-west-1:123456789012:endpoint:A"},
    "transfers": {"orders": "arn:aws:datasync:eu-west-1:123456789012:task/task-1"},
    "workflow": "shop-dev",
    "quality": {"rule_sets": {"orders": "shop-dev-orders"}, "role_arn": "arn:aws:iam::123456789012:role/shop-dev-merge"},
}


@pytest.fixture
def program(project, tmp_path, monkeypatch):
    """A `terraform` that answers with these texts by its first argument, and fails for others."""
    root = project.folder / "live" / "dev"
    root.mkdir()
    (root / "backend.tf").write_text('aws = {\n  source  = "hashicorp/aws"\n  version = "5.100.0"\n}\n')

    def make(**answers: object) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        lines = [f"{verb}) echo {shlex.quote(json.dumps(answer))};;" for verb, answer in {"version": VERSION, **answers}.items()]
        script = folder / "terraform"
        failing = "*) echo 'Error: Backend initialization required, please run init' >&2; exit 1;;"
        script.write_text(f'#!/bin/sh\ncase "$2" in\n{chr(10).join([*lines, failing])}\nesac\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return make


def test_terraform_that_is_missing_is_told(project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeployError, match="terraform is not installed") as caught:
        plan(target(project, "dev"))
    assert caught.value.code == "LW-740"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ({"terraform_version": "1.9.8"}, r"Terraform is 1\.9\.8, and 1\.11 or later"),
        ({**VERSION, "provider_selections": {"registry.terraform.io/hashicorp/aws": "6.0.0"}}, r"the AWS provider is 6\.0\.0"),
    ],
)
def test_a_wrong_version_is_told(project, program, version, message):
    program(version=version)
    with pytest.raises(DeployError, match=message) as caught:
        Terraform(target(project, "dev"))
    assert caught.value.code == "LW-741"
    assert _verbs(caught.value.hint, project) in ([], ["init"])


def _verbs(hint, project):
    """What the commands of a hint ask of Terraform in the root of dev, whichever folder they are typed in."""
    commands = [shlex.split(command) for command in re.findall("`([^`]+)`", hint)]
    assert {tuple(command[:2]) for command in commands} <= {("terraform", f"-chdir={project.folder / 'live' / 'dev'}")}
    return [command[2] for command in commands]


def test_a_root_that_is_none_or_was_not_initialised(project, program):
    program()
    with pytest.raises(DeployError, match="prod is no root of Terraform") as caught:
        Terraform(target(project, "prod"))
    assert (caught.value.code, caught.value.where.endswith("lake.yaml:9")) == ("LW-743", True)
    render(targets(project), write=True)
    with pytest.raises(DeployError, match="terraform plan: backend initialization required") as caught:
        plan(target(project, "dev"))
    assert caught.value.code == "LW-742"
    assert _verbs(caught.value.hint, project) == ["plan", "init"]


def test_a_plan_of_files_that_are_not_current(project, program):
    program()
    with pytest.raises(CheckFailed, match=r"not what lake\.yaml says") as caught:
        plan(target(project, "dev"))
    assert caught.value.code == "LW-603"


def _entry(address, actions, before=None, after=None, **more):
    kind = address.split(".")[-2]
    change = {"actions": actions, "before": before, "after": after, "after_unknown": {}, **more}
    return {"address": address, "mode": "managed", "type": kind, "change": change}


def test_a_plan_in_words():
    entries = [
        _entry("module.a.aws_s3_bucket.raw", ["create"]),
        _entry("module.a.aws_s3_bucket.logs", ["create"]),
        _entry("aws_iam_role.same", ["no-op"]),
        _entry("aws_glue_job.merge", ["update"], {"timeout": 60, "name": "m"}, {"timeout": 90, "name": "m"}),
        _entry("aws_dms_replication_task.this", ["delete", "create"], {}, {}, replace_paths=[["migration_type"]]),
        _entry("aws_s3_bucket.old", ["delete"], {"force_destroy": True}),
        _entry("aws_kms_key.this", ["delete"], {"deletion_window_in_days": 7, "key_id": "1-2"}),
        {**_entry("data.aws_region.now", ["read"]), "mode": "data"},
    ]
    planned = explain("dev", {"resource_changes": entries}, "terraform apply it")
    assert planned.makes == {"s3 bucket": 2}
    assert [(change.action, change.address, change.settings) for change in planned.changes] == [
        ("replace", "aws_dms_replication_task.this", ("migration_type",)),
        ("remove", "aws_kms_key.this", ()),
        ("remove", "aws_s3_bucket.old", ()),
        ("change", "aws_glue_job.merge", ("timeout",)),
    ]
    lost = [change.lost or "" for change in planned.changes]
    assert "every table is loaded anew" in lost[0]
    assert "after 7 days nothing that it encrypted can be read" in lost[1]
    assert "`aws kms enable-key --key-id 1-2`" in lost[1]
    assert "all of its objects go" in lost[2]
    assert lost[3] == ""


def test_a_plan_of_nothing_has_nothing_to_apply():
    assert explain("dev", {"resource_changes": [_entry("aws_iam_role.same", ["no-op"])]}, "x").apply is None


def test_outputs_come_with_commands_that_exist(project, program):
    """Each is one of AWS's, with all that it needs; so for a serverless replication."""
    program(output={"lake": {"value": LAKE, "sensitive": False}, "login": {"value": "secret", "sensitive": True}})
    found = outputs(target(project, "dev"))
    assert found.outputs == {"lake": LAKE}
    texts = [step.command for step in (*found.commands, *steps(target(project, "prod"), LAKE))]
    assert len(texts) > 15
    for text in texts:
        plain = text.replace('"$(', '"').replace(')"', '"')
        assert list(faults(Command("outputs", text, shlex.split(plain), True))) == []


def test_outputs_before_anything_was_applied(project, program):
    program(output={})
    with pytest.raises(DeployError, match="has no output yet") as caught:
        outputs(target(project, "dev"))
    assert caught.value.code == "LW-744"
