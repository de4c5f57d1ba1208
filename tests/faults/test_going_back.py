"""Savepoints by policy and by hand, and what a table can go back to."""

from __future__ import annotations

import datetime
import json
import re
from typing import cast

import pytest

from lakewright.formats.hudi import upsert
from lakewright.model.position import Feed, Position
from lakewright.model.table import Checkpoint, Commit
from lakewright.pipeline import maintain
from lakewright.pipeline.lake import Lake
from tests.faults.conftest import Shop

HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
NOW = datetime.datetime(2026, 3, 5, 12, 20, tzinfo=datetime.UTC)


def _commit(time: datetime.datetime, *, ours: bool = True) -> Commit:
    mark = Checkpoint(Feed("native", "7", 1), 1, Position(1)) if ours else None
    return Commit(f"{time:%Y%m%d%H%M%S}000", "commit", "UPSERT", time, mark, 0, 0, 0, 0)


def test_a_policy_keeps_the_newest_commit_of_each_span_that_is_over() -> None:
    commits = [_commit(NOW - HOUR * 4 * n / 10) for n in range(100, -1, -1)]  # every 24 minutes, for 40 hours
    commits.insert(-1, _commit(NOW - datetime.timedelta(seconds=1), ours=False))
    found = maintain.savepoints(commits, ((HOUR, 3 * HOUR), (DAY, 7 * DAY)), NOW)
    assert sorted(found) == [
        *("20260303235600000", "20260304235600000"),  # the last of each day
        *("20260305095600000", "20260305104400000", "20260305115600000"),  # and of the last three hours that are over
    ]
    assert maintain.savepoints(commits, (), NOW) == set()


def test_savepoints_come_and_go_by_policy_and_those_by_hand_stay(loaded: Shop) -> None:
    lake = loaded.folder / "lake.yaml"
    plain = lake.read_text()
    lake.write_text(plain + "tables:\n  parts: {from: shop.public.parts, retention: {savepoints: {hourly: 2h, daily: 3d}}}\n")
    first = loaded.ok("history", "parts", "--json").json["commits"][-1]["instant"]
    loaded.sql("INSERT INTO parts VALUES (8, 'by hand')")
    loaded.ok("run")
    (by_hand,) = [c["instant"] for c in loaded.ok("savepoint", "parts", "--json").json["savepoints"]]
    loaded.sql("INSERT INTO parts VALUES (9, 'newest')")
    loaded.ok("run")
    with Lake.open(loaded.folder) as opened:
        mirror = opened.mirror("parts")
        now = datetime.datetime.now(datetime.UTC)
        later = now.replace(minute=0) + HOUR * 1.5
        newest = opened.history("parts")[-1].instant
        cleaned = maintain.tend(opened, mirror, later)
        assert (cleaned.saved, cleaned.released) == (1, 0)
        assert {c.instant for c in opened.history("parts") if c.saved} == {by_hand, newest}
        assert maintain.tend(opened, mirror, later).saved == 0
        # The day's savepoint takes the hour's place, and is over in the end.
        assert maintain.tend(opened, mirror, now + DAY).released == 0
        assert maintain.tend(opened, mirror, now + 9 * DAY).released == 1
        assert {c.instant for c in opened.history("parts") if c.saved} == {by_hand}
        table = opened.table(mirror)
        assert table is not None
        assert {c.instant for c in table.snapshots()} == {by_hand, newest}
    assert loaded.fails("savepoint", "parts", first).code == "LW-415"
    assert loaded.fails("savepoint", "parts", newest, "--remove").code == "LW-415"
    assert loaded.ok("savepoint", "parts", by_hand, "--remove", "--json").json == {"savepoints": []}


@pytest.mark.crash
def test_small_files_become_larger_ones_by_policy(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsert, "_SMALL_BYTES", 0)  # as another engine may do, new rows come into new files
    lake = loaded.folder / "lake.yaml"
    lake.write_text(lake.read_text() + "tables:\n  parts: {from: shop.public.parts, small_files: 1MB}\n")
    for number in range(40, 48):
        loaded.sql(f"INSERT INTO parts VALUES ({number}, 'small')")
        loaded.ok("run")
    rows = _rows(loaded)
    (cleaned,) = [each for each in loaded.ok("maintain", "--json").json["cleaned"] if each["table"] == "parts"]
    assert cleaned["gathered"] == 9
    assert _rows(loaded) == rows
    assert loaded.ok("maintain", "--json").json["cleaned"][-1]["gathered"] == 0
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}
    assert loaded.ok("verify", "parts").code == 0


