"""Corrected rows: the CSV file that a person gives back, as a spreadsheet may have saved it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from lakewright.errors import ConfigError
from lakewright.sources.files.dataset import distinct

PLACE = ("_file", "_line", "_arrival")
"""The columns that tell a row: its file, its line there, and the number of the arrival that the version of the file came with."""
REASON = "_reason"
MAX_BYTES = 64 << 20

CorrectedRows = dict[tuple[str, int], dict[int, list[str]]]
"""By file and arrival, then by line: the values of a row, in the order of the dataset's columns."""


def header(columns: Sequence[str]) -> list[str]:
    """The columns of such a file: those that tell a row, the reason, then the dataset's, whose names get a ``_`` where one of
    the others has them.
    """
    names = [*PLACE, REASON]
    for column in columns:
        names.append(distinct(column, names))
    return names


def read(path: Path, columns: Sequence[str]) -> CorrectedRows:
    """The rows of a file with these columns; any separator that spreadsheets write is taken, in any order of the columns.

    The whole file is held in memory, so it has at most `MAX_BYTES`. Raises `ConfigError` LW-286 with the line.
    """
    text = _text(path)
    begin = re.match(r'\s*"?_?\w+"?([,;\t])', text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=begin[1] if begin else ",")
    found: CorrectedRows = {}
    try:
        found_names = next(reader, [])
        places = _places(path, found_names, columns)
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if len(row) != len(found_names):
                if row:
                    raise _fault(f"{len(row)} values where the header has {len(found_names)}", where)
                continue
            file, line, arrival = (row[place] for place in places[: len(PLACE)])
            if not (re.fullmatch("[0-9]{1,18}", line) and re.fullmatch("[0-9]{1,18}", arrival)):
                raise _fault("the _line or the _arrival of a row is no number", where)
            rows = found.setdefault((file, int(arrival)), {})
            if int(line) in rows:
                raise _fault(f"line {line} of the file {file} stands there twice", where)
            rows[int(line)] = [row[place] for place in places[len(PLACE) :]]
    except csv.Error as error:
        raise _fault(str(error), f"{path}:{reader.line_num}") from None
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _fault(f"the file has more than {MAX_BYTES >> 20} MB: give it in parts", str(path))
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _fault(f"the file cannot be read: {error.strerror}", str(path)) from error
    except UnicodeDecodeError:
        raise _fault("the file is not in UTF-8", str(path)) from None


def _places(path: Path, found: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Where the columns that tell a row stand, then those of the dataset."""
    wanted = [name for name in header(columns) if name != REASON]
    missing = [name for name in wanted if name not in found]
    unknown = [name for name in found if name not in (*wanted, REASON)]
    if missing or unknown:
        told = f"the column {missing[0]} is missing" if missing else f"the column {unknown[0]} is none of the dataset's"
        raise _fault(told, f"{path}:1")
    return [found.index(name) for name in wanted]


def _fault(message: str, where: str) -> ConfigError:
    return ConfigError(
        "LW-286", message, where=where, hint="keep the columns that `lakewright quarantine export` wrote, and save as UTF-8"
    )
