"""What is inferred from a whole file is true of all of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from lakewright.errors import SourceError
from lakewright.model.types import is_lake_type
from lakewright.sources.files import infer as infer_module
from lakewright.sources.files import kinds
from lakewright.sources.files.dataset import Dataset, FileColumn, lake_names
from lakewright.sources.files.file_reader import read
from lakewright.sources.files.infer import SAMPLE, infer


def inferred(tmp_path: Path, content: bytes | str, name: str = "orders.csv") -> Dataset:
    """The dataset of a file, after it was read by it: the counts hold and no value is rejected."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = infer(path, "orders", temp=tmp_path.parent / "temp")
    assert Dataset.from_json(json.loads(json.dumps(found.to_json()))) == found
    with read(path, found, temp=tmp_path.parent / "temp") as reading:
        reasons = {reason for piece in reading.pieces() for reason in piece.rejects.column("reason").to_pylist()}
    assert reading.taken == found.rows
    assert not any(reason.startswith("type") for reason in reasons)
    return found


def column(tmp_path: Path, *values: str) -> FileColumn:
    """What is inferred of a column with these values, beside a number."""
    return inferred(tmp_path, "".join(f"{line}\n" for line in ["n;x", *(f"{n};{v}" for n, v in enumerate(values))])).columns[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "-2"), "int"),
        (("1", "12345678901"), "bigint"),
        (("12345678901234567890", "1"), "decimal(38,0)"),
        (("1234567890123456789012345", "1"), "string"),
        (("1", "2.50"), "decimal(18,2)"),
        (("12345678901234567.50", "1"), "decimal(38,2)"),
        (("1e5", "2.5"), "double"),
        (("04109", "10115"), "string"),
        (("true", "False"), "boolean"),
        (("2024-01-31", "2024-02-01"), "date"),
        (("2024-01-31 10:00", "2024-02-01T11:00:01.5Z"), "timestamp"),
        (("a", "1"), "string"),
        (("", ""), "string"),
    ],
)
def test_the_narrowest_type_that_loses_nothing(tmp_path: Path, values: tuple[str, ...], expected: str) -> None:
    found = column(tmp_path, *values)
    assert is_lake_type(found.type)
    assert (found.type, found.note) == (expected, None)


def test_all_rows_count_and_not_a_sample(tmp_path: Path) -> None:
    found = column(tmp_path, *["1"] * SAMPLE, "2.5", *["1"] * 10)
    assert found.type == "decimal(18,1)"
    found = column(tmp_path, *["1"] * SAMPLE, "unknown")
    assert (found.type, found.note) == ("string", "text: 1 of 2,001 values are not a number")


def test_a_note_has_the_format_that_the_other_values_are_written_in_and_stands_where_the_limit_would_let_the_rest_in(
    tmp_path: Path,
) -> None:
    found = column(tmp_path, *["31.12.2024"] * 19, "31.02.2024", "soon")
    assert (found.type, found.note) == ("string", "text: 2 of 21 values are not a date written as %d.%m.%Y")
    found = column(tmp_path, *["2024-12-31"] * 9, "soon")
    assert (found.type, found.note) == ("string", "text: 1 of 10 values are not a date")
    assert column(tmp_path, *["2024-12-31"] * 8, "soon").note is None


def test_local_numbers(tmp_path: Path) -> None:
    found = inferred(tmp_path, "n;price\n1;1.234,56\n2;0,5\n")
    assert (found.dialect.decimal, found.dialect.thousands, found.columns[1].type) == (",", ".", "decimal(18,2)")
    found = inferred(tmp_path, 'n,price\n1,"1,234.56"\n2,0.5\n')
    assert (found.dialect.decimal, found.dialect.thousands, found.columns[1].type) == (".", ",", "decimal(18,2)")


def test_the_order_of_day_and_month_is_decided_by_the_data_or_not_at_all(tmp_path: Path) -> None:
    assert column(tmp_path, "01/02/2024", "31/12/2024").format == "%d/%m/%Y"
    assert column(tmp_path, "01/02/2024 10:00", "12/31/2024 11:30").format == "%m/%d/%Y %H:%M"
    assert column(tmp_path, "01.02.2024", "02.03.2024").format == "%d.%m.%Y"
    unclear = column(tmp_path, "01/02/2024", "03/04/2024")
    assert (unclear.type, unclear.note) == ("string", "text: day and month cannot be told apart in any value")
    both = inferred(tmp_path, "a,b\n01/02/2024,31/12/2024\n03/04/2024,01/01/2024\n")
    assert [c.format for c in both.columns] == ["%d/%m/%Y", "%d/%m/%Y"]


def test_spellings_of_null_are_listed_where_they_cannot_be_text(tmp_path: Path) -> None:
    found = column(tmp_path, "1", "N/A", "-", "\\N", "NULL", "")
    assert (found.type, found.nullable, set(found.nulls)) == ("int", True, {"N/A", "-", "\\N", "NULL"})
    country = column(tmp_path, "DE", "NA", "NULL")
    assert (country.type, country.nulls) == ("string", ("NULL",))
    assert column(tmp_path, "1", "2").nullable is False


