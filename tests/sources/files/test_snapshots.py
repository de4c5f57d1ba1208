"""Files each of which is the whole table, and what becomes of it when one is taken away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lakewright.pipeline.lake import Lake

LAKE = """
lake: t
sources:
  drop:
    kind: files
    path: in
    settle: 1ms
    deleted: remove
    datasets: {people: {files: "*.csv", mode: snapshot, limit: 1}}
"""


@pytest.mark.parametrize(
    ("removed", "left", "rejected"),
    [("1.csv", [(2, "b")], [("2.csv", 3)]), ("2.csv", [(1, "a")], [("1.csv", 3)])],
    ids=["an older one", "the newest"],
)
def test_a_snapshot_that_is_taken_away_leaves_the_newest_that_is_there(
    tmp_path: Path, removed: str, left: list[Any], rejected: list[Any]
) -> None:
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "in").mkdir()
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "people.yaml").write_text(
        "name: people\ncolumns: [{name: id, source_name: id, type: int}, {name: name, source_name: name, type: string}]\n"
    )
    for number, name in enumerate("ab", 1):
        path = tmp_path / "in" / f"{number}.csv"
        path.write_text(f"id,name\n{number},{name}\nx,{name}\n")
        os.utime(path, (number, number))
    with Lake.open(tmp_path) as lake:
        lake.run()
        (tmp_path / "in" / removed).unlink()
        lake.run()
        for _ in range(2):
            assert found(lake, "SELECT id, name FROM people") == left
            assert found(lake, "SELECT _file, _line FROM quarantine_people") == rejected
            lake.resync("people")


def found(lake: Lake, text: str) -> list[Any]:
    with lake.sql(text) as answer:
        return [tuple(row.values()) for batch in answer.batches() for row in batch.to_pylist()]
