"""A figure's ratio is always more is better."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks._figure import Figure

from benchmarks import __main__ as command

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("unit", "ratio"), [("s", 2.0), ("bytes", 2.0), ("rows/s", 0.5)])
def test_ratio(unit, ratio):
    found = Figure("load", 1.0, unit, "COPY", 2.0).to_json()
    assert found == {"name": "load", "value": 1.0, "unit": unit, "peer": "COPY", "peer_value": 2.0, "ratio": ratio}


def test_a_name_that_is_none_is_refused_with_those_that_are():
    ran = subprocess.run([sys.executable, "-m", "benchmarks", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "there is no figure 'nothing'; modules: " in ran.stderr


@pytest.mark.parametrize(
    ("name", "shown"), [("hudi", ["hudi-insert", "hudi-upsert"]), ("hudi-insert", ["hudi-insert"]), ("hu", [])]
)
def test_figures_of_a_name_are_one_object_a_line(monkeypatch, capsys, name, shown):
    class Module:
        @staticmethod
        def run():
            yield Figure("hudi-insert", 123456.789, "rows/s", "peer", 200000.0)
            yield Figure("hudi-upsert", 2.0, "s", "limit", 1.0)

    monkeypatch.setattr(command.importlib, "import_module", lambda name: Module)
    assert command.run("hudi", name, as_json=True) == len(shown)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == shown
    assert all(line["value"] in (123500.0, 2.0) for line in lines)
