"""`status` tells what a lake that is up tries again, and since when, until it goes well."""

from __future__ import annotations

import contextlib
import datetime
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lakewright.errors import CommitConflict, LakewrightError, SourceUnreachable
from lakewright.pipeline import retries, up
from lakewright.pipeline.lake import Lake
from lakewright.storage.local import LocalStore
from tests.faults.conftest import VALUE, Shop


def source(shop: Shop) -> dict[str, Any]:
    """The status of the source."""
    found: dict[str, Any] = shop.ok("status", "--json").json["sources"][0]
    return found


def test_a_source_that_does_not_answer_is_told_until_it_does(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lake.open(loaded.folder) as lake:
        stop = threading.Event()
        capture = up.tasks(lake, stop, lambda event: stop.set() if event.kind == "following" else None)[0]

        def fails(*_: object) -> None:
            raise SourceUnreachable("LW-202", "the server does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(up, "capture_of", fails)
            for _ in range(2):
                with pytest.raises(SourceUnreachable):
                    capture.step()
        told = source(loaded)
        assert told["state"] == "retrying"
        assert told["problem"].startswith(f"tried again since {datetime.datetime.now(datetime.UTC):%Y-%m-%d }")
        assert told["problem"].endswith("UTC: the server does not answer (LW-202)")
        with monkeypatch.context() as patch:  # its process is gone
            patch.setattr(retries, "_COUNTS_FOR", datetime.timedelta(0))
            assert source(loaded)["state"] == "idle"
        capture.step()
        assert (source(loaded)["state"], loaded.files("raw/_retries/*")) == ("idle", [])


def test_several_threads_may_say_at_once_that_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, met = LocalStore(tmp_path), threading.Barrier(2)
    delete = store.delete

    def together(name: str) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):  # which says that the other waits for this one
            met.wait(0.3)
        delete(name)

    monkeypatch.setattr(store, "delete", together)
    told = retries.Retries(store, "raw")
    told.tell("source", "db", SourceUnreachable("LW-202", "the server does not answer"))
    with ThreadPoolExecutor(2) as pool:
        for said in [pool.submit(told.over, "source", "db") for _ in range(2)]:
            said.result()
    assert told.of("source", "db") is None


def test_a_table_whose_merge_fails_is_told_until_it_does_not(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.sql(f"INSERT INTO parts VALUES (7, '{VALUE}'); INSERT INTO orders VALUES (700, '{VALUE}')")
    loaded.ok("capture")
    with Lake.open(loaded.folder) as lake:
        merging = up.tasks(lake, threading.Event(), lambda event: None)[1]
        merge = up.merge

        def fails(lake: Any, mirror: Any) -> Any:
            if mirror.name == "parts":
                raise CommitConflict("LW-416", "another commit came first")
            return merge(lake, mirror)

        with monkeypatch.context() as patch:
            patch.setattr(up, "merge", fails)
            with pytest.raises(LakewrightError):
                merging.step()
        tables = loaded.tables()
        assert {name: table["state"] for name, table in tables.items()} == {"orders": "idle", "parts": "retrying"}
        assert "UTC: another commit came first (LW-416)" in tables["parts"]["problem"]
        merging.step()
        assert {table["state"] for table in loaded.tables().values()} == {"idle"}
