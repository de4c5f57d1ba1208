"""One pass over a file for its records alone: how many there are, and those that cannot be told apart."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from lakewright.errors import SourceError, StorageError
from lakewright.model.names import quote_literal
from lakewright.sources.files.dataset import Dialect
from lakewright.sources.files.records import MAX_LINE, relation
from lakewright.sources.files.tally import blank_lines, long_line, tally

MAX_BROKEN = 500_000
"""A file with more broken records is refused: DuckDB holds a kilobyte of memory for each until it has read the file."""
_HEAD = 4 << 20


class Structure(NamedTuple):
    """What the records of a file are, before any value is looked at.

    ``records`` counts those that can be told apart into columns, ``broken`` the others. ``before`` has, for each record that
    cannot be told apart, in file order, how many of ``records`` come before it; the connection's table ``broken`` has its
    ``kind``, ``message`` and ``text`` under its ``number``, its place in ``before``. It has comment lines too, which do not
    count. ``first`` is the line of the first record.
    """

    records: int
    broken: int
    before: np.ndarray
    first: int

    def lines(self, start: int, count: int) -> np.ndarray:
        """The lines of so many records from the one with `start` before it."""
        number = np.arange(start, start + count, dtype=np.int64)
        return self.first + number + np.searchsorted(self.before, number, side="right")

    def line_of_broken(self, number: int) -> int:
        """The line of a record that cannot be told apart."""
        return self.first + int(self.before[number]) + number

    def broken_before(self, record: int) -> int:
        """How many of the broken come before the record with `record` before it."""
        return int(np.searchsorted(self.before, record, side="left"))


@contextlib.contextmanager
def opened(temp: Path, memory_limit: str, place: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own that holds at most `memory_limit` and spills into `temp`; its faults become LW-268 and LW-271."""
    temp.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(":memory:")
    settings: dict[str, object] = {
        # Not in connect(): DuckDB then looks for an extension that is built in.
        "TimeZone": "UTC",
        "memory_limit": memory_limit,
        "temp_directory": str(temp),
        "python_enable_replacements": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        for name, value in settings.items():
            connection.execute(f"SET {name} = {quote_literal(value) if isinstance(value, str) else value}")
        with known_errors(place):
            yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def known_errors(place: str) -> Iterator[None]:
    """DuckDB's faults as ours. No message holds a value."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise SourceError(
            "LW-273",
            "reading the file needs more memory than it may have",
            where=place,
            hint="are its rows very long? send it in smaller files",
        ) from None
    except duckdb.Error as error:
        text = str(error)
        if "No space left" in text:
            raise StorageError("LW-304", f"no space left for reading {place}", hint="free some, then go on") from None
        if "invalid state" in text:
            raise SourceError(
                "LW-268",
                "the file's records cannot be told apart: line ends of several kinds, or a stray carriage return",
                where=place,
                hint="export the file with one kind of line end, or quote values that hold line ends",
            ) from None
        raise SourceError(
            "LW-271",
            f"the file cannot be read: {' '.join(text.split())[:160]}",
            where=place,
            hint="mend the cause, then `lakewright quarantine accept` has the file read again",
        ) from None


def structure(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, headers: list[str], place: str) -> Structure:
    """Read the whole file once for its records alone, and make the table ``broken``.

    DuckDB loses records without a word where a quote stays open or a line is over the limit, so all lines of the file are
    accounted for. Raises `SourceError`: LW-267 where they cannot be, LW-269 more than `MAX_BROKEN` broken records.
    """
    if dialect.format == "parquet":
        (records,) = connection.execute(f"SELECT count(*) FROM ({relation(path, dialect, headers)})").fetchall()[0]
        return Structure(records, 0, np.empty(0, np.int64), 1)
    _refuse_another_kind(connection, path, dialect, headers, place)
    counted = tally(path)
    # Bytes that are no UTF-8 are only found in columns that are asked for.
    columns = "" if counted.utf8 else "".join(f", count(c{number})" for number in range(len(headers)))
    records = connection.execute(f"SELECT count(*){columns} FROM ({relation(path, dialect, headers)})").fetchall()[0][0]
    comment = f"NOT starts_with(text, {quote_literal(dialect.comment)})" if dialect.comment else "true"
    connection.execute(f"""
        CREATE TABLE broken AS
        SELECT row_number() OVER (ORDER BY byte) - 1 AS number, *, {comment} AS counts
        FROM (SELECT line_byte_position AS byte, min(line) AS line, arg_min(CAST(error_type AS VARCHAR), byte_position) AS kind,
                     arg_min(error_message, byte_position) AS message, any_value(csv_line) AS text
              FROM reject_errors GROUP BY line_byte_position)""")
    connection.execute("DROP TABLE reject_errors")
    everything, broken = connection.execute("SELECT count(*), count(*) FILTER (WHERE counts) FROM broken").fetchall()[0]
    if everything > MAX_BROKEN:
        raise _another_kind(f"{everything:,} records", place)
    first = dialect.skip + (2 if dialect.header and dialect.format == "csv" else 1)
    spare = counted.lines - (first - 1) - sum(name.count("\n") for name in headers) - records - everything
    if spare > 0:
        _account(connection, path, f"({relation(path, dialect, headers)})", len(headers), spare, place)
    lines = connection.execute("SELECT line FROM broken ORDER BY number").fetchnumpy()["line"].astype(np.int64)
    # Line numbers that do not grow would give two records one number.
    before = np.maximum.accumulate(np.maximum(lines - first - np.arange(len(lines)), 0))
    return Structure(records, broken, before, first)


def _refuse_another_kind(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, headers: list[str], place: str
) -> None:
    """Refuse a large file whose start is broken for the most part, before all of it is read."""
    if path.stat().st_size <= _HEAD:
        return
    (temp,) = connection.execute("SELECT current_setting('temp_directory')").fetchall()[0]
    with path.open("rb") as file, tempfile.NamedTemporaryFile(dir=temp) as head:
        head.write(file.read(_HEAD))
        head.flush()
        records = connection.execute(f"SELECT count(*) FROM ({relation(Path(head.name), dialect, headers)})").fetchall()[0][0]
    broken = connection.execute("SELECT count(DISTINCT line_byte_position) FROM reject_errors").fetchall()[0][0]
    connection.execute("DROP TABLE reject_errors")
    if broken > max(records, 1):
        raise _another_kind(f"{broken:,} of the first {records + broken:,} records", place)


def _another_kind(which: str, place: str) -> SourceError:
    return SourceError("LW-269", f"{which} do not have the file's columns", where=place, hint="is it of this dataset?")


def _account(connection: duckdb.DuckDBPyConnection, path: Path, source: str, width: int, spare: int, place: str) -> None:
    """Refuse the file where so many lines more than records are not all inside records, blank, or of the header."""
    inside = " + ".join(f"coalesce(sum({_line_ends(f'c{number}')}), 0)" for number in range(width))
    (rows,) = connection.execute(f"SELECT {inside} FROM {source}").fetchall()[0]
    (broken,) = connection.execute(
        f"SELECT coalesce(sum({_line_ends('rtrim(text, chr(10) || chr(13))')}), 0) FROM broken"
    ).fetchall()[0]
    lost = spare - rows - broken
    if lost > 0 and lost > blank_lines(path):
        quote = "SELECT min(line) FROM broken WHERE kind = 'UNQUOTED VALUE'"
        line = connection.execute(quote).fetchall()[0][0] or long_line(path, MAX_LINE)
        raise SourceError(
            "LW-267",
            f"{lost:,} lines belong to no record: a quote is not closed, or a line is longer than {MAX_LINE:,} bytes",
            where=f"{place}:{line}" if line else place,
            hint="correct that record and send the file again",
        )


def _line_ends(text: str) -> str:
    return f"strlen({text}) - strlen(replace({text}, chr(10), ''))"
