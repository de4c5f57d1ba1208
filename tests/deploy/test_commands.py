"""`lakewright deploy` as people and programs call it."""

from __future__ import annotations

import json

import pytest

from lakewright.cli.main import main
from lakewright.deploy.outputs import Outputs, Step


@pytest.fixture
def run(folder, capsys):
    """Run a command of `lakewright deploy` in the lake's folder: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["-C", str(folder), "deploy", *arguments])
        return (code, *capsys.readouterr())

    return command


def test_render_and_its_check(run, folder):
    code, out, _ = run("render", "--check", "dev")
    assert code == 3
    assert "missing " in out
    code, out, err = run("render")
    assert (code, "files of dev, prod" in err) == (0, True)
    assert run("render", "--check", "--json")[0] == 0
    path = folder / "live" / "dev" / "terraform.tfvars.json"
    path.write_text(path.read_text().replace("shop-dev", "shop-test"))
    code, out, err = run("render", "--check")
    assert (code, "changed" in out, '-    "name": "shop-test",' in out, "code: LW-603" in err) == (3, True, True, True)
    code, out, _ = run("render", "--check", "--json")
    assert (code, [found["kind"] for found in json.loads(out)["differences"]]) == (3, ["changed"])


def test_check_prints_findings_and_what_differs(run, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    code, out, _ = run("check", "dev")
    assert code == 3
    assert "FAULT AWS: sts get_caller_identity: AWS does not answer" in out
    assert "DIFFERS public.item (label): a value of more than 1024 KB suspends the table" in out
    code, out, _ = run("check", "dev", "--json")
    assert (code, {loss["kind"] for loss in json.loads(out)["losses"]} >= {"truncate", "long", "infinity"}) == (3, True)


@pytest.mark.parametrize("command", ["check", "plan", "outputs"])
def test_an_environment_that_does_not_exist(run, command):
    code, _, err = run(command, "prd")
    assert (code, "hint: did you mean prod?" in err, "code: LW-701" in err) == (1, True, True)


def test_outputs_are_lines_that_a_shell_takes(run, monkeypatch):
    found = Outputs("dev", {"lake": {"zones": {"raw": "s3://raw/"}}}, (Step("see what arrived", "aws s3 ls s3://raw/"),))
    monkeypatch.setattr("lakewright.deploy.outputs.outputs", lambda target: found)
    assert run("outputs", "dev")[1].splitlines() == ["lake.zones.raw: s3://raw/", "", "# see what arrived", "aws s3 ls s3://raw/"]
