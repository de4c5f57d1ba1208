"""Every record of a file is a row or a reject with its place and reason."""

from __future__ import annotations

import datetime
import decimal
import gzip
import random
import re
from pathlib import Path

import pytest

from lakewright.errors import SourceError
from lakewright.sources.files import records, structure
from lakewright.sources.files.dataset import Dataset, Dialect, FileColumn
from lakewright.sources.files.file_reader import read
from lakewright.sources.files.tally import Tally

COLUMNS = (FileColumn("id", "id", "int"), FileColumn("name", "name", "string"), FileColumn("amount", "amount", "decimal(10,2)"))
PLAIN = Dataset("orders", Dialect(), COLUMNS)
HEADER = b"id,name,amount\n"


def taken(tmp_path: Path, content: bytes, dataset: Dataset = PLAIN, name: str = "orders.csv") -> tuple[list, list]:
    """(rows, rejects) as tuples; the line is the last of a row and the first of a reject."""
    path = tmp_path / name
    path.write_bytes(content)
    rows: list = []
    rejects: list = []
    with read(path, dataset, temp=tmp_path.parent / "temp") as reading:
        for piece in reading.pieces():
            rows += [tuple(row.values()) for row in piece.rows.to_pylist()]
            rejects += [tuple(row.values()) for row in piece.rejects.to_pylist()]
        assert (reading.taken, reading.rejected) == (len(rows), len(rejects))
        assert reading.rows_in_file == len(rows) + len(rejects)
    return rows, rejects


def refused(tmp_path: Path, content: bytes, dataset: Dataset = PLAIN, name: str = "orders.csv") -> SourceError:
    with pytest.raises(SourceError) as caught:
        taken(tmp_path, content, dataset, name)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_values_have_their_lake_types(tmp_path: Path) -> None:
    columns = (
        FileColumn("i", "i", "int"),
        FileColumn("b", "b", "bigint"),
        FileColumn("d", "d", "decimal(18,2)"),
        FileColumn("f", "f", "double"),
        FileColumn("t", "t", "boolean"),
        FileColumn("day", "day", "date", format="%d.%m.%Y"),
        FileColumn("at", "at", "timestamp"),
    )
    content = b"i,b,d,f,t,day,at\n-1,9000000000,1.50,1e3,True,31.12.2024,2024-01-02T03:04:05+01:00\n,,,,,,\n"
    rows, rejects = taken(tmp_path, content, Dataset("all", Dialect(), columns))
    at = datetime.datetime(2024, 1, 2, 2, 4, 5, tzinfo=datetime.UTC)
    first = (-1, 9_000_000_000, decimal.Decimal("1.50"), 1000.0, True, datetime.date(2024, 12, 31), at, 2)
    assert rows == [first, (None,) * 7 + (3,)]
    assert rejects == []


def test_a_year_of_two_digits_is_not_one_of_the_first_century(tmp_path: Path) -> None:
    columns = (FileColumn("day", "day", "date", format="%d.%m.%Y"),)
    rows, rejects = taken(tmp_path, b"day\n28.12.24\n28.12.2024\n", Dataset("days", Dialect(), columns))
    assert [row[0] for row in rows] == [datetime.date(2024, 12, 28)]
    assert [reject[2] for reject in rejects] == ["28.12.24"]


def test_quotes_separators_and_line_ends_in_values(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b'1,"a,""b""\nc",1\n2,5" pipe,2\n3,"",3\n')
    assert [row[1] for row in rows] == ['a,"b"\nc', '5" pipe', None]
    assert [row[-1] for row in rows] == [2, 3, 4]
    assert rejects == []


def test_a_value_that_is_none_of_its_type_rejects_its_row(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b'1,a,1.00\nx,"b,c",2\n3,c,1.005\n007,d,4\n5.0,e,5\n6,f,1e2\n7,g,123456789012.00\n')
    assert [row[0] for row in rows] == [1]
    assert rejects[0] == (3, "id", "x", "type: not an int", 'x,"b,c",2')
    assert [(line, column, value) for line, column, value, *_ in rejects[1:]] == [
        (4, "amount", "1.005"),
        (5, "id", "007"),
        (6, "id", "5.0"),
        (7, "amount", "1e2"),
        (8, "amount", "123456789012.00"),
    ]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int", ["1", "-0", "+5", " 7 "], ["01", "1.0", "1e3", "0x1F", "1_000", "2147483648", "infinity"]),
        ("decimal(5,2)", ["1.5", ".5", "5.", "-1.500", "123.45"], ["1.234", "01.5", "1234.5", "1e1", "1,5"]),
        ("double", ["1", "-1.5e-3", "nan"], ["01", "1,5", "x"]),
        ("boolean", ["true", "F"], ["1", "yes", "0"]),
        ("date", ["2024-02-29"], ["2024-02-30", "infinity", "epoch", "29.02.2024"]),
        (
            "timestamp",
            ["2024-01-02", "2024-01-02 03:04", "2024-01-02 03:04:05", "2024-01-02T03:04:05.123456+02:00", "2024-01-02 03:04:05Z"],
            ["infinity", "epoch", "2024-01-02 03:04:05.1234567", "0044-03-15 (BC) 00:00:00", "2024-01-02 25:00:00", "03:04:05"],
        ),
    ],
)
def test_a_type_takes_its_values_exactly_and_no_others(tmp_path: Path, kind: str, good: list[str], bad: list[str]) -> None:
    dataset = Dataset("one", Dialect(delimiter=";"), (FileColumn("n", "n", "int"), FileColumn("x", "x", kind)))
    content = "n;x\n" + "".join(f"{n};{value}\n" for n, value in enumerate(good + bad))
    rows, rejects = taken(tmp_path, content.encode(), dataset)
    assert [row[0] for row in rows] == list(range(len(good)))
    assert [reject[2] for reject in rejects] == bad


