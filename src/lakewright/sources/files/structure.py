"""One pass over a file for its records alone: how many there are, and those that cannot be told apart.

DuckDB loses records without a word where a quote stays open or a line is over the limit; and where it parts a file for several
threads inside of a value, it may take the lines of the value for records. So all lines of a file are accounted for, and a file
that could be parted so, or has broken quotes, is read by one thread.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from lakewright.errors import SourceError
from lakewright.model.names import quote_literal
from lakewright.sources.files.dataset import Dialect
from lakewright.sources.files.records import MAX_LINE, relation
from lakewright.sources.files.tally import blank_lines, line_at, long_line, tally

MAX_BROKEN = 500_000
"""A file with more broken records is refused: DuckDB holds a kilobyte of memory for each until it has read the file."""
_HEAD = 4 << 20
_QUOTES = "UNQUOTED VALUE"
_BROKEN = f"""
    CREATE OR REPLACE TABLE broken AS
    WITH records AS (
        SELECT line_byte_position AS byte, min(line) AS line, arg_min(CAST(error_type AS VARCHAR), byte_position) AS kind,
               arg_min(error_message, byte_position) AS message, min(byte_position) AS place, any_value(csv_line) AS text,
               strlen(any_value(csv_line)) AS size,
               row_number() OVER (ORDER BY line_byte_position) - 1 AS record
        FROM reject_errors GROUP BY line_byte_position
    ), parted AS (
        SELECT *, CASE WHEN kind = '{_QUOTES}' THEN list_filter(string_split_regex(text, '\\r?\\n'), lambda part: part <> '') END
               AS parts
        FROM records
    ), lines AS (
        SELECT * EXCLUDE (text, parts), unnest(coalesce(parts, [text])) AS text, generate_subscripts(coalesce(parts, [text]), 1)
               AS part
        FROM parted
    )
    SELECT row_number() OVER (ORDER BY byte, part) - 1 AS number, *, {{counts}} AS counts FROM lines"""


class Misjudged(Exception):
    """A file that was taken for one in which each line is a record is none."""


class Structure(NamedTuple):
    """What the records of a file are, before any value is looked at.

    ``records`` counts those that can be told apart into columns, ``broken`` the others. ``before`` has, for each record that
    cannot be told apart, in file order, how many of ``records`` come before it; the connection's table ``broken`` has its
    ``kind``, ``message`` and ``text`` under its ``number``, its place in ``before``. It has comment lines too, which do not
    count. Each line of a record whose quotes are broken is one there, its ``part`` from 1: an open quote takes the records behind
    it. ``first`` is the line of the first record, and ``parallel`` whether several threads may read the records.

    Where it is ``assumed`` whoever reads the records has to `confirm` it.
    """

    records: int
    broken: int
    before: np.ndarray
    first: int
    parallel: bool
    assumed: bool = False

    def confirm(self, connection: duckdb.DuckDBPyConnection, records: int) -> None:
        """Raise `Misjudged` where what was assumed is not so, by the read of all records, which were so many."""
        if self.assumed and (
            records != self.records or connection.execute("SELECT count(*) FROM reject_errors").fetchall() != [(0,)]
        ):
            raise Misjudged

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


def structure(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, headers: list[str], place: str, *, assume: bool = False
) -> Structure:
    """Read the whole file once for its records alone, and make the table ``broken``.

    With `assume` the records of a large file whose lines are all records, as far as its start tells, are not read: where they
    turn out to be as many as its lines, and none is broken, a read for them alone would have found the same.

    Raises `SourceError`: LW-267, LW-270 where its lines are not accounted for, LW-269 more than `MAX_BROKEN` broken records.
    """
    if dialect.format == "parquet":
        (records,) = connection.execute(f"SELECT count(*) FROM ({relation(path, dialect, headers)})").fetchall()[0]
        return Structure(records, 0, np.empty(0, np.int64), 1, True)
    is_regular = _looks_regular(connection, path, dialect, headers, place)
    counted = tally(path, dialect, step=MAX_LINE)
    first = dialect.skip + (2 if dialect.header and dialect.format == "csv" else 1)
    lines = counted.lines - _before(dialect, headers)
    if assume and is_regular and counted.utf8 and not counted.cut:
        return Structure(lines, 0, np.empty(0, np.int64), first, True, assumed=True)
    for parallel in (False,) if counted.cut else (True, False):
        records = _count(connection, path, dialect, headers, counted.utf8, parallel)
        lost = _unaccounted(connection, path, relation(path, dialect, headers, parallel), len(headers), lines - records)
        if not lost and not (parallel and _is_misplaced(connection)):
            break
    if lost:
        _count(connection, path, dialect, headers, counted.utf8, parallel=True)  # one thread does not tell of the last quote
        raise _of_no_record(connection, path, lost, place)
    everything, broken = connection.execute("SELECT count(*), count(*) FILTER (WHERE counts) FROM broken").fetchall()[0]
    if everything > MAX_BROKEN:
        raise _another_kind(f"{everything:,} records", place)
    begins = connection.execute("SELECT line - record AS line FROM broken ORDER BY number").fetchnumpy()["line"].astype(np.int64)
    # Line numbers that do not grow would give two records one number.
    before = np.maximum.accumulate(np.maximum(begins - first, 0))
    return Structure(records, broken, before, first, parallel)


def _before(dialect: Dialect, headers: list[str]) -> int:
    """The lines before the first record."""
    heads = dialect.header and dialect.format == "csv"
    return dialect.skip + (1 if heads else 0) + sum(name.count("\n") for name in headers)


def _count(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, headers: list[str], utf8: bool, parallel: bool
) -> int:
    """The number of records that can be told apart; the others make the table ``broken``."""
    connection.execute("DROP TABLE IF EXISTS reject_errors")  # every query of the relation adds to it
    # Bytes that are no UTF-8 are only found in columns that are asked for.
    columns = "" if utf8 else "".join(f", count(c{number})" for number in range(len(headers)))
    query = f"SELECT count(*){columns} FROM ({relation(path, dialect, headers, parallel)})"
    records = int(connection.execute(query).fetchall()[0][0])
    comment = f"NOT starts_with(text, {quote_literal(dialect.comment)})" if dialect.comment else "true"
    connection.execute(_BROKEN.format(counts=comment))
    return records


def _looks_regular(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, headers: list[str], place: str) -> bool:
    """Whether each line in the start of a large file is a record; refuses one whose start is broken for the most part."""
    if path.stat().st_size <= _HEAD:
        return False
    (temp,) = connection.execute("SELECT current_setting('temp_directory')").fetchall()[0]
    with path.open("rb") as file, tempfile.NamedTemporaryFile(dir=temp) as head:
        start = file.read(_HEAD)
        start = start[: start.rfind(b"\n") + 1] or start
        head.write(start)
        head.flush()
        records = connection.execute(f"SELECT count(*) FROM ({relation(Path(head.name), dialect, headers)})").fetchall()[0][0]
    broken = connection.execute("SELECT count(DISTINCT line_byte_position) FROM reject_errors").fetchall()[0][0]
    connection.execute("DROP TABLE reject_errors")
    if broken > max(records, 1):
        raise _another_kind(f"{broken:,} of the first {records + broken:,} records", place)
    return bool(not broken and records == start.count(b"\n") - _before(dialect, headers))


def _another_kind(which: str, place: str) -> SourceError:
    return SourceError("LW-269", f"{which} do not have the file's columns", where=place, hint="is it of this dataset?")


def _unaccounted(connection: duckdb.DuckDBPyConnection, path: Path, source: str, width: int, lines: int) -> int:
    """How many of so many lines less the good records are in no broken one, nor inside a record, nor blank.

    It is negative where there are more records than lines.
    """
    left = lines - int(connection.execute("SELECT count(*) FROM broken").fetchall()[0][0])
    if not left:
        return 0
    inside = " + ".join(f"coalesce(sum({_lines_more(f'c{number}')}), 0)" for number in range(width))
    more = _lines_more("trim(text, chr(10) || chr(13))")  # with CRLF it begins with the LF of the line before
    (rows,) = connection.execute(f"SELECT {inside} FROM ({source})").fetchall()[0]
    (broken,) = connection.execute(f"SELECT coalesce(sum({more}), 0) FROM broken").fetchall()[0]
    left -= int(rows) + int(broken)
    return max(0, left - blank_lines(path)) if left > 0 else left


def _is_misplaced(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the text of a broken record is another's: it ends before the place of its fault."""
    query = f"SELECT count(*) FROM broken WHERE kind = '{_QUOTES}' AND place > byte + size"
    return bool(connection.execute(query).fetchall()[0][0])


def _of_no_record(connection: duckdb.DuckDBPyConnection, path: Path, lost: int, place: str) -> SourceError:
    if lost < 0:
        hint = "send the file again; if it happens again with the same file, report it"
        return SourceError("LW-270", f"{-lost:,} records more were read than its lines hold", where=place, hint=hint)
    opened = connection.execute(f"SELECT max(place) FROM broken WHERE kind = '{_QUOTES}'").fetchall()[0][0]
    line = long_line(path, MAX_LINE) if opened is None else line_at(path, opened)
    return SourceError(
        "LW-267",
        f"{lost:,} lines belong to no record: a quote is not closed, or a line is longer than {MAX_LINE:,} bytes",
        where=f"{place}:{line}" if line else place,
        hint="correct that record and send the file again",
    )


def _lines_more(text: str) -> str:
    """How many lines a text has behind its first, but for blank ones."""
    return f"CASE WHEN contains({text}, chr(10)) THEN len(regexp_extract_all({text}, '(\\r?\\n)+')) ELSE 0 END"
