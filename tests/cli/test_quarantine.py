"""Rejected rows and waiting files, as a person sees them."""

from __future__ import annotations

import csv
import gc
import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakewright.errors import LogError
from lakewright.pipeline.lake import Lake

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


def records(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_what_is_held_back_is_counted_and_told(lakewright, folder):
    put(folder, "orders2.csv", "id;name\n1;a\n")
    put(folder, "orders3.csv", "id;day;name\nx;y;z\n")
    put(folder, "other.txt", "?")
    before = lakewright("quarantine", "--json").json
    assert [dataset["rows"] for dataset in before["datasets"]] == [None, None]
    assert lakewright("run").code == 0
    found = lakewright("quarantine", "--json").json
    assert found["datasets"] == [
        {"dataset": "orders", "source": "drop", "in_files": 5, "taken": 3, "rows": 3, "rejected": 2},
        {"dataset": "people", "source": "drop", "in_files": None, "taken": None, "rows": None, "rejected": 0},
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


def export(lakewright, folder: Path, corrections: dict[int, dict[str, str]], table: str = "orders") -> Path:
    """The rejected rows as a person gives them back, with the values that lines get."""
    path = folder / "corrected.csv"
    path.unlink(missing_ok=True)
    assert lakewright("quarantine", "export", table, path).code == 0
    rows = [{**row, **corrections.get(int(row["_line"]), {})} for row in records(path)]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows(lakewright, query: str) -> list[tuple]:
    return [tuple(row.values()) for row in lakewright("sql", query, "--json").json]


def test_corrected_rows_come_into_the_table_and_leave_quarantine(lakewright, folder):
    lakewright("run")
    path = export(lakewright, folder, {4: {"id": "3"}, 5: {"name": "d, e;f", "day": "28-12-2024"}})
    replayed = lakewright("quarantine", "replay", "orders", path, "--json").json
    counts = {"taken": 1, "rejected": 1, "not_rejected": 0, "unchanged": 0}
    assert replayed == {"table": "quarantine_orders", "rows": 2, **counts}
    table = "SELECT _line, id, CAST(day AS varchar), name FROM orders ORDER BY _line"
    assert rows(lakewright, table)[2] == (4, 3, "2024-12-29", "c")
    (left,) = lakewright("quarantine", "show", "orders", "--json").json
    assert (left["_line"], left["column"], left["value"], left["text"]) == (5, "day", "28-12-2024", '4;28-12-2024;"d, e;f"')

    again = lakewright("quarantine", "replay", "orders", path, "--json").json
    counts = {"taken": 0, "rejected": 0, "not_rejected": 1, "unchanged": 1}
    assert again == {"table": "quarantine_orders", "rows": 2, **counts}
    last = export(lakewright, folder, {5: {"day": "28.12.2024"}})
    assert lakewright("quarantine", "replay", "orders", last, "--json").json["taken"] == 1
    assert rows(lakewright, table)[3] == (5, 4, "2024-12-28", "d, e;f")
    assert lakewright("quarantine", "show", "orders", "--json").json == []
    lakewright("run")
    assert len(rows(lakewright, table)) == 5
    assert lakewright("quarantine", "--json").json["datasets"][0] == {
        "dataset": "orders",
        "source": "drop",
        "in_files": 5,
        "taken": 5,
        "rows": 5,
        "rejected": 0,
    }
    lakewright("resync", "orders")
    lakewright("resync", "quarantine_orders")
    assert len(rows(lakewright, table)) == 5
    assert lakewright("check", "--source").code == 0


def test_rows_that_nobody_corrected_stay_rejected(lakewright, folder):
    put(folder, "orders1.csv", ORDERS + "6;26.12.2024;f;more\n")
    lakewright("run")
    assert lakewright("quarantine", "export", "orders", "rows.csv").code == 0
    replayed = lakewright("quarantine", "replay", "orders", "rows.csv", "--json").json
    assert {name: replayed[name] for name in ("rows", "taken", "rejected", "unchanged")} == {
        "rows": 3,
        "taken": 0,
        "rejected": 0,
        "unchanged": 3,
    }
    assert lakewright("sql", "SELECT count(*) AS n FROM quarantine_orders", "--json").json == [{"n": 3}]


def test_corrections_of_a_file_that_came_anew_are_refused(lakewright, folder):
    lakewright("run")
    path = export(lakewright, folder, {4: {"id": "3"}})
    put(folder, "orders1.csv", ORDERS.replace("x", "y"), 1_700_000_001)
    lakewright("run")
    refused = lakewright("quarantine", "replay", "orders", path, "--json")
    assert (refused.code, refused.error["code"]) == (1, "LW-287")
    assert len(rows(lakewright, "SELECT id FROM orders")) == 3


def test_a_newer_version_of_a_file_takes_replayed_rows_away(lakewright, folder):
    lakewright("run")
    path = export(lakewright, folder, {4: {"id": "3"}, 5: {"name": "d"}})
    lakewright("quarantine", "replay", "orders", path)
    put(folder, "orders1.csv", "id;day;name\n7;31.12.2024;g\n", 1_700_000_001)
    lakewright("run")
    assert rows(lakewright, "SELECT id FROM orders") == [(7,)]
    assert lakewright("quarantine", "show", "orders", "--json").json == []


@pytest.mark.parametrize(
    ("text", "told", "line"),
    [
        ("_file,_line,_arrival,id,day\n", "the column name is missing", 1),
        ("_file,_line,_arrival,id,day,name,more\n", "the column more is none of the dataset's", 1),
        ("_file,_line,_arrival,id,day,name\na,1,1,2\n", "4 values where the header has 6", 2),
        ("_file,_line,_arrival,id,day,name\na,one,1,1,2,3\n", "the _line or the _arrival of a row is no number", 2),
        ("_file,_line,_arrival,id,day,name\na,1,1,1,2,3\na,1,1,1,2,3\n", "line 1 of the file a stands there twice", 3),
        ("", "the column _file is missing", 1),
    ],
)
def test_what_is_no_file_of_corrections_is_told_with_its_line(lakewright, folder, text, told, line):
    lakewright("run")
    (folder / "bad.csv").write_text(text)
    error = lakewright("quarantine", "replay", "orders", "bad.csv", "--json").error
    assert (error["code"], error["message"], error["where"]) == ("LW-286", told, f"bad.csv:{line}")


def test_a_file_over_the_limit_is_accepted_with_the_rows_that_fit(lakewright, folder):
    put(folder, "orders2.csv", "id;day;name\nx;y;z\n8;31.12.2024;h\nz;z;z\n")
    lakewright("run")
    accepted = lakewright("quarantine", "accept", "drop", "orders2.csv", "--json").json
    assert (accepted["rows"], accepted["taken"], accepted["rejected"], accepted["code"]) == (3, 1, 2, None)
    assert rows(lakewright, "SELECT id FROM orders WHERE _file = 'orders2.csv'") == [(8,)]
    found = lakewright("quarantine", "--json").json
    assert (found["datasets"][0]["rows"], found["datasets"][0]["rejected"], found["waiting"]) == (4, 4, [])
    lakewright("run")
    assert len(rows(lakewright, "SELECT id FROM orders")) == 4
    error = lakewright("quarantine", "accept", "drop", "orders2.csv", "--json").error
    assert error["code"] == "LW-288"


def test_a_file_that_does_not_fit_is_accepted_once_its_definition_is_corrected(lakewright, folder):
    put(folder, "orders1.csv", "id;date;name\n1;31.12.2024;a\n", 1_700_000_001)
    lakewright("run")
    refused = lakewright("quarantine", "accept", "drop", "orders1.csv", "--json")
    assert (refused.code, refused.error["code"]) == (1, "LW-262")
    definition = folder / "datasets" / "orders.yaml"
    definition.write_text(definition.read_text().replace("source_name: day", "source_name: date"))
    assert lakewright("quarantine", "accept", "drop", "orders1.csv", "--json").json["taken"] == 1
    assert rows(lakewright, "SELECT id FROM orders") == [(1,)]
    assert lakewright("quarantine", "--json").json["waiting"] == []


def test_a_waiting_file_that_is_gone_from_the_folder_waits_until_somebody_discards_it(lakewright, folder):
    put(folder, "orders2.csv", "id;day;name\nx;y;z\n8;31.12.2024;h\nz;z;z\n")
    lakewright("run")
    (folder / "in" / "orders2.csv").unlink()
    assert lakewright("check", "--source", "--json").code != 0
    discarded = lakewright("quarantine", "discard", "drop", "orders2.csv", "--json").json
    assert (discarded["source"], discarded["file"]) == ("drop", "orders2.csv")
    assert (folder / discarded["stored"]).read_text().startswith("id;day;name")
    assert lakewright("check", "--source").code == 0
    found = lakewright("quarantine", "--json").json
    assert (found["waiting"], found["discarded"]) == ([], 1)
    assert lakewright("status", "--json").json["sources"][0]["problem"] is None
    assert lakewright("quarantine", "discard", "drop", "orders3.csv", "--json").error["code"] == "LW-288"
    assert lakewright("quarantine", "accept", "drop", "orders2.csv", "--json").json["taken"] == 1
    assert lakewright("quarantine", "--json").json["discarded"] == 0


def test_a_waiting_file_goes_with_its_file_where_removed_files_do(lakewright, folder):
    (folder / "lake.yaml").write_text(LAKE.replace("settle: 1ms", "settle: 1ms\n    deleted: remove"))
    lakewright("run")
    put(folder, "orders1.csv", "id;date;name\n1;31.12.2024;a\n", 1_700_000_001)
    lakewright("run")
    assert len(lakewright("quarantine", "--json").json["waiting"]) == 1
    (folder / "in" / "orders1.csv").unlink()
    lakewright("run")
    assert lakewright("quarantine", "--json").json["waiting"] == []
    assert rows(lakewright, "SELECT id FROM orders") == []


def test_rows_of_a_version_that_stands_are_corrected_while_a_newer_one_waits(lakewright, folder):
    lakewright("run")
    put(folder, "orders1.csv", "id;date;name\n1;31.12.2024;a\n", 1_700_000_001)
    lakewright("run")
    path = export(lakewright, folder, {4: {"id": "3"}})
    assert lakewright("quarantine", "replay", "orders", path, "--json").json["taken"] == 1
    assert [row for (row,) in rows(lakewright, "SELECT id FROM orders ORDER BY id")] == [1, 2, 3, 5]
    assert [one["file"] for one in lakewright("quarantine", "--json").json["waiting"]] == ["orders1.csv"]
    lakewright("quarantine", "discard", "drop", "orders1.csv")
    assert lakewright("check", "--source").code == 0


def test_rows_of_json_are_corrected_too(lakewright, folder):
    (folder / "datasets" / "people.yaml").write_text(
        "name: people\ndialect: {format: json}\ncolumns:\n- {name: id, source_name: id, type: int}\n"
        "- {name: at, source_name: made at, type: timestamp}\n- {name: tags, source_name: tags, type: string}\n"
    )
    put(folder, "people.csv", '{"id": 1, "made at": "2024-01-02"}\n{"id": "two", "tags": ["a", "b"]}\n{"id": 3\n{"id": 4}\n')
    lakewright("run")
    path = export(lakewright, folder, {2: {"id": "2", "made at": "2024-01-03 04:05:06"}}, "people")
    assert lakewright("quarantine", "replay", "people", path, "--json").json["taken"] == 1
    query = "SELECT id, CAST(at AS varchar) AS at, tags FROM people WHERE id = 2"
    assert rows(lakewright, query) == [(2, "2024-01-03 04:05:06.000", '["a", "b"]')]
    (left,) = lakewright("quarantine", "show", "people", "--json").json
    assert (left["_line"], left["column"], left["text"]) == (3, None, '{"id": 3')


def test_the_status_of_a_source_of_files_counts_what_is_not_in_the_log(lakewright, folder):
    lakewright("run")
    assert lakewright("status", "--json").json["sources"][0]["behind_bytes"] == 0
    put(folder, "orders2.csv", ORDERS)
    with Lake.open(folder) as lake:
        lake.source("drop").current_position()  # takes what is in the folder
    (source,) = lakewright("status", "--json").json["sources"]
    assert (source["behind_bytes"], source["slot"], source["retained_bytes"]) == (len(ORDERS), None, 0)
    lakewright("run")
    status = lakewright("status", "--json").json
    assert status["sources"][0]["behind_bytes"] == 0
    assert {table["table"]: table["rows"] for table in status["tables"]} == {
        "orders": 6,
        "quarantine_orders": 4,
        "quarantine_people": 0,
    }


def test_a_dataset_that_is_read_anew_has_no_row_in_its_table_and_in_quarantine(lakewright, folder):
    lakewright("run")
    definition = folder / "datasets" / "orders.yaml"
    definition.write_text(definition.read_text().replace("type: int", "type: string"))
    assert lakewright("resync", "orders").code == 0
    assert [row for (row,) in rows(lakewright, "SELECT _line FROM orders ORDER BY 1")] == [2, 3, 4, 6]
    assert rows(lakewright, "SELECT _line FROM quarantine_orders") == [(5,)]


def test_a_file_whose_name_is_no_text_is_read_and_named(lakewright, folder):
    (folder / "in" / "orders1.csv").rename(os.fsdecode(os.fsencode(folder) + b"/in/orders\xff.csv"))
    assert lakewright("run").code == 0
    assert rows(lakewright, "SELECT DISTINCT _file FROM orders") == [("orders\\xff.csv",)]
    path = export(lakewright, folder, {4: {"id": "3"}, 5: {"name": "d"}})
    assert lakewright("quarantine", "replay", "orders", path, "--json").json["taken"] == 2


def test_a_replay_that_cannot_be_read_leaves_its_rows_rejected_and_nothing_waiting(lakewright, folder):
    lakewright("run")
    definition = folder / "datasets" / "orders.yaml"
    text = definition.read_text()
    with Lake.open(folder) as lake:
        corrections = lake.inspection("drop").corrections("orders", lake.log("drop").past())
        corrections.register("orders1.csv", 1, {4: ["3", "29.12.2024", "c"]})
    definition.write_text(text.replace("source_name: day", "source_name: date"))
    assert lakewright("run").code == 0
    definition.write_text(text)
    found = lakewright("quarantine", "--json").json
    assert (found["waiting"], found["datasets"][0]["rejected"]) == ([], 2)
    path = export(lakewright, folder, {4: {"id": "3"}, 5: {"name": "d"}})
    assert lakewright("quarantine", "replay", "orders", path, "--json").json["taken"] == 2


def test_columns_that_are_named_as_ours_are_exported_and_replayed(lakewright, folder):
    put(folder, "people1.csv", "id,_file,_line,_arrival,_reason,Op,_line_\n1,a,b,c,d,e,g\n2,a,b,c,d,e,g\n3,a,b,c,d,e,h\n")
    lakewright("run")
    put(folder, "people2.csv", "_line,id,_file,_arrival,_reason,Op,_line_\nb,4,a,c,d,e,f\nb,x,a,c,d,e,g\n")
    lakewright("run")
    path = export(lakewright, folder, {3: {"id": "5"}}, "people")
    assert records(path, ";")[0].keys() >= {"_line", "_line_", "_line__", "_file_", "Op"}
    assert lakewright("quarantine", "replay", "people", path, "--json").json["taken"] == 1
    assert rows(lakewright, "SELECT line, file, line_2 FROM people WHERE id = 5") == [("b", "a", "g")]
    assert lakewright("check", "--source").code == 0


def test_what_is_missing_of_a_lake_is_told_in_one_line(lakewright, folder):
    lakewright("run")
    (stored,) = (folder / "raw" / "csv" / "orders").rglob("orders1.csv")
    stored.rename(stored.with_suffix(".away"))
    for command in (("quarantine", "export", "orders", "out.csv"), ("resync", "orders")):
        told = lakewright(*command, "--json")
        assert (told.code, told.error["code"]) == (1, "LW-292")
        assert "orders1.csv is missing" in told.error["message"]
        assert told.error["hint"]
    assert not (folder / "out.csv").exists()
    stored.with_suffix(".away").rename(stored)
    (record,) = (folder / "logs").rglob("*.json")
    record.write_text("{")
    found = lakewright("quarantine", "--json").json["datasets"][0]
    assert (found["in_files"], found["taken"], found["rows"], found["rejected"]) == (None, None, 3, 2)
    record.unlink()
    assert lakewright("quarantine", "--json").json["datasets"][0] == found


def test_an_export_that_fails_leaves_nothing_behind_that_ends_later(lakewright, folder):
    """What ends when memory is collected may end inside of a lock that its own end waits for."""
    lakewright("run")
    (stored,) = (folder / "raw" / "csv" / "orders").rglob("orders1.csv")
    stored.unlink()
    with Lake.open(folder) as lake, pytest.raises(LogError) as failure:
        lake.export("orders", folder / "out.csv")
    del failure
    gc.collect()
    assert "engine" not in vars(lake)


def test_rejected_rows_of_packed_parquet_are_exported(lakewright, folder):
    pq.write_table(pa.table({"id": [1, 2, None], "name": ["a", "b", "c"]}), folder / "people.parquet")
    with zipfile.ZipFile(folder / "in" / "people1.csv.zip", "w") as archive:
        archive.write(folder / "people.parquet", "people.parquet")
    lake = folder / "lake.yaml"
    lake.write_text(lake.read_text().replace("people*.csv", "people*"))
    lakewright("run")
    path = export(lakewright, folder, {3: {"id": "3"}}, "people")
    assert lakewright("quarantine", "replay", "people", path, "--json").json["taken"] == 1
