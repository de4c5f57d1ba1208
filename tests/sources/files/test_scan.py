"""The DuckDB in which files are read: one after another has it, and none sees what another left."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lakewright.errors import SourceError
from lakewright.sources.files import scan


def test_the_next_block_has_the_same_one_emptied(tmp_path: Path) -> None:
    with scan.opened(tmp_path, "a.csv") as first:
        first.execute('CREATE TABLE "Rows of a" AS SELECT 1 AS v')
        first.execute("CREATE TEMP TABLE reject_errors AS SELECT 1 AS v")
    with scan.opened(tmp_path, "b.csv") as second:
        assert second is first
        assert second.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
        assert second.execute("SELECT current_setting('memory_limit')").fetchall() == [("488.2 MiB",)]


def test_two_blocks_at_once_have_two(tmp_path: Path) -> None:
    seen = []

    def other() -> None:
        with scan.opened(tmp_path, "b.csv") as second:
            seen.append(second)

    with scan.opened(tmp_path, "a.csv") as first:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen[0] is not first
    with scan.opened(tmp_path, "c.csv") as third:
        assert third is seen[0], "which was left first"


def test_another_folder_an_old_one_and_one_with_a_fault_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scan.opened(tmp_path / "one", "a.csv") as first:
        pass
    with scan.opened(tmp_path / "other", "a.csv") as second:
        assert second is not first
        (folder,) = second.execute("SELECT current_setting('temp_directory')").fetchall()[0]
        assert folder == str(tmp_path / "other")
    with pytest.raises(SourceError), scan.opened(tmp_path / "other", "a.csv") as third:
        third.execute("SELECT * FROM nothing")
    assert third is second
    with scan.opened(tmp_path / "other", "a.csv") as fourth:
        assert fourth is not third
    monkeypatch.setattr(scan, "SPARE_SECONDS", 0.0)
    with scan.opened(tmp_path / "other", "a.csv") as fifth:
        assert fifth is not fourth