def test_a_rejected_row_is_written_again_as_it_can_be_read(tmp_path: Path) -> None:
    record = 'x,"two\nlines, ""quoted"" \\",1'
    _, rejects = taken(tmp_path, HEADER + record.encode() + b"\n")
    assert rejects[0][4] == record


def test_ragged_records_are_rejected_as_they_stand(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b"1,a,1\n2,b\n3,c,3,3\n4,d,4\n5\n")
    assert [(row[0], row[-1]) for row in rows] == [(1, 2), (4, 5)]
    assert [(line, reason, text) for line, _, _, reason, text in rejects] == [
        (3, "columns: 2 instead of 3", "2,b"),
        (4, "columns: 4 instead of 3", "3,c,3,3"),
        (6, "columns: 1 instead of 3", "5"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("inside", ["\n", "\r\n"])
def test_ragged_records_and_line_ends_in_values_are_told_apart(tmp_path: Path, end: str, inside: str) -> None:
    lines = ["id,name,amount", "1,a,1.5", "2,b", f'3,"x{inside}y",2.5', f'4,"x{inside}y"', "5,e,3.5"]
    rows, rejects = taken(tmp_path, end.join([*lines, ""]).encode())
    assert ([row[0] for row in rows], [reject[-1][0] for reject in rejects]) == ([1, 3, 5], ["2", "4"])


def test_text_behind_a_quote_and_broken_bytes_are_rejected(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b'1,"a"b,1\n2,\xff\xfe,2\n3,c,3\n')
    assert [row[0] for row in rows] == [3]
    assert [(line, reason.split(":")[0]) for line, _, _, reason, _ in rejects] == [(2, "quotes"), (3, "encoding")]


def test_a_header_in_the_middle_is_no_row(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b"1,a,1\n" + HEADER + b"2,b,2\n")
    assert [row[-1] for row in rows] == [2, 4]
    assert [(line, reason) for line, _, _, reason, _ in rejects] == [(3, "header: the header once more")]


def test_comment_lines_do_not_count(tmp_path: Path) -> None:
    dataset = Dataset("orders", Dialect(comment="#", skip=1), COLUMNS)
    rows, rejects = taken(tmp_path, b"# export\n" + HEADER + b"1,a,1\n# one\n# two,2,3\n2,b,2\n3,c\n", dataset)
    assert [(row[0], row[-1]) for row in rows] == [(1, 3), (2, 6)]
    assert [reject[0] for reject in rejects] == [5, 7]  # beside other values it may be one of them


def test_blank_lines_do_not_count(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b"1,a,1\n\n2,b,2\n\n\n")
    assert [row[0] for row in rows] == [1, 2]
    assert rejects == []


def test_nul_bytes_in_text_stay_and_a_torn_end_is_rejected(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b"1,a\x00b,1\n" + b"\x00" * 5000)
    assert [row[1] for row in rows] == ["a\x00b"]
    assert len(rejects) == 1


def test_columns_go_by_their_names(tmp_path: Path) -> None:
    rows, _ = taken(tmp_path, b"amount,id,name\n1.5,7,x\n")
    assert rows == [(7, "x", decimal.Decimal("1.50"), 2)]


def test_local_numbers_and_separators(tmp_path: Path) -> None:
    dataset = Dataset("orders", Dialect(delimiter=";", decimal=",", thousands="."), COLUMNS)
    rows, rejects = taken(tmp_path, b"id;name;amount\n1.234;a;1.234,56\n2;b;12,5\n3;c;1.23,5\n", dataset)
    assert [(row[0], row[2]) for row in rows] == [(1234, decimal.Decimal("1234.56")), (2, decimal.Decimal("12.50"))]
    assert [reject[2] for reject in rejects] == ["1.23,5"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    dataset = Dataset("orders", Dialect(encoding=encoding.removesuffix("-sig")), COLUMNS)
    rows, rejects = taken(tmp_path, "id,name,amount\n1,Zoë,1\n2,x\n".encode(encoding), dataset)
    assert [row[1] for row in rows] == ["Zoë"]
    assert len(rejects) == 1


def test_a_file_with_only_a_header_has_no_rows(tmp_path: Path) -> None:
    assert taken(tmp_path, HEADER) == ([], [])
    assert taken(tmp_path, HEADER.rstrip()) == ([], [])


def test_a_file_with_rejects_alone(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b"1\n2\n")
    assert rows == []
    assert [reject[0] for reject in rejects] == [2, 3]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, b"").code == "LW-260"
    assert refused(tmp_path, b"\n\n").code == "LW-260"


def test_a_file_that_does_not_fit_says_how(tmp_path: Path) -> None:
    error = refused(tmp_path, b"id,title,amount\n1,a,1\n")
    assert (error.code, error.where) == ("LW-262", "orders.csv:1")
    assert "column name is missing; column title is new" in error.message
    assert "separator" in refused(tmp_path, b"id;name;amount\n1;a;1\n").message
    assert "stands twice" in refused(tmp_path, b"id,name,amount,id\n1,a,1,1\n").message
    assert refused(tmp_path, HEADER.decode().encode("utf-16")).code == "LW-262"


@pytest.mark.parametrize("first", [b"7,Anna,9.5\n", b"7,Anna,9.5,more\n", b"7,Anna\n", b"7,name,9.5\n"])
def test_a_row_that_stands_where_the_header_should_is_not_shown(tmp_path: Path, first: bytes) -> None:
    message = refused(tmp_path, first + b"8,Berta,1\n").message
    assert "column id" in message
    assert "of the 3 columns: is it a row" in message
    assert not re.search("Anna|9.5|more", message)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gzip.compress(HEADER + b"1,a,1\n"), "it is packed with gzip, and the dataset's files are not packed"),
        (b"\x28\xb5\x2f\xfd", "it is packed with zstd, and the dataset's files are not packed"),
        (b"PAR1" + b"\x00" * 20, "it is Parquet, and the dataset's files are csv"),
        ((HEADER + b"1,a,1\n").decode().encode("utf-16"), "it is in utf-16, and the dataset's files are in utf-8"),
    ],
    ids=["gzip", "zstd", "Parquet", "utf-16"],
)
def test_a_file_that_is_written_otherwise_is_told_so(tmp_path: Path, content: bytes, told: str) -> None:
    error = refused(tmp_path, content)
    assert (error.code, error.message) == ("LW-262", f"the file does not fit the dataset orders: {told}")


