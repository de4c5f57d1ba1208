"""Care of a log: small files become large ones, old ones are left out, and everybody still reads the same rows."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.raw.logs import FEED, OTHER, A, B, append, at, begin, change, fresh, load, names, schema
from tests.raw.writers import loader, zombie

from lakewright.errors import Changed, LogError, StorageError
from lakewright.model import sealed
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import Column
from lakewright.raw import care, layout
from lakewright.raw.care import Limit, expire, gather
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import Manifest
from lakewright.raw.writer import LogWriter
from lakewright.testing.faults import Fault, FaultyStore

PASSED = {A: Position(1 << 40), B: Position(1 << 40)}
LATER = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)


def rows(log: RawLog, table: TableName, after: Position = START) -> list[str]:
    """The positions of a table's changes, as who lists now reads them."""
    view = fresh(log)
    found: list[str] = []
    for file in view.changes(table, after, view.watermark):
        log.verify(file)
        data = log.store.read(log.folder + file.name)
        found += pq.read_table(pa.BufferReader(data), columns=["_position"])["_position"].to_pylist()
    return found


def known(log: RawLog) -> LogWriter:
    """A log with a load of both tables, whose schemas it has."""
    for table in (A, B):
        log.store_schema(schema(table))
    return begin(log, zombie(3))


def a_log(log: RawLog, upto: int = 130) -> LogWriter:
    """Ten or more small files of A, every third also of B."""
    writer = known(log)
    for lsn in range(20, upto, 10):
        append(writer, lsn, A, *([B] if lsn % 30 == 20 else []))
    return writer


def parquet(log: RawLog) -> set[str]:
    return {name for name in names(log) if name.endswith(".parquet") and "LOAD" not in name}


def test_small_files_become_a_large_one_and_stay_until_the_next_care(log: RawLog) -> None:
    writer = a_log(log)
    before, old = {table: rows(log, table) for table in (A, B)}, log.view()
    assert gather(log, PASSED) == (10, 1)
    assert {table: rows(log, table) for table in (A, B)} == before
    first, newest = fresh(log).changes(A, START, Position(1000))
    assert (first.first, first.last, first.rows, newest.rows) == (Position(20, 1), Position(110, 2), 20, 2)
    assert (first.first_time, first.last_time) == (at(20), at(110))
    assert len(fresh(log).changes(B, START, Position(1000))) == 4, "too few to be worth it"
    for file in old.changes(A, START, Position(1000)):
        log.verify(file)  # who looked before reads on
    assert gather(log, PASSED) == (0, 0)
    append(writer, 140, A)
    assert expire(log, {}) == 0
    assert parquet(log) == {file.name for file in fresh(log).named() if file.kind == "log"}
    assert fresh(log).manifests[0].replaced == ()
    with pytest.raises(Changed, match="was left out of the log since it was looked at"):
        log.verify(old.changes(A, START, Position(1000))[0])
    assert rows(log, A) == [*before[A], str(Position(140, 1)), str(Position(140, 2))]


def test_only_what_its_table_has_passed_is_written_anew(log: RawLog) -> None:
    a_log(log)
    assert gather(log, {A: Position(95, 0)}) == (8, 1)
    assert [file.last.lsn for file in fresh(log).changes(A, START, Position(1000))] == [90, 100, 110, 120]
    assert gather(log, {B: Position(1000)}) == (0, 0)


def test_files_of_two_schemas_stay_apart(log: RawLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "FEWEST", 2)
    writer = begin(log, zombie(1))
    for lsn, number in ((20, 1), (30, 1), (40, 2), (50, 2), (60, 2)):
        file = dataclasses.replace(change(writer, A, lsn), schema=number)
        writer.append([file], Position(lsn + 5), at(lsn))
    log.store_schema(schema(A))
    log.store_schema(schema(A, Column("more", "text", "string")))
    files = log.view().changes(A, START, Position(1000))
    runs = [*care._runs(files, PASSED)]
    assert [[file.first.lsn for file in run] for run in runs] == [[20, 30], [40, 50]]


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([3_000] * 9, [8]),
        ([3_000] * 8, []),
        ([60_000, *[3_000] * 8], [8]),
        ([30_000_000, *[3_000] * 9], [8]),
        ([30_000_000, *[4_000_000] * 7, 3_000], []),
        ([30_000_000, *[4_000_000] * 8, 3_000], [9]),
        ([*[9_000_000] * 20, 3_000], []),
        ([*[7_000_000] * 20, 3_000], [9, 9]),
    ],
)
def test_a_row_is_not_written_often(log: RawLog, sizes: list[int], runs: list[int]) -> None:
    """What is large already waits until as much came after it, and nothing becomes larger than large."""
    writer = begin(log, zombie(1))
    file = change(writer, A, 20)
    files = [
        dataclasses.replace(file, first=Position(lsn, 1), last=Position(lsn, 2), bytes=size) for lsn, size in enumerate(sizes, 20)
    ]
    assert [len(run) for run in care._runs(files, PASSED)] == runs


