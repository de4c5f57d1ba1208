"""Connections to one database: psycopg2 for SQL and replication, ADBC for rows as Arrow; all with the same session settings."""

from __future__ import annotations

import collections
import contextlib
import re
import select
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extras
from adbc_driver_postgresql import dbapi as adbc
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Session

from lakewright.errors import DOCTOR, LakewrightError, SourceError, SourceUnreachable
from lakewright.sources.postgres.url import not_understood, parse

OLDEST_VERSION = 14

_SETTINGS = {
    # The text of values must not depend on the client's environment, the role, the database or the server.
    "DateStyle": "ISO",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # format_type() then names every type outside pg_catalog with its schema, and quotes only what needs it.
    "search_path": "pg_catalog",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    # A load must not be cut short, nor be filtered in silence by row-level security; publications have to be made.
    "row_security": "off",
    "default_transaction_read_only": "off",
    "lock_timeout": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
_SINCE_17 = {"transaction_timeout": "0"}

_SET = f"""
SELECT pg_catalog.set_config(wanted.name, wanted.value, false)
FROM (VALUES {", ".join(f"('{name}', '{value}')" for name, value in {**_SETTINGS, **_SINCE_17}.items())}) AS wanted (name, value)
WHERE pg_catalog.current_setting(wanted.name, true) IS NOT NULL
"""
"""Again once connected: PGTZ and PGDATESTYLE of the environment beat what a connection is opened with."""

_FIXED = {"application_name": "lakewright", "client_encoding": "UTF8"}

_CONNECTION = (psycopg2.OperationalError, psycopg2.InterfaceError, adbc.OperationalError)
_NOT_PERMITTED, _TOO_MANY, _NOT_UTF8 = "42501", "53300", "22021"
_LIBPQ, _SERVER_ERROR, _BYTES = "[libpq]", "ERROR:  ", "invalid byte sequence for encoding"
_PASSING = ("08", "40", "57")
"""Classes of SQLSTATE that may pass: of the connection, a transaction's rollback, an operator's intervention."""
# An error at a connection's start has no SQLSTATE; these are PostgreSQL 16's and older servers' words.
_NO_SENDER = ("permission denied to start WAL sender", "replication role to start walsender")

# libpq tells why a connection fails by words alone (regular expressions here). The first group will not pass by itself.
_NOT_LET_IN = {
    "password authentication failed": "correct user and password in the source's url in lake.yaml, or CREATE or ALTER ROLE",
    "no password supplied": "give the source's url in lake.yaml a password",
    "no pg_hba.conf entry": "add this user, database and host to the server's pg_hba.conf, then SELECT pg_reload_conf()",
    "pg_hba.conf rejects": "correct the server's pg_hba.conf for this user, database and host, then SELECT pg_reload_conf()",
    'role ".*" does not exist': "correct the user in the source's url in lake.yaml, or CREATE ROLE ... LOGIN REPLICATION",
    'database ".*" does not exist': "correct the database, the last part of the source's url in lake.yaml",
    "is not permitted to log in": "ALTER ROLE ... LOGIN",
    "permission denied for database": "GRANT CONNECT ON DATABASE ... to the role",
}
_NO_ANSWER = {
    "could not translate host name": "correct the host in the source's url in lake.yaml",
    "Connection refused": "start the server, or correct host and port in the source's url in lake.yaml",
    "No such file or directory": "start the server, or correct host and port in the source's url in lake.yaml",
    "timeout expired": "correct host and port in the source's url in lake.yaml, or open the firewall between",
}
_NOT_UNDERSTOOD = re.compile(r"^(?:invalid|could not parse network address|could not match) |failed: invalid integer value ")
"""Messages that quote a value of the URL before anybody is asked: it may be a part of the password."""
_READ_ONLY, _WRONG_STATE = "25006", "55000"

# A peer that vanished is noticed in a minute, not in hours.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


def fetch(session: Session, query: str, arguments: Any = None) -> list[tuple[Any, ...]]:
    """The rows of a small answer; `arguments` are those of the placeholders in the query."""
    with session.cursor() as cursor:
        cursor.execute(query, arguments)
        return cursor.fetchall()


class Database:
    """A database by its libpq URL (or ``key=value`` string); nothing is connected before it is asked for.

    Several threads may use it. `close` lets go of what is kept connected between two sessions.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._kept: collections.deque[Session] = collections.deque()

    def close(self) -> None:
        """Close the session that is kept, if one is; the next one connects anew."""
        while (session := self._take()) is not None:
            session.close()

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """An ordinary connection in autocommit mode for the block; its errors are raised as `SourceError`.

        One connection is kept for the next block: a new one costs the server a process, and its catalog a first reading. What
        the block leaves SET stays set; a connection that a block failed on, or left a transaction open on, is closed.
        Raises `SourceUnreachable` where nobody answers or the connection is lost, `SourceError` for a server before 14.
        """
        with translated():
            session = self._take() or self._connect(None)
            try:
                yield session
                if not self._kept and session.info.transaction_status == TRANSACTION_STATUS_IDLE:
                    self._kept.append(session)
                    return
            except BaseException:
                session.close()
                raise
            session.close()

    def _take(self) -> Session | None:
        """The session that is kept, unless its server has ended it: it then has something to read."""
        try:
            session = self._kept.popleft()
        except IndexError:
            return None
        told = select.poll()
        told.register(session.fileno(), select.POLLIN)
        if told.poll(0):
            session.close()
            return None
        return session

    def replication(self) -> psycopg2.extras.LogicalReplicationConnection:
        """A replication connection, for the caller to close; its errors are the caller's to translate (see `translated`)."""
        with translated():
            connection: psycopg2.extras.LogicalReplicationConnection = self._connect(psycopg2.extras.LogicalReplicationConnection)
            if connection.get_parameter_status("server_encoding") == "SQL_ASCII":
                # The server would end the stream at a text that is not UTF-8; so its bytes come as they are.
                with connection.cursor() as cursor:
                    cursor.execute("SET client_encoding = 'SQL_ASCII'")
            return connection

    def arrow(self, like: adbc.Connection | None = None) -> adbc.Connection:
        """An ADBC connection in autocommit mode, for the caller to close; its errors are the caller's to translate.

        A first one asks the server for all its types, which takes as long as many small tables; one that is made `like` another
        that is open knows them from that one.
        """
        if like is None:
            session = adbc.connect(self._dsn(), autocommit=True)
        else:
            session = like.adbc_clone()
            session.adbc_connection.set_autocommit(True)
        with session.cursor() as cursor:
            cursor.execute(_SET)
            cursor.fetchall()
        return session

    def _dsn(self) -> str:
        given = parse(self.url)
        # From the start on, so that not even the first statement runs under a timeout of the role.
        settings = (f"-c {name}={value}" for name, value in _SETTINGS.items())
        options = " ".join([given.pop("options", ""), *settings])
        return psycopg2.extensions.make_dsn(**{**_DEFAULTS, **given, **_FIXED}, options=options)

    def _connect(self, factory: Any) -> Any:
        connection = psycopg2.connect(self._dsn(), connection_factory=factory)
        version = connection.server_version // 10_000
        if version < OLDEST_VERSION:
            connection.close()
            message = f"the server is PostgreSQL {version}; the oldest that serves is {OLDEST_VERSION}"
            raise SourceError("LW-205", message, hint="upgrade it with pg_upgrade, or give the source the url of a newer one")
        if factory is None:  # A replication connection is in autocommit mode by itself.
            connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_SET)
        return connection


