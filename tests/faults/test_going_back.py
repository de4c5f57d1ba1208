"""Savepoints by policy and by hand, and what a table can go back to."""

from __future__ import annotations

import datetime

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
        cleaned = maintain.clean(opened, mirror, later)
        assert (cleaned.saved, cleaned.released) == (1, 0)
        assert {c.instant for c in opened.history("parts") if c.saved} == {by_hand, newest}
        assert maintain.clean(opened, mirror, later).saved == 0
        # The day's savepoint takes the hour's place, and is over in the end.
        assert maintain.clean(opened, mirror, now + DAY).released == 0
        assert maintain.clean(opened, mirror, now + 9 * DAY).released == 1
        assert {c.instant for c in opened.history("parts") if c.saved} == {by_hand}
        table = opened.format.open(mirror.path)
        assert table is not None
        assert {c.instant for c in table.snapshots()} == {by_hand, newest}
    assert loaded.fails("savepoint", "parts", first).code == "LW-415"
    assert loaded.fails("savepoint", "parts", newest, "--remove").code == "LW-415"
    assert loaded.ok("savepoint", "parts", by_hand, "--remove", "--json").json == {"savepoints": []}


def test_a_read_between_savepoints_is_folded_from_the_earlier_one(loaded: Shop) -> None:
    loaded.ok("savepoint", "parts")
    times, counts = [], []
    with Lake.open(loaded.folder) as lake:
        for number in (20, 21):
            loaded.sql(f"INSERT INTO parts VALUES ({number}, 'later')")
            lake.run()
            times.append(datetime.datetime.now(datetime.UTC).isoformat())
            counts.append(_count(lake))
        table = lake.format.open(lake.mirror("parts").path)
        assert table is not None
        table.clean([])
        assert [commit.saved for commit in table.snapshots()] == [True, False]
        assert [_count(lake, time) for time in times] == counts


def _count(lake: Lake, as_of: str | None = None) -> int:
    with lake.sql("SELECT count(*) AS n FROM parts", as_of=as_of) as answer:
        return sum(batch.column(0)[0].as_py() for batch in answer.batches())
