"""A file that takes long to read holds nobody up: flushes go on, people are told, and a stop leaves nothing half read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lakewright.model.contracts import Flush
from lakewright.project.datasets import DatasetFiles
from lakewright.sources.files import infer, stream, structure
from lakewright.sources.files.aside import check
from lakewright.sources.files.origin import Folder
from lakewright.sources.files.source import FIRST, FilesSource
from lakewright.sources.files.tables import Rule
from lakewright.sources.files.transfer import TransferSettings
from lakewright.storage.local import LocalStore


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesSource:
    """A folder with one file, ``numbers.csv``."""
    monkeypatch.setattr(stream, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(stream, "TELL_SECONDS", 0.0)
    for name in ("in", "lake", "datasets"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "numbers.csv").write_text("number\n1\n2\n")
    rule = Rule("numbers", ("*.csv",), (), "append", (), None, lambda part, whole: part > 0)
    place, known = (LocalStore(tmp_path / "lake"), "raw"), DatasetFiles(tmp_path)
    return FilesSource(
        "drop", Folder(tmp_path / "in"), [rule], TransferSettings(0.001), 0.01, place, "logs", known, tmp_path / "tmp"
    )  # fmt: skip


def forever(*_: Any, **__: Any) -> NoReturn:
    """A step that only a stop ends."""
    while True:
        check()
        time.sleep(0.001)


def flushes(source: FilesSource, tellings: int | None = None) -> list[Flush]:
    """All flushes of the stream from the beginning until it has to be opened anew, or until so many told of a file."""
    found = list[Flush]()
    with source.open_stream(FIRST, source.discover().tables, {}) as opened:
        for flush in opened.flushes():
            found.append(flush)
            if sum(each.doing is not None for each in found) == tellings:
                break
    return found


def told(found: list[Flush]) -> set[str | None]:
    assert [flush for flush in found if flush.batches or (flush.watermark and flush.watermark > FIRST)] == []
    return {flush.doing for flush in found} - {None}


def test_a_stop_while_a_definition_is_inferred_keeps_none(source: FilesSource, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(infer, "sniff", forever)
        found = told(flushes(source, tellings=3))
    assert found == {"numbers.csv, 11 bytes: 0 rows so far"}
    assert [*(tmp_path / "datasets").iterdir()] == []
    flushes(source)
    assert [path.name for path in (tmp_path / "datasets").iterdir() if path.is_file()] == ["numbers.yaml"]


def test_a_stop_while_a_file_is_looked_through_takes_nothing_of_it(source: FilesSource, tmp_path: Path) -> None:
    flushes(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structure, "tally", forever)
        assert told(flushes(source, tellings=3)) == {"numbers.csv, 11 bytes: 0 rows so far"}
    assert [*(tmp_path / "tmp").iterdir()] == []
    assert not source.inspection.held_back().faults
    with source.open_stream(FIRST, source.discover().tables, {}) as opened:
        rows = next(flush for flush in opened.flushes() if flush.batches).batches[0].rows
    assert rows.column("number").to_pylist() == [1, 2]