@contextlib.contextmanager
def translated(subject: str = "") -> Iterator[None]:
    """Raise the drivers' errors as `SourceError`: with the server's primary message, never its detail, which may hold a row.

    `subject` is what the block reads, such as a table: messages begin with it.
    """
    try:
        yield
    except LakewrightError:
        raise
    except (psycopg2.Error, adbc.Error) as error:
        state = (error.pgcode if isinstance(error, psycopg2.Error) else error.sqlstate) or ""
        raise _known(error, state, subject) from None
    except UnicodeDecodeError:
        raise _not_utf8(subject or "a name in the catalog") from None
    except OSError as error:
        # What fails while rows come as Arrow: without a class of its own, and without SQLSTATE.
        if _LIBPQ not in str(error):
            raise
        raise _known(error, _NOT_UTF8 if _BYTES in str(error) else "", subject) from None


def _known(error: Exception, state: str, subject: str) -> SourceError:
    """What a driver's error means, by its SQLSTATE; one without is of the connection, or of a replication connection's start."""
    message = _message(error)
    told = f"{subject}: {message}" if subject else message
    if state == _NOT_UTF8:
        return _not_utf8(subject or "a name in the catalog")
    if state == _NOT_PERMITTED or any(words in message for words in _NO_SENDER):
        return SourceError("LW-206", told, hint=DOCTOR)
    if state == _READ_ONLY or (state == _WRONG_STATE and "recovery" in message):
        hint = "give the source the url of the primary: publications and slots are made there"
        return SourceError("LW-209", f"the server is a standby: {message}", hint=hint)
    if not state and _NOT_UNDERSTOOD.search(message):
        return not_understood()
    if not state and (let_in := _first(_NOT_LET_IN, message)):
        return SourceError("LW-208", f"the source does not let us in: {message.rpartition('FATAL:  ')[2]}", hint=let_in)
    lost = isinstance(error, _CONNECTION) or (isinstance(error, OSError) and _SERVER_ERROR not in str(error))
    if lost and (not state or state[:2] in _PASSING or state == _TOO_MANY):
        return SourceUnreachable("LW-201", f"the source does not answer: {message}", hint=_first(_NO_ANSWER, message) or DOCTOR)
    return SourceError("LW-207", f"the source refused: {told}", hint=DOCTOR)


def _first(hints: Mapping[str, str], message: str) -> str | None:
    """The hint of the first words that stand in the message."""
    return next((hint for words, hint in hints.items() if re.search(words, message)), None)


def _not_utf8(subject: str) -> SourceError:
    hint = "find the bytes in the source and correct them; the database's encoding is SQL_ASCII, which takes any"
    return SourceError("LW-218", f"{subject}: a text is not UTF-8", hint=hint)


def _message(error: Exception) -> str:
    diagnostics = getattr(error, "diag", None)
    text = (diagnostics.message_primary if diagnostics else None) or str(error)
    first = text.strip().partition("\n")[0]
    # ADBC tells its own story before the server's.
    return first.rpartition(_SERVER_ERROR)[2] if first else type(error).__name__
