"""The first record of a text file: the names of its columns."""

from __future__ import annotations

import contextlib
import csv
import itertools
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Literal

from lakewright.errors import SourceError
from lakewright.sources.files.dataset import MAX_COLUMNS, Dialect
from lakewright.sources.files.plain import CHUNK, decoded

MAX_HEADER = 1 << 20


def headers(path: Path, dialect: Dialect, place: str) -> list[str]:
    """The header's names, or ``column_1`` and on for a file without; `path` is plain UTF-8, `place` the file's own name.

    Where several columns have no name they are ``column_`` and their number, too.

    Raises `SourceError`: LW-260 there is none, LW-261 more than `MAX_COLUMNS`, LW-272 longer than `MAX_HEADER` bytes, LW-268 its
    lines end with a carriage return alone.
    """
    where = f"{place}:{dialect.skip + 1}"
    _refuse_returns_alone(path, place)
    with contextlib.closing(_lines(path, dialect, where)) as lines:
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE
        reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote or None, quoting=quoting)
        try:
            names = next(reader, [])
        except csv.Error:
            raise _too_long(where) from None
    if not any(name.strip() for name in names):
        nothing = "the columns of its header have no name" if len(names) > 1 else "the file is empty: it has no header"
        raise SourceError("LW-260", nothing, where=where if names else place, hint="send the file again, with its header")
    if len(names) > MAX_COLUMNS:
        raise SourceError(
            "LW-261",
            f"the file has {len(names):,} columns, more than {MAX_COLUMNS:,}",
            where=where,
            hint="is the separator right?",
        )
    found, numbered = [name.strip() for name in names], [f"column_{number}" for number in range(1, len(names) + 1)]
    if not dialect.header:
        return numbered
    return found if found.count("") < 2 else [name or number for name, number in zip(found, numbered, strict=True)]


def packed_headers(path: Path, dialect: Dialect, temp: Path) -> list[str]:
    """As `headers`, of a file that may be packed or in another encoding; its begin is unpacked into `temp`."""
    temp.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=temp, prefix="header-") as start:
        for piece in itertools.islice(decoded(path, dialect), 1 + 2 * MAX_HEADER // CHUNK):
            start.write(piece)
        start.flush()
        return headers(Path(start.name), dialect, path.name)


def _lines(path: Path, dialect: Dialect, where: str) -> Generator[str, None, None]:
    """The lines from the header on, as long as they have `MAX_HEADER` bytes together."""
    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        for _ in range(dialect.skip):
            _line(file.readline(MAX_HEADER), where)
        left = MAX_HEADER
        while left > 0 and (line := _line(file.readline(left), where)):
            left -= len(line)
            yield line.decode(errors="replace")


def _refuse_returns_alone(path: Path, place: str) -> None:
    with path.open("rb") as file:
        start = file.read(MAX_HEADER)
    if b"\r" in start and b"\n" not in start:
        raise SourceError(
            "LW-268",
            "the file's lines end with a carriage return alone",
            where=place,
            hint="export it with the line ends of Windows or Unix (not as CSV for Macintosh), or `tr '\\r' '\\n' < FILE > NEW`",
        )


def _line(line: bytes, where: str) -> bytes:
    if len(line) == MAX_HEADER:
        raise _too_long(where)
    return line


def _too_long(where: str) -> SourceError:
    return SourceError(
        "LW-272", f"the header is longer than {MAX_HEADER:,} bytes, or no text", where=where, hint="is it a file of this dataset?"
    )
