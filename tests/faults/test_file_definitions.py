"""Definitions of datasets that are wrong, or are corrected under rows that were read before."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lakewright.errors import StorageError
from lakewright.pipeline import capture, survey
from lakewright.pipeline.lake import Lake
from lakewright.sources.files import aside, structure
from lakewright.sources.files.arrival_reader import ArrivalReader

LAKE = """
lake: t
sources:
  drop: {kind: files, path: in, settle: 1ms, datasets: {a: {files: "a*.csv", limit: 90%}, b: "b*.csv"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "in").mkdir()
    return tmp_path


def run(folder: Path) -> None:
    with Lake.open(folder) as lake:
        lake.run()


def rows(folder: Path, text: str) -> list[tuple[object, ...]]:
    with Lake.open(folder) as lake, lake.sql(text) as answer:
        return sorted(row for batch in answer.batches() for row in zip(*(c.to_pylist() for c in batch.columns), strict=True))


def test_a_wrong_definition_leaves_the_other_datasets_alone(folder: Path) -> None:
    (folder / "in" / "a1.csv").write_text("id\n1\n")
    (folder / "in" / "b1.csv").write_text("id\n1\n")
    run(folder)
    definition = folder / "datasets" / "a.yaml"
    right = definition.read_text()
    definition.write_text(right + "colums: []\n")
    (folder / "in" / "b2.csv").write_text("id\n2\n")
    run(folder)
    assert rows(folder, "SELECT id FROM b") == [(1,), (2,)]
    with Lake.open(folder) as lake:
        assert [error.code for error in survey.left_out(lake, "drop").values()] == ["LW-102"]
    definition.write_text(right)
    (folder / "in" / "a2.csv").write_text("id\n2\n")
    run(folder)
    assert rows(folder, "SELECT id FROM a") == [(1,), (2,)]


def test_a_file_that_comes_under_a_wrong_definition_waits_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a1", "b1"):
        (folder / "in" / f"{name}.csv").write_text("id\n1\n")
    run(folder)
    definition = folder / "datasets" / "a.yaml"
    right = definition.read_text()
    definition.write_text(right + "rows: [\n")
    for name in ("a2", "b2"):
        (folder / "in" / f"{name}.csv").write_text("id\n2\n")
    run(folder)
    assert rows(folder, "SELECT id FROM b") == [(1,), (2,)]
    with Lake.open(folder) as lake:
        (waiting,) = lake.quarantine().waiting
        assert (waiting.file, waiting.code) == ("a2.csv", "LW-101")
        assert waiting.where
        assert "datasets/a.yaml:" in waiting.where
        assert waiting.hint
        assert waiting.hint.endswith("then `lakewright quarantine accept drop a2.csv`")
        assert f"(at {waiting.where})" in capfd.readouterr().err
        definition.write_text(right)
        assert lake.accept("drop", "a2.csv").taken == 1
    run(folder)
    assert rows(folder, "SELECT id FROM a") == [(1,), (2,)]


def test_a_look_at_the_catalog_does_not_begin_the_first_file_of_a_dataset_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that takes longer to look at than the catalog is left alone would never be done."""
    begun, looks = [], list[capture.Capture]()

    def slowly(reader: ArrivalReader, *arguments: Any) -> None:
        assert not begun
        begun.append(arguments)
        while len(looks) < 4:
            aside.check()
            time.sleep(0.01)
        define(reader, *arguments)

    def look(self: capture.Capture) -> bool:
        looks.append(self)
        return has_news(self)

    define, has_news = ArrivalReader.define, capture.Capture._has_news
    monkeypatch.setattr(capture.Capture, "_has_news", look)
    monkeypatch.setattr(ArrivalReader, "define", slowly)
    monkeypatch.setattr(capture, "CATALOG_SECONDS", 0.0)
    monkeypatch.setattr(capture, "LOOK_SECONDS", 0.0)
    (folder / "in" / "a1.csv").write_text("id\n1\n")
    run(folder)
    assert rows(folder, "SELECT id FROM a") == [(1,)]


def test_a_corrected_file_takes_back_lines_that_were_read_under_another_definition(folder: Path) -> None:
    (folder / "in" / "a1.csv").write_text("id,day\n1,31.01.2026\n2,28.02.2026\n3,31.03.2026\n")
    run(folder)
    definition = folder / "datasets" / "a.yaml"
    text = definition.read_text()
    assert "'%d.%m.%Y'" in text
    definition.write_text(text.replace("'%d.%m.%Y'", "'%Y-%m-%d'"))
    (folder / "in" / "a1.csv").write_text("id,day\n1,2026-01-31\n")
    run(folder)
    assert rows(folder, "SELECT id FROM a") == [(1,)]
    assert rows(folder, "SELECT _line FROM quarantine_a") == []


def test_a_full_disk_is_not_held_against_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "in" / "a1.csv").write_text("id\n1\n")
    run(folder)
    (folder / "in" / "a2.csv").write_text("id\n2\n")
    with monkeypatch.context() as patch:
        patch.setattr(structure, "tally", _full)
        with pytest.raises(StorageError) as caught:
            run(folder)
    assert caught.value.code == "LW-304"
    run(folder)
    assert rows(folder, "SELECT id FROM a") == [(1,), (2,)]


def _full(*_: object, **__: object) -> None:
    raise duckdb.IOException("IO Error: Could not write file: No space left on device")
