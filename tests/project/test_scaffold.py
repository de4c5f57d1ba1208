"""`init`: a folder that loads, completes in editors, and never replaces a file."""

from __future__ import annotations

import json

import pytest

from lakewright.errors import ConfigError
from lakewright.project.project import open_project
from lakewright.project.scaffold import lake_name, scaffold
from lakewright.project.spec import json_schema


def test_a_new_folder_loads_as_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("LAKE_URL", raising=False)
    scaffold(tmp_path / "my-lake")
    project = open_project(tmp_path / "my-lake")
    assert project.settings.lake == "my_lake"
    assert project.settings.sources["main"].url.reveal() == "embedded"
    assert list(project.queries()) == ["hello"]


def test_the_commented_example_is_valid_too(tmp_path, monkeypatch):
    monkeypatch.delenv("LAKE_URL", raising=False)
    scaffold(tmp_path / "lake")
    path = tmp_path / "lake" / "lake.yaml"
    head, _, example = path.read_text().partition("# tables:\n")
    path.write_text(head + "tables:\n" + example.replace("\n#", "\n").removeprefix("#"))
    assert [str(p) for p in open_project(tmp_path / "lake").settings.tables["orders"].partition] == ["day(created_at)"]


def test_editors_find_the_schema(tmp_path):
    files = scaffold(tmp_path / "lake")
    schema = next(file for file in files if file.name == "lake.schema.json")
    first = (tmp_path / "lake" / "lake.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={schema.relative_to(tmp_path / 'lake')}"
    assert json.loads(schema.read_text()) == json_schema()
    settings = json.loads((tmp_path / "lake" / ".vscode" / "settings.json").read_text())
    assert settings["yaml.schemas"] == {".vscode/lake.schema.json": "lake.yaml"}


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError) as caught:
        scaffold(tmp_path)
    assert caught.value.code == "LW-108"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        scaffold(tmp_path / "file" / "lake")
    assert caught.value.code == "LW-109"


@pytest.mark.parametrize(("folder", "name"), [("Shop Data", "shop_data"), ("2nd", "_2nd"), ("a" * 40, "a" * 24), ("---", "lake")])
def test_the_name_comes_from_the_folder(tmp_path, folder, name):
    assert lake_name(tmp_path / folder) == name


def test_every_setting_has_a_description():
    schema = json_schema()
    groups = {"Lake": schema, **schema["$defs"]}
    missing = [
        f"{group}.{name}"
        for group, model in groups.items()
        for name, setting in model["properties"].items()
        if "description" not in setting and "description" not in schema["$defs"].get(setting.get("$ref", "").split("/")[-1], {})
    ]
    assert missing == []
