"""Connections to one database: psycopg2 for SQL and replication, ADBC for rows as Arrow; all with the same session settings."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extras
from adbc_driver_postgresql import dbapi as adbc
from psycopg2.extensions import connection as Session

from lakewright.errors import LakewrightError, SourceError, SourceUnreachable

OLDEST_VERSION = 14

_SETTINGS = {
    # The text of values must not depend on the role, the database or the server.
    "DateStyle": "ISO",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # format_type() then names every type outside pg_catalog with its schema.
    "search_path": "pg_catalog",
    # A load must not be cut short, nor be filtered in silence by row-level security.
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}

_FIXED = {"application_name": "lakewright", "client_encoding": "UTF8"}

# A peer that vanished is noticed in a minute, not in hours.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


@dataclasses.dataclass(frozen=True)
class Database:
    """A database by its libpq URL (or ``key=value`` string); nothing is connected before it is asked for."""

    url: str = dataclasses.field(repr=False)

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """An ordinary connection in autocommit mode, closed with the block; its errors are raised as `SourceError`.

        Raises `SourceUnreachable` where nobody answers or the connection is lost, `SourceError` for a server before 14.
        """
        with translated(), contextlib.closing(self._connect(None)) as session:
            session.autocommit = True
            yield session

    def replication(self) -> psycopg2.extras.LogicalReplicationConnection:
        """A replication connection, for the caller to close; its errors are the caller's to translate (see `translated`)."""
        with translated():
            connection: psycopg2.extras.LogicalReplicationConnection = self._connect(psycopg2.extras.LogicalReplicationConnection)
            return connection

    @contextlib.contextmanager
    def arrow(self) -> Iterator[adbc.Connection]:
        """An ADBC connection in autocommit mode, closed with the block; its errors are raised as `SourceError`."""
        with translated(), adbc.connect(self._dsn(), autocommit=True) as session:
            yield session

    def _dsn(self) -> str:
        try:
            given = psycopg2.extensions.parse_dsn(self.url)
        except psycopg2.ProgrammingError:
            # libpq's message may quote a part of the URL, and so a password.
            hint = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
            raise SourceError("LW-202", "the source's url is not one that PostgreSQL understands", hint=hint) from None
        options = " ".join([given.pop("options", ""), *(f"-c {name}={value}" for name, value in _SETTINGS.items())])
        return psycopg2.extensions.make_dsn(**{**_DEFAULTS, **given, **_FIXED}, options=options)

    def _connect(self, factory: Any) -> Any:
        connection = psycopg2.connect(self._dsn(), connection_factory=factory)
        version = connection.server_version // 10_000
        if version < OLDEST_VERSION:
            connection.close()
            raise SourceError("LW-205", f"the server is PostgreSQL {version}; the oldest that serves is {OLDEST_VERSION}")
        return connection


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise the drivers' errors as `SourceError`: with the server's primary message, never its detail, which may hold a row."""
    try:
        yield
    except LakewrightError:
        raise
    except psycopg2.errors.InsufficientPrivilege as error:
        raise SourceError("LW-206", _message(error), hint="lakewright doctor") from None
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise SourceUnreachable("LW-201", f"the source does not answer: {_message(error)}", hint="lakewright doctor") from None
    except psycopg2.Error as error:
        raise SourceError("LW-207", f"the source refused: {_message(error)}", hint="lakewright doctor") from None
    except adbc.OperationalError as error:
        raise SourceUnreachable("LW-201", f"the source does not answer: {_message(error)}", hint="lakewright doctor") from None
    except adbc.Error as error:
        raise SourceError("LW-207", f"the source refused: {_message(error)}", hint="lakewright doctor") from None


def _message(error: Exception) -> str:
    diagnostics = getattr(error, "diag", None)
    text = (diagnostics.message_primary if diagnostics else None) or str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
