"""The DuckDB in which files are read, one after another: its limits, and its faults as ours."""

from __future__ import annotations

import contextlib
import queue
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb

from lakewright.errors import SourceError, StorageError
from lakewright.model import duckdb_settings
from lakewright.model.names import quote_identifier
from lakewright.sources.files.aside import interruptible
from lakewright.storage.partial import NO_SPACE

MEMORY_LIMIT = "512MB"
"""Of one DuckDB."""
SPARE_SECONDS = 60.0
"""How old one may be that is used again."""
_PATH = re.compile(r"""\s*["']/[^"']*["']:?""")
_VALUE = re.compile(r"""["`]|(?<!\w)'| value """)


@contextlib.contextmanager
def opened(temp: Path, place: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty DuckDB for this block alone.

    It holds at most `MEMORY_LIMIT` and spills into `temp`, half of the room there at most. Its faults become ours; see
    `known_errors`. The one that a block left without a fault is emptied for the next, for to make one takes longer than to read a
    small file; it stays open until it is used again or the process ends.
    """
    temp.mkdir(parents=True, exist_ok=True)
    spare = _taken(temp) or _Spare(_made(temp), temp, time.monotonic())
    try:
        with known_errors(place), interruptible(spare.connection.interrupt):
            yield spare.connection
            _empty(spare.connection)
    except BaseException:
        spare.connection.close()
        raise
    try:
        _left.put_nowait(spare)
    except queue.Full:
        spare.connection.close()


class _Spare(NamedTuple):
    """A DuckDB, the folder that it spills into, and when that folder's room was looked at, in seconds of `time.monotonic`."""

    connection: duckdb.DuckDBPyConnection
    temp: Path
    made: float


_left = queue.Queue[_Spare](1)


def _taken(temp: Path) -> _Spare | None:
    """The one that is left, unless it is for another folder or too old: the room there may be another by now."""
    with contextlib.suppress(queue.Empty):
        spare = _left.get_nowait()
        if spare.temp == temp and time.monotonic() - spare.made < SPARE_SECONDS:
            return spare
        spare.connection.close()
    return None


def _made(temp: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    for statement in duckdb_settings.statements(temp, MEMORY_LIMIT, f"{shutil.disk_usage(temp).free // 2}B"):
        connection.execute(statement)
    return connection


def _empty(connection: duckdb.DuckDBPyConnection) -> None:
    for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        connection.execute(f"DROP TABLE {quote_identifier(name)}")


@contextlib.contextmanager
def known_errors(place: str) -> Iterator[None]:
    """DuckDB's faults as ours, raised at once or from its stream, where they are an `OSError` without a number.

    No message holds a value.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise  # the operating system's, of something else
        raise _known(str(error), place) from None


@contextlib.contextmanager
def known_disk_errors(place: str) -> Iterator[None]:
    """What the operating system says of a copy or of what is laid beside it while it is read becomes `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise _no_room(place) from None
        hint = "look at the disk and the system's log; the file is read again by itself"
        raise StorageError("LW-306", f"{place} cannot be read: {error.strerror or type(error).__name__}", hint=hint) from None


def _known(text: str, place: str) -> SourceError | StorageError:
    """What DuckDB says, as our error."""
    if "No space left" in text or "max_temp_directory_size" in text:
        return _no_room(place)
    if "Out of Memory Error" in text:
        hint = "are its rows very long? send it in smaller files"
        return SourceError("LW-273", "reading the file needs more memory than it may have", where=place, hint=hint)
    if "invalid state" in text:
        return SourceError(
            "LW-268",
            "the file's records cannot be told apart: line ends of several kinds, or a stray carriage return",
            where=place,
            hint="export the file with one kind of line end, or quote values that hold line ends",
        )
    hint = "mend the cause, then `lakewright quarantine accept` has the file read again"
    return SourceError("LW-271", f"the file cannot be read: {_without_values(text)}", where=place, hint=hint)


def _without_values(text: str) -> str:
    """What DuckDB says, less the path and the statement, as far as it quotes nothing of the file."""
    text = _PATH.sub("", " ".join(text.split("LINE 1:")[0].split()), count=1)
    return _VALUE.split(text)[0].rstrip(" :,(")[:160]


def _no_room(place: str) -> StorageError:
    return StorageError("LW-304", f"no space left for reading {place}", hint="free some, then go on")
