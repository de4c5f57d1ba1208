"""Several processes that write one table at once, some of them killed: every commit counts once, whoever reads in between.

Threads that read one table at once get what each asks for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakewright.errors import CommitConflict, LeaseHeld, NotFound
from lakewright.formats.hudi import HudiFormat, look
from lakewright.model.contracts import Table, Write
from lakewright.model.position import Feed, Position
from lakewright.model.table import BASE_COLUMN, COW, MOR, PLACE_COLUMN, Checkpoint, Snapshot, TableSpec
from lakewright.storage.lease import Lease
from lakewright.storage.local import LocalStore

PATH, LEASE = "curated/counts", "lease.json"
SPEC = TableSpec("counts", (("id", "bigint"), ("place", "string"), ("count", "bigint")), ("id",), ("place",))
SHARED, LIVING = 3, 4
"""Rows that all writers count in, and rows of its own that each writer keeps."""
_SPAWN = multiprocessing.get_context("spawn")


def _write(root: Path, writer: int, leased: bool) -> None:
    """Commit one number after the other: each inserts a row, deletes one, and counts in a shared one that moves its partition."""
    pa.set_cpu_count(1)
    store, chance = LocalStore(root), random.Random(writer)
    table = HudiFormat(store).open(PATH)
    assert table is not None
    tries = 0
    while True:
        try:
            with Lease.take(store, LEASE, purpose="writing", wait=60.0) if leased else contextlib.nullcontext():
                with table.write() as write:
                    number = _step(table, table.snapshot(write.base.instant) if write.base else None, write, writer)
                if leased and number % 5 == 0:
                    table.compact(2)
        except (CommitConflict, LeaseHeld):
            tries += 1
            time.sleep(chance.random() * 0.05 * 2 ** min(tries, 6))
            continue
        tries = 0
        with open(root / f"{writer}.txt", "a") as journal:
            journal.write(f"{number}\n")
        if number % 10 == 0:
            table.clean([])


def _step(table: Table, base: Snapshot | None, write: Write, writer: int) -> int:
    rows = _rows(table, base)
    number = max([key % 10**6 for key in rows if key // 10**6 == writer], default=0) + 1
    shared = number % SHARED
    fresh = [
        {"id": writer * 10**6 + number, "place": f"{writer % 2}", "count": number},
        {"id": shared, "place": f"{writer % 2}", "count": rows.get(shared, 0) + 1},
    ]
    gone = [writer * 10**6 + number - LIVING] if number > LIVING else []
    write.upsert(pa.Table.from_pylist(fresh, SPEC.arrow()), pa.table({"id": pa.array(gone, pa.int64())}))
    write.commit(Checkpoint(Feed("native", "7", 1), 1, Position(number)))
    return number


def _rows(table: Table, snapshot: Snapshot | None) -> dict[int, int]:
    """The counts by key, each key of which is there once."""
    changes = [row for batch in table.changes(snapshot) for row in batch.to_pylist()] if snapshot else []
    changed = {(row[BASE_COLUMN], row[PLACE_COLUMN]) for row in changes}
    found = [row for row in changes if not row["_deleted"]]
    for file in snapshot.files if snapshot else ():
        stored = pq.ParquetFile(file.location).read(["id", "count"]).to_pylist()
        found += [row for place, row in enumerate(stored) if (file.location, place) not in changed]
    rows = {row["id"]: row["count"] for row in found}
    assert len(rows) == len(found)
    return rows


def _check(rows: dict[int, int], journals: Sequence[int]) -> None:
    """The rows are those that some number of commits of each writer makes, which is at least what its journal had before."""
    last = [max([key % 10**6 for key in rows if key // 10**6 == writer], default=0) for writer in range(1, len(journals) + 1)]
    for number, written in zip(last, journals, strict=True):
        assert number >= written
    expected: Counter[int] = Counter(n % SHARED for number in last for n in range(1, number + 1))
    for writer, number in enumerate(last, 1):
        expected |= Counter({writer * 10**6 + n: n for n in range(max(1, number - LIVING + 1), number + 1)})
    assert rows == expected


def _journals(root: Path, writers: int) -> list[int]:
    """The number of each writer's last commit that its journal has whole; 0 for none."""
    paths = [root / f"{writer}.txt" for writer in range(1, writers + 1)]
    texts = [path.read_text().rpartition("\n")[0] if path.exists() else "" for path in paths]
    return [int(text.split()[-1]) if text else 0 for text in texts]


_LONG = [pytest.mark.crash, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("kind", "writers", "seconds", "leased"),
    [
        (COW, 2, 1, False),
        (MOR, 2, 1, True),
        *(pytest.param(kind, n, 60, leased, marks=_LONG) for kind in (COW, MOR) for n in (2, 4, 8) for leased in (False, True)),
    ],
)
def test_no_update_is_lost_and_no_key_is_there_twice(
    tmp_path: Path, kind: Literal["cow", "mor"], writers: int, seconds: int, leased: bool
) -> None:
    table = HudiFormat(LocalStore(tmp_path)).create(PATH, dataclasses.replace(SPEC, type=kind))
    chance = random.Random(writers)

    def start(writer: int) -> SpawnProcess:
        process = _SPAWN.Process(target=_write, args=(tmp_path, writer, leased), daemon=True)
        process.start()
        return process

    running = {writer: start(writer) for writer in range(1, writers + 1)}
    try:
        while min(_journals(tmp_path, writers)) < 1:
            assert all(process.is_alive() for process in running.values())
            time.sleep(0.05)
        end = time.monotonic() + seconds
        kills = 0
        while time.monotonic() < end:
            before = _journals(tmp_path, writers)
            with contextlib.suppress(FileNotFoundError, NotFound):  # a clean came between
                _check(_rows(table, table.snapshot()), before)
            if chance.random() < 0.1 or not kills:
                kills += 1
                writer = chance.choice(list(running))
                running[writer].kill()
                running[writer].join()
                running[writer] = start(writer)
            assert all(process.is_alive() for process in running.values())
            time.sleep(0.1)
    finally:
        for process in running.values():
            process.kill()
            process.join()
    _check(_rows(table, table.snapshot()), _journals(tmp_path, writers))
    with table.write() as write:
        _step(table, table.snapshot(), write, 1)
    assert table.verify().flaws == ()


def test_a_thread_gets_the_instant_that_it_asks_for_whatever_another_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both share what is kept of the table. One reads another instant just when the other has put down what it found."""
    made = HudiFormat(LocalStore(tmp_path))
    table = made.create(PATH, SPEC)
    for number in (1, 2):
        with table.write() as write:
            _step(table, table.snapshot(), write, number)
    first, second = (commit.instant for commit in table.snapshots())
    found: list[str] = []

    def read(instant: str) -> None:
        other = made.open(PATH)
        assert other is not None
        snapshot = other.snapshot(instant)
        assert snapshot is not None
        found.append(snapshot.instant)

    def put(self: look.Look, name: str, value: object) -> None:
        self.__dict__[name] = value
        if name == "snapshot" and isinstance(value, Snapshot) and value.instant == first:
            thread = threading.Thread(target=read, args=(second,))
            thread.start()
            thread.join()

    monkeypatch.setattr(look.Look, "__setattr__", put)
    read(first)
    assert found == [second, first]
