"""The two publications and the slot in the source that belong to a lake; every other one is left alone.

``<name>`` publishes all changes of tables with a key, ``<name>_inserts`` inserts and truncates of tables without: publishing
more of those would make their application's updates fail. Both exist before the slot does, even if empty, because a slot
decodes with the catalog of the moment it has come to and fails on a publication that was made later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import connection as Session

from lakewright.errors import SourceError
from lakewright.model.names import TableName
from lakewright.model.position import parse_lsn
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres.connection import fetch
from lakewright.sources.postgres.heaps import COMPARABLE

_ALL = ("insert", "update", "delete", "truncate")
_INSERTS = ("insert", "truncate")


@dataclasses.dataclass(frozen=True)
class Publications:
    """The pair of publications called `name` and, cut to 63 characters, `name` with ``_inserts`` behind."""

    name: str

    @property
    def names(self) -> tuple[str, str]:
        """Both names, as a stream asks for them: never other ones, which would change the ordinals of changes."""
        return self.name, f"{self.name[:55]}_inserts"

    def plan(self, session: Session, tables: Sequence[TableSchema]) -> list[str]:
        """What `apply` would do so that exactly `tables` are published, a line each; empty where nothing is to be done."""
        return [step.line for step in self._steps(session, tables)]

    def script(self, session: Session, tables: Sequence[TableSchema]) -> str:
        """What `apply` would run, for somebody else to run it."""
        return "".join(f"{step.statement.as_string(session)}; " for step in self._steps(session, tables)).rstrip()

    def apply(self, session: Session, tables: Sequence[TableSchema]) -> list[str]:
        """Publish exactly `tables`, in one transaction; returns what was done.

        Raises `SourceError` without the privilege (CREATE on the database, ownership of the tables), and for a publication of
        our name that takes all tables and so is not ours.
        """
        return _execute(session, self._steps(session, tables))

    def add(self, session: Session, tables: Sequence[TableSchema]) -> list[str]:
        """As `apply`, but other tables that are published stay so."""
        names = {table.name for table in tables}
        return _execute(session, [s for s in self._steps(session, tables) if s.removes is None or s.removes in names])

    def interrupted(self, session: Session, tables: Sequence[TableSchema]) -> list[TableName]:
        """Those of `tables` that the publication they belong to does not publish, or not whole, or not since they were looked
        at: changes of them may not have been sent."""
        sent: set[int] = set()
        for name, operations, wanted in self._wanted(tables):
            options = [True, *(operation in operations for operation in _ALL)]
            asked = ([t.oid for t in wanted], [t.seen for t in wanted], name, options)
            sent |= {oid for (oid,) in fetch(session, _SENT, asked)}
        return [table.name for table in tables if table.oid not in sent]

    def _wanted(self, tables: Sequence[TableSchema]) -> list[tuple[str, tuple[str, ...], list[TableSchema]]]:
        """Each publication, what it publishes, and of which tables."""
        keyed, keyless = ([table for table in tables if bool(table.key) == has_key] for has_key in (True, False))
        return [(self.names[0], _ALL, keyed), (self.names[1], _INSERTS, keyless)]

    def _steps(self, session: Session, tables: Sequence[TableSchema]) -> list[_Step]:
        steps = []
        for name, operations, of_tables in self._wanted(tables):
            wanted = {table.name for table in of_tables}
            steps += _settle(session, name, operations)
            published = _published(session, name)
            whole = {table for table in published if published[table]}
            steps += [_remove(name, table) for table in sorted(published.keys() - (wanted & whole))]
            steps += [_add(name, table) for table in sorted(wanted - whole)]
        return steps


@dataclasses.dataclass(frozen=True)
class Slot:
    """A replication slot as the server has it now; LSNs as numbers.

    ``retained`` is the WAL in bytes that it holds back, ``lost`` whether the server has given up keeping it.
    """

    name: str
    database: str | None
    plugin: str | None
    reader: int | None
    application: str | None
    confirmed: int | None
    restart: int | None
    retained: int
    wal_status: str | None

    @property
    def lost(self) -> bool:
        """Whether WAL that the slot needs is gone."""
        return self.wal_status == "lost"


def find_slot(session: Session, name: str) -> Slot | None:
    """The slot of that name in the whole server, or None."""
    query = """
    SELECT s.slot_name, s.database, s.plugin, s.active_pid, a.application_name, s.confirmed_flush_lsn, s.restart_lsn,
        coalesce(pg_current_wal_lsn() - s.restart_lsn, 0)::bigint, s.wal_status
    FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = %s
    """
    for slot_name, database, plugin, reader, application, confirmed, restart, retained, status in fetch(session, query, (name,)):
        confirmed, restart = (None if lsn is None else parse_lsn(lsn) for lsn in (confirmed, restart))
        return Slot(slot_name, database, plugin, reader, application, confirmed, restart, retained, status)
    return None


def drop_slot(session: Session, name: str) -> None:
    """Remove the slot; one that does not exist is no error. Raises `SourceError` while it is being read."""
    fetch(session, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (name,))


@dataclasses.dataclass(frozen=True)
class _Step:
    """A statement, how people read it, and the table that it removes."""

    line: str
    statement: sql.Composable
    removes: TableName | None = None


def _execute(session: Session, steps: Sequence[_Step]) -> list[str]:
    if steps:
        with session.cursor() as cursor:
            # One message, and so one transaction.
            cursor.execute(sql.SQL("; ").join([step.statement for step in steps]))
    return [step.line for step in steps]


def _settle(session: Session, name: str, operations: tuple[str, ...]) -> list[_Step]:
    """What makes the publication exist with the options it should have."""
    options = sql.SQL("(publish = {}, publish_via_partition_root = true)").format(sql.Literal(", ".join(operations)))
    query = """
    SELECT puballtables, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication WHERE pubname = %s
    """
    row = next(iter(fetch(session, query, (name,))), None)
    publication = sql.Identifier(name)
    if row is None:
        return [_Step(f"create publication {name}", sql.SQL("CREATE PUBLICATION {} WITH {}").format(publication, options))]
    all_tables, *found = row
    if all_tables:
        raise SourceError(
            "LW-215", f"publication {name} is FOR ALL TABLES and so is not lakewright's", hint=f"DROP PUBLICATION {name}"
        )
    if found != [True, *(operation in operations for operation in _ALL)]:
        statement = sql.SQL("ALTER PUBLICATION {} SET {}").format(publication, options)
        return [_Step(f"set the options of publication {name}", statement)]
    return []


# A row filter or a column list leaves something out; before PostgreSQL 15 there are none.
_WHOLE = "(to_jsonb(r) ->> 'prqual') IS NULL AND (to_jsonb(r) ->> 'prattrs') IS NULL"
# Every ALTER of a publication that matters writes its row, or the table's, anew.
_SENT = f"""
SELECT t.oid FROM unnest(%s::oid[], %s::bigint[]) AS t(oid, seen) JOIN pg_publication p ON p.pubname = %s
    JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = t.oid
WHERE {_WHOLE} AND ARRAY[p.pubviaroot, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate] = %s
  AND (t.seen = 0 OR least(age(p.xmin), age(r.xmin)) > age(t.seen::text::xid8::xid)
    AND {COMPARABLE.format(seen="t.seen")})
"""


def _published(session: Session, name: str) -> dict[TableName, bool]:
    """The tables that a publication names, and whether it publishes all of their rows and columns."""
    query = f"""
    SELECT n.nspname, c.relname, {_WHOLE} FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
        JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = %s
    """
    return {TableName(schema, table): whole for schema, table, whole in fetch(session, query, (name,))}


# ONLY, here and there: the children of an inherited table are tables of their own.


def _add(name: str, table: TableName) -> _Step:
    statement = sql.SQL("ALTER PUBLICATION {} ADD TABLE ONLY {}").format(sql.Identifier(name), sql.Identifier(*table))
    return _Step(f"add table {table} to publication {name}", statement)


def _remove(name: str, table: TableName) -> _Step:
    statement = sql.SQL("ALTER PUBLICATION {} DROP TABLE ONLY {}").format(sql.Identifier(name), sql.Identifier(*table))
    return _Step(f"remove table {table} from publication {name}", statement, table)
