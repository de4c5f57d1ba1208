"""Work that is done aside: handed out as it comes, and stopped with all that it began."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakewright.errors import SourceError
from lakewright.sources.files import scan
from lakewright.sources.files.aside import aside, check
from lakewright.sources.files.dataset import Dialect
from lakewright.sources.files.plain import plain


def working(began: threading.Event, ended: list[str]) -> Iterator[int]:
    """Goes on until it is stopped."""
    began.set()
    try:
        while True:
            check()
            time.sleep(0.001)
        yield 1
    finally:
        ended.append("stopped")


def test_items_come_in_their_order_and_what_is_raised_after_them() -> None:
    def items() -> Iterator[int]:
        yield from range(100)
        raise SourceError("LW-260", "the file is empty")

    found = []
    with pytest.raises(SourceError, match="the file is empty"):
        found += [found.append(item) for item in aside(items, 10.0)]
    assert found == [*range(100)]


def test_a_wait_is_told_of() -> None:
    go_on = threading.Event()

    def items() -> Iterator[int]:
        go_on.wait(60)
        yield 1

    made = aside(items, 0.01)
    assert (next(made), next(made)) == (None, None)
    go_on.set()
    assert [item for item in made if item] == [1]


def test_who_waits_no_more_stops_the_work() -> None:
    began, ended = threading.Event(), list[str]()
    made = aside(lambda: working(began, ended), 0.01)
    assert next(made) is None
    assert began.wait(60)
    made.close()  # type: ignore[attr-defined]
    assert ended == ["stopped"]


def test_items_that_nobody_takes_stop_no_less() -> None:
    ended = list[str]()

    def items() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            ended.append("stopped")

    made = aside(items, 10.0)
    assert next(made) == 0
    made.close()  # type: ignore[attr-defined]
    assert ended == ["stopped"]


def test_a_query_is_stopped(tmp_path: Path) -> None:
    began, ended = threading.Event(), list[str]()

    def items() -> Iterator[int]:
        try:
            with scan.opened(tmp_path, "x.csv") as connection:
                began.set()
                yield len(connection.execute("SELECT count(*) FROM range(1000000) a, range(1000000) b").fetchall())
        finally:
            ended.append("stopped")

    made = aside(items, 0.01)
    assert next(made) is None
    assert began.wait(60)
    made.close()  # type: ignore[attr-defined]
    assert ended == ["stopped"]


def test_the_unpacking_of_a_file_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    path, temp, at_it = tmp_path / "x.csv", tmp_path / "temp", threading.Event()
    path.write_bytes("a,ü\n".encode("utf-16") * 1_000_000)

    def items() -> Iterator[Path]:
        at_it.set()
        while True:
            with plain(path, Dialect(encoding="utf-16"), temp):
                check()
        yield path

    made = aside(items, 0.01)
    assert next(made) is None
    assert at_it.wait(60)
    made.close()  # type: ignore[attr-defined]
    assert [*temp.iterdir()] == []
