"""The plug-in table."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from lakewright.errors import MissingDependency
from lakewright.project import kinds
from lakewright.project.spec import SourceSettings


@pytest.mark.parametrize("table", [kinds.SOURCES, kinds.FORMATS, kinds.ENGINES])
def test_every_kind_is_a_class_that_can_be_imported_or_tells_the_extra_that_it_needs(table):
    for kind in table:
        try:
            assert inspect.isclass(kinds.load_kind(table, kind))
        except MissingDependency as missing:
            assert missing.hint == f"pip install lakewright[{kind}]"


def test_every_source_of_lake_yaml_has_its_class():
    settings = get_args(get_args(SourceSettings)[0])
    assert {get_args(each.model_fields["kind"].annotation)[0] for each in settings} == set(kinds.SOURCES)


def test_a_package_that_is_not_installed_is_named_with_its_pip_line(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency) as caught:
        kinds.load_kind({"odd": "needs_more:Odd"}, "odd")
    assert (caught.value.code, caught.value.hint) == ("LW-801", "pip install surely_not_installed")
