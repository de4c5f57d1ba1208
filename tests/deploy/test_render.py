"""What Terraform takes is made from lake.yaml, the same each time, and an edit by hand is seen."""

from __future__ import annotations

import json

import pytest

from lakewright.deploy.render import render, require_current
from lakewright.deploy.target import targets
from lakewright.errors import CheckFailed, DeployError
from lakewright.project.project import open_project


def _variables(project, environment):
    return json.loads((project.folder / "live" / environment / "terraform.tfvars.json").read_text())["lake"]


def test_each_environment_has_its_variables(project):
    render(targets(project), write=True)
    dev, prod = _variables(project, "dev"), _variables(project, "prod")
    assert (dev["name"], dev["region"], dev["network"]["availability_zones"]) == (
        "shop-dev",
        "eu-west-1",
        ["eu-west-1a", "eu-west-1b"],
    )
    assert (dev["dms"]["instance"]["class"], dev["dms"]["serverless"]) == ("dms.t3.medium", None)
    assert (prod["dms"]["instance"], prod["dms"]["serverless"]["max_capacity"]) == (None, 8)
    assert dev["databases"]["store"]["address"] == "192.168.7.20/32"
    assert dev["zones"]["quarantine"]["holds"] == "tables"


@pytest.mark.parametrize(
    ("settings", "patterns", "keep_deleted"),
    [
        ("", ["orders/*", "people.csv"], True),
        ("deleted: remove, ", ["orders/*", "people.csv"], False),
        ("marker: '{name}.done', ", [], True),
    ],
)
def test_files_of_a_source_are_transferred_to_its_folder(change, settings, patterns, keep_deleted):
    """DataSync takes a wildcard at the end of a filter alone, and markers have to come too."""
    project = change("kind: files, ", f"kind: files, {settings}")
    render(targets(project), write=True)
    drop = _variables(project, "dev")["transfers"]["drop"]
    assert (drop["path"], drop["folder"], drop["schedule"]) == ("/drop", "drop/", "rate(1 hour)")
    assert (drop["patterns"], drop["keep_deleted"]) == (patterns, keep_deleted)


def test_rendering_twice_changes_nothing(project):
    assert "missing" in {found.kind for found in render(targets(project), write=True).differences}
    assert render(targets(project), write=True).differences == ()
    require_current(render(targets(project), write=False))


def test_an_edit_by_hand_and_a_change_of_lake_yaml_are_seen(project, change):
    render(targets(project), write=True)
    path = project.folder / "live" / "dev" / "terraform.tfvars.json"
    path.write_text(path.read_text().replace("dms.t3.medium", "dms.t3.large"))
    (project.folder / "live" / "prod" / "rendered" / "mine.sql").write_text("SELECT 1")
    found = render(targets(project), write=False)
    assert [(difference.kind, difference.file.rpartition("/live/")[2]) for difference in found.differences] == [
        ("changed", "dev/terraform.tfvars.json"),
        ("extra", "prod/rendered/mine.sql"),
    ]
    assert [line.split('"')[3] for line in found.differences[0].lines] == ["dms.t3.large", "dms.t3.medium"]
    with pytest.raises(CheckFailed, match="2 rendered files are not what") as caught:
        require_current(found)
    assert caught.value.code == "LW-603"
    render(targets(project), write=True)
    changed = change("rate(1 day)", "rate(2 hours)")
    assert [difference.kind for difference in render(targets(changed), write=False).differences] == ["changed"]


def test_an_environment_that_does_not_exist(project):
    with pytest.raises(DeployError, match="there is no environment prd") as caught:
        targets(project, ["prd"])
    assert (caught.value.code, caught.value.hint) == ("LW-701", "did you mean prod?")
    assert caught.value.where.endswith("lake.yaml:11")


def test_a_lake_without_environments(folder):
    (folder / "lake.yaml").write_text("lake: shop\nsources: {store: {kind: postgres, url: embedded}}\n")
    with pytest.raises(DeployError, match=r"lake.yaml has no environments") as caught:
        targets(open_project(folder))
    assert caught.value.code == "LW-701"
