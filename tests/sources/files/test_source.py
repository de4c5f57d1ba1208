"""A folder as a source, without a lake around it: what its stream gives for each arrival, and what it tells of itself."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lakewright.errors import NotFound, SourceError
from lakewright.model.batch import OP
from lakewright.model.contracts import Flush
from lakewright.model.names import DATASETS, QUARANTINE, TableName
from lakewright.model.position import Position
from lakewright.project.datasets import DatasetFiles
from lakewright.sources.files import file_reader, stream, structure
from lakewright.sources.files.origin import Folder, OriginFile
from lakewright.sources.files.retraction import Retraction
from lakewright.sources.files.runs import Run, Runs
from lakewright.sources.files.source import FIRST, FilesSource
from lakewright.sources.files.tables import Mode, Rule
from lakewright.sources.files.transfer import TransferSettings
from lakewright.storage.local import LocalStore

NUMBERS, REJECTED = TableName(DATASETS, "numbers"), TableName(QUARANTINE, "numbers")
DEFINITION = "name: numbers\ncolumns: [{name: number, source_name: number, type: int}]\n"


class Drop:
    """A folder that others write into, and the source that it is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("in", "lake", "datasets"):
            (root / name).mkdir()
        self.define(DEFINITION)

    def define(self, text: str) -> None:
        (self.root / "datasets" / "numbers.yaml").write_text(text)

    def put(self, name: str, *lines: object, at: int) -> None:
        """Write a file that was modified at this second."""
        path = self.root / "in" / name
        path.write_text("\n".join(["number", *map(str, lines)]) + "\n")
        os.utime(path, (at, at))

    def source(self, mode: Mode = "append", settle: float = 0.0, datasets: Sequence[str] = ("numbers",)) -> FilesSource:
        """The source, as a process opens it; its limit is such that a file waits with exactly one row that does not fit."""
        rules = [
            Rule(name, (f"{name}*.csv",), (), mode, ("number",) if mode == "upsert" else (), None, lambda part, whole: part == 1)
            for name in datasets
        ]
        how, place = TransferSettings(settle), (LocalStore(self.root / "lake"), "raw")
        known = DatasetFiles(self.root)
        return FilesSource("drop", Folder(self.root / "in"), rules, how, 0.01, place, "logs", known, self.root / "tmp")

    def flushes(self, source: FilesSource, starts: Mapping[TableName, Position] | None = None) -> list[Flush]:
        """What the stream gives up to the source's end, or to where it has to be opened anew."""
        end, found = source.current_position(), list[Flush]()
        with source.open_stream(FIRST, source.discover().tables, starts or {}) as opened:
            for flush in opened.flushes():
                found.append(flush)
                if flush.watermark and flush.watermark >= end:
                    break
        return [flush for flush in found if flush.batches or flush.stopped or flush.watermark]

    def run(self, source: FilesSource, number: int) -> Run:
        return Runs(LocalStore(self.root / "lake"), "logs", source.name).get(number)


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drop:
    monkeypatch.setattr(stream, "FLUSH_SECONDS", 0.01)
    return Drop(tmp_path)


def changes(found: Sequence[Flush], table: TableName = NUMBERS) -> list[tuple[str, int | None]]:
    """The changes of a table: what each does, and the number or, of a rejected row, its line."""
    column = "number" if table == NUMBERS else "_line"
    batches = [batch for flush in found for batch in flush.batches if batch.schema.name == table]
    return [(row[OP], row[column]) for batch in batches for row in batch.rows.to_pylist()]


def test_each_arrival_ends_at_a_watermark_of_its_own(drop: Drop) -> None:
    drop.put("numbers1.csv", 1, 2, at=1)
    drop.put("numbers2.csv", 3, at=2)
    found = drop.flushes(drop.source())
    assert [flush.watermark for flush in found] == [Position(2), Position(3)]
    assert changes(found) == [("I", 1), ("I", 2), ("I", 3)]
    bounds = [(batch.first, batch.last) for flush in found for batch in flush.batches]
    assert bounds == [(Position(1, 2), Position(1, 3)), (Position(2, 2), Position(2, 2))]
    assert drop.run(drop.source(), 1).rows == drop.run(drop.source(), 1).taken == 2


