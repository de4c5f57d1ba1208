"""What is known of the files of one dataset: how they are written, and their columns. Values without I/O."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable
from typing import Any, Literal

import pyarrow as pa

from lakewright.model import batch, types

LINE = "_line"
FILE = "_file"
ARRIVAL = "_arrival"
MAX_COLUMNS = 1_000
"""More are refused: no catalog takes them, and such a file is broken nearly always."""

Format = Literal["csv", "json", "parquet"]
Compression = Literal["none", "gzip", "zstd", "zip"]
Encoding = Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]

_RESERVED = batch.RESERVED | {LINE, FILE, ARRIVAL}
_MAX_NAME = 255


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How the bytes of a file are to be understood.

    ``json`` is one object a line. ``encoding`` ``utf-16`` means that a byte order mark tells which; in ``utf-8`` one is skipped.
    The other fields count for ``csv`` alone: the one-character ``delimiter``, ``quote`` and ``escape``; ``comment``, the first
    character of lines that are none of the data; ``skip``, the lines before the header; ``nulls``, the spellings that mean NULL
    in every column; ``decimal`` and ``thousands``, the separators in numbers. Without ``header`` columns go by their place.
    """

    format: Format = "csv"
    compression: Compression = "none"
    encoding: Encoding = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str | None = None
    header: bool = True
    skip: int = 0
    nulls: tuple[str, ...] = ("",)
    decimal: str = "."
    thousands: str | None = None


@dataclasses.dataclass(frozen=True)
class FileColumn:
    """One column: ``name`` in the lake, ``source_name`` in the file, ``type`` as in `model.types`.

    ``format`` is how dates and times are written, as strptime has it; None is ISO 8601. ``nulls`` are spellings of NULL in this
    column besides the dialect's. ``nullable``: the file it was inferred from has NULL in it. ``note`` says why the column is
    text although its values look like something else.
    """

    name: str
    source_name: str
    type: str
    nullable: bool = True
    format: str | None = None
    nulls: tuple[str, ...] = ()
    note: str | None = None


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A dataset's dialect and columns, in the order of the file they were inferred from.

    ``keys`` are the candidates: columns that together are unique and never NULL in the ``rows`` rows of that file, the likeliest
    first. They are found, not promised.
    """

    name: str
    dialect: Dialect
    columns: tuple[FileColumn, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    rows: int = 0

    def arrow(self) -> pa.Schema:
        """The columns with their lake types, and the line."""
        fields = [pa.field(column.name, types.to_arrow(column.type)) for column in self.columns]
        return pa.schema([*fields, pa.field(LINE, pa.int64())])

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back; settings that are as usual are left out."""
        return {
            "name": self.name,
            "rows": self.rows,
            "keys": [list(key) for key in self.keys],
            "dialect": _unusual(self.dialect),
            "columns": [_unusual(column) for column in self.columns],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Dataset:
        """The dataset that `to_json` wrote. Raises KeyError, TypeError where it is another object."""
        return cls(
            name=data["name"],
            rows=data["rows"],
            keys=tuple(tuple(key) for key in data["keys"]),
            dialect=Dialect(**_tuples(data["dialect"])),
            columns=tuple(FileColumn(**_tuples(column)) for column in data["columns"]),
        )


def is_reserved(name: str) -> bool:
    """Whether the lake itself has columns of that name."""
    return name in _RESERVED or name.startswith("_hoodie_")


def lake_names(headers: Iterable[str]) -> list[str]:
    """A legal, distinct column name for each header: small letters, digits and ``_``, none that the lake itself uses."""
    taken: set[str] = set(_RESERVED)
    names = []
    for number, header in enumerate(headers, 1):
        base = re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")[: _MAX_NAME - 8] or f"column_{number}"
        base = f"_{base}" if base[0].isdigit() else base
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names.append(name)
    return names


def distinct(name: str, others: Collection[str]) -> str:
    """The name with as many ``_`` behind it as make it none of the others."""
    while name in others:
        name += "_"
    return name


def misfit(dataset: Dataset, headers: Iterable[str]) -> str | None:
    """Why a file with these headers is not one of the dataset's, or None.

    Order alone is no reason, and a key that no JSON object of the file has is none. Of a line that has hardly any of the columns
    nothing is quoted: it may be a row and no header.
    """
    found = list(headers)
    expected = [column.source_name for column in dataset.columns]
    missing = [name for name in expected if name not in found] if dataset.dialect.format != "json" else []
    added = [name for name in found if name not in expected]
    twice = sorted({name for name in found if found.count(name) > 1} & set(expected)) if len(found) > len(set(found)) else []
    if dataset.dialect.format == "csv" and len(found) == 1 and len(expected) > 1:
        return (
            f"it has one column where {len(expected)} are expected: is another separator than {dataset.dialect.delimiter!r} used"
        )
    if dataset.dialect.format == "csv" and added and 2 * len(missing) > len(expected):
        present = len(expected) - len(missing)
        return f"column {_listed(missing)} is missing; the header has {present} of the {len(expected)} columns: is it a row"
    parts = [f"column {_listed(names)} {word}" for names, word in ((missing, "is missing"), (added, "is new")) if names]
    parts += [f"column {_listed(twice)} stands twice"] if twice and not added else []
    return "; ".join(parts) or None


def _listed(names: list[str]) -> str:
    shown = ", ".join(name if len(name) <= 60 else name[:60] + "..." for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _unusual(value: Dialect | FileColumn) -> dict[str, Any]:
    """The fields that differ from their defaults; tuples as lists."""
    found = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
    return {name: list(now) if isinstance(now, tuple) else now for name, (now, usual) in found.items() if now != usual}


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
