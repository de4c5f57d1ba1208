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

    def missing(self, session: Session, tables: Sequence[TableSchema]) -> list[TableName]:
        """Those of `tables` that the publication they belong to does not publish: their changes would not be sent."""
        published = [_published(session, name) for name in self.names]
        return [table.name for table in tables if table.name not in published[0 if table.key else 1]]

    def _steps(self, session: Session, tables: Sequence[TableSchema]) -> list[_Step]:
        keyed = {table.name for table in tables if table.key}
        keyless = {table.name for table in tables if not table.key}
        steps = []
        for name, operations, wanted in ((self.names[0], _ALL, keyed), (self.names[1], _INSERTS, keyless)):
            steps += _settle(session, name, operations)
            published = _published(session, name)
            steps += [_remove(name, table) for table in sorted(published - wanted)]
            steps += [_add(name, table) for table in sorted(wanted - published)]
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
    with session.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.slot_name, s.database, s.plugin, s.active_pid, a.application_name, s.confirmed_flush_lsn, s.restart_lsn,
                coalesce(pg_current_wal_lsn() - s.restart_lsn, 0)::bigint, s.wal_status
            FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = %s
            """,
            (name,),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    slot_name, database, plugin, reader, application, confirmed, restart, retained, status = row
    confirmed, restart = (None if lsn is None else parse_lsn(lsn) for lsn in (confirmed, restart))
    return Slot(slot_name, database, plugin, reader, application, confirmed, restart, retained, status)


def drop_slot(session: Session, name: str) -> None:
    """Remove the slot; one that does not exist is no error. Raises `SourceError` while it is being read."""
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (name,))


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
    with session.cursor() as cursor:
        cursor.execute(
            """
            SELECT puballtables, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate
            FROM pg_publication WHERE pubname = %s
            """,
            (name,),
        )
        row = cursor.fetchone()
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


def _published(session: Session, name: str) -> set[TableName]:
    """The tables that a publication names."""
    with session.cursor() as cursor:
        cursor.execute(
            """
            SELECT n.nspname, c.relname FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
                JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = %s
            """,
            (name,),
        )
        return {TableName(*row) for row in cursor.fetchall()}


# ONLY, here and there: the children of an inherited table are tables of their own.


def _add(name: str, table: TableName) -> _Step:
    statement = sql.SQL("ALTER PUBLICATION {} ADD TABLE ONLY {}").format(sql.Identifier(name), sql.Identifier(*table))
    return _Step(f"add table {table} to publication {name}", statement)


def _remove(name: str, table: TableName) -> _Step:
    statement = sql.SQL("ALTER PUBLICATION {} DROP TABLE ONLY {}").format(sql.Identifier(name), sql.Identifier(*table))
    return _Step(f"remove table {table} from publication {name}", statement, table)
