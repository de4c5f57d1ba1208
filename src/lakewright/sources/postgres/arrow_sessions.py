"""The connections over which a load reads tables as Arrow: each is used for one table after the other."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from adbc_driver_postgresql import dbapi as adbc

from lakewright.sources.postgres.connection import Database, translated


class ArrowSessions:
    """ADBC connections to one database, as many as are used at once; safe from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._open: list[adbc.Connection] = []
        self._idle: list[adbc.Connection] = []
        self._closed = False

    @contextlib.contextmanager
    def session(self) -> Iterator[adbc.Connection]:
        """A connection in autocommit mode, for a block that leaves no transaction open; its errors are raised as `SourceError`.

        One that a block failed on, or did not read to the end, is closed.
        """
        with translated():
            session = self._take()
            try:
                yield session
            except BaseException:
                self._drop(session)
                raise
            with self._guard:
                self._idle.append(session)
            if self._closed:
                self._drop_idle()

    def close(self) -> None:
        """Close what is idle, and what is in use when it comes back."""
        self._closed = True
        self._drop_idle()

    def _take(self) -> adbc.Connection:
        with self._guard:
            if self._idle:
                return self._idle.pop()
            session = self._database.arrow(like=self._open[0] if self._open else None)
            self._open.append(session)
            return session

    def _drop_idle(self) -> None:
        while True:
            with self._guard:
                if not self._idle:
                    return
                session = self._idle.pop()
            self._drop(session)

    def _drop(self, session: adbc.Connection) -> None:
        with self._guard:
            self._open.remove(session)
            session.close()