def test_logs_are_compacted_by_policy(shop: Shop) -> None:
    lake = shop.folder / "lake.yaml"
    lake.write_text(lake.read_text() + "tables:\n  parts: {from: shop.public.parts, type: mor, compact_after: 2}\n")
    shop.ok("run")
    for number in range(2):
        shop.sql(f"UPDATE parts SET name = 'again {number}' WHERE id = 1")
        shop.ok("run")
        cleaned = {each["table"]: each["compacted"] for each in shop.ok("maintain", "--json").json["cleaned"]}
        assert cleaned == {"orders": 0, "parts": number}
    assert shop.equal() == {"orders": "equal", "parts": "equal"}
    assert shop.ok("verify", "parts").code == 0


def test_old_writes_leave_the_timeline_by_policy(loaded: Shop) -> None:
    lake = loaded.folder / "lake.yaml"
    settings = "{from: shop.public.parts, retention: {recent: 1ms}, timeline: {keep: 2, archive_after: 5}}"
    lake.write_text(lake.read_text() + f"tables:\n  parts: {settings}\n")
    then = _rows(loaded)
    (saved,) = [commit["instant"] for commit in loaded.ok("savepoint", "parts", "--json").json["savepoints"]]
    with Lake.open(loaded.folder) as opened:
        for number in range(7):
            loaded.sql(f"UPDATE parts SET name = 'again {number}' WHERE id = 1; UPDATE orders SET price = {number}")
            opened.run()
        newest = [commit.instant for commit in opened.history("parts")][-2:]
    rows = _rows(loaded)
    told = {each["table"]: each["archived"] for each in loaded.ok("maintain", "--json").json["cleaned"]}
    assert told == {"orders": 0, "parts": 6}
    commits = loaded.ok("history", "parts", "--json").json["commits"]
    assert [commit["instant"] for commit in commits if commit["action"] != "clean"] == [saved, *newest]
    assert _rows(loaded) == rows
    assert _rows(loaded, "--committed", "--as-of", saved) == then
    assert loaded.ok("verify", "parts").code == 0
    loaded.ok("restore", "parts", "--to", saved, "--yes")
    assert _rows(loaded) == then


@pytest.mark.crash
def test_a_read_between_savepoints_is_folded_from_the_earlier_one(loaded: Shop) -> None:
    loaded.ok("savepoint", "parts")
    times, counts = [], []
    with Lake.open(loaded.folder) as lake:
        for number in (20, 21):
            loaded.sql(f"INSERT INTO parts VALUES ({number}, 'later')")
            lake.run()
            times.append(datetime.datetime.now(datetime.UTC).isoformat())
            counts.append(_count(lake))
        table = lake.table(lake.mirror("parts"))
        assert table is not None
        table.clean([])
        assert [commit.saved for commit in table.snapshots()] == [True, False]
        assert [_count(lake, time) for time in times] == counts


def _count(lake: Lake, as_of: str | None = None) -> int:
    with lake.sql("SELECT count(*) AS n FROM parts", as_of=as_of) as answer:
        return sum(batch.column(0)[0].as_py() for batch in answer.batches())


def test_a_paused_table_stands_still_until_it_is_resumed(loaded: Shop) -> None:
    before = _rows(loaded)
    stands = loaded.ok("pause", "parts", "--json").json
    loaded.sql("INSERT INTO parts VALUES (30, 'while it is paused'); DELETE FROM parts WHERE id = 1")
    ran = loaded.ok("run", "--json").json
    assert {each["table"]: each["paused"] for each in ran["merged"]} == {"orders": False, "parts": True}
    status = loaded.tables()["parts"]
    assert (status["state"], status["lag_rows"]) == ("paused", 2)
    assert stands["position"] in status["problem"]
    read = loaded.ok("sql", "SELECT * FROM parts ORDER BY 1", "--json")
    assert (json.loads(read.out), read.err) == (before, "")
    assert "paused at" in loaded.ok("sql", "SELECT * FROM parts").err
    assert loaded.ok("sql", "SELECT * FROM parts", "--since", "1h", "--json").json == []
    assert loaded.equal() == {"orders": "equal", "parts": "paused"}
    assert loaded.ok("resume", "parts", "--json").json["paused"] is False
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}
    assert loaded.fails("resume", "parts").code == "LW-526"


def test_a_table_is_restored_to_an_instant_and_goes_on_from_there(loaded: Shop) -> None:
    before = _rows(loaded)
    instant = loaded.ok("history", "parts", "--json").json["commits"][-1]["instant"]
    loaded.sql("DELETE FROM parts; INSERT INTO parts VALUES (31, 'by mistake')")
    loaded.ok("run")
    after = _rows(loaded)
    asked = loaded.ok("restore", "parts", "--to", instant, "--json").json
    assert (asked["instant"], asked["rows"], asked["commit"]) == (instant, len(before), None)
    assert _rows(loaded) == after
    done = loaded.ok("restore", "parts", "--to", instant, "--yes", "--json").json
    assert done["commit"]["action"] == "replacecommit"
    assert (_rows(loaded), _rows(loaded, "--committed"), loaded.tables()["parts"]["state"]) == (before, before, "paused")
    loaded.ok("run")
    assert _rows(loaded) == before
    assert loaded.ok("verify", "parts").code == 0
    loaded.ok("resume", "parts")
    assert _rows(loaded) == after
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}