@pytest.mark.usefixtures("_small_pages")
def test_of_many_pages_the_newest_are_looked_at_together(log: RawLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "PAGES", 4)
    monkeypatch.setattr(care, "FEWEST", 2)
    a_log(log)
    assert log.fold_manifests()
    before, counts = {table: rows(log, table) for table in (A, B)}, list[int]()
    while (done := gather(log, PASSED)) != (0, 0):
        counts.append(done[0])
        assert {table: rows(log, table) for table in (A, B)} == before
        view = fresh(log)
        assert view.changes(A, Position(45), Position(55))
    assert max(counts) <= 4
    assert [len(fresh(log).changes(table, START, Position(1000))) for table in (A, B)] == [2, 2]
    expire(log, {})
    assert names(log, layout.PAGES) == sorted(page.name for page in fresh(log).manifests[0].pages)
    assert {table: rows(log, table) for table in (A, B)} == before


def test_a_damaged_file_is_told_and_the_others_are_cared_for(log: RawLog) -> None:
    writer = known(log)
    for lsn in range(20, 130, 10):
        append(writer, lsn, A, B)
    bad = log.view().changes(A, START, Position(1000))[3]
    data = log.store.read(log.folder + bad.name)
    log.store.put(log.folder + bad.name, data[:-1])
    with pytest.raises(LogError, match=f"raw file {log.folder}{bad.name} is not what its manifest says") as caught:
        gather(log, PASSED)
    assert caught.value.code == "LW-358"
    assert [len(fresh(log).changes(table, START, Position(1000))) for table in (A, B)] == [11, 2]
    log.store.delete(log.folder + bad.name)
    with pytest.raises(LogError, match="is missing"):
        gather(log, PASSED)


class Meddled(FaultyStore):
    """A store in which something happens before the first call that matches."""

    def __init__(self, log: RawLog, start: str, act: Callable[[], object]) -> None:
        super().__init__(log.store)
        self._start, self._act = start, [act]

    def create(self, name: str, data: bytes) -> None:
        if self._act and name.startswith(self._start):
            self._act.pop()()
        super().create(name, data)


def meddled(log: RawLog, act: Callable[[], object]) -> RawLog:
    """The same log, for a process in which something happens just before it creates its first manifest."""
    return RawLog(Meddled(log, log.folder + layout.MANIFESTS, act), "raw", "shop")


def test_a_capture_that_appends_meanwhile_does_not_keep_care_off(log: RawLog) -> None:
    writer = a_log(log)
    assert gather(meddled(log, lambda: append(writer, 140, A)), PASSED) == (10, 1)
    assert len(fresh(log).changes(A, START, Position(1000))) == 3
    assert fresh(log).watermark == Position(145)


@pytest.mark.parametrize("other", ["a capture", "a care", "a fold"])
def test_care_gives_way(log: RawLog, other: str) -> None:
    """A capture that takes over may sweep new files; another care has written the same."""
    acts: dict[str, Callable[[], object]] = {
        "a capture": lambda: LogWriter.take_over(log, zombie(4)),
        "a care": lambda: gather(log, PASSED),
        "a fold": lambda: log.fold_manifests(),
    }
    a_log(log)
    before = rows(log, A)
    assert gather(meddled(log, acts[other]), PASSED) == ((10, 1) if other == "a fold" else (0, 0))
    assert rows(log, A) == before
    expire(log, {})
    assert rows(log, A) == before
    assert parquet(log) == {file.name for file in fresh(log).named() if file.kind == "log"}


def test_a_lost_answer_leaves_what_the_next_capture_sweeps(log: RawLog) -> None:
    a_log(log)
    before = rows(log, A)
    with pytest.raises(StorageError, match="injected"):
        gather(RawLog(FaultyStore(log.store, Fault("create .*_manifests", "fail", "before")), "raw", "shop"), PASSED)
    assert len(parquet(log)) == 11 + 4 + 1
    LogWriter.take_over(log, zombie(9))
    assert len(parquet(log)) == 11 + 4
    assert rows(log, A) == before


