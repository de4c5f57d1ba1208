"""A DuckDB for reading one file: its limits, and its faults as ours."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb

from lakewright.errors import SourceError, StorageError
from lakewright.model import duckdb_settings
from lakewright.sources.files.aside import interruptible


@contextlib.contextmanager
def opened(temp: Path, memory_limit: str, place: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own that holds at most `memory_limit` and spills into `temp`, half of the room there at most.

    Its faults become ours; see `known_errors`.
    """
    temp.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(":memory:")
    try:
        for statement in duckdb_settings.statements(temp, memory_limit, f"{shutil.disk_usage(temp).free // 2}B"):
            connection.execute(statement)
        with known_errors(place), interruptible(connection.interrupt):
            yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def known_errors(place: str) -> Iterator[None]:
    """DuckDB's faults as ours. No message holds a value."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        if "max_temp_directory_size" in str(error):
            raise _no_room(place) from None
        raise SourceError(
            "LW-273",
            "reading the file needs more memory than it may have",
            where=place,
            hint="are its rows very long? send it in smaller files",
        ) from None
    except duckdb.Error as error:
        text = str(error)
        if "No space left" in text:
            raise _no_room(place) from None
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


def _no_room(place: str) -> StorageError:
    return StorageError("LW-304", f"no space left for reading {place}", hint="free some, then go on")
