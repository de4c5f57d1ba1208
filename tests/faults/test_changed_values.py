"""One character of a value changed in an object that rows depend on, which is valid JSON still: told, and never believed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from lakewright.cli.main import main
from lakewright.pipeline.lake import Lake
from tests.faults.conftest import clean, told

LAKE = """
lake: t
sources:
  drop: {kind: files, path: drop, settle: 1ms, datasets: {a: "a*.csv", b: "b*.csv"}}
  other: {kind: files, path: other, settle: 1ms, datasets: {c: "c*.csv"}}
"""
TABLES = {"a": "drop", "b": "drop", "c": "other"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of three tables, of two sources, with a row each."""
    prepared = tmp_path_factory.mktemp("prepared")
    (prepared / "lake.yaml").write_text(LAKE)
    for source in ("drop", "other"):
        (prepared / source).mkdir()
    put(prepared, 1)
    assert main(["-C", str(prepared), "run"]) == 0
    return prepared


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A copy of that lake."""
    return shutil.copytree(prepared, tmp_path / "lake")


def put(folder: Path, number: int) -> None:
    """A file more for each table."""
    for table, source in TABLES.items():
        (folder / source / f"{table}{number}.csv").write_text(f"n\n{number}\n")


def rows(folder: Path, table: str) -> list[Any]:
    with Lake.open(folder) as lake, lake.sql(f"SELECT n FROM {table}") as answer:
        return sorted(n for batch in answer.batches() for n in batch.column(0).to_pylist())


def changed(folder: Path, pattern: str, value: str) -> tuple[Path, str]:
    """Change the character that is the group of `value` in the first file that has it: the file, and what it was."""
    for path in sorted(folder.glob(pattern)):
        good = path.read_text()
        if found := re.search(value, good):
            at = found.start(1)
            path.write_text(good[:at] + chr(ord(good[at]) ^ 2) + good[at + 1 :])
            return path, good
    raise AssertionError(f"no {value} in any {pattern}")


@pytest.mark.parametrize(
    ("pattern", "value", "code", "go_on"),
    [
        ("raw/csv/_arrivals/drop/*.json", '"name":"(a)1.csv"', "LW-290", "c"),
        ("raw/files/drop/_manifests/*.json", '"watermark":"([0-9A-F]{15})', "LW-354", "c"),
        ("raw/files/drop/_manifests/*.json", '"table":."datasets","(a)"', "LW-354", "c"),
        ("raw/files/drop/_lease.json", r'"number":(\d)', "LW-353", "c"),
        ("curated/a/.hoodie/*.commit", r'position\\": ?\\"0{15}(\d)', "LW-404", "bc"),
    ],
)
def test_a_changed_value_is_told_and_stops_no_more_than_it_must(
    folder: Path, capsys: pytest.CaptureFixture[str], pattern: str, value: str, code: str, go_on: str
) -> None:
    path, good = changed(folder, pattern, value)
    put(folder, 2)
    capsys.readouterr()
    assert main(["-C", str(folder), "run"]) == 1
    out, err = capsys.readouterr()
    clean(out, err)
    assert f"[{code}]" in err or told(err).code == code
    assert {table: rows(folder, table) for table in go_on} == {table: [1, 2] for table in go_on}
    path.write_text(good)
    assert main(["-C", str(folder), "run"]) == 0
    assert {table: rows(folder, table) for table in TABLES} == {table: [1, 2] for table in TABLES}


@pytest.mark.parametrize("name", ["a", pytest.param(None, marks=pytest.mark.crash)])
@pytest.mark.parametrize("is_lost", [False, True])
def test_a_schema_that_cannot_be_read_stops_its_table_alone_until_a_resync(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str | None, is_lost: bool
) -> None:
    path, _ = changed(folder, "raw/files/drop/_schemas/datasets/a/*.json", '"definition":"(.)')
    if is_lost:
        path.unlink()
    put(folder, 2)
    (folder / "drop" / "a1.csv").write_text("n\n10\n")
    for _ in range(2):
        assert main(["-C", str(folder), "run"]) == 1
        out, err = capsys.readouterr()
        clean(out, err)
        assert (path.name in err, "LW-356" in err) == (True, True)
    assert {table: rows(folder, table) for table in "bc"} == {table: [1, 2] for table in "bc"}
    with Lake.open(folder) as lake:
        (status,) = (one for one in lake.status().tables if str(one.origin) == "datasets.a")
        assert (status.state, path.name in (status.problem or "")) == ("damaged", True)
        lake.resync(name)
        lake.run()
    put(folder, 3)
    assert main(["-C", str(folder), "run"]) == 0
    assert {table: rows(folder, table) for table in TABLES} == {"a": [2, 3, 10], "b": [1, 2, 3], "c": [1, 2, 3]}
    assert main(["-C", str(folder), "check", "--source"]) == 0