# ---- expiry


def test_old_changes_expire_with_the_load_before_them(log: RawLog) -> None:
    writer = a_log(log)
    loaded = log.view().load_of(A, Position(50))
    assert loaded is not None
    assert len(loaded.files) == 1
    assert expire(log, {A: Limit(Position(60, 5), at(1000))}) == 5 + 1
    view = fresh(log)
    expired = view.expired(A)
    assert expired is not None
    assert (expired.position, expired.time, expired.schema) == (Position(60, 2), at(60), 1)
    assert view.expired(B) is None
    assert [file.first.lsn for file in view.changes(A, START, Position(1000))] == [70, 80, 90, 100, 110, 120]
    load_a, load_b = view.load_of(A, Position(80)), view.load_of(B, Position(80))
    assert load_a is not None
    assert load_b is not None
    assert (load_a.position, load_a.generation, load_a.files) == (loaded.position, 1, ())
    assert len(load_b.files) == 1
    assert log.store.exists(log.folder + loaded.files[0].name), "whoever reads it reads on"
    assert expire(log, {A: Limit(Position(60, 5), at(1000))}) == 0
    assert not log.store.exists(log.folder + loaded.files[0].name)
    assert {log.folder + file.name for file in fresh(log).named()} == {
        log.folder + name for name in names(log) if name.endswith(".parquet")
    }
    append(writer, 140, A)
    log.fold_manifests()
    assert fresh(log).expired(A) == expired
    assert fresh(log).schema_upto(A, load_a, Position(65)) == 1


def test_nothing_expires_that_is_young_or_kept_and_the_newest_file_never(log: RawLog) -> None:
    a_log(log)
    assert expire(log, {A: Limit(Position(1000), at(20))}) == 0
    assert expire(log, {A: Limit(Position(20, 1), at(1000))}) == 0
    assert expire(log, {A: Limit(Position(1000), at(1000)), B: Limit(Position(1000), at(1000))}) == 10 + 1 + 3 + 1
    assert [file.last.lsn for file in fresh(log).changes(A, START, Position(1000))] == [120]
    assert fresh(log).schema_number(A) == 1


def test_a_load_that_is_older_than_what_has_expired_is_refused(log: RawLog) -> None:
    a_log(log)
    expire(log, {A: Limit(Position(90), at(1000))})
    late = loader(log)
    with pytest.raises(LogError, match="have expired") as caught:
        late.append_load([load(late, A, 70)], Position(70), at(70), FEED, first=False)
    assert caught.value.code == "LW-359"
    late.append_load([load(late, A, 85)], Position(85), at(85), FEED, first=False)
    late.append_load([load(late, B, 70)], Position(70), at(70), FEED, first=False)


def test_another_feed_has_nothing_expired(log: RawLog) -> None:
    writer = a_log(log)
    expire(log, {A: Limit(Position(90), at(1000))})
    writer.append_load([load(writer, A, 5)], Position(5), at(200), OTHER, first=True)
    assert fresh(log).expired(A) is None
    log.fold_manifests()
    assert fresh(log).expired(A) is None
    expire(log, {})
    assert {file.name for file in fresh(log).named()} == {name for name in names(log) if name.endswith(".parquet")}


@pytest.mark.usefixtures("_small_pages")
def test_expiry_looks_at_the_oldest_pages_first(log: RawLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "PAGES", 4)
    a_log(log)
    log.fold_manifests()
    whole = rows(log, A)
    limits = {A: Limit(Position(90, 5), at(1000))}
    counts = []
    while count := expire(log, limits):
        counts.append(count)
        view = fresh(log)
        expired = view.expired(A)
        assert expired is not None
        assert rows(log, A) == [p for p in whole if p > str(expired.position)]
    assert sum(counts) == 8 + 1
    assert len(counts) > 1
    assert expired.position == Position(90, 2)
    assert rows(log, B) == [str(Position(lsn, n)) for lsn in (20, 50, 80, 110) for n in (1, 2)]


def test_a_manifest_of_the_version_before_is_read(log: RawLog) -> None:
    a_log(log)
    manifest = log.view().manifests[-1]
    data = {key: value for key, value in sealed.load(manifest.to_bytes()).items() if key not in ("expired", "replaced")}
    assert Manifest.from_bytes(sealed.dump({**data, "version": 2}), "m", manifest.number) == manifest
