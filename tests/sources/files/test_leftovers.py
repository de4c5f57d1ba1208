"""Copies that no arrival names, of transfers that were killed before they could register them."""

from __future__ import annotations

import dataclasses
import datetime
import os
from pathlib import Path

from lakewright.pipeline.lake import Lake
from lakewright.sources.files.arrivals import Arrivals
from lakewright.sources.files.leftovers import OLD, sweep
from lakewright.storage.local import LocalStore
from tests.sources.files.conftest import Exports

LAKE = """
lake: t
sources:
  drop: {kind: files, path: in, settle: 1ms, datasets: {numbers: "*.csv"}}
"""


def later(days: float = 1.0) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + OLD + datetime.timedelta(days=days)


def copies(store: LocalStore) -> set[str]:
    return {entry.name for entry in store.list("raw/csv/") if "/_" not in entry.name}


def test_an_old_copy_without_an_arrival_is_removed_and_nothing_else(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    (arrival,) = exports.look()
    other = Arrivals(exports.store, "raw", "another/source")
    theirs = other.append(dataclasses.replace(arrival, stored="raw/csv/customers/20260301-000000-aa/x.csv"), None)
    assert theirs is not None
    exports.store.create(theirs.stored, b"theirs")
    exports.store.create("raw/csv/customers/20260301-000000-bb/customers.csv", b"nobody's")
    before = {entry.name for entry in exports.store.list("")}
    assert sweep(exports.store, "raw", later(-2)) == []
    assert sweep(exports.store, "raw", later()) == ["raw/csv/customers/20260301-000000-bb/customers.csv"]
    assert copies(exports.store) == {arrival.stored, theirs.stored}
    assert {entry.name for entry in exports.store.list("")} == before - {"raw/csv/customers/20260301-000000-bb/customers.csv"}


def test_what_can_be_resumed_is_left_alone(exports: Exports) -> None:
    try:
        with exports.store.upload("raw/csv/customers/x/customers.csv", resume="one") as file:
            file.write(b"half")
            raise OSError
    except OSError:
        pass
    assert sweep(exports.store, "raw", later()) == []
    with exports.store.upload("raw/csv/customers/x/customers.csv", resume="one") as file:
        assert file.tell() == 4


def test_a_capture_sweeps_after_it_has_looked_at_the_folder(tmp_path: Path) -> None:
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.csv").write_text("number\n1\n")
    with Lake.open(tmp_path) as lake:
        lake.run()
        store = LocalStore(tmp_path)
        (kept,) = copies(store)
        for name, age in (("old", OLD.days + 1), ("young", 1)):
            store.create(f"raw/csv/numbers/{name}/2.csv", b"number\n2\n")
            past = later(-age).timestamp() - OLD.total_seconds()
            os.utime(tmp_path / "raw" / "csv" / "numbers" / name / "2.csv", (past, past))
        os.utime(tmp_path / kept, (0, 0))
    with Lake.open(tmp_path) as lake:
        lake.run()
        assert copies(store) == {kept, "raw/csv/numbers/young/2.csv"}
        assert lake.check("drop").passed
