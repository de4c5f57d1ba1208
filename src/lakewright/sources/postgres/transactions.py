"""Transactions that write: the making of a slot, and so every load and check, waits for those of the whole server to end."""

from __future__ import annotations

import dataclasses

from psycopg2.extensions import connection as Session

from lakewright.sources.postgres.connection import fetch

_OPEN = """
SELECT format('transaction of pid %%s (%%s) in database %%s', pid, coalesce(nullif(application_name, ''), usename), datname),
    extract(epoch FROM clock_timestamp() - xact_start)::int, format('SELECT pg_terminate_backend(%%s)', pid)
FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
UNION ALL
SELECT format('prepared transaction %%L in database %%s', gid, database),
    extract(epoch FROM clock_timestamp() - prepared)::int,
    format('COMMIT PREPARED %%L or ROLLBACK PREPARED %%L in database %%s', gid, gid, database)
FROM pg_prepared_xacts
"""


@dataclasses.dataclass(frozen=True)
class Writing:
    """A transaction that writes: its name and database, its age in seconds, and the SQL that ends it."""

    name: str
    seconds: int
    end: str


def oldest_writing(session: Session, seconds: int) -> Writing | None:
    """The oldest transaction that has been writing for at least so long, prepared ones too; None where there is none."""
    query = f"SELECT * FROM ({_OPEN}) AS open (name, age, ends) WHERE age >= %s ORDER BY age DESC LIMIT 1"
    return next((Writing(*row) for row in fetch(session, query, (seconds,))), None)
