"""Rejected rows and waiting files, as a person sees them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

LAKE = """
lake: t
sources:
  drop:
    kind: files
    path: in
    settle: 1ms
    datasets:
      orders: {files: "orders*.csv", limit: 50%}
      people: {files: "people*.csv", mode: upsert, key: [id], limit: 50%}
"""
ORDERS = "id;day;name\n1;31.12.2024;a\n2;30.12.2024;b\nx;29.12.2024;c\n4;28.12.2024\n5;27.12.2024;e\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake over a folder with one file of five rows, of which two do not fit."""
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "orders.yaml").write_text(
        "name: orders\ndialect: {delimiter: ;}\ncolumns:\n- {name: id, source_name: id, type: int}\n"
        "- {name: day, source_name: day, type: date, format: '%d.%m.%Y'}\n- {name: name, source_name: name, type: string}\n"
    )
    (tmp_path / "in").mkdir()
    put(tmp_path, "orders1.csv", ORDERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(folder: Path, name: str, text: str, at: int = 1_700_000_000) -> None:
    draft = folder / "in" / ".draft"
    draft.write_text(text)
    os.utime(draft, (at, at))
    draft.rename(folder / "in" / name)


def records(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_is_held_back_is_counted_and_told(lakewright, folder):
    put(folder, "orders2.csv", "id;name\n1;a\n")
    put(folder, "orders3.csv", "id;day;name\nx;y;z\n")
    put(folder, "other.txt", "?")
    before = lakewright("quarantine", "--json").json
    assert [dataset["rows"] for dataset in before["datasets"]] == [None, None]
    assert lakewright("run").code == 0
    found = lakewright("quarantine", "--json").json
    assert found["datasets"] == [
        {"dataset": "orders", "source": "drop", "rows": 3, "rejected": 2},
        {"dataset": "people", "source": "drop", "rows": None, "rejected": 0},
    ]
    assert {one["file"]: one["code"] for one in found["waiting"]} == {"orders2.csv": "LW-262", "orders3.csv": "LW-275"}
    assert all(one["hint"] and one["message"] for one in found["waiting"])
    assert found["of_no_dataset"] == 1
    assert "orders2.csv" in lakewright("quarantine").out


def test_rejected_rows_are_shown_with_their_place(lakewright, folder):
    lakewright("run")
    rows = lakewright("quarantine", "show", "orders", "--json").json
    assert [(row["_file"], row["_line"], row["column"], row["value"]) for row in rows] == [
        ("orders1.csv", 4, "id", "x"),
        ("orders1.csv", 5, None, None),
    ]
    assert rows == lakewright("quarantine", "show", "quarantine_orders", "--json").json
    assert len(lakewright("quarantine", "show", "orders", "--limit", 1, "--json").json) == 1
    assert "29.12.2024" in lakewright("quarantine", "show", "orders").out


def test_rejected_rows_are_exported_in_the_columns_of_their_files(lakewright, folder):
    lakewright("run")
    assert lakewright("quarantine", "export", "orders", "out.csv", "--json").json == {
        "table": "quarantine_orders",
        "file": "out.csv",
        "rows": 2,
        "left_out": 0,
    }
    place = {"_file": "orders1.csv", "_arrival": "1"}
    assert records(folder / "out.csv") == [
        {**place, "_line": "4", "_reason": "id: type: not an int", "id": "x", "day": "29.12.2024", "name": "c"},
        {**place, "_line": "5", "_reason": "columns: 2 instead of 3", "id": "4", "day": "28.12.2024", "name": ""},
    ]
    again = lakewright("quarantine", "export", "orders", "out.csv", "--json")
    assert (again.code, again.error["code"]) == (1, "LW-277")


def test_a_file_with_its_columns_in_another_order_is_exported_right(lakewright, folder):
    put(folder, "orders2.csv", "name;id;day\na;1;31.12.2024\nb;zwei;30.12.2024\n")
    lakewright("run")
    lakewright("quarantine", "export", "orders", "out.csv")
    assert [(row["id"], row["day"], row["name"]) for row in records(folder / "out.csv")][-1] == ("zwei", "30.12.2024", "b")


def test_a_row_without_its_key_is_exported_as_it_was_written(lakewright, folder):
    put(folder, "people1.csv", 'id,born,name\n1,31/12/1990,"a, b"\n2,30/12/1990,c\n3,29/12/1990,d\n')
    lakewright("run")
    put(folder, "people2.csv", 'id,born,name\n4,31/12/1990,e\n,30/12/1990,"c, d"\n')
    lakewright("run")
    lakewright("quarantine", "export", "people", "out.csv")
    assert [(row["_reason"], row["id"], row["born"], row["name"]) for row in records(folder / "out.csv")] == [
        ("id: key: no value in a column of the key", "", "30/12/1990", "c, d")
    ]


def test_a_name_that_is_no_dataset_is_told(lakewright, folder):
    lakewright("run")
    error = lakewright("quarantine", "show", "order", "--json").error
    assert (error["code"], error["hint"]) == ("LW-278", "did you mean orders?")
