"""Folds of manifests: they say what the manifests said, stay small, and take nobody in."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import itertools
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from tests.raw.logs import FEED, OTHER, A, B, append, at, begin, change, fresh, load, names
from tests.raw.writers import loader, zombie

from lakewright.errors import Changed, LeaseLost, LogError, SourceError
from lakewright.model import sealed
from lakewright.model.contracts import Stopped, Store
from lakewright.model.names import TableName
from lakewright.model.position import START, Feed, Position
from lakewright.raw import layout, pages
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import Manifest, RawFile
from lakewright.raw.view import LogView, next_manifest
from lakewright.raw.writer import LogWriter
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import FaultyStore

TABLES = (A, B, TableName("public", "c"))


def test_a_fold_takes_the_place_of_all_manifests(log: RawLog, store: FaultyStore) -> None:
    writer = begin(log, zombie(3))
    for lsn in (20, 30, 40):
        append(writer, lsn, A, B)
    before, calls = log.view(), len(store.calls)
    assert log.fold_manifests()
    after = fresh(log)
    assert [(m.number, m.kind, m.lease, m.replaces) for m in after.manifests] == [(6, "fold", 3, 1)]
    deleted = [call.split()[1] for call in store.calls[calls:] if call.startswith("delete")]
    assert deleted == sorted(deleted), "a deleted number must mean that all before it are deleted"
    assert len(deleted) == 5
    assert log.view() == after
    assert answers(after) == answers(before)
    assert not log.fold_manifests()
    append(writer, 50, A)
    assert log.fold_manifests()
    assert [m.number for m in fresh(log).manifests] == [8]
    with pytest.raises(LeaseLost):
        LogWriter.take_over(log, zombie(3))


def test_a_fold_keeps_the_stop_before_a_later_load(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    writer.append([change(writer, A, 20)], Position(25), None, [Stopped(A, Position(20, 3), SourceError("LW-299", "why"))])
    second = loader(log)
    second.append_load([load(second, A, 40)], Position(40), at(40), FEED, first=False)
    assert log.view().former_schema_number(A) == 0
    assert log.fold_manifests()
    assert fresh(log).former_schema_number(A) == 0


@pytest.mark.usefixtures("_small_pages")
def test_pages_are_read_where_somebody_asks_for_what_they_cover(log: RawLog, store: FaultyStore) -> None:
    writer = begin(log, zombie(1))
    for lsn in (20, 30, 40, 50):
        append(writer, lsn, A)
    append(writer, 60, B)
    assert log.fold_manifests()
    assert len(log.view().manifests[0].pages) == 3

    def reads(ask: Callable[[LogView], object]) -> int:
        view, calls = fresh(log), len(store.calls)
        ask(view)
        return len([call for call in store.calls[calls:] if call.startswith("read ") and "/_pages/" in call])

    assert reads(lambda view: (view.tables(), view.followed(), view.schema_number(A), view.former_schema_number(A))) == 0
    assert reads(lambda view: (view.files_of(B), view.changes(A, Position(45), view.watermark))) == 0
    assert reads(lambda view: (view.last_change(A, view.watermark), view.changes_after_time(A, at(45)))) == 0
    assert reads(lambda view: view.changes(A, Position(35), view.watermark)) == 1
    assert reads(lambda view: view.changes(A, Position(25), Position(35))) == 1
    assert reads(lambda view: view.last_change(A, Position(35))) == 1
    assert reads(lambda view: view.changes_after_time(A, at(25))) == 1
    assert reads(lambda view: view.files_of(A)) == 3


# ---- what a fold says


def answers(view: LogView) -> list[object]:
    """All that readers ask of a view."""
    points = [Position(lsn, ordinal) for lsn in range(0, 400, 5) for ordinal in (0, 3)]
    about = [
        (
            [view.load_of(table, point) for point in points],
            (view.newest_load(table), view.first_load(table), view.generation(table)),
            [view.changes(table, after, upto) for after, upto in itertools.pairwise([START, *points[::7]])],
            [view.changes_after_time(table, at(lsn)) for lsn in range(0, 400, 10)],
            [view.last_change(table, point) for point in points],
            (view.files_of(table), view.files_of(table, points[9], points[80])),
            (view.schema_number(table), view.former_schema_number(table)),
        )
        for table in TABLES
    ]
    end = (view.feed, view.watermark, view.time, view.highest_lease)
    return [about, end, view.tables(), view.all_stops(), view.followed(), sorted(file.name for file in view.named())]


class History:
    """A random log of three tables and two feeds; its files are not there, which no view asks."""

    def __init__(self, log: RawLog, rng: random.Random) -> None:
        self.log = log
        self.said: list[Manifest] = []
        self._rng = rng
        self._files = itertools.count()

    def step(self) -> None:
        view = self.log.view()
        acts = [self.open, self.changes, self.changes, self.changes, self.join, self.join, self.begin]
        act = self._rng.choices(acts, [1, 2, 2, 2, 1, 1, 0.3])[0] if view.feed else self._rng.choice([self.open, self.begin])
        with contextlib.suppress(LogError):  # a load that comes too late
            act(loader(self.log), view)
        self.said += [manifest for manifest in self.log.view().manifests if manifest not in self.said]

    def open(self, writer: LogWriter, view: LogView) -> None:
        LogWriter.take_over(self.log, zombie(view.highest_lease + 1))

    def begin(self, writer: LogWriter, view: LogView) -> None:
        point = Position(self._rng.choice([5, 10, 50]))
        feed: Feed = OTHER if view.feed == FEED else FEED
        writer.append_load([self.file(table, point, 0) for table in (A, B)], point, at(point.lsn), feed, first=True)

    def join(self, writer: LogWriter, view: LogView) -> None:
        point = Position(view.watermark.lsn + self._rng.choice([0, 7, 30]))
        table = self._rng.choice(TABLES)
        assert view.feed
        files = [self.file(table, point, 0) for _ in range(self._rng.choice([1, 2]))]
        writer.append_load(files, point, at(point.lsn), view.feed, first=False)

    def changes(self, writer: LogWriter, view: LogView) -> None:
        lsn, followed = view.watermark.lsn + 1, sorted(view.followed())
        files = [self.file(table, Position(lsn, 1)) for table in followed if self._rng.random() < 0.6]
        error = SourceError("LW-299", "no", hint="do")
        stops = [Stopped(table, Position(lsn, 3), error) for table in followed if self._rng.random() < 0.15]
        writer.append(files, Position(lsn + 4), self._rng.choice([None, at(lsn)]), stops)

    def file(self, table: TableName, first: Position, generation: int | None = None) -> RawFile:
        last = first if generation is not None else Position(first.lsn, 2)
        name, time, number = f"{table}/{next(self._files)}.parquet", at(first.lsn), self._rng.randrange(1, 4)
        return RawFile(name, table, 1, 2, "0", number, first, last, time, time, generation)


def unfolded(manifests: Iterable[Manifest]) -> LogView:
    return functools.reduce(LogView.grown, (manifest for manifest in manifests if manifest.kind != "fold"), LogView())


@pytest.mark.parametrize("seed", [*range(9), *(pytest.param(seed, marks=pytest.mark.crash) for seed in range(9, 30))])
def test_a_folded_log_says_what_the_unfolded_says(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FILES", 1 + seed % 3)
    rng = random.Random(seed)
    log = RawLog(LocalStore(tmp_path), "raw", "shop")
    history, reader = History(log, rng), RawLog(log.store, "raw", "shop")
    LogWriter.take_over(log, zombie(1))
    for _ in range(40):
        history.step()
        if rng.random() < 0.3 and log.fold_manifests():
            whole = answers(unfolded(history.said))
            assert answers(fresh(log)) == whole
            assert answers(log.view()) == whole
            if rng.random() < 0.5:
                assert reader.view() == fresh(log)
    assert {manifest.kind for manifest in history.said} == {"open", "log", "load", "fold"}


def test_a_fold_names_about_a_page_of_files_itself_however_long_the_log_is(log: RawLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FILES", 5)
    history = History(log, random.Random(1))
    begin(log, zombie(1))
    for _ in range(12):
        for _ in range(3):
            history.changes(loader(log), log.view())
        log.fold_manifests()
        (fold,) = log.view().manifests
        assert len([file for file in fold.files if file.generation is None]) < 5 + len(TABLES)
        assert {page.files for page in fold.pages} <= {5}
        assert names(log, layout.PAGES) == sorted(page.name for page in fold.pages)
    assert len(fold.pages) > 3


# ---- who is left behind


def test_a_reader_at_the_end_of_a_feed_that_was_folded_goes_on(log: RawLog) -> None:
    append(begin(log, zombie(1)), 20, A)
    writer = LogWriter.take_over(log, zombie(2))
    stale = RawLog(log.store, "raw", "shop")
    stale.view()
    writer.append_load([load(writer, A, 5)], Position(5), at(90), OTHER, first=True)
    append(writer, 8, A)
    assert log.fold_manifests()
    assert stale.view() == fresh(log)


@pytest.mark.parametrize("known", [2, 3, 5, 6])
def test_a_reader_and_a_writer_that_were_left_anywhere_before_a_fold_notice(log: RawLog, known: int) -> None:
    writer = begin(log, zombie(1))
    for lsn in (20, 30, 40, 50):
        if log.view().number == known:
            late, stale = loader(log), RawLog(log.store, "raw", "shop")
            stale.view()
        append(writer, lsn, A)
        if lsn == 30:
            assert log.fold_manifests()
    assert log.fold_manifests()
    with pytest.raises(Changed):
        late.append([change(late, A, 60)], Position(65), at(60))
    assert stale.view() == fresh(log)
    assert stale.view().watermark == Position(55)


def test_a_stray_of_one_late_writer_does_not_let_another_in(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    append(writer, 20, A)
    late, stale = RawLog(log.store, "raw", "shop"), RawLog(log.store, "raw", "shop")
    known = stale.view().manifests[-1]
    manifest = next_manifest(late.view(), "open", 1)
    append(writer, 30, A)
    followed = log.store.read(log.folder + layout.manifest_name(known.number + 1))
    assert log.fold_manifests()
    stray = known.to_bytes().replace(known.id.encode(), b"0" * 16)
    log.store.create(log.folder + layout.manifest_name(known.number), stray)  # as a writer leaves it that is killed at once
    with pytest.raises(Changed, match="was folded away while it was written"):
        late.create(manifest)
    log.store.create(log.folder + layout.manifest_name(known.number + 1), followed)
    assert stale.view() == fresh(log)


class Meddled(FaultyStore):
    """A store in which something happens while `name` is read for the first time."""

    def __init__(self, store: Store, name: str, act: Callable[[], None]) -> None:
        super().__init__(store)
        self._acts = {name: act}

    def read(self, name: str) -> bytes:
        data = super().read(name)
        self._acts.pop(name, lambda: None)()
        return data


def test_a_reader_is_not_taken_in_by_a_late_fold_while_it_reads_back(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    append(writer, 20, A)
    late = log.view()
    second = loader(log)
    second.append_load([load(second, A, 40)], Position(40), at(40), FEED, first=False)
    append(writer, 30, A)
    append(writer, 50, A)
    stray = next_manifest(late, "fold", 1)
    stray = dataclasses.replace(stray, start=START, files=tuple(late.named()), replaces=1, generations=late.generations())

    def meddle() -> None:
        assert log.fold_manifests()
        log.store.create(log.folder + layout.manifest_name(stray.number), stray.to_bytes())

    reader = RawLog(Meddled(log.store, log.folder + layout.manifest_name(stray.number + 1), meddle), "raw", "shop")
    assert reader.view() == log.view()
    assert reader.view().generation(A) == 2


@pytest.mark.usefixtures("_small_pages")
def test_a_fold_sweeps_the_pages_of_folds_that_did_not_come_about(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    append(writer, 20, A)
    append(writer, 30, A)
    log.store.create(log.folder + layout.page_name(3, "dead"), b"")
    log.store.create(log.folder + layout.page_name(9, "beef"), b"")  # of a fold that may be under way
    assert log.fold_manifests()
    (page,) = log.view().manifests[0].pages
    assert names(log, layout.PAGES) == [page.name, layout.page_name(9, "beef")]


@pytest.mark.usefixtures("_small_pages")
def test_a_damaged_or_missing_page_is_a_log_error_that_names_it(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    append(writer, 20, A)
    append(writer, 30, A)
    assert log.fold_manifests()
    (page,) = log.view().manifests[0].pages
    name = log.folder + page.name
    good = log.store.read(name)
    content = gzip.decompress(good)
    bad = [
        b"",
        good[:-1],
        good[:40],
        b"x" + good,
        gzip.compress(content[:-9]),
        gzip.compress(content.replace(b"public", b"publib", 1)),
        gzip.compress(sealed.dump({"version": 1, "files": []})),
    ]
    bad += [
        bytes(byte ^ (at == len(good) // 2) for at, byte in enumerate(good)),
        gzip.compress(content.replace(b":1,", b":2,", 1)),
        gzip.compress(sealed.dump({**sealed.load(content), "version": 2})),
    ]
    for data in bad:
        log.store.put(name, data)
        with pytest.raises(LogError, match=f"^{name} is not a page of manifests: ") as caught:
            fresh(log).files_of(A)
        assert caught.value.code == "LW-354"
        assert fresh(log).watermark == Position(35)
    log.store.delete(name)
    with pytest.raises(LogError, match=f"{name} is missing") as caught:
        fresh(log).files_of(A)
    assert caught.value.code == "LW-355"
