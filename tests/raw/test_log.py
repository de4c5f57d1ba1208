from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.raw.logs import FEED, OTHER, A, B, append, at, begin, change, fresh, load, names, rows, schema
from tests.raw.writers import loader, zombie

from lakewright.errors import Changed, LeaseLost, LogError, SourceError
from lakewright.model import sealed
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import Column
from lakewright.raw import layout
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import HEAD, Manifest
from lakewright.raw.writer import LogWriter
from lakewright.storage.lease import Lease
from lakewright.storage.local import LocalStore
from lakewright.storage.objects import named_by, path_part
from lakewright.testing.faults import FaultyStore

# ---- names


@given(st.text(min_size=1))
def test_any_name_becomes_one_safe_path_part_and_back(name: str) -> None:
    part = path_part(name)
    assert named_by(part) == name
    assert "/" not in part
    assert part[0] not in "._"
    assert part.isascii()


def test_names_are_dms_names_and_never_given_twice() -> None:
    odd = TableName("_manifests", "../é b%")
    names, again = layout.Names(7), layout.Names(7)
    moment = datetime.datetime(2026, 11, 3, 4, 5, 6, 789_999, tzinfo=datetime.UTC)
    given = [
        names.load(odd),
        names.load(odd),
        again.load(odd),
        names.log(odd, moment),
        names.log(odd, moment),
        again.log(odd, moment),
    ]
    assert len(set(given)) == len(given)
    folder = "%5Fmanifests/%2E.%2F%C3%A9%20b%25"
    assert given[0].startswith(f"{folder}/LOAD00000001-00000007-")
    assert given[1].startswith(f"{folder}/LOAD00000002-00000007-")
    assert given[3].startswith(f"{folder}/2026/11/03/20261103-040506789-00000007-")


def test_odd_names_are_loaded_and_read(store: FaultyStore) -> None:
    log = RawLog(store, "raw/", "../shop")
    table = TableName("_schemas.x", "../a b/é%")
    writer = LogWriter.take_over(log, zombie(1))
    log.store_schema(schema(table))
    writer.append_load([load(writer, table, 10)], Position(10), at(10), FEED, first=True)
    again = RawLog(store, "raw", "../shop")
    assert again.view().tables() == [table]
    assert again.newest_schema(table) == schema(table)
    assert pq.read_metadata(again.location(again.view().files_of(table)[0])).num_rows == 3


# ---- manifests


def some_manifests(log: RawLog, lease: Lease) -> list[Manifest]:
    """One with files and a stop, and a fold that has everything a fold can have."""
    append(begin(log, lease), 20, A, B)
    writer = loader(log)
    writer.append_load([load(writer, A, 10), load(writer, B, 10)], Position(10), at(10), OTHER, first=True)
    append(writer, 20, A)
    stop = Stopped(B, Position(30, 2), SourceError("LW-299", "no", hint="do"))
    writer.append([change(writer, A, 30)], Position(35), at(30), [stop])
    said = log.view().manifests[-1]
    log.fold_manifests()
    return [said, *log.view().manifests]


@pytest.mark.usefixtures("_small_pages")
def test_a_manifest_reads_back_and_tells_which_it_is_at_its_beginning(log: RawLog) -> None:
    said, fold = some_manifests(log, zombie(3))
    assert (said.kind, said.lease, len(said.files), len(said.stopped)) == ("log", 3, 1, 1)
    assert (fold.kind, fold.replaces, fold.lease, len(fold.files), len(fold.stopped)) == ("fold", 1, 3, 3, 1)
    assert ([page.files for page in fold.pages], [page.files for page in fold.former]) == ([1], [1, 1, 1, 1])
    assert fold.generations == ((A, 2), (B, 2))
    for manifest in (said, fold):
        data = manifest.to_bytes()
        assert Manifest.from_bytes(data, "m", manifest.number) == manifest
        assert Manifest.is_head(data[:HEAD], manifest.number, manifest.id)
        assert not Manifest.is_head(data[:HEAD], manifest.number, "0" * 16)


