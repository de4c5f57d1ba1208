"""Files as others published them; see real/README.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakewright.sources.files.dataset import Dataset
from lakewright.sources.files.file_reader import read
from lakewright.sources.files.infer import infer

REAL = Path(__file__).parent / "real"


def taken(path: Path, dataset: Dataset, temp: Path) -> list[dict[str, object]]:
    with read(path, dataset, temp=temp) as reading:
        found = [row for piece in reading.pieces() for row in piece.rows.to_pylist()]
    assert (reading.rejected, len(found)) == (0, reading.rows_in_file)
    return found


@pytest.mark.parametrize(
    ("name", "skip", "records", "alabama"),
    [("education-2009.csv", 0, 53, ("AL", "01", "12,426")), ("education-2010.csv", 2, 55, ("AL", 7738, "19,582"))],
)
def test_a_table_as_a_spreadsheet_exports_it(
    tmp_path: Path, name: str, skip: int, records: int, alabama: tuple[object, ...]
) -> None:
    found = infer(REAL / name, "education", temp=tmp_path)
    rows = taken(REAL / name, found, tmp_path)
    assert (found.dialect.skip, len(rows)) == (skip, records)
    assert tuple(rows[0][column] for column in [*list(rows[0])[1:3], "total"]) == alabama


def test_columns_without_a_name_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name,city,,\n1,Anna,Bonn,,\n2,Berta,Ulm,x,\n")
    found = infer(path, "a", temp=tmp_path)
    assert [column.source_name for column in found.columns] == ["id", "name", "city", "column_4", "column_5"]
    assert [row["column_4"] for row in taken(path, found, tmp_path)] == [None, "x"]