def test_the_text_of_a_reject_is_without_line_ends(tmp_path: Path) -> None:
    _, rejects = taken(tmp_path, b"id,name,amount\r\n1,a,1\r\n2,b\r\n3,c,3,3\r\n4,d,4\r\n")
    assert [(line, text) for line, *_, text in rejects] == [(3, "2,b"), (4, "3,c,3,3")]


@pytest.mark.parametrize("content", [b"1,a,1\r\n2,b,2\n", b"1,a\rb,1\n"])
def test_line_ends_of_several_kinds_are_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, HEADER + content).code == "LW-268"


def test_a_separator_behind_the_last_value_is_no_column(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b"1,a,1,\n2,b,2,\n")
    assert [row[0] for row in rows] == [1, 2]
    assert rejects == []


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, b",".join(b"c%d" % n for n in range(100_000)) + b"\n").code == "LW-261"


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, b"x" * (2 << 20)).code == "LW-272"
    of_macintosh = refused(tmp_path, b"id,name\r1,a\r2,b\r")
    assert (of_macintosh.code, of_macintosh.message) == ("LW-268", "the file's lines end with a carriage return alone")
    assert "tr '\\r' '\\n'" in (of_macintosh.hint or "")
    assert refused(tmp_path, b"x" * 100 + b"\r" * (2 << 20)).code == "LW-268"


def test_a_line_over_the_limit_is_rejected_with_its_start(tmp_path: Path) -> None:
    long = b"2," + b"x" * (records.MAX_LINE + 10) + b",2\n"
    rows, rejects = taken(tmp_path, HEADER + b"1,a,1\n" + long + b"3,c,3\n")
    assert [row[0] for row in rows] == [1, 3]
    ((line, _, _, reason, text),) = rejects
    assert (line, reason.split(":")[0], len(text)) == (3, "length", records.MAX_TEXT)


def test_so_is_a_line_that_no_buffer_holds(tmp_path: Path) -> None:
    long = b"2," + b"x" * (10 * records.MAX_LINE) + b",2\n"
    rows, rejects = taken(tmp_path, HEADER + b"1,a,1\n" + long + b"3,c,3\n")
    assert ([row[0] for row in rows], [reject[0] for reject in rejects]) == ([1, 3], [3])