def test_a_table_is_restored_to_a_time_and_leaves_out_what_it_was_restored_from(loaded: Shop) -> None:
    loaded.sql("INSERT INTO parts VALUES (32, 'good')")
    loaded.ok("capture")
    before = _rows(loaded)
    then = datetime.datetime.now(datetime.UTC).isoformat()
    loaded.sql("UPDATE parts SET name = 'by mistake'")
    loaded.ok("run")
    done = loaded.ok("restore", "parts", "--to", then, "--yes")
    assert re.search(r"^commit: +\d{17} [a-z]+$", done.out, re.MULTILINE)
    assert _rows(loaded) == before
    wrong = loaded.fails("resume", "parts", "--at", "0000000000000000.0000000000")
    assert wrong.code == "LW-526"
    loaded.ok("resume", "parts", "--now")
    loaded.sql("INSERT INTO parts VALUES (33, 'after')")
    loaded.ok("run")
    assert [row for row in _rows(loaded) if row["id"] != 33] == before
    assert loaded.equal() == {"orders": "equal", "parts": "different"}


def test_what_a_restore_to_before_the_first_commit_takes_is_the_load(loaded: Shop) -> None:
    loaded.sql("CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late SELECT generate_series(1, 9)")
    loaded.ok("capture")
    unmerged = datetime.datetime.now(datetime.UTC).isoformat()
    loaded.sql("DELETE FROM late")
    loaded.ok("run")
    asked = loaded.ok("restore", "late", "--to", unmerged, "--json").json
    assert (asked["instant"], asked["rows"], asked["changes"], asked["bytes"] > 0) == (None, 9, 0, True)
    refused = loaded.fails("sql", "SELECT * FROM late", "--committed", "--as-of", unmerged)
    assert (refused.code, "leave out --committed" in str(refused.hint)) == ("LW-522", True)


def test_a_table_whose_newest_checkpoint_is_damaged_is_restored_to_the_commit_before(loaded: Shop) -> None:
    (good,) = [commit["instant"] for commit in loaded.ok("history", "parts", "--json").json["commits"]]
    loaded.sql("INSERT INTO parts VALUES (34, 'lost again')")
    loaded.ok("run")
    newest = loaded.files("curated/parts/.hoodie/*.commit")[-1]
    text = newest.read_text().replace('\\"generation\\"', '\\"generatiom\\"')
    newest.write_text(text.replace('"lakewright.crc32"', '"other.crc32"'))  # else nothing of it is read
    assert loaded.fails("merge", "parts").code == "LW-404"
    assert loaded.fails("sql", "SELECT * FROM parts").code == "LW-404"
    assert loaded.tables()["parts"]["state"] == "damaged"
    shown = loaded.ok("history", "parts", "--json").json["commits"]
    assert [commit["fault"] is None for commit in shown] == [True, False]
    loaded.ok("restore", "parts", "--to", good, "--yes")
    assert loaded.tables()["parts"]["state"] == "paused"
    loaded.ok("resume", "parts")
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}


def test_an_empty_commit_is_rolled_back_and_what_is_left_of_it_repaired(loaded: Shop) -> None:
    loaded.sql("INSERT INTO parts VALUES (35, 'once more')")
    loaded.ok("run")
    newest = loaded.files("curated/parts/.hoodie/*.commit")[-1]
    newest.write_bytes(b"")
    refused = loaded.fails("merge", "parts")
    assert refused.code == "LW-404"
    assert "`lakewright rollback TABLE`" in str(refused.hint)
    told = loaded.run("verify", "parts")
    assert "FAULT parts: it cannot be read" in told.out
    assert f"fault: {newest} is damaged: it is empty (LW-404)" in told.out
    assert "--yes does it" in loaded.ok("rollback", "parts").err
    assert newest.exists()
    assert loaded.ok("rollback", "parts", "--yes", "--json").json["instant"] == newest.stem
    (loaded.folder / "curated/parts/.hoodie_partition_metadata").unlink()
    assert loaded.run("verify", "parts").code == 3
    (flaw,) = loaded.ok("repair", "parts", "--json").json["flaws"]
    assert "is missing" in flaw["detail"]
    assert "mended" in loaded.ok("repair", "parts", "--yes").err
    assert loaded.ok("repair", "parts", "--json").json == {"flaws": []}
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}
    assert loaded.ok("verify").code == 0


def _rows(shop: Shop, *options: str) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", shop.ok("sql", "SELECT * FROM parts ORDER BY 1", "--json", *options).json)
