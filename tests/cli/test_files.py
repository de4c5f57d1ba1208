"""A folder of files as a source, as a person meets it: what doctor, plan, run and status say."""

from __future__ import annotations

import gzip
import os
import resource
import shutil
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


def test_a_corrected_definition_counts_after_a_resync_without_a_new_file(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n2,x\n")
    assert lakewright("run").code == 0
    definition = folder / "datasets" / "orders.yaml"
    definition.write_text(definition.read_text().replace("source_name: n, type: string", "source_name: n, type: int"))
    assert "LW-242" in lakewright("run").err
    (stopped,) = (table for table in lakewright("status", "--json").json["tables"] if table["state"] == "stopped")
    command = stopped["problem"].rsplit("`lakewright ", 1)[1].partition("`")[0]
    assert lakewright(*command.split()).code == 0
    assert lakewright("merge").code == 0
    checked = lakewright("check", "--source", "drop", "--json").json["reports"][0]["tables"]
    assert {table["table"]: (table["verdict"], table["lake_rows"]) for table in checked} == {
        "orders": ("equal", 1),
        "quarantine_orders": ("equal", 1),
    }


def test_a_definition_that_most_rows_do_not_fit_ends_a_resync(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,yes\n2,no\n")
    assert lakewright("run").code == 0
    definition = folder / "datasets" / "orders.yaml"
    fitting = definition.read_text()
    definition.write_text(fitting.replace("source_name: n, type: string", "source_name: n, type: int"))
    refused = lakewright("resync", "orders")
    assert (refused.code, "2 of the 2 rows of a.csv" in refused.err, "line 2: column n, type: not an int" in refused.err) == (
        1,
        True,
        True,
    )
    assert "yes" not in refused.err
    assert lakewright("resync", "orders", "--json").error["code"] == "LW-275"  # and not that the table stands, as it does now
    definition.write_text(fitting)
    assert lakewright("run").code == 0
    assert lakewright("sql", "SELECT count(*) AS n FROM orders", "--json").json == [{"n": 2}]


def test_a_disk_too_full_to_read_a_file_is_told_and_makes_no_file_wait(lakewright, folder):
    lines = "".join(f"{n},{n}\n" for n in range(20_000))
    (folder / "in" / "a.csv").write_bytes(gzip.compress(f"id,n\n{lines}".encode()))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        error = lakewright("capture", "--json").error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (error["code"], error["message"]) == ("LW-304", "no space left for reading a.csv")
    assert lakewright("run").code == 0
    assert lakewright("sql", "SELECT count(*) AS n FROM orders", "--json").json == [{"n": 20_000}]


def test_check_does_not_pass_while_a_file_waits(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    (folder / "in" / "b.csv").write_text("other\n1\n")
    assert lakewright("run").code == 0
    checked = lakewright("check", "--json")
    assert (checked.code, checked.json["equal"]) == (3, 2)
    assert [(file["file"], file["verdict"]) for file in checked.json["reports"][0]["files"]] == [("b.csv", "waits")]


def test_check_names_a_file_that_has_other_content_under_the_same_size_and_time(lakewright, folder):
    for name in ("a.csv", "b.csv"):
        (folder / "in" / name).write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    assert lakewright("check", "--source", "drop", "--json").json["reports"][0]["files"] == []
    path = folder / "in" / "b.csv"
    before = path.stat()
    path.write_text("id,n\n1,3\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    checked = lakewright("check", "--source", "drop")
    assert (checked.code, "1 file is not in the lake as it is" in checked.err) == (3, True)
    assert "b.csv" in checked.out
    (file,) = lakewright("check", "--source", "drop", "--json").json["reports"][0]["files"]
    assert (file["file"], file["verdict"]) == ("b.csv", "different")
    path.touch()
    assert lakewright("run").code == 0
    assert lakewright("check", "--source", "drop").code == 0


def test_check_tells_of_a_file_that_is_not_taken_and_passes(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    (folder / "lake.yaml").write_text(LAKE.replace("orders: '*.csv'", "orders: '*.csv', twice: 'b*'"))
    (folder / "in" / "b.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    checked = lakewright("check", "--source", "drop", "--json")
    (file,) = checked.json["reports"][0]["files"]
    assert (checked.code, file["file"], file["verdict"]) == (0, "b.csv", "not taken")
    assert "LW-284" in file["detail"]


def test_links_and_pipes_are_told_and_not_followed(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    (folder / "in" / "link.csv").symlink_to(folder / "in" / "a.csv")
    os.mkfifo(folder / "in" / "pipe.csv")
    (folder / "in" / "elsewhere").symlink_to(folder)
    assert lakewright("run").code == 0
    held = lakewright("quarantine", "--json").json
    told = {"link.csv": "LW-294", "pipe.csv": "LW-294"}
    assert {one["file"]: one["code"] for one in held["waiting"]} == told
    assert held["of_no_dataset"] == 1
    assert lakewright("status", "--json").json["sources"][0]["problem"] == "2 files wait; `lakewright quarantine` says why"
    refused = lakewright("quarantine", "accept", "drop", "pipe.csv", "--json").error
    assert (refused["code"], "put a copy" in refused["hint"]) == ("LW-294", True)
    assert lakewright("sql", "SELECT count(*) AS n FROM orders", "--format", "json").json == [{"n": 1}]
    checked = lakewright("check", "--source", "drop", "--json")
    assert (checked.code, [file["verdict"] for file in checked.json["reports"][0]["files"]]) == (0, ["not taken"] * 2)


@pytest.mark.parametrize("reference", ["${env:EXPORTS}", "${file:exports.txt}"])
def test_a_folder_that_a_reference_names_is_told_by_the_reference(lakewright, folder, monkeypatch, reference):
    monkeypatch.setenv("EXPORTS", "S3cr3t")
    (folder / "exports.txt").write_text("S3cr3t\n")
    (folder / "lake.yaml").write_text(LAKE.replace("path: in", f"path: '{reference}'"))
    for command in (["doctor", "--json"], ["quarantine", "--json"], ["capture", "--debug"], ["check", "--source", "drop"]):
        ran = lakewright(*command)
        assert "S3cr3t" not in ran.out + ran.err
        assert reference in ran.out + ran.err


def test_a_folder_that_is_gone_stands_in_the_status(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("capture").code == 0
    (folder / "in").rename(folder / "gone")
    (source,) = lakewright("status", "--json").json["sources"]
    assert (str(folder / "in") in source["problem"], source["problem"].endswith("is not there (LW-280)")) == (True, True)


def test_no_name_of_a_file_steers_a_terminal_or_fakes_a_line(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    (folder / "in" / "\x1b[31mRED\nerror: fake.csv").write_text("id,m\n1,2\n")
    (folder / "in" / "\x1b[31mRED\nerror: fake2.csv").symlink_to("a.csv")
    for command in ("run", "status", "quarantine", "doctor", "check"):
        ran = lakewright(command)
        assert "\x1b" not in ran.out + ran.err
        assert not [line for line in (ran.out + ran.err).split("\n") if line.startswith("error: fake")]
    assert r"\x1b[31mRED\nerror: fake.csv" in lakewright("doctor").out


def test_a_raw_zone_that_was_lost_takes_no_rows_along(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    shutil.rmtree(folder / "raw")
    (folder / "in" / "a.csv").rename(folder / "b.csv")
    (folder / "in" / "b.csv").write_text("id,n\n7,8\n")
    assert lakewright("run").code == 0
    assert lakewright("sql", "--json", "SELECT id FROM orders").json == [{"id": 7}]


def test_an_older_raw_zone_that_was_put_back_is_told(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    shutil.copytree(folder / "raw", folder / "copy")
    (folder / "in" / "b.csv").write_text("id,n\n3,4\n")
    assert lakewright("run").code == 0
    shutil.rmtree(folder / "raw")
    (folder / "copy").rename(folder / "raw")
    (folder / "in" / "0.csv").write_text("id,n\n5,6\n")
    os.utime(folder / "in" / "0.csv", (0, 0))
    error = lakewright("run", "--json").error
    assert (error["code"], "curated/orders" in error["hint"]) == ("LW-361", True)
    (folder / "curated" / "orders").rename(folder / "former")
    assert lakewright("run").code == 0
    assert lakewright("sql", "--json", "SELECT id FROM orders ORDER BY id").json == [{"id": 1}, {"id": 3}, {"id": 5}]


def test_arrivals_that_are_older_than_the_log_are_told_and_no_number_is_given_twice(lakewright, folder):
    for name in "ab":
        (folder / "in" / f"{name}.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    last = folder / "raw" / "csv" / "_arrivals" / "drop" / f"{2:020d}.json"
    last.rename(folder / "copy")
    (folder / "in" / "0.csv").write_text("id,n\n5,6\n")
    os.utime(folder / "in" / "0.csv", (0, 0))
    error = lakewright("run", "--json").error
    assert (error["code"], last.name in error["message"], last.exists()) == ("LW-291", True, False)
    (folder / "copy").rename(last)
    assert lakewright("run").code == 0
    assert lakewright("sql", "--json", "SELECT count(*) AS n FROM orders").json == [{"n": 3}]


def test_raw_files_without_any_manifest_are_left_alone(lakewright, folder):
    (folder / "in" / "a.csv").write_text("id,n\n1,2\n")
    assert lakewright("run").code == 0
    (manifests,) = folder.glob("raw/*/drop/_manifests")
    manifests.rename(folder / "copy")
    error = lakewright("run", "--json").error
    assert (error["code"], "_manifests" in error["message"]) == ("LW-355", True)
    (folder / "copy").rename(manifests)
    assert lakewright("check", "--source", "drop").code == 0
