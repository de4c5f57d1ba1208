"""Demo: a lake watched from its first row to its last check, driven by the folder's demo.yaml.

The steps are the same for every folder: seed the embedded database, load, change live, follow one row through its life, kill
the lake with SIGKILL in the middle and go on, compare source and lake.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2

from lakewright.errors import SourceError
from lakewright.project.demo import Demo, Follow


def seed(url: str, folder: Path, demo: Demo, scale: float) -> bool:
    """Run the seed files on an empty database, all in one transaction; False where it has tables already."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
            if cursor.fetchone() != (0,):
                return False
            cursor.execute("SELECT set_config('lakewright.scale', %s, false)", (f"{scale:g}",))
            for name in demo.seed:
                _run_file(cursor, folder / name)
        return True
    finally:
        connection.close()


def _run_file(cursor: psycopg2.extensions.cursor, path: Path) -> None:
    try:
        cursor.execute(path.read_text(encoding="utf-8"))
    except psycopg2.Error as error:
        raise SourceError("LW-250", f"{path.name} failed: {str(error).splitlines()[0]}", where=str(path)) from error


class Workload:
    """Live changes in a thread: the script again and again at a rate, each run in a transaction; `stop` ends and counts them."""

    def __init__(self, url: str, folder: Path, demo: Demo, first_step: int) -> None:
        self.steps = 0
        self._url = url
        self._script = (folder / demo.workload.script).read_text(encoding="utf-8")
        self._rate = demo.workload.rate
        self._first = first_step
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="workload", daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """End the workload; returns how many transactions it made. Raises `SourceError` where one failed."""
        self._stop.set()
        self._thread.join()
        if self._error:
            raise SourceError("LW-250", f"the workload failed: {str(self._error).splitlines()[0]}") from self._error
        return self.steps

    def _run(self) -> None:
        connection = psycopg2.connect(self._url)
        try:
            start = time.monotonic()
            while not self._stop.is_set():
                with connection, connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lakewright.step', %s, false)", (str(self._first + self.steps),))
                    cursor.execute(self._script)
                self.steps += 1
                self._stop.wait(max(0.0, start + self.steps / self._rate - time.monotonic()))
        except psycopg2.Error as error:
            self._error = error
        finally:
            connection.close()


def change(url: str, statement: str) -> float:
    """Run one statement in a transaction of its own; returns the wall-clock time (seconds since the epoch) of its commit."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
        return time.time()
    finally:
        connection.close()


def where(follow: Follow) -> str:
    """The followed row's key as a SQL condition."""
    parts = (f"{name} = {value}" if isinstance(value, int) else f"{name} = '{value}'" for name, value in follow.key.items())
    return " AND ".join(parts)


def await_visible(look: Callable[[], bool], seconds: float = 30.0) -> float:
    """Call `look` until it gives True; returns the seconds it took. Raises `SourceError` after `seconds`."""
    start = time.monotonic()
    while not look():
        if time.monotonic() - start > seconds:
            raise SourceError("LW-251", f"a committed change was not visible after {seconds:.0f} s", hint="`lakewright status`")
        time.sleep(0.01)
    return time.monotonic() - start
