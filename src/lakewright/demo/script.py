"""SQL scripts run on a database: what a demonstration or a seed does to a source, never what capture does."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psycopg2
import psycopg2.extensions

from lakewright.errors import SourceError

WRITE_ROWS = 10_000
"""Rows that are fetched at once."""


def is_empty(url: str) -> bool:
    """Whether the database has no table of a user's."""
    with _Session(url) as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
        return cursor.fetchone() == (0,)


def run_files(url: str, files: list[Path], settings: dict[str, str]) -> None:
    """Run the files in order in one transaction, with session settings; raises `SourceError` naming the file that failed."""
    with _Session(url) as cursor:
        _set(cursor, settings)
        for file in files:
            try:
                cursor.execute(file.read_text(encoding="utf-8"))
            except (psycopg2.Error, OSError) as error:
                raise _failed(file.name, error, str(file)) from error


def run_statement(url: str, statement: str) -> None:
    """Run one statement in a transaction of its own; raises `SourceError`."""
    try:
        with _Session(url) as cursor:
            cursor.execute(statement)
    except psycopg2.Error as error:
        raise _failed("a statement", error) from error


def write_rows(url: str, query: Path, settings: dict[str, str], target: Path) -> int:
    """Write what a query gives to a file, which is there whole or not at all; returns how many rows that were.

    Each row is one column: text, written as UTF-8, or bytea. They stand one behind the other as they are, with their own line
    ends. Memory does not grow with the rows. Raises `SourceError` naming the query's file.
    """
    draft = target.with_name(f"{target.name}.part")
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _Session(url) as cursor, draft.open("wb") as out:
            _set(cursor, settings)
            with cursor.connection.cursor("rows") as rows:
                rows.itersize = WRITE_ROWS
                rows.execute(query.read_text(encoding="utf-8"))
                for (value,) in rows:
                    out.write(value.encode() if isinstance(value, str) else value)
                    count += 1
        os.replace(draft, target)
    except (psycopg2.Error, OSError) as error:
        raise _failed(query.name, error, str(query)) from error
    return count


class Loop:
    """A script run again and again at a rate, each run in a transaction, in a thread of its own from the start.

    `setting` names a session setting that counts the runs, from 1 on; ``runs`` is how many were committed.
    """

    def __init__(self, url: str, file: Path, rate: float, setting: str) -> None:
        self.runs = 0
        self._url = url
        self._script = file.read_text(encoding="utf-8")
        self._rate = rate
        self._setting = setting
        self._stop = threading.Event()
        self._error: psycopg2.Error | None = None
        self._thread = threading.Thread(target=self._run, name="workload", daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """End the loop; returns how many runs were committed. Raises `SourceError` where one failed."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise _failed("the workload", self._error) from self._error
        return self.runs

    def _run(self) -> None:
        start = time.monotonic()
        try:
            connection = psycopg2.connect(self._url)
            try:
                while not self._stop.is_set():
                    with connection, connection.cursor() as cursor:
                        _set(cursor, {self._setting: str(self.runs + 1)})
                        cursor.execute(self._script)
                    self.runs += 1
                    self._stop.wait(max(0.0, start + self.runs / self._rate - time.monotonic()))
            finally:
                connection.close()
        except psycopg2.Error as error:
            self._error = error


class _Session:
    """A cursor in one transaction, committed at the end of the block."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)

    def __enter__(self) -> psycopg2.extensions.cursor:
        return self._connection.cursor()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.commit()
        finally:
            self._connection.close()


def _set(cursor: psycopg2.extensions.cursor, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        cursor.execute("SELECT set_config(%s, %s, false)", (name, value))


def _failed(what: str, error: Exception, where: str | None = None) -> SourceError:
    """Names the kind of fault only: the server's text may hold values of rows."""
    kind = f"SQLSTATE {error.pgcode}" if isinstance(error, psycopg2.Error) and error.pgcode else type(error).__name__
    return SourceError("LW-250", f"{what} failed: {kind}", hint="run it with psql to see the server's message", where=where)
