"""A folder of files as a source, as a person meets it: what doctor, plan, run and status say."""

from __future__ import annotations

from pathlib import Path

import pytest

LAKE = "lake: t\nsources: {drop: {kind: files, path: in, settle: 1ms, datasets: {orders: '*.csv'}}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_of_a_database_is_told_of_a_folder(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    planned = lakewright("plan", "--json").json
    assert planned["pending"] == ["capture will load table quarantine.orders of drop"]
    assert lakewright("run").code == 0
    (source,) = lakewright("status", "--json").json["sources"]
    assert (source["slot"], source["slot_state"], source["problem"]) == (None, "kept", None)


def test_a_file_that_waits_is_told_at_once_and_stays_in_the_status(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    (folder / "in" / "b.csv").write_text("id,m\n1,2\n")
    ran = lakewright("run")
    assert (ran.code, "b.csv waits: " in ran.err, "LW-262" in ran.err, "b.csv" in ran.out) == (0, True, True, False)
    assert "waits" not in lakewright("run").err
    (folder / "in" / "c.csv").write_text("id,m\n3,4\n")
    assert "merged" in lakewright("run", "--json").json  # what is told stands on stderr alone
    (source,) = lakewright("status", "--json").json["sources"]
    assert source["problem"] == "2 files wait; `lakewright quarantine` says why"
    for name in ("b.csv", "c.csv"):
        (folder / "in" / name).write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    assert lakewright("status", "--json").json["sources"][0]["problem"] is None
