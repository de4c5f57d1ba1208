"""Care of the raw log by policy: what a lake says before and after it, and what it cannot say any more."""

from __future__ import annotations

import dataclasses
import datetime
import time

import pytest

from lakewright.pipeline import maintain, raw_care, up
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.steps import Tended
from lakewright.pipeline.tasks import Event
from lakewright.raw import care
from tests.faults.conftest import Shop

DAY = datetime.timedelta(days=1)


def _rows(shop: Shop, *more: str) -> object:
    return shop.ok("sql", "SELECT * FROM parts ORDER BY 1", "--json", *more).json


def _changed(shop: Shop, number: int) -> str:
    """Insert a row and capture it; a moment after that."""
    shop.sql(f"INSERT INTO parts VALUES ({number}, 'more')")
    shop.ok("run")
    time.sleep(0.01)  # the next transaction commits at a later time
    return datetime.datetime.now(datetime.UTC).isoformat()


def _tend(shop: Shop) -> Tended:
    """What `maintain` does in two days under a policy that keeps raw changes for a day, and commits for an hour."""
    with Lake.open(shop.folder) as lake:
        later = datetime.datetime.now(datetime.UTC) + 2 * DAY
        mirrors = [dataclasses.replace(mirror, raw=DAY) for mirror in lake.mirrors()]
        for mirror in mirrors:
            table = lake.table(mirror)
            assert table is not None
            table.clean(maintain.kept(table.snapshots(), mirror.recent, later))
        return raw_care.tend(lake, "shop", mirrors, later)


def test_small_files_are_gathered_beside_queries(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "FEWEST", 2)
    for number in (40, 41):
        _changed(loaded, number)
    moment = _changed(loaded, 42)
    _changed(loaded, 43)
    past, history = _rows(loaded, "--as-of", moment), loaded.ok("history", "parts", "--key", "42", "--json").json
    with Lake.open(loaded.folder) as lake, lake.sql("SELECT id FROM raw.parts ORDER BY 1") as answer:
        (raw,) = loaded.ok("maintain", "--json").json["raw"]
        assert (raw["source"], raw["into"], raw["expired"]) == ("shop", 1, 0)
        assert raw["gathered"] == 3
        assert sum(batch.num_rows for batch in answer.batches()) > 4, "a query that has begun goes on"
    assert (_rows(loaded, "--as-of", moment), loaded.ok("history", "parts", "--key", "42", "--json").json) == (past, history)
    assert loaded.ok("maintain", "--json").json["raw"][0]["gathered"] == 0
    assert len(loaded.files("raw/database/shop/public/parts/20*/**/*.parquet")) == 2
    assert (_rows(loaded, "--as-of", moment), loaded.ok("history", "parts", "--key", "42", "--json").json) == (past, history)
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}


def test_what_has_expired_is_told_and_what_is_kept_is_read(loaded: Shop) -> None:
    early = _changed(loaded, 40)
    _changed(loaded, 41)
    loaded.ok("savepoint", "parts")
    moment = _changed(loaded, 42)
    late, saved = _rows(loaded), _rows(loaded, "--as-of", moment)
    _changed(loaded, 43)
    _changed(loaded, 44)
    assert _tend(loaded).expired > 0
    told = loaded.fails("sql", "SELECT * FROM parts", "--as-of", early)
    assert (told.code, told.hint and "retention.raw" in told.hint) == ("LW-527", True)
    assert loaded.fails("sql", "SELECT * FROM parts", "--since", early).code == "LW-527"
    assert loaded.fails("restore", "parts", "--to", early).code == "LW-527"
    assert _rows(loaded, "--as-of", moment) == saved == late, "what the savepoint needs is kept"
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}
    (instant,) = [c["instant"] for c in loaded.ok("history", "parts", "--json").json["commits"] if c["saved"]]
    loaded.ok("savepoint", "parts", instant, "--remove")
    loaded.ok("pause", "parts")
    stands = _rows(loaded)
    loaded.sql("INSERT INTO parts VALUES (45, 'after'); INSERT INTO parts VALUES (46, 'it')")
    loaded.ok("run")
    loaded.sql("UPDATE parts SET name = 'x' WHERE id = 46")
    loaded.ok("run")
    assert _tend(loaded).expired > 0
    assert loaded.fails("sql", "SELECT * FROM parts", "--as-of", moment).code == "LW-527"
    assert _rows(loaded) == stands
    loaded.ok("resume", "parts")
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}, "a paused table's changes are kept"
    named = loaded.files("raw/database/shop/public/parts/LOAD*")
    assert _tend(loaded).expired >= 0
    assert len(loaded.files("raw/database/shop/public/parts/LOAD*")) < max(1, len(named)), "the load went with its changes"
    loaded.ok("resync", "parts")
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}


def test_a_lost_file_of_an_idle_table_is_told_once(loaded: Shop) -> None:
    (lost,) = loaded.files("curated/orders/*.parquet")
    away = lost.rename(loaded.folder / "away")
    events: list[Event] = []
    with Lake.open(loaded.folder) as lake:
        broken = set[str]()
        look = up._Care(lake, events.append, broken)
        assert look() > 0, "not at the start"
        for _ in range(2):
            assert look() > 0
            assert [(event.kind, event.subject, event.error and event.error.code) for event in events] == [
                ("failed", "orders", "LW-417")
            ]
        away.rename(lost)
        look()
        assert len(events) == 1
        lost.rename(away)
        look()
        assert len(events) == 2
        away.rename(lost)
        look()
        lost.rename(away)
        broken.add("orders")
        look()
        assert len(events) == 2, "a table that merge told of already"