def damaged(data: object) -> Iterator[object]:
    """The same JSON with one part removed, or of another type, or negative."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield {k: v for k, v in data.items() if k != key}
            yield from ({**data, key: part} for part in damaged(value))
    elif isinstance(data, list):
        yield {}
        if data:
            yield from ([part, *data[1:]] for part in damaged(data[0]))
    elif isinstance(data, int):
        yield from ("7", -7, True, 1.5)
    elif isinstance(data, str):
        yield 7


@pytest.mark.usefixtures("_small_pages")
def test_a_damaged_manifest_is_a_log_error_that_names_it(log: RawLog) -> None:
    for manifest in some_manifests(log, zombie(3)):
        good = sealed.load(manifest.to_bytes())
        broken = [sealed.dump(data) for data in damaged(good)]
        broken += [b"", b"{", b"[]", b"null", b"\xff", manifest.to_bytes()[:-9]]
        wrong = {"kind": "x", "start": "f", "written": "2026-01-01", "number": 9, "version": 4, "files": [{}]}
        wrong |= {
            "pages": [{}],
            "expired": [{}],
            "replaced": [{}],
            "generations": [[]],
            "replaces": None if manifest.kind == "fold" else 1,
        }
        broken += [sealed.dump({**good, key: value}) for key, value in wrong.items()]
        assert len(broken) > 60
        for data in broken:
            with pytest.raises(LogError, match=r"^raw/the-name\.json is not a manifest: ") as caught:
                Manifest.from_bytes(data, "raw/the-name.json", manifest.number)
            assert caught.value.code == "LW-354"


def test_a_manifest_that_is_missing_or_contradicts_is_a_log_error(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    append(writer, 20, A)
    append(writer, 30, A)
    third = log.folder + layout.manifest_name(3)
    data = log.store.read(third)
    log.store.delete(third)
    with pytest.raises(LogError, match=r"_manifests/0+3\.json is missing") as caught:
        fresh(log)
    assert caught.value.code == "LW-355"
    log.store.create(third, sealed.dump({**sealed.load(data), "watermark": str(Position(24))}))
    with pytest.raises(LogError, match="manifest 4 starts at") as caught:
        fresh(log)
    assert caught.value.code == "LW-355"


# ---- the view


def test_what_a_log_says(log: RawLog) -> None:
    assert (log.view().number, log.view().feed, log.view().watermark) == (0, None, START)
    writer = begin(log, zombie(4))
    (first,) = append(writer, 20, A)
    second, other = append(writer, 30, A, B)
    view = log.view()
    assert (view.number, view.feed, view.watermark, view.time, view.highest_lease) == (4, FEED, Position(35), at(30), 4)
    assert view.tables() == [A, B]
    loaded = view.load_of(A, Position(10))
    assert loaded is not None
    assert (loaded.generation, loaded.position, loaded.time, loaded.schema, len(loaded.files)) == (1, Position(10), at(10), 1, 1)
    assert view.load_of(A, Position(9, 7)) is None
    assert view.changes(A, Position(10), Position(35)) == (first, second)
    assert view.changes(A, Position(20, 1), Position(35)) == (first, second)
    assert view.changes(A, Position(20, 2), Position(35)) == (second,)
    assert view.changes(A, Position(10), Position(30, 0)) == (first,)
    assert view.changes(A, Position(10), Position(30, 1)) == (first, second)
    assert view.changes(A, Position(30, 2), Position(99)) == ()
    assert view.changes_after_time(A, at(19)) == (first,)
    assert view.changes_after_time(A, at(20)) == (second,)
    assert view.changes_after_time(B, at(30)) == ()
    assert view.files_of(B) == (*view.load_of(B, Position(10)).files, other)  # type: ignore[union-attr]
    assert fresh(log) == view
    assert pq.read_table(log.location(first)).equals(rows(A, "U", [Position(20, 1), Position(20, 2)]))
    assert [file.rows for file in view.files_of(A)] == [3, 2, 2]


def test_a_view_that_finds_nothing_new_costs_two_look_ups(log: RawLog, store: FaultyStore) -> None:
    writer = begin(log, zombie(1))
    view = log.view()
    before = len(store.calls)
    assert log.view() is not None
    assert log.view() == view
    assert len(store.calls) - before == 4
    append(writer, 20, A)
    assert [call.split()[0] for call in store.calls[before:] if "list" in call] == []
    assert log.view().watermark == Position(25)


def test_an_empty_manifest_moves_the_watermark_and_keeps_the_time(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    writer.append([], Position(60), None)
    assert (log.view().watermark, log.view().time) == (Position(60), at(10))


def test_what_does_not_follow_the_logs_end_is_refused(log: RawLog) -> None:
    writer = LogWriter.take_over(log, zombie(1))
    with pytest.raises(LogError, match="do not follow"):
        writer.append([], Position(20), None)
    begin(log, zombie(2))
    writer = LogWriter.take_over(log, zombie(3))
    for lsn in (10, 40):
        file = change(writer, A, lsn)
        file = dataclasses.replace(file, first=Position(lsn))
        with pytest.raises(LogError, match=f"do not follow the log's end.*{file.name}") as caught:
            writer.append([file], Position(30), None)
        assert caught.value.code == "LW-355"
    with pytest.raises(LogError, match="do not follow"):
        writer.append([], Position(9), None)


def test_a_new_feed_starts_over_with_new_generations(log: RawLog) -> None:
    append(begin(log, zombie(1)), 20, A)
    writer = LogWriter.take_over(log, zombie(2))
    writer.append_load([load(writer, A, 5)], Position(5), at(90), OTHER, first=True)
    view = log.view()
    assert (view.feed, view.watermark, view.tables()) == (OTHER, Position(5), [A])
    loaded = view.load_of(A, Position(5))
    assert loaded is not None
    assert loaded.generation == 2
    assert view.changes(A, START, Position(99)) == ()
    append(writer, 8, A)
    assert log.fold_manifests()
    assert fresh(log) == log.view()
    assert [m.kind for m in log.view().manifests] == ["fold"]
    assert log.view().generation(A) == 2
    with pytest.raises(Changed, match="the log went on meanwhile"):
        writer.append_load([], Position(9), at(9), OTHER, first=True)


# ---- loads beside a capture


def test_a_resync_joins_the_log_and_counts_from_its_point(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    append(writer, 20, A)
    second = loader(log)
    file = load(second, A, 30)
    append(writer, 40, A)
    second.append_load([file], Position(30), at(30), FEED, first=False)
    (after,) = append(writer, 50, A)
    view = log.view()
    assert view.watermark == Position(55)
    old, new = view.load_of(A, Position(29)), view.load_of(A, Position(30))
    assert old is not None
    assert new is not None
    assert (old.generation, new.generation, new.position) == (1, 2, Position(30))
    assert view.changes(A, Position(45), view.watermark) == (after,)
    assert fresh(log) == view


def test_a_resync_loses_to_a_capture_that_started_after_it(log: RawLog) -> None:
    begin(log, zombie(1))
    second = loader(log)
    file = load(second, A, 30)
    LogWriter.take_over(log, zombie(2))
    with pytest.raises(LeaseLost, match="under lease 2, this process has 1"):
        second.append_load([file], Position(30), at(30), FEED, first=False)
    assert fresh(log).generation(A) == 1
    assert file.name not in names(log)


def test_an_older_load_than_the_logs_is_refused(log: RawLog) -> None:
    begin(log, zombie(1))
    early, late = loader(log), loader(log)
    files = [load(early, A, 30)]
    late.append_load([load(late, A, 40)], Position(40), at(40), FEED, first=False)
    with pytest.raises(LogError, match=r"a load of public\.a as of .* came before") as caught:
        early.append_load(files, Position(30), at(30), FEED, first=False)
    assert caught.value.code == "LW-359"


def test_a_stopped_table_goes_on_with_a_load_at_or_after_its_stop(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    writer.append([], Position(25), None, [Stopped(A, Position(20, 3), SourceError("LW-299", "why", hint="how"))])
    for view in (log.view(), fresh(log)):
        (stop,) = view.stopped()
        assert (stop.table, stop.position, stop.error.code, str(stop.error), stop.error.hint) == (
            A,
            Position(20, 3),
            "LW-299",
            "why",
            "how",
        )
    second = loader(log)
    for lsn in (15, 24):
        with pytest.raises(LogError, match=r"the log went past this load of public\.a, without its changes") as caught:
            second.append_load([load(second, A, lsn)], Position(lsn), at(lsn), FEED, first=False)
        assert caught.value.code == "LW-359"
    assert len(log.view().stopped()) == 1
    second.append_load([load(second, A, 25)], Position(25), at(25), FEED, first=False)
    assert log.view().stopped() == []
    log.fold_manifests()
    assert fresh(log).stopped() == []


def test_a_capture_that_does_not_know_of_a_new_table_starts_over(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    new = TableName("public", "c")
    second = loader(log)
    with pytest.raises(LogError, match="without its changes"):
        second.append_load([load(second, new, 9)], Position(9), at(9), FEED, first=False)
    second.append_load([load(second, new, 30)], Position(30), at(30), FEED, first=False)
    with pytest.raises(Changed, match="the log went on meanwhile"):
        append(writer, 40, A)
    assert fresh(log).watermark == Position(10)
    append(LogWriter.take_over(log, zombie(2)), 40, A, new)
    assert log.view().followed() == {A, B, new}


# ---- captures, one after another


def test_a_zombie_loses_to_a_higher_lease(log: RawLog) -> None:
    old = begin(log, zombie(1))
    file = change(old, A, 20)
    LogWriter.take_over(log, zombie(2))
    with pytest.raises(LeaseLost, match="under lease 2, this process has 1") as caught:
        old.append([file], Position(25), None)
    assert caught.value.code == "LW-352"
    assert fresh(log).watermark == Position(10)
    with pytest.raises(LeaseLost):  # also where what it has does not follow the end that it last saw
        old.append([file], Position(15), None)
    for number in (1, 2):
        with pytest.raises(LeaseLost):
            LogWriter.take_over(log, zombie(number))


def test_a_capture_that_hears_of_its_loss_does_not_append(log: RawLog) -> None:
    lease = Lease.take(log.store, log.lease_name, purpose="capture")
    writer = begin(log, lease)
    lease.release()
    with pytest.raises(LeaseLost):
        writer.append([], Position(20), None)
    assert fresh(log).watermark == Position(10)


def test_a_log_that_went_on_under_the_same_number_is_noticed(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    file = change(writer, A, 20)
    append(loader(log), 20, A)
    with pytest.raises(Changed, match="the log went on meanwhile") as caught:
        writer.append([file], Position(25), None)
    assert caught.value.code == "LW-303"
    assert [f.rows for f in fresh(log).changes(A, START, Position(99))] == [2]


def test_a_manifest_that_was_created_but_whose_answer_was_lost_counts_once(tmp_path: Path) -> None:
    class Forgetful(LocalStore):
        """As a store whose client repeats a request by itself."""

        def create(self, name: str, data: bytes) -> None:
            super().create(name, data)
            super().create(name, data)

    log = RawLog(Forgetful(tmp_path), "raw", "shop")
    writer = begin(log, zombie(1))
    append(writer, 20, A)
    assert log.fold_manifests()
    append(writer, 30, A)
    assert [manifest.number for manifest in fresh(log).manifests] == [4, 5]
    assert [file.first.lsn for file in fresh(log).changes(A, START, Position(99))] == [20, 30]


def test_a_new_capture_sweeps_what_no_manifest_names(log: RawLog) -> None:
    writer = begin(log, zombie(1))
    named = {file.name for file in append(writer, 20, A)} | {file.name for file in log.view().named()}
    left = change(writer, A, 30).name
    log.store_schema(schema(A))
    assert left in names(log)
    LogWriter.take_over(log, zombie(2))
    assert {name for name in names(log) if name.endswith(".parquet")} == named
    assert {name.split("/")[0] for name in names(log)} == {"_manifests", "_schemas", "public"}


# ---- schemas, bookmarks, verification


def test_schemas_are_numbered_and_reused(log: RawLog) -> None:
    one, two = schema(A), schema(A, Column("more", "text", "string", missing="x"))
    stored = [log.store_schema(dataclasses.replace(s, number=0)).number for s in (one, one, two, two, one)]
    assert stored == [1, 1, 2, 2, 3]
    again = RawLog(log.store, "raw", "shop")
    assert again.newest_schema(A) == dataclasses.replace(one, number=3)
    assert again.schema(A, 2) == dataclasses.replace(two, number=2)


def test_a_damaged_or_missing_schema_is_a_log_error(log: RawLog) -> None:
    log.store_schema(schema(A))
    name = log.folder + layout.schema_name(A, 1)
    good = sealed.load(log.store.read(name))
    for data in (
        b"{",
        b"[]",
        sealed.dump({**good, "version": 2}),
        sealed.dump({**good, "name": "public.b"}),
        b"{}",
    ):
        log.store.put(name, data)
        with pytest.raises(LogError, match=r"schema raw/database/shop/_schemas/public/a/00000001\.json cannot be read") as caught:
            RawLog(log.store, "raw", "shop").schema(A, 1)
        assert caught.value.code == "LW-356"
    with pytest.raises(LogError, match="it is missing"):
        log.newest_schema(B)


@pytest.mark.parametrize("is_lost", [False, True])
def test_the_number_of_a_schema_that_was_lost_is_not_given_again(log: RawLog, is_lost: bool) -> None:
    for table in (A, B):
        log.store_schema(schema(table))
    append(begin(log, zombie(1)), 20, A)
    name = log.folder + layout.schema_name(A, 1)
    log.store.delete(name) if is_lost else log.store.put(name, b"{")
    again = RawLog(log.store, "raw", "shop")
    assert [(table, error.code) for table, error in again.unreadable()] == [(A, "LW-356")]
    with pytest.raises(LogError, match="cannot be read"):
        again.followed()
    assert [again.store_schema(dataclasses.replace(schema(A), number=0)).number for _ in range(2)] == [2, 2]
    assert again.newest_schema(A).number == 2


def test_a_changed_or_missing_file_is_found(log: RawLog, tmp_path: Path) -> None:
    (file,) = append(begin(log, zombie(1)), 20, A)
    log.verify(file)
    path = Path(log.location(file))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogError, match="is not what its manifest says") as caught:
        log.verify(file)
    assert caught.value.code == "LW-358"
    assert file.name in caught.value.message
    path.unlink()
    with pytest.raises(LogError, match="is missing") as caught:
        log.verify(file)
    assert caught.value.code == "LW-357"


def test_an_idle_capture_hears_who_waits(log: RawLog) -> None:
    assert log.requested() is None
    with log.request(Position(30)):
        with log.request(Position(20)):
            assert log.requested() == Position(30)
        assert log.requested() == Position(30)
    assert log.requested() is None
    assert names(log, layout.BOOKMARKS) == []


def test_bookmarks_of_the_dead_are_removed(log: RawLog, store: FaultyStore) -> None:
    with log.request(Position(30)):
        (name,) = names(log, layout.BOOKMARKS)
        content = json.loads(store.read(log.folder + name))
        store.put(log.folder + layout.bookmark_name(Position(99), "dead"), json.dumps({**content, "started": "before"}).encode())
        store.put(log.folder + layout.bookmark_name(Position(98), "unknown"), b"{}")
        assert log.requested() == Position(98)
    assert names(log, layout.BOOKMARKS) == [layout.bookmark_name(Position(98), "unknown")]
