"""A replay: rejected rows of one version of a file as people corrected them, read under the definition of the dataset.

It is kept as CSV in UTF-8 with commas, each row with its ``_line`` (``_line_`` where a column is named so) and then the values of
the file's columns, in their order; null texts, dates and numbers are written as in the files of the dataset.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from lakewright.model import types
from lakewright.sources.files.dataset import LINE, Dataset, Dialect, FileColumn, distinct
from lakewright.sources.files.file_reader import REJECTS, Piece, read
from lakewright.sources.files.header import headers
from lakewright.sources.files.records import MAX_TEXT
from lakewright.sources.files.rejected import row_text, row_values

_ITS_LINE = "its line"


def to_bytes(names: Sequence[str], rows: Mapping[int, Sequence[str]]) -> bytes:
    """A replay of rows, by line, whose values have these names in the file."""
    out = io.StringIO()
    csv.writer(out).writerows([[distinct(LINE, names), *names], *([line, *rows[line]] for line in sorted(rows))])
    return out.getvalue().encode()


def pieces(path: Path, dataset: Dataset, *, temp: Path, required: Sequence[str]) -> Iterator[Piece]:
    """The rows of a replay, each with the line that it has in the file; raises as `read` does."""
    form = _form(dataset)
    with read(path, form, temp=temp, required=required) as reading:
        names = headers(path, form.dialect, path.name)
        for piece in reading.pieces():
            rows = piece.rows.drop_columns([LINE]).rename_columns([LINE, *piece.rows.schema.names[1:-1]])
            yield Piece(rows.select(dataset.arrow().names).cast(dataset.arrow()), _rejects(piece.rejects, names, form, dataset))


def _form(dataset: Dataset) -> Dataset:
    """The dataset as its replays are written."""
    its = dataset.dialect
    dialect = Dialect(nulls=its.nulls if its.format == "csv" else ("",), decimal=its.decimal, thousands=its.thousands)
    line = FileColumn(_ITS_LINE, distinct(LINE, [column.source_name for column in dataset.columns]), types.BIGINT)
    return Dataset(dataset.name, dialect, (line, *dataset.columns))


def _rejects(rejects: pa.RecordBatch, names: Sequence[str], form: Dataset, dataset: Dataset) -> pa.RecordBatch:
    """Rejects with the line and the text that they have in the file."""
    found = []
    for reject in rejects.to_pylist():
        line, *values = row_values(reject["text"], names, form.dialect)
        text = row_text(values, names[1:], dataset.dialect).encode()[:MAX_TEXT].decode(errors="ignore")
        found.append({**reject, LINE: int(line), "text": text})
    return pa.RecordBatch.from_pylist(found, schema=REJECTS)
