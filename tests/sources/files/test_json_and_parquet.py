"""JSON lines and Parquet give the same kinds of rows and rejects as CSV."""

from __future__ import annotations

import datetime
import decimal
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakewright.errors import SourceError
from lakewright.sources.files.dataset import Dataset
from lakewright.sources.files.file_reader import read
from lakewright.sources.files.infer import infer


def rows_of(path: Path, dataset: Dataset, tmp_path: Path) -> tuple[list[Any], list[Any]]:
    rows, rejects = [], []
    with read(path, dataset, temp=tmp_path / "temp") as reading:
        for piece in reading.pieces():
            rows += [tuple(row.values()) for row in piece.rows.to_pylist()]
            rejects += [tuple(row.values()) for row in piece.rejects.to_pylist()]
    assert reading.rows_in_file == len(rows) + len(rejects)
    return rows, rejects


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.json.gz"
    lines = ['{"id": 1, "at": "2024-01-02T03:04:05Z", "tags": ["a", {"b": 2}]}', "", '{"id": 2, "tags": null, "a/b~c": "x\\ny"}']
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    dataset = infer(path, "events", temp=tmp_path / "temp")
    assert (dataset.dialect.format, dataset.dialect.compression, dataset.rows) == ("json", "gzip", 2)
    assert [(c.source_name, c.type) for c in dataset.columns] == [
        ("id", "int"), ("at", "timestamp"), ("tags", "string"), ("a/b~c", "string"),
    ]  # fmt: skip
    assert dataset.keys == (("id",),)
    rows, rejects = rows_of(path, dataset, tmp_path)
    at = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    assert rows == [(1, at, '["a",{"b":2}]', None, 1), (2, None, None, "x\ny", 3)]
    assert rejects == []


def test_numbers_of_json_are_doubles_and_decimals_in_quotes_are_decimals(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text(
        '{"n": 1, "x": 1.0, "s": "1.50", "m": 1.5, "e": 1e3}\n{"n": 2, "x": 2.0, "s": "2.25", "m": "2.5", "e": 0.5}\n'
    )
    dataset = infer(path, "events", temp=tmp_path / "temp")
    kinds = {column.name: column.type for column in dataset.columns}
    assert kinds == {"n": "int", "x": "double", "s": "decimal(18,2)", "m": "decimal(18,1)", "e": "double"}
    path.write_text('{"n": 3, "x": 1.25, "s": "1", "m": 1, "e": 1}\n')
    rows, rejects = rows_of(path, dataset, tmp_path)
    assert (rows, rejects) == ([(3, 1.25, decimal.Decimal(1), decimal.Decimal(1), 1.0, 1)], [])


def test_a_json_line_with_a_key_twice_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text('{"id": 1, "x": "a", "~/": null}\n')
    dataset = infer(path, "events", temp=tmp_path / "temp")
    good = ['{"id": 1, "x": "a"}', '{"x": null, "id": 2}', '{"id": 3}', '{"id": 4, "x": {"y": 1, "y": 2}, "~/": null}']
    twice = ['{"id": 5, "x": "a", "x": "b"}', '{"id": 6, "id": 6}', '{"id": 7, "x": null, "x": null}', '{"id": 8, "\\u0069d": 9}']
    path.write_text("\n".join([*good, *twice]) + "\n")
    rows, rejects = rows_of(path, dataset, tmp_path)
    assert [row[0] for row in rows] == [1, 2, 3, 4]
    assert rejects == [(line, None, None, "json: a key twice", text) for line, text in enumerate(twice, 5)]
    assert [column.source_name for column in infer(path, "events", temp=tmp_path / "temp").columns] == ["id", "x", "~/"]


def test_json_lines_that_are_no_object_or_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text('{"id": 1, "x": 1.5}\n')
    dataset = infer(path, "events", temp=tmp_path / "temp")
    path.write_text('{"id": 1}\n{"id": 2, "x"\n[3]\n{"id": "four"}\n')
    rows, rejects = rows_of(path, dataset, tmp_path)
    assert rows == [(1, None, 1)]
    assert rejects == [
        (2, None, None, "json: not one object", '{"id": 2, "x"'),
        (3, None, None, "json: not one object", "[3]"),
        (4, "id", "four", "type: not an int", '{"id": "four"}'),
    ]
    path.write_text('{"id": 1}\n{"id": 2, "y": 1}\n')
    with pytest.raises(SourceError) as caught:
        rows_of(path, dataset, tmp_path)
    assert (caught.value.code, "column y is new" in caught.value.message) == ("LW-262", True)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    at = datetime.datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)
    columns = {
        "i": pa.array([1, None], pa.int16()),
        "b": pa.array([2**40, 0], pa.int64()),
        "d": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(12, 2)),
        "f": pa.array([0.1, float("inf")], pa.float64()),
        "s": pa.array(["007", ""], pa.string()),
        "t": pa.array([at, None], pa.timestamp("us", tz="UTC")),
        "day": pa.array([datetime.date(2024, 1, 2), None], pa.date32()),
        "ok": pa.array([True, False]),
        "n": pa.array([{"a": [1]}, None]),
    }
    pq.write_table(pa.table(columns), path)
    dataset = infer(path, "events", temp=tmp_path / "temp")
    kinds = ["int", "bigint", "decimal(12,2)", "double", "string", "timestamp", "date", "boolean", "string"]
    assert [c.type for c in dataset.columns] == kinds
    rows, rejects = rows_of(path, dataset, tmp_path)
    assert rows == [
        (1, 2**40, decimal.Decimal("1.50"), 0.1, "007", at, datetime.date(2024, 1, 2), True, '{"a":[1]}', 1),
        (None, 0, None, float("inf"), "", None, None, False, None, 2),
    ]
    assert rejects == []


def test_parquet_of_other_types_goes_value_by_value(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table({"id": pa.array([1], pa.int32())}), path)
    dataset = infer(path, "events", temp=tmp_path / "temp")
    pq.write_table(pa.table({"id": pa.array([1, 2**40], pa.int64())}), path)
    rows, rejects = rows_of(path, dataset, tmp_path)
    assert rows == [(1, 1)]
    assert [reject[:4] for reject in rejects] == [(2, "id", str(2**40), "type: not an int")]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError) as caught:
        rows_of(path, dataset, tmp_path)
    assert caught.value.code == "LW-271"


@pytest.mark.parametrize(
    ("options", "damaged"),
    [
        ({"compression": "none", "use_dictionary": False}, lambda content: content.replace(b"secret", b"secr\xff\xff")),
        ({"compression": "zstd"}, lambda content: (b"\xaa" * 4).join(content.rsplit(b"\x28\xb5\x2f\xfd", 1))),
    ],
)
def test_a_damaged_page_of_parquet_refuses_the_file_without_its_values(
    tmp_path: Path, options: Any, damaged: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table({"name": ["secret"] * 5000}), path, row_group_size=500, **options)
    dataset = infer(path, "events", temp=tmp_path / "temp")
    path.write_bytes(damaged(path.read_bytes()))
    with pytest.raises(SourceError) as caught:
        rows_of(path, dataset, tmp_path)
    assert caught.value.code == "LW-271"
    assert "secr" not in caught.value.message
    assert str(tmp_path) not in caught.value.message
