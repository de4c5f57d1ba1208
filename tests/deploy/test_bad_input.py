"""What is wrong with a lake on AWS is told before anything is changed: one line, where it is, what helps, and a code."""

from __future__ import annotations

import json
import re
import shlex
import stat
from pathlib import Path

import pytest
from tests.deploy.conftest import TABLES, know, table

from lakewright.cli.main import main

PROD = "shares: {drop: {path: /drop, schedule: rate(1 day)}}"

GLACIER = "zones: {curated: {transitions: {GLACIER: 90}}}"


@pytest.fixture
def said(folder, capsys):
    """What a command of `lakewright deploy` says on stderr; it fails, and leaves every file of the folder as it was."""

    def command(*arguments: str, code: int = 1) -> str:
        before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        assert main(["-C", str(folder), "deploy", *arguments]) == code
        assert {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == before
        return capsys.readouterr().err

    return command


@pytest.fixture
def terraform(folder, monkeypatch):
    """A root, and a `terraform` of this version that takes no plan."""

    def make(version: str = "1.11.4", provider: str = "5.100.0") -> None:
        root, program = folder / "live" / "dev", folder / "bin" / "terraform"
        root.mkdir(exist_ok=True)
        program.parent.mkdir()
        (root / "backend.tf").write_text('aws = {\n  source  = "hashicorp/aws"\n  version = "5.100.0"\n}\n')
        (root / "variables.tf").write_text('variable "login" {\n  type      = string\n  sensitive = true\n}\n')
        selected = {"registry.terraform.io/hashicorp/aws": provider}
        known = shlex.quote(json.dumps({"terraform_version": version, "provider_selections": selected}))
        failing = "*) echo 'Error: No value for required variable' >&2; exit 1;;"
        program.write_text(f"#!/bin/sh\ncase $2 in version) echo {known};; {failing} esac\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return make


def _is_told(text: str, message: str, where: str, hint: str, code: str) -> None:
    told = text[text.index("error: ") :].splitlines()
    assert re.search(message, told[0]), text
    assert not where or re.search(f"^  at .*{where}", told[1]), text
    assert not hint or re.search(f"^  hint: .*{hint}", text, re.MULTILINE), text
    assert told[-1].startswith(f"  code: {code} "), text


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("lake: shop", "lake: shop_of_many_things", "shop-of-many-things-dev cannot be a part of AWS's names", "a shorter name"),
        (PROD, PROD.replace("1 day", "30 minutes"), "more often than once an hour", ""),
        (
            PROD,
            f"{PROD}\n      zones: {{curated: {{transitions: {{GLACIER: 90}}}}}}",
            "curated cannot be read from",
            "leave the rule",
        ),
        ("cidr: 10.41.0.0/20", "cidr: 10.40.8.0/21", "overlaps that of dev", "a range of its own"),
        ("cidr: 10.41.0.0/20", "cidr: 192.168.0.0/20", "overlaps the VPC's", "another range"),
    ],
    ids=["name", "schedule", "glacier", "range", "route"],
)
def test_what_lake_yaml_says(said, folder, old, new, message, hint):
    text = (folder / "lake.yaml").read_text()
    assert old in text
    (folder / "lake.yaml").write_text(text.replace(old, new, 1))
    _is_told(said("render"), message, r"lake\.yaml:[0-9]+", hint, "LW-104")


def test_a_table_without_key(said, folder):
    know(folder, {**TABLES, "store": [*TABLES["store"], table("public.log", "", line="text")]})
    _is_told(said("render"), r"public\.log has no key", r"lake\.yaml:3", "give it a primary key", "LW-705")


def test_an_environment_that_does_not_exist(said):
    _is_told(said("plan", "prd"), "there is no environment prd", r"lake\.yaml:11", "did you mean prod", "LW-701")


@pytest.mark.parametrize(("version", "provider"), [("1.10.5", "5.100.0"), ("1.11.4", "6.1.0")])
def test_terraform_or_its_provider_of_the_wrong_version(said, terraform, version, provider):
    terraform(version, provider)
    _is_told(said("plan", "dev"), version if version < "1.11" else provider, "", "", "LW-741")


def test_files_that_were_edited_by_hand_and_a_secret_that_nobody_gave(said, terraform, folder, monkeypatch):
    assert main(["-C", str(folder), "deploy", "render"]) == 0
    terraform()
    monkeypatch.delenv("TF_VAR_login", raising=False)
    _is_told(said("plan", "dev"), "variable login is not given", r"variables\.tf", "export TF_VAR_login", "LW-745")
    path: Path = folder / "live" / "dev" / "rendered" / "tables.json"
    path.write_text(path.read_text().replace("bigint", "int"))
    _is_told(
        said("plan", "dev", code=3), "1 rendered file is not what lake.yaml says", "", "`lakewright deploy render`", "LW-603"
    )
