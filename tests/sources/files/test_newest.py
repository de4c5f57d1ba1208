"""The newest row of each key, against a dictionary."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import random
from pathlib import Path

import pyarrow as pa

from lakewright.model.names import TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.dataset import Dataset, Dialect, FileColumn
from lakewright.sources.files.definition import Definition
from lakewright.sources.files.deletes import is_delete
from lakewright.sources.files.newest import collecting

TIME = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
ARRIVAL = Arrival(0, "a.csv", "d", "raw/csv/d/1/a.csv", 3, "0" * 64, TIME, TIME)
COLUMNS = (FileColumn("a", "a", "int"), FileColumn("b", "b", "string"), FileColumn("flag", "flag", "string"))
DELTA = Definition(Dataset("d", Dialect(), COLUMNS), ("a", "b"), ("flag", "D"))
TABLE = TableSchema(TableName("datasets", "d"), tuple(Column(c.name, c.type, c.type) for c in COLUMNS), ("a", "b"))

Row = tuple[int, str, str | None]


def batch(rows: list[Row]) -> pa.RecordBatch:
    lines = range(2, 2 + len(rows))
    return pa.RecordBatch.from_pylist(
        [{"a": a, "b": b, "flag": flag, "_line": line} for (a, b, flag), line in zip(rows, lines, strict=True)],
        schema=DELTA.dataset.arrow(),
    )


def test_the_newest_row_of_each_key_that_is_no_delete(tmp_path: Path) -> None:
    chance = random.Random(5)
    files = {
        number: [(chance.randrange(6), chance.choice("xyz"), chance.choice(["I", "D", None])) for _ in range(20)]
        for number in range(1, 6)
    }
    expected = {(a, b): (a, b, flag) for number in sorted(files) for a, b, flag in files[number]}
    with collecting(TABLE, tmp_path) as newest:
        for number in chance.sample(sorted(files), len(files)):
            newest.add(dataclasses.replace(ARRIVAL, number=number), DELTA, batch(files[number]))
        found = [tuple(row.values())[:3] for rows in newest.newest() for row in rows.to_pylist()]
    assert sorted(found, key=str) == sorted((row for row in expected.values() if row[2] != "D"), key=str)


def test_asked_for_some_keys_it_tells_those_and_which_have_no_row(tmp_path: Path) -> None:
    with collecting(TABLE, tmp_path) as newest:
        newest.want(batch([(1, "x", None), (2, "x", None), (3, "x", None), (4, "x", None), (2, "x", None)]))
        newest.spare(batch([(4, "x", None)]))
        newest.add(ARRIVAL, DELTA, batch([(1, "x", "I"), (2, "x", "D"), (4, "x", "I"), (5, "x", "I")]), wanted=True)
        assert [row["a"] for rows in newest.newest() for row in rows.to_pylist()] == [1]
        assert sorted(row["a"] for rows in newest.lost() for row in rows.to_pylist()) == [2, 3]


def test_a_flag_is_compared_by_its_value_whatever_its_type(tmp_path: Path) -> None:
    for kind, text, flags, expected in (
        ("double", "1", [1.0, 0.0, None], [True, False, False]),
        ("decimal(18,2)", "1", [decimal.Decimal("1.00"), decimal.Decimal("1.01"), None], [True, False, False]),
        ("boolean", "true", [True, False, None], [True, False, False]),
        ("date", "2026-03-01", [TIME.date(), None, None], [True, False, False]),
        ("string", "1", ["1", "1.0", "D"], [True, False, False]),
    ):
        columns = (COLUMNS[0], dataclasses.replace(COLUMNS[2], type=kind))
        delta = Definition(Dataset("d", Dialect(), columns), ("a",), ("flag", text))
        schema = delta.dataset.arrow()
        rows = pa.RecordBatch.from_pylist([{"a": n, "flag": flag, "_line": n} for n, flag in enumerate(flags)], schema=schema)
        assert is_delete(rows, delta.deleted).to_pylist() == expected
        table = dataclasses.replace(TABLE, columns=tuple(Column(c.name, c.type, c.type) for c in columns), key=("a",))
        with collecting(table, tmp_path) as newest:
            newest.add(ARRIVAL, delta, rows)
            assert sorted(row["a"] for found in newest.newest() for row in found.to_pylist()) == [1, 2]
