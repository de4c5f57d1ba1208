"""How results look: JSON that is exact, boxes and lines that no value can break."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pty
import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pytest

from lakewright.cli import output
from lakewright.cli.rendering import to_cell, to_json, to_text
from lakewright.model.position import Position

UTC = datetime.UTC


@dataclasses.dataclass(frozen=True)
class Item:
    name: str
    rows: int | None
    lag_bytes: int = 0
    lag_seconds: float | None = None
    note: str | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    position: Position
    items: tuple[Item, ...]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Position(255, 3), "00000000000000FF.0000000003"),
        (Decimal("12.500"), "12.500"),
        (Decimal("1E+3"), "1000"),
        (datetime.datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC), "2026-01-31T12:00:00.000005Z"),
        (datetime.datetime(2026, 1, 31, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=2))), "2026-01-31T12:00:00Z"),
        (datetime.datetime(2026, 1, 31, 12), "2026-01-31T12:00:00"),
        (datetime.date(2026, 1, 31), "2026-01-31"),
        (b"\x00\xff", "AP8="),
        (float("nan"), None),
        (True, True),
        ({"a": (1, None)}, {"a": [1, None]}),
        (Item("x", 1), {"name": "x", "rows": 1, "lag_bytes": 0, "lag_seconds": None, "note": None}),
    ],
)
def test_json_values(value, expected):
    assert to_json(value) == expected


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "NULL"),
        (True, "true"),
        (1234567, "1234567"),
        (b"\x01\xab", "01 ab"),
        (datetime.datetime(2026, 1, 31, 12, 0, 0, 120_000), "2026-01-31 12:00:00.120"),
        (datetime.datetime(2026, 1, 31, 12, 0, 0, 120_001, tzinfo=UTC), "2026-01-31 12:00:00.120001 UTC"),
        (Decimal("0E-10"), "0.0000000000"),
        ("a\x1b[31m\nb\tc\x9b", "a\\x1b[31m\\nb\\tc\\x9b"),
    ],
)
def test_cells_are_exact_and_cannot_steer_a_terminal(value, cell):
    assert to_cell(value) == cell


def test_texts_for_people():
    assert [to_text(1_234_567), to_text(1_234_567, "bytes"), to_text(12, "bytes"), to_text(61.25, "seconds")] == [
        "1,234,567",
        "1.2 MB",
        "12 B",
        "61.2 s",
    ]
    assert to_text({"id": 5, "name": None}) == "id=5  name=NULL"


def test_a_result_is_lines_and_a_table_without_its_empty_columns(capsys):
    output.show(Report(Position(1, 0), (Item("orders", 1000, 1500), Item("parts", None))))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "position: 0000000000000001.0000000000",
        "items:",
        "name     rows  lag bytes",
        "orders  1,000     1.5 KB",
        "parts                0 B",
    ]


def test_a_record_in_a_record_is_shown_by_its_plain_fields(capsys):
    @dataclasses.dataclass(frozen=True)
    class Merged:
        table: str
        item: Item | None

    output.show_records([Merged("a", None), Merged("b", Item("x", 2))])
    assert capsys.readouterr().out.splitlines() == ["table  name  rows  lag bytes", "a", "b      x        2        0 B"]


def test_columns_stand_in_the_order_of_the_fields_also_where_the_first_record_has_no_record_in_it(capsys):
    @dataclasses.dataclass(frozen=True)
    class Merged:
        table: str
        item: Item | None
        paused: bool

    output.show_records([Merged("a", None, False), Merged("b", Item("x", 2), False)])
    assert capsys.readouterr().out.splitlines()[0].split()[:3] == ["table", "name", "rows"]


def test_sentences_stand_on_lines_and_words_beside_their_name(capsys):
    @dataclasses.dataclass(frozen=True)
    class Found:
        key: tuple[str, ...]
        warnings: tuple[str, ...]
        nothing: tuple[str, ...] = ()

    output.show(Found(("a", "b"), ("one thing", "another")))
    assert capsys.readouterr().out == "key: a, b\nwarnings:\n  one thing\n  another\n"


def test_a_result_as_json_is_one_line(capsys):
    output.show_json(Report(Position(1, 0), (Item("é", 1),)))
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert json.loads(text)["items"][0]["name"] == "é"


def batches(count: int = 1, **columns: list) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pydict(columns)] * count


def test_json_cannot_steer_a_terminal(capsys):
    text = "".join(map(chr, range(160))) + "é"
    output.show_json([text])
    output.show_rows("json", ["a"], batches(a=[text]))
    printed = capsys.readouterr().out
    assert not {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160))} & set(printed)
    assert "é" in printed
    one, rest = printed.split("\n", 1)
    assert (json.loads(one), json.loads(rest)) == ([text], [{"a": text}])


def test_csv_tells_null_from_an_empty_text(capsys):
    rows = batches(a=[1, None, 3, 4], b=["x", "", None, 'say "hi",\nyou'])
    assert output.show_rows("csv", ["a", "b"], rows) is None
    assert capsys.readouterr().out == 'a,b\n1,x\n,""\n3,\n4,"say ""hi"",\nyou"\n'


def test_json_rows_keep_columns_of_one_name(capsys):
    row = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2]), pa.array([Decimal("1.50")])], names=["a", "a", "b"])
    output.show_rows("json", ["a", "a", "b"], [row, row])
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "a_2": 2, "b": "1.50"}] * 2


def test_no_rows_are_an_empty_list_and_an_empty_box(capsys):
    output.show_rows("json", ["a"], [])
    assert json.loads(capsys.readouterr().out) == []
    assert output.show_rows("box", ["a"], []) == "0 rows"
    assert "a" in capsys.readouterr().out


def test_a_box_shows_the_first_rows_and_says_so(capsys):
    told = output.show_rows("box", ["a"], batches(3, a=list(range(500))))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == output.BOX_ROWS + 4
    assert told == "more than 1,000 rows; only the first 1,000 are shown, --format csv or json gives all"


def test_a_box_is_never_cut_to_a_width_and_takes_markup_as_text(capsys):
    output.show_rows("box", ["a"], batches(a=["[bold]" + "x" * 500]))
    assert "│ [bold]" + "x" * 500 + " │" in capsys.readouterr().out


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere():
    code = (
        "from lakewright.cli.console import progress\n"
        "from lakewright.errors import SourceError\n"
        "from lakewright.model.names import TableName\n"
        "from lakewright.pipeline.steps import Cleaned, Loaded, LeftOut\n"
        "table = TableName('s', 't')\n"
        "with progress('loading', quiet=False) as notice:\n"
        "    notice(LeftOut(table, SourceError('LW-242', 'it is gone', hint='look')))\n"
        "    notice(Loaded(table, 5))\n"
        "    notice(Cleaned('table 3', 1))\n"
    )
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # What a command prints as its result is not told twice.
    assert (plain.stdout, plain.stderr) == ("", "left out s.t: it is gone (LW-242); look\nloaded s.t: 5 rows\n")
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    subprocess.run([sys.executable, "-c", code], stderr=theirs, env=environment, check=True)
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:
        drawn = terminal.read(65536).decode()
    assert "loading" in drawn
    assert "table 3" in drawn
    assert "left out s.t: it is gone (LW-242); look\r\n" in drawn
    assert "\x1b[" in drawn
