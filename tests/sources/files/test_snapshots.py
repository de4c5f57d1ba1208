"""Files each of which is the whole table, and what becomes of it when one is taken away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakewright.pipeline import loaded, table_at
from lakewright.pipeline.folding import Fold
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


def test_a_load_that_nothing_follows_is_stored_as_a_computation_would_make_it(tmp_path: Path) -> None:
    (tmp_path / "lake.yaml").write_text(LAKE.replace("people: {", "keyed: {files: k.txt, mode: upsert, key: [id]}, people: {"))
    (tmp_path / "in").mkdir()
    for name in ("1.csv", "k.txt"):
        (tmp_path / "in" / name).write_text('id,day,amount,name\n1,2026-03-01,1.50,a\n2,2026-03-02,,b\n3,,2.25,"c, d"\n')
    with Lake.open(tmp_path) as lake:
        lake.capture(lambda _: None)
        lake.resync("keyed", lambda _: None)
        log, expected = lake.log("drop"), dict[str, pa.Table]()
        for mirror in lake.mirrors(["keyed", "people"]):
            at = table_at.plan(mirror, log, log.view(), (), log.view().watermark)
            assert loaded.is_all(at)
            fold = Fold(lake.connection(), at, log)
            expected[mirror.path] = fold.reader(fold.rows_sql(), 10).read_all().cast(at.spec.arrow())
            fold.close()
        lake.merge(None, lambda _: None)
        for path, rows in expected.items():
            table = lake.format.open(path)
            snapshot = table.snapshot() if table else None
            assert snapshot
            merged = pq.read_table([file.location for file in snapshot.files], columns=rows.column_names)
            assert merged.sort_by("id").cast(rows.schema).equals(rows.sort_by("id"))
        assert found(lake, "SELECT id, name FROM keyed ORDER BY id") == found(lake, "SELECT id, name FROM people ORDER BY id")
        assert lake.check("drop", lambda _: None).passed


def found(lake: Lake, text: str) -> list[Any]:
    with lake.sql(text) as answer:
        return [tuple(row.values()) for batch in answer.batches() for row in batch.to_pylist()]