def test_a_large_arrival_comes_in_pieces_of_which_the_last_has_the_watermark(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FLUSH_BYTES", 1)
    drop.put("numbers1.csv", 1, 2, at=1)
    found = drop.flushes(drop.source())
    assert [flush.watermark for flush in found] == [None, Position(2)]
    assert changes(found) == [("I", 1), ("I", 2)]


def test_a_file_whose_lines_are_all_records_is_read_once(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "_HEAD", 16)
    monkeypatch.setattr(structure, "_count", lambda *args: pytest.fail("read for its records alone"))
    drop.put("numbers1.csv", *range(10), "x", "y", at=1)
    found = drop.flushes(drop.source())
    assert changes(found) == [("I", number) for number in range(10)]
    assert changes(found, REJECTED) == [("I", 12), ("I", 13)]


@pytest.mark.parametrize(
    ("odd", "numbers", "rejected"),
    [
        (["7,8", "8,9"], [0, 1, 2, 3, 5], [6, 7]),  # other columns
        (['"4"x', "6", "7,8"], [0, 1, 2, 3, 6, 5], [6, 8]),  # broken quotes
        (['"4', '"', "x"], [0, 1, 2, 3, 5], [6, 7]),  # a value with a line end
    ],
)
def test_a_file_that_looked_regular_and_is_not_is_read_again(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, odd: list[str], numbers: list[int], rejected: list[int]
) -> None:
    drop.put("numbers1.csv", *range(4), *odd, 5, at=1)
    expected = drop.flushes(drop.source())
    assert (changes(expected), changes(expected, REJECTED)) == (
        [("I", number) for number in numbers],
        [("I", line) for line in rejected],
    )
    monkeypatch.setattr(structure, "_HEAD", 16)
    source = drop.source()
    first, second = drop.flushes(source), drop.flushes(source)
    assert [flush.watermark for flush in first] == []
    for table in (NUMBERS, REJECTED):
        assert changes(second, table) == changes(expected, table)


def test_a_file_that_does_not_fit_waits_and_the_next_stream_goes_past_it(drop: Drop) -> None:
    drop.put("numbers1.csv", 1, "x", at=1)
    drop.put("numbers2.csv", 2, at=2)
    source = drop.source()
    assert drop.flushes(source) == []
    found = drop.flushes(source)
    assert [flush.watermark for flush in found] == [Position(2), Position(3)]
    assert changes(found) == [("I", 2)]
    assert (drop.run(source, 1).code, drop.run(source, 1).rows) == ("LW-275", None)
    assert set(source.inspection.held_back().faults) == {"numbers1.csv"}
    assert source.status().problem == "1 file waits; `lakewright quarantine` says why"


@pytest.mark.parametrize("broken", [(file_reader, "structure"), (stream.ArrivalBatches, "batch"), (Retraction, "changes")])
def test_what_nobody_foresaw_in_a_file_lets_that_file_wait(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, broken: tuple[object, str]
) -> None:
    """Also where its rows were read already, and those that it takes back."""
    source = drop.source()
    drop.put("numbers1.csv", 1, at=1)
    drop.flushes(source)
    drop.put("numbers1.csv", 3, at=2)
    drop.put("numbers2.csv", 4, at=3)
    with monkeypatch.context() as patch:
        patch.setattr(*broken, lambda *args, **kwargs: {}["a value"])
        with source.open_stream(Position(2), source.discover().tables, {}) as opened:
            assert [flush.watermark for flush in opened.flushes(source.current_position()) if flush.watermark] == []
    (error,) = source.inspection.held_back().faults.values()
    assert (error.code, error.message) == ("LW-901", "unexpected KeyError while it was read")
    assert error.hint
    assert "`lakewright --debug quarantine accept drop numbers1.csv`" in error.hint
    assert changes(drop.flushes(source)) == [("I", 1), ("I", 4)]


def test_what_nobody_foresaw_in_a_load_is_told_with_its_file(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.put("numbers1.csv", 1, at=1)
    source = drop.source()
    (_, schema), end = source.discover().tables, source.current_position()
    monkeypatch.setattr(file_reader, "structure", lambda *args, **kwargs: {}["a value"])
    with source.open_load([schema], after=end) as load, pytest.raises(SourceError) as caught:
        for _ in load.batches(schema):
            pass
    assert caught.value.code == "LW-901"
    assert caught.value.message.endswith("as it is now: unexpected KeyError while numbers1.csv was read")


def test_rejected_rows_are_rows_of_another_table_and_go_when_the_file_is_corrected(drop: Drop) -> None:
    drop.put("numbers1.csv", 1, "x", "y", at=1)
    source = drop.source()
    found = drop.flushes(source)
    assert (changes(found), changes(found, REJECTED)) == ([("I", 1)], [("I", 3), ("I", 4)])
    drop.put("numbers1.csv", 1, 2, at=2)
    last = drop.flushes(source)[-1:]
    assert changes(last) == [("I", 1), ("I", 2), ("D", None)]  # line 4 is in neither table any more
    assert changes(last, REJECTED) == [("D", 2), ("D", 3), ("D", 4)]


def test_a_run_record_with_a_count_that_is_none_counts_as_missing(drop: Drop) -> None:
    source = drop.source()
    drop.put("numbers.csv", 1, at=1)
    drop.flushes(source)
    assert drop.run(source, 1).taken == 1
    for path in (drop.root / "lake" / "logs").rglob("*.json"):
        path.write_text(path.read_text().replace('"taken": 1', '"taken": "1"'))
    with pytest.raises(NotFound, match="taken '1' is not of type int"):
        drop.run(source, 1)


def test_a_dataset_that_lake_yaml_has_no_more_is_gone_past(drop: Drop) -> None:
    drop.put("numbers1.csv", 1, at=1)
    drop.source().current_position()
    other = drop.source(datasets=("others",))
    assert [flush.watermark for flush in drop.flushes(other)] == [Position(2)]
    assert drop.run(other, 1).reason == "its dataset is not in lake.yaml any more"


def test_a_table_that_was_loaded_later_begins_there(drop: Drop) -> None:
    drop.put("numbers1.csv", 1, at=1)
    drop.put("numbers2.csv", 2, at=2)
    found = drop.flushes(drop.source(), {NUMBERS: Position(2)})
    assert [flush.watermark for flush in found] == [Position(2), Position(3)]
    assert changes(found) == [("I", 2)]


def test_a_definition_with_another_type_stops_the_table_where_the_next_file_begins(drop: Drop) -> None:
    drop.put("numbers1.csv", 1, at=1)
    source = drop.source()
    before = source.discover().tables
    end = source.current_position()
    drop.define(DEFINITION.replace("int", "string"))
    with source.open_stream(FIRST, before, {}) as opened:
        found = next(flush for flush in opened.flushes() if flush.watermark == end)
    ((table, position, error),) = ((stop.table, stop.position, stop.error) for stop in found.stopped)
    assert (table, position, error.code) == (NUMBERS, Position(1), "LW-242")
    assert changes([found]) == []
    ((table, refused),) = source.drift(before).stopped
    assert (table, refused.code) == (NUMBERS, "LW-242")


def test_a_dataset_that_was_taken_out_of_lake_yaml_drifts_and_one_with_a_wrong_definition_does_not(drop: Drop) -> None:
    before = drop.source().discover().tables
    assert [(table, error.code) for table, error in drop.source(datasets=("others",)).drift(before).stopped] == [
        (NUMBERS, "LW-213"),
        (REJECTED, "LW-213"),
    ]
    drop.define(DEFINITION + "more: 1\n")
    assert drop.source().drift(before).stopped == []
    assert {table: error.code for table, error in drop.source().discover().refused.items()} == {NUMBERS: "LW-102"}


def test_what_ends_the_transfer_ends_the_stream(drop: Drop) -> None:
    source = drop.source()
    source.current_position()
    shutil.rmtree(drop.root / "in")
    with source.open_stream(FIRST, source.discover().tables, {}) as opened, pytest.raises(SourceError) as caught:
        for _ in opened.flushes():
            pass
    assert caught.value.code == "LW-280"
    assert set(source.inspection.held_back().faults) == {str(drop.root / "in")}
    assert [finding.ok for finding in source.examine()] == [True, False]


def test_a_position_is_asked_for_once_files_stand_still(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
    drop.put("numbers1.csv", 1, at=2**31)
    assert (drop.source(settle=5.0).current_position(), clock[0] >= 5.0) == (Position(2), True)


def test_files_are_waited_for_also_where_the_first_look_takes_long(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks, files = [0.0], list[float](), Folder.files

    def slow(self: Folder) -> list[OriginFile]:
        clock[0] += 0 if looks else 60.0
        looks.append(clock[0])
        return files(self)

    monkeypatch.setattr(Folder, "files", slow)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
    drop.put("numbers1.csv", 1, at=2**31)
    assert (drop.source(settle=5.0).current_position(), len(looks) > 1) == (Position(2), True)


def test_a_load_is_what_the_arrivals_before_it_make(drop: Drop) -> None:
    drop.put("numbers1.csv", 1, 2, at=1)
    drop.put("numbers2.csv", 2, 3, at=2)
    source = drop.source("upsert")
    end = source.current_position()
    schema = next(each for each in source.discover().tables if each.name == NUMBERS)
    for after, expected in ((None, []), (Position(2), [1, 2]), (end, [1, 2, 3])):
        with source.open_load([schema], after=after) as load:
            rows = [number for batch in load.batches(schema) for number in batch.column("number").to_pylist()]
            assert (load.position, sorted(rows)) == (after or FIRST, expected)
    drop.define(DEFINITION.replace("number, type", "other, type"))
    now = dataclasses.replace(
        schema, definition=next(each.definition for each in source.discover().tables if each.name == NUMBERS)
    )
    with source.open_load([now], after=end) as load, pytest.raises(SourceError) as caught:
        for _ in load.batches(now):
            pass
    assert caught.value.code == "LW-262"
    assert "numbers1.csv cannot be read under datasets/numbers.yaml as it is now" in caught.value.message
