"""The commands over a real lake, from an empty folder to a check, as a person would use them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, url: str, sql, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake over a database with two tables, one of them without key."""
    sql("CREATE TABLE orders (id int PRIMARY KEY, name text, price numeric(8, 2))")
    sql("INSERT INTO orders SELECT g, 'order ' || g, g / 4.0 FROM generate_series(1, 100) g")
    sql("CREATE TABLE visits (page text)")
    sql("INSERT INTO visits VALUES ('home')")
    monkeypatch.setenv("SHOP_URL", url)
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "dear.sql").write_text("SELECT id, price FROM orders WHERE price > 24 ORDER BY id\n")
    (tmp_path / "lake.yaml").write_text('lake: shop\nsources: {shop: {kind: postgres, url: "${env:SHOP_URL}"}}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_an_empty_folder_to_a_check(lakewright, folder, sql):
    findings = lakewright("doctor", "--json").json["findings"]
    assert {finding["ok"] for finding in findings if finding["name"] == "wal_level"} == {True}
    plan = lakewright("plan", "--json")
    assert (plan.code, len(plan.json["changes"]) > 0) == (3, True)
    assert lakewright("apply").code == 0

    ran = lakewright("run", "--json")
    assert ran.err == ""
    assert {merged["table"]: merged["commit"]["inserts"] for merged in ran.json["merged"]} == {"orders": 100, "visits": 1}
    sql("UPDATE orders SET name = 'new' WHERE id = 1")
    sql("DELETE FROM orders WHERE id = 2")
    assert lakewright("capture").code == 0
    status = lakewright("status", "--json").json
    assert {table["table"]: (table["state"], table["lag_rows"]) for table in status["tables"]} == {
        "orders": ("behind", 2),
        "visits": ("idle", 0),
    }

    live, committed = ("SELECT count(*) AS n, min(name) AS least FROM orders", "--format", "json"), ("--committed",)
    assert lakewright("sql", *live).json == [{"n": 99, "least": "new"}]
    assert lakewright("sql", *live, *committed).json == [{"n": 100, "least": "order 1"}]
    for compare in (("check",), ("check", "--source"), ("check", "--source", "shop")):
        checked = lakewright(*compare)
        assert (checked.code, checked.out.splitlines()[-1]) == (0, "2 of 2 tables equal")


def test_looking_at_a_table(lakewright, folder):
    lakewright("run")
    assert [table["table"] for table in lakewright("tables", "--json").json["tables"]] == ["orders", "visits"]
    columns = lakewright("schema", "orders", "--json").json["columns"]
    assert [(column["column"], column["type"], column["key"]) for column in columns] == [
        ("id", "int", True),
        ("name", "string", False),
        ("price", "decimal(8,2)", False),
    ]
    assert [commit["inserts"] for commit in lakewright("history", "orders", "--json").json["commits"]] == [100]
    assert lakewright("sql", "@dear", "--format", "csv").out == "id,price\n97,24.25\n98,24.50\n99,24.75\n100,25.00\n"
    boxed = lakewright("sql", "@dear")
    assert boxed.out.splitlines()[3] == "│  97 │ 24.25 │"
    assert boxed.err == "4 rows\n"
    (folder / "one.sql").write_text("SELECT 1 AS x")
    assert lakewright("sql", "--file", "one.sql", "--json").json == [{"x": 1}]


def test_a_row_has_its_life(lakewright, folder, sql):
    lakewright("run")
    sql("UPDATE orders SET name = 'new' WHERE id = 5")
    sql("DELETE FROM orders WHERE id = 5")
    lakewright("capture")
    changes = lakewright("history", "orders", "--key", "5", "--json").json["changes"]
    assert [change["change"] for change in changes] == ["load", "update", "delete"]


def test_a_wrong_name_gets_the_right_one(lakewright, folder):
    lakewright("run")
    wrong = {
        ("sql", "SELECT * FROM ordres"): "did you mean orders?",
        ("sql", "@daer"): "did you mean dear?",
        ("sql", "--file", "none.sql"): "cannot read none.sql",
        ("schema", "ordres"): "did you mean orders?",
        ("merge", "ordres"): "did you mean orders?",
        ("check", "--source", "shpo"): "did you mean shop?",
    }
    ran = {arguments: lakewright(*arguments) for arguments in wrong}
    assert [arguments for arguments, word in wrong.items() if word not in ran[arguments].err] == []
    assert {(result.code, result.out) for result in ran.values()} == {(1, "")}


def test_a_resync_is_merged_and_equal(lakewright, folder, sql):
    lakewright("run")
    assert [table["table"] for table in lakewright("resync", "orders", "--json").json["tables"]] == ["orders"]
    sql("INSERT INTO orders VALUES (1000, 'late', 1)")
    lakewright("run")
    assert lakewright("check", "--source", "--json").json["equal"] == 2
    assert lakewright("maintain", "--json").json["cleaned"][0]["table"] == "orders"


def test_up_goes_on_until_a_signal_and_says_what_it_did(lakewright, folder, sql):
    command = [sys.executable, "-m", "lakewright", "up", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as up:
        assert up.stdout is not None
        assert up.stderr is not None
        seen = [json.loads(up.stdout.readline())]
        while {"orders", "visits"} - {event["subject"] for event in seen if event["kind"] == "merged"}:
            seen.append(json.loads(up.stdout.readline()))
        up.send_signal(signal.SIGTERM)
        up.stdout.read()
        assert (up.wait(), up.stderr.read()) == (0, "")
    assert {event["kind"] for event in seen} >= {"loaded", "merged"}
    sql("DELETE FROM orders WHERE id < 10")
    assert lakewright("run").code == 0
    assert lakewright("sql", "SELECT count(*) AS n FROM orders", "--committed", "--json").json == [{"n": 91}]


@pytest.mark.parametrize("form", ["text", "json"])
def test_up_ends_well_when_nobody_reads_any_more_what_it_says(folder, form):
    command = [sys.executable, "-m", "lakewright", "up", *(["--json"] if form == "json" else [])]
    read, write = os.pipe()
    with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE if form == "json" else write, text=True) as up:
        os.close(write)
        os.read(read, 1)
        os.close(read)
        assert (up.wait(), up.stderr.read() if up.stderr else "") == (0, "")


def test_down_without_an_embedded_database_stops_nothing(lakewright, folder):
    assert lakewright("down", "--json").json == {"stopped": []}