def test_a_large_file_of_another_shape_is_refused_by_its_start(tmp_path: Path) -> None:
    error = refused(tmp_path, HEADER + b"1,a,1\n" * 1000 + b"1,some name,1,x\n" * 600_000)
    assert error.code == "LW-269"
    assert "of the first" in error.message


@pytest.mark.parametrize("rows", [20_000, 2_000_000])
def test_an_open_quote_that_hides_the_rows_behind_it_refuses_the_file(tmp_path: Path, rows: int) -> None:
    error = refused(tmp_path, HEADER + b'1,a,1\n2,"b,2\n' + b"3,c,3\n" * rows)
    assert (error.code, error.where) == ("LW-267", "orders.csv:3")


def test_of_an_open_quote_every_line_that_it_takes_is_a_reject(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b'1,a,1\n2,"b,2\n3,c,3\r\n\n4,d,4\n')
    assert [row[0] for row in rows] == [1]
    assert [(reject[0], reject[4]) for reject in rejects] == [(3, '2,"b,2'), (4, "3,c,3"), (5, "4,d,4")]
    assert [reject[3] for reject in rejects][1:] == ["quotes: of the record that begins in line 3"] * 2


def test_lines_behind_a_record_of_broken_quotes_keep_their_numbers(tmp_path: Path) -> None:
    rows, rejects = taken(tmp_path, HEADER + b'1,a,1\n2,"b,2\n3,c,3\n4,"d",4\n5,e,5\n6,f\n7,g,7\n8,"h"i\n9,"j')
    assert [(row[0], row[-1]) for row in rows] == [(1, 2), (5, 6), (7, 8)]
    assert [reject[0] for reject in rejects] == [3, 4, 5, 7, 9, 10]


def test_blank_lines_hide_no_line_behind_an_open_quote(tmp_path: Path) -> None:
    error = refused(tmp_path, HEADER + b'1,a,1\n\n2,"b\nb",2\n2,"b,2\n' + b"3,c,3\n\n" * 20_000)
    assert (error.code, error.where) == ("LW-267", "orders.csv:6")


@pytest.mark.parametrize("shift", [0, 9])
def test_what_looks_like_rows_inside_of_a_value_is_none(tmp_path: Path, shift: int) -> None:
    record, count = b'1,"two\n7,b,7\n7,b,7\nrows",1\n', 3 * records.MAX_LINE // 28
    rows, rejects = taken(tmp_path, HEADER + b"1," + b"x" * shift + b",1\n" + record * count)
    assert [row[0] for row in rows] == [1] * (1 + count)
    assert rejects == []


def test_records_that_are_no_lines_of_the_file_refuse_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "tally", lambda *_, **__: Tally(2, utf8=True, cut=False))
    error = refused(tmp_path, HEADER + b"1,a,1\n2,b,2\n")
    assert (error.code, error.where) == ("LW-270", "orders.csv")


@pytest.mark.parametrize("broken", [b'2,"b"x,2\n', b'2,"b\n3,c,3\n4,"d",4\n'])
@pytest.mark.parametrize("at", [0, 6, 7, 20])
def test_broken_quotes_are_rejected_as_they_stand_wherever_that_is(tmp_path: Path, broken: bytes, at: int) -> None:
    start = 4 * records.MAX_LINE - at - len(HEADER)
    good = b"1," + b"a" * (start % 1000 + 994) + b",1\n" + (b"1," + b"a" * 995 + b",1\n") * (start // 1000 - 1)
    rows, rejects = taken(tmp_path, HEADER + good + broken + b"5,e,5\n" * 1000)
    assert len(rows) == start // 1000 + 1000
    assert [reject[4].encode() + b"\n" for reject in rejects] == broken.splitlines(keepends=True)


def test_lines_grow_are_distinct_and_stay(tmp_path: Path) -> None:
    chance, lines, broken, record = random.Random(3), [HEADER], {}, 2
    for number in range(120_000):
        draw = chance.random()
        if draw < 0.01:
            lines.append(chance.choice([b"%d,x\n", b'%d,"a"b,5\n', b"%d,\xff,1\n", b"%d,a,1,1\n", b"%d,a,bad\n"]) % number)
            broken[number] = record
        else:
            lines.append((b'%d,"two\nlines",1\n' if draw < 0.05 else b"%d,a name " + b"that is long " * 8 + b",1.00\n") % number)
        record += 1
    content = b"".join(lines)
    rows, rejects = taken(tmp_path, content)
    assert [row[-1] for row in rows] == [row[0] + 2 for row in rows]
    assert [reject[0] for reject in rejects] == list(broken.values())
    assert (rows, rejects) == taken(tmp_path, content)