def test_keys_are_unique_and_the_likeliest_comes_first(tmp_path: Path) -> None:
    found = inferred(tmp_path, "email,order_id,city\na@x,1,X\nb@x,2,X\nc@x,3,Y\n")
    assert found.keys == (("order_id",), ("email",))
    found = inferred(tmp_path, "order_id,line,city\n1,1,X\n1,2,X\n2,1,X\n")
    assert found.keys == (("order_id", "line"),)
    assert inferred(tmp_path, "a,b\n1,1\n1,1\n").keys == ()


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [
        (",", "utf-8"),
        (";", "utf-8-sig"),
        ("\t", "utf-16"),
        ("|", "utf-16-le"),
        (",", "utf-16-be"),
        (";", "latin-1"),
        ("|", "cp1252"),
    ],
)
def test_separator_and_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    sign = "€" if encoding != "latin-1" else "é"
    lines = ["id,name,note", f"1,Zoë,{sign}", '2,"x,y",z']
    text = "\r\n".join(line.replace(",", delimiter) for line in lines)
    found = inferred(tmp_path, text.encode(encoding))
    assert found.dialect.delimiter == delimiter
    assert found.dialect.encoding == encoding.removesuffix("-sig")
    assert [c.name for c in found.columns] == ["id", "name", "note"]


def test_a_few_broken_bytes_do_not_make_another_encoding(tmp_path: Path) -> None:
    content = b"id,name\n" + "1,Zoë\n".encode() * 50 + b"2,\xff\n"
    found = inferred(tmp_path, content)
    assert (found.dialect.encoding, found.rows) == ("utf-8", 50)


def test_lines_before_the_header_and_comments(tmp_path: Path) -> None:
    found = inferred(tmp_path, "Orders of May\n\n# made by hand\nid,name,x\n1,a,b\n# one\n2,c,d\n")
    assert (found.dialect.skip, found.dialect.comment, found.rows) == (3, "#", 2)


def test_a_header_in_the_middle_decides_no_type(tmp_path: Path) -> None:
    found = inferred(tmp_path, "id,name\n1,a\nid,name\n2,b\n")
    assert (found.columns[0].type, found.rows) == ("int", 2)


def test_a_file_without_header(tmp_path: Path) -> None:
    found = inferred(tmp_path, "1,a,2.5\n2,b,3.5\n")
    assert found.dialect.header is False
    assert [c.source_name for c in found.columns] == ["column_1", "column_2", "column_3"]
    assert found.rows == 2


def test_names_are_legal_and_distinct() -> None:
    headers = ["Order ID", "order-id", "Größe", "2nd", "", "Op", "_line", "§"]
    assert lake_names(headers) == ["order_id", "order_id_2", "gr_e", "_2nd", "column_5", "op_2", "line", "column_8"]


@pytest.mark.parametrize(("content", "code"), [(b"", "LW-260"), (b"id,name\n", "LW-260"), (b"\x00" * 10_000, "LW-266")])
def test_what_tells_nothing_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        inferred(tmp_path, content)
    assert caught.value.code == code


def test_no_row_is_taken_for_a_comment_or_a_title(tmp_path: Path) -> None:
    """Neither where it begins with #, nor where the header does, nor where the header is too short."""
    colours = infer_of(tmp_path, b"color,n\nred,1\n#fff,2\n#000,3\nblue,4\n")
    assert (colours.rows, colours.dialect.comment) == (4, None)
    marked = infer_of(tmp_path, b"#name,city\nbob,paris\nal,rome\nzed,oslo\n")
    assert (marked.rows, [column.source_name for column in marked.columns]) == (3, ["#name", "city"])
    with pytest.raises(SourceError):
        infer_of(tmp_path, b"name,city\nbob,paris,x\nal,rome,y\nzed,oslo,z\n")


@pytest.mark.parametrize("header", [b",name,city", b"id,name,name", b"name,city,2024"])
def test_one_odd_name_makes_no_header_a_row(tmp_path: Path, header: bytes) -> None:
    assert infer_of(tmp_path, header + b"\n0,bob,paris\n1,al,rome\n").rows == 2


def infer_of(tmp_path: Path, content: bytes) -> Dataset:
    path = tmp_path / "given.csv"
    path.write_bytes(content)
    return infer(path, "given", temp=tmp_path.parent / "temp")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("id;p\n1;1,234\n2;5,678\n", "text: ',' may part thousands or decimals in its numbers"),
        ("id;p;q\n1;1,5;1.5\n2;2,25;2.25\n", "text: its numbers have the decimal separator ',', and those of the file '.'"),
        ("id;p\n1;x\n" + "2;1.234,50\n" * 300, "text: 1 of 301 values are not a number with the decimal separator ','"),
    ],
)
def test_numbers_in_another_style_than_the_file_has_are_text_with_a_note(tmp_path: Path, text: str, note: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    column = infer(tmp_path / "a.csv", "a", temp=tmp_path.parent / "temp").columns[1]
    assert (column.type, column.note) == ("string", note)


def test_kinds_that_cannot_be_are_not_asked_about_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [
        "7",
        "1.5",
        "1,5",
        "2024-01-02",
        "02.01.2024",
        "01/13/2024 10:20",
        "2024-01-02T03:04:05Z",
        "true",
        "-",
        "inf",
        "x",
        "",
    ]
    chance = random.Random(5)
    columns = [chance.sample(values, chance.randint(1, 3)) for _ in range(24)]
    rows = [[chance.choices(some, [30, 2, 1][: len(some)])[0] for some in columns] for _ in range(60)]
    text = "\n".join([";".join(f"c{number}" for number in range(24)), *map(";".join, rows)]) + "\n"
    path, asked, look = tmp_path / "a.csv", [], infer_module._look
    path.write_text(text)

    def noted(connection: Any, source: str, some: list[Any]) -> Any:
        asked.append(sum(len(kinds) for _, kinds in some))
        return look(connection, source, some)

    monkeypatch.setattr(infer_module, "_look", noted)
    found = infer(path, "a", temp=tmp_path.parent / "temp")
    monkeypatch.setattr(infer_module, "_possible", lambda _, __, places: [(place, kinds.KINDS) for place in places])
    assert infer(path, "a", temp=tmp_path.parent / "temp") == found
    assert asked[0] < asked[1] / 2
    assert len({column.type for column in found.columns}) > 5
