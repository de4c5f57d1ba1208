"""The definition of a dataset is changed after files of it were read: each keeps the one it was read under, and that is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakewright.errors import LakewrightError, StorageError
from lakewright.model.contracts import Flush
from lakewright.pipeline.lake import Lake
from lakewright.raw.writer import LogWriter
from lakewright.sources.files.stream import FilesStream

LAKE = """
lake: t
sources:
  drop:
    kind: files
    path: in
    settle: 1ms
    datasets:
      orders: {files: "orders*.csv", limit: 90%}
      people: {files: "people*.csv", mode: upsert, key: [id], limit: 90%}
"""
MISFIT = "the file does not fit the dataset people: column name is missing"
DAY_FIRST, MONTH_FIRST = "format: '%d/%m/%Y'", "format: '%m/%d/%Y'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "in").mkdir()
    (tmp_path / "datasets").mkdir()
    column = "{name: day, source_name: day, type: date, " + DAY_FIRST + "}"
    (tmp_path / "datasets" / "orders.yaml").write_text(
        f"name: orders\ncolumns:\n- {{name: id, source_name: id, type: int}}\n- {column}\n"
    )
    (tmp_path / "datasets" / "people.yaml").write_text(
        "name: people\ncolumns:\n- {name: id, source_name: id, type: int}\n- {name: born, source_name: born, type: date}\n"
    )
    return tmp_path


def put(folder: Path, name: str, *lines: str) -> None:
    (folder / "in" / name).write_text("\n".join(lines) + "\n")


def redefine(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / "datasets" / f"{name}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def add_name(folder: Path) -> None:
    redefine(folder, "people", "type: date}\n", "type: date}\n- {name: name, source_name: name, type: string}\n")


def run(folder: Path) -> None:
    with Lake.open(folder) as lake:
        lake.run()


def rows(folder: Path, text: str) -> list[tuple[object, ...]]:
    with Lake.open(folder) as lake, lake.sql(text) as answer:
        found = [row for batch in answer.batches() for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
    return sorted(found, key=str)


def checked(folder: Path) -> dict[str, tuple[str, str | None]]:
    with Lake.open(folder) as lake:
        return {table.table: (table.verdict, table.detail) for table in lake.check("drop").tables}


def told(folder: Path) -> tuple[str | None, list[str]]:
    """What status says of the table, and plan."""
    with Lake.open(folder) as lake:
        (problem,) = (table.problem for table in lake.status().tables if table.table == "orders")
        return problem, [warning for warning in lake.plan().warnings if "orders" in warning]


def resync(folder: Path, name: str | None) -> None:
    with Lake.open(folder) as lake:
        lake.resync(name)


def waiting(folder: Path) -> dict[str, LakewrightError]:
    with Lake.open(folder) as lake:
        return dict(lake.inspection("drop").held_back().faults)


def test_files_that_were_read_under_a_former_definition_are_told_until_a_resync(folder: Path) -> None:
    put(folder, "orders1.csv", "id,day", "1,03/04/2026")
    put(folder, "orders2.csv", "id,day", "2,03/04/2026", "x,03/04/2026")
    run(folder)
    assert told(folder) == (None, [])
    redefine(folder, "orders", DAY_FIRST, MONTH_FIRST)
    put(folder, "orders3.csv", "id,day", "3,03/04/2026")
    run(folder)
    problem, warnings = told(folder)
    message = "2 files were read under a former definition, such as orders1.csv; `lakewright resync orders` reads all anew"
    assert (problem, warnings) == (message, [f"table orders of drop: {message}"])
    assert rows(folder, "SELECT id, CAST(day AS varchar) FROM orders") == [
        (1, "2026-04-03"),
        (2, "2026-04-03"),
        (3, "2026-03-04"),
    ]
    found = checked(folder)
    assert (found["orders"], found["quarantine_orders"]) == (("equal", message), ("equal", message))
    resync(folder, "orders")
    run(folder)
    assert told(folder) == (None, [])
    assert checked(folder)["orders"] == ("equal", None)
    assert {day for _, day in rows(folder, "SELECT id, CAST(day AS varchar) FROM orders")} == {"2026-03-04"}


def test_what_says_nothing_of_the_reading_makes_no_other_definition(folder: Path) -> None:
    put(folder, "orders1.csv", "id,day", "1,03/04/2026")
    run(folder)
    redefine(folder, "orders", "type: int}", "type: int, nullable: false, note: looked at}")
    redefine(folder, "orders", "name: orders\n", "name: orders\nrows: 7\nkeys: [[id]]\n")
    assert told(folder) == (None, [])


def test_a_file_that_was_corrected_since_is_none_of_a_former_definition(folder: Path) -> None:
    put(folder, "orders1.csv", "id,day", "1,03/04/2026")
    run(folder)
    redefine(folder, "orders", DAY_FIRST, MONTH_FIRST)
    assert told(folder)[0] == "1 file was read under a former definition: orders1.csv; `lakewright resync orders` reads all anew"
    put(folder, "orders1.csv", "id,day", "1,03/05/2026")
    run(folder)
    assert told(folder) == (None, [])


def test_a_definition_that_is_edited_under_a_half_read_file_counts_for_all_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "orders1.csv", "id,day", "1,03/04/2026", "x,03/04/2026")
    run(folder)
    put(folder, "orders2.csv", "id,day", "2,03/04/2026", "y,13/04/2026")

    def half(stream: FilesStream, until: object = None) -> object:
        for flush in whole(stream, until):
            yield Flush(flush.batches, (), None, None)
            if flush.batches:
                raise KeyboardInterrupt

    whole = FilesStream.flushes
    with monkeypatch.context() as patch:
        patch.setattr(FilesStream, "flushes", half)
        with pytest.raises(KeyboardInterrupt):
            run(folder)
    redefine(folder, "orders", DAY_FIRST, MONTH_FIRST)
    run(folder)
    assert rows(folder, "SELECT id, CAST(day AS varchar) FROM orders") == [(1, "2026-04-03"), (2, "2026-03-04")]
    assert rows(folder, 'SELECT _file, "column" FROM quarantine_orders') == [("orders1.csv", "id"), ("orders2.csv", "id")]
    assert "1 file was" in (told(folder)[0] or "")
    assert checked(folder)["orders"][0] == checked(folder)["quarantine_orders"][0] == "equal"


def test_a_corrected_file_leaves_files_of_a_former_definition_as_they_were_read(folder: Path) -> None:
    put(folder, "people1.csv", "id,born", "1,1990-12-31", "2,1990-12-30")
    run(folder)
    add_name(folder)
    put(folder, "people2.csv", "id,born,name", "2,1991-12-30,b", "3,1991-12-29,c")
    run(folder)
    put(folder, "people2.csv", "id,born,name", "3,1992-12-29,cc")
    run(folder)
    assert waiting(folder) == {}
    found = [(1, "1990-12-31", None), (2, "1990-12-30", None), (3, "1992-12-29", "cc")]
    assert rows(folder, "SELECT id, CAST(born AS varchar), name FROM people") == found
    assert checked(folder)["people"][0] == "equal"


def test_a_corrected_file_takes_back_the_keys_that_its_former_version_was_read_with(folder: Path) -> None:
    put(folder, "people1.csv", "id,born", "1,1990-12-31", "1.002,1990-12-30")
    redefine(folder, "people", "name: people\n", "name: people\ndialect: {thousands: .}\n")
    run(folder)
    redefine(folder, "people", "thousands: .", "delimiter: ;")
    put(folder, "people1.csv", "id;born", "1;1990-12-31")
    run(folder)
    assert rows(folder, "SELECT id FROM people") == [(1,)]
    assert checked(folder)["people"][0] == "equal"


def test_a_resync_that_an_old_file_does_not_fit_says_which_and_leaves_the_rows(folder: Path) -> None:
    put(folder, "people1.csv", "id,born", "1,1990-12-31")
    run(folder)
    add_name(folder)
    with pytest.raises(LakewrightError) as caught:
        resync(folder, "people")
    error = caught.value
    assert (error.code, error.where) == ("LW-262", "people1.csv:1")
    assert error.message == "people1.csv cannot be read under datasets/people.yaml as it is now: " + MISFIT
    assert "the rows of people stand as they were" in (error.hint or "")
    assert "`lakewright resync people`" in (error.hint or "")
    put(folder, "people2.csv", "id,born,name", "2,1991-12-30,b")
    run(folder)
    assert rows(folder, "SELECT id, name FROM people") == [(1, None), (2, "b")]
    put(folder, "people1.csv", "id,born,name", "1,1990-12-31,a")
    run(folder)
    resync(folder, "people")
    assert rows(folder, "SELECT id, name FROM people") == [(1, "a"), (2, "b")]


def test_a_resync_of_all_that_an_old_file_does_not_fit_leaves_its_rows_and_reads_the_others_anew(folder: Path) -> None:
    put(folder, "people1.csv", "id,born", "1,1990-12-31")
    put(folder, "orders1.csv", "id,day", "1,02/01/2026")
    run(folder)
    add_name(folder)
    redefine(folder, "orders", DAY_FIRST, MONTH_FIRST)
    with pytest.raises(LakewrightError) as caught:
        resync(folder, None)
    assert (caught.value.code, caught.value.where) == ("LW-262", "people1.csv:1")
    run(folder)
    assert rows(folder, "SELECT id FROM people") == [(1,)]
    assert rows(folder, "SELECT CAST(day AS varchar) FROM orders") == [("2026-02-01",)]
    assert waiting(folder) == {}


def test_a_corrected_file_that_a_later_definition_does_not_fit_is_not_blamed_alone(folder: Path) -> None:
    put(folder, "people1.csv", "id,born", "1,1990-12-31")
    run(folder)
    add_name(folder)
    put(folder, "people1.csv", "id,born", "1,1990-12-30")
    run(folder)
    error = waiting(folder)["people1.csv"]
    assert error.message == f"{MISFIT}; its former version, whose rows stand, was read under a former definition"
    assert "datasets/people.yaml" in (error.hint or "")
    assert "`lakewright quarantine accept drop people1.csv`" in (error.hint or "")
    assert rows(folder, "SELECT CAST(born AS varchar) FROM people") == [("1990-12-31",)]
    redefine(folder, "people", "- {name: name, source_name: name, type: string}\n", "")
    with Lake.open(folder) as lake:
        accepted = lake.accept("drop", "people1.csv")
    assert (accepted.taken, waiting(folder)) == (1, {})


def test_a_table_with_another_key_stands_still_until_a_resync(folder: Path) -> None:
    put(folder, "people1.csv", "id,born", "1,1990-12-31", "2,1990-12-31")
    run(folder)
    lake_yaml = folder / "lake.yaml"
    lake_yaml.write_text(lake_yaml.read_text().replace("key: [id]", "key: [born]"))
    put(folder, "people2.csv", "id,born", "3,1990-12-31")
    run(folder)
    with Lake.open(folder) as lake:
        (people,) = (table for table in lake.status().tables if table.table == "people")
    assert people.state == "stopped"
    assert "its key changed from (id) to (born) (LW-242); `lakewright resync " in (people.problem or "")
    assert rows(folder, "SELECT id FROM people") == [(1,), (2,)]
    resync(folder, "people")
    run(folder)
    assert len([*(folder / "curated").glob("people*")]) == 2
    assert rows(folder, "SELECT id FROM people") == [(3,)]
    assert checked(folder)["people"] == ("equal", None)


def test_another_meaning_of_deleted_rows_is_told(folder: Path) -> None:
    put(folder, "people1.csv", "id,born", "1,1990-12-31", "2,1990-12-30")
    run(folder)
    lake_yaml = folder / "lake.yaml"
    lake_yaml.write_text(lake_yaml.read_text().replace("mode: upsert", 'mode: delta, deleted: "born = 1990-12-30"'))
    put(folder, "people2.csv", "id,born", "3,1990-12-30")
    run(folder)
    assert rows(folder, "SELECT id FROM people") == [(1,), (2,)]
    verdict, detail = checked(folder)["people"]
    assert (verdict, "1 file was read under a former definition: people1.csv" in (detail or "")) == ("equal", True)
    resync(folder, "people")
    assert rows(folder, "SELECT id FROM people") == [(1,)]
    assert checked(folder)["people"] == ("equal", None)


@pytest.mark.parametrize("mode", ["append", "upsert, key: [id]", "snapshot"])
def test_a_file_that_is_given_to_another_dataset_leaves_the_first_ones_table(folder: Path, mode: str) -> None:
    lake_yaml = folder / "lake.yaml"
    lake_yaml.write_text(LAKE.replace('orders: {files: "orders*.csv"', 'orders: {files: "orders*.csv", mode: ' + mode))
    put(folder, "orders1.csv", "id,day", "1,03/04/2026")
    put(folder, "orders2.csv", "id,day", "2,03/04/2026", "x,03/04/2026")
    run(folder)
    lake_yaml.write_text(
        lake_yaml.read_text().replace('"orders*.csv"', "orders1.csv") + '      others: {files: "orders2.csv", limit: 90%}\n'
    )
    run(folder)
    assert rows(folder, "SELECT id FROM orders") == [(1,)]
    assert rows(folder, "SELECT _file FROM quarantine_orders") == []
    assert rows(folder, "SELECT id FROM others") == [("2",), ("x",)]
    assert {verdict for verdict, _ in checked(folder).values()} == {"equal"}


def test_rows_that_were_rejected_under_a_former_definition_are_replayed_after_a_resync(folder: Path) -> None:
    put(folder, "orders1.csv", "id,day", "1,03/04/2026", "x,05/04/2026")
    run(folder)
    redefine(folder, "orders", "name: orders\n", "name: orders\ndialect: {delimiter: ;}\n")
    rejected = folder / "rejected.csv"
    with Lake.open(folder) as lake:
        lake.export("orders", rejected)
    assert rejected.read_text().splitlines()[1].endswith(",x,05/04/2026")
    rejected.write_text(rejected.read_text().replace(",x,", ",2,"))
    with Lake.open(folder) as lake, pytest.raises(LakewrightError) as caught:
        lake.replay("orders", rejected)
    assert caught.value.code == "LW-289"
    assert "`lakewright resync orders`" in (caught.value.hint or "")
    assert waiting(folder) == {}
    redefine(folder, "orders", "delimiter: ;", "delimiter: ','")
    with Lake.open(folder) as lake:
        assert lake.replay("orders", rejected).taken == 1


def test_a_row_that_was_corrected_and_fits_by_itself_now_is_there_once(folder: Path) -> None:
    put(folder, "orders1.csv", "id,day", "1,03/04/2026", "2,2026-04-05", "3,04/04/2026")
    run(folder)
    rejected = folder / "rejected.csv"
    with Lake.open(folder) as lake:
        lake.export("orders", rejected)
        rejected.write_text(rejected.read_text().replace("2026-04-05", "05/04/2026"))
        assert lake.replay("orders", rejected).taken == 1
    redefine(folder, "orders", f"date, {DAY_FIRST}", "string")
    resync(folder, "orders")
    run(folder)
    assert rows(folder, "SELECT id, day FROM orders") == [(1, "03/04/2026"), (2, "05/04/2026"), (3, "04/04/2026")]
    assert rows(folder, "SELECT _line FROM quarantine_orders") == []
    assert {verdict for verdict, _ in checked(folder).values()} == {"equal"}
    assert counted(folder) == (3, 3, 3, 0)


def test_a_resync_counts_anew_what_was_taken(folder: Path) -> None:
    put(folder, "orders1.csv", "id,day", "1,03/04/2026", "2,04/25/2026", "3,2026-04-05")
    put(folder, "orders2.csv", "id,day", "4,05/04/2026", "x,05/04/2026")
    run(folder)
    assert counted(folder) == (5, 2, 2, 3)
    redefine(folder, "orders", DAY_FIRST, MONTH_FIRST)
    resync(folder, "orders")
    run(folder)
    assert counted(folder) == (5, 3, 3, 2)
    redefine(folder, "orders", f"date, {MONTH_FIRST}", "string")
    resync(folder, None)
    run(folder)
    assert counted(folder) == (5, 4, 4, 1)


@pytest.mark.parametrize(("dies", "found"), [("before", (5, 2, 2, 3)), ("after", (5, 3, 3, 2))])
def test_a_resync_that_dies_counts_what_the_log_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch, dies: str, found: tuple[int, ...]
) -> None:
    """Just before or just after the manifest that makes its rows count."""
    put(folder, "orders1.csv", "id,day", "1,03/04/2026", "2,04/25/2026", "3,2026-04-05")
    put(folder, "orders2.csv", "id,day", "4,05/04/2026", "x,05/04/2026")
    run(folder)
    redefine(folder, "orders", DAY_FIRST, MONTH_FIRST)
    append_load = LogWriter.append_load

    def dying(writer: LogWriter, *args: Any, **kwargs: Any) -> None:
        if dies == "after":
            append_load(writer, *args, **kwargs)
        raise StorageError("LW-304", "this process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(LogWriter, "append_load", dying)
        with pytest.raises(StorageError):
            resync(folder, "orders")
    assert counted(folder) == found


def counted(folder: Path) -> tuple[int | None, ...]:
    """Of the orders: the rows in files, of those taken, in the table, rejected."""
    with Lake.open(folder) as lake:
        (found,) = (each for each in lake.quarantine().datasets if each.dataset == "orders")
    return found.in_files, found.taken, found.rows, found.rejected
