"""The plug-in table."""

from __future__ import annotations

import inspect
import sys
from typing import get_args

import pytest

from lakewright.errors import MissingDependency
from lakewright.project import kinds
from lakewright.project.spec import SourceSettings


@pytest.mark.parametrize("table", [kinds.SOURCES, kinds.FORMATS, kinds.ENGINES])
def test_every_kind_is_a_class_that_can_be_imported(table):
    assert all(inspect.isclass(kinds.load_kind(table, kind)) for kind in table if kind != "spark")


def test_an_engine_of_an_extra_that_is_not_installed_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "py4j", None)
    monkeypatch.delitem(sys.modules, "lakewright.engines.spark", raising=False)
    with pytest.raises(MissingDependency) as caught:
        kinds.load_kind(kinds.ENGINES, "spark")
    assert caught.value.hint == "pip install lakewright[spark]"


def test_every_source_of_lake_yaml_has_its_class():
    settings = get_args(get_args(SourceSettings)[0])
    assert {get_args(each.model_fields["kind"].annotation)[0] for each in settings} == set(kinds.SOURCES)


def test_a_package_that_is_not_installed_is_named_with_its_pip_line(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency) as caught:
        kinds.load_kind({"odd": "needs_more:Odd"}, "odd")
    assert (caught.value.code, caught.value.hint) == ("LW-801", "pip install surely_not_installed")
