"""Whether capture will work: what it needs of the server, and for each thing that is missing the SQL that mends it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from psycopg2.extensions import connection as Session

from lakewright.errors import RESYNC, LakewrightError, SourceUnreachable
from lakewright.model.finding import Finding
from lakewright.model.names import TableName, quote_identifier
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres import catalog
from lakewright.sources.postgres.catalog import Types
from lakewright.sources.postgres.connection import Database, fetch, translated
from lakewright.sources.postgres.publication import Publications, find_slot
from lakewright.sources.postgres.transactions import oldest_writing

MUCH_RETAINED = 10 * 2**30
"""Bytes of WAL held back by the slot that are worth a finding."""
LONG_SECONDS = 10
"""Age of a writing transaction that is worth a finding: a first load waits for its end."""

_RESTART = "then restart the server (on a managed service: set the parameter, logical replication on RDS)"


def examine(database: Database, name: str, patterns: Sequence[str], types: Types) -> list[Finding]:
    """Look at everything that capture with the slot and publications `name` needs, in the order in which it would fail.

    Needs no privilege but to connect: what may not be looked at is a finding. Raises `SourceError` where nobody answers.
    """
    with database.session() as session:
        look = _Look(session, name, patterns, types)
        findings: list[Finding] = []
        for part in (look.server, look.room, look.role, look.tables, look.published, look.slot, look.transactions):
            findings += _safely(part)
        return findings


def _safely(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a part finds; what keeps it from looking further is a finding too."""
    try:
        with translated():
            yield from part()
    except SourceUnreachable:
        raise
    except LakewrightError as error:
        yield Finding.of(part.__name__, error)


class _Look:
    """The parts of an examination over one session."""

    def __init__(self, session: Session, name: str, patterns: Sequence[str], types: Types) -> None:
        self._session, self._name, self._patterns, self._types = session, name, patterns, types

    def server(self) -> Iterator[Finding]:
        """Version, role in replication, wal_level."""
        version, standby, level, encoding = self._row(
            "SELECT version(), pg_is_in_recovery(), current_setting('wal_level'), current_setting('server_encoding')"
        )
        yield Finding("version", True, version.partition(" on ")[0])
        if standby:
            yield Finding("primary", False, "the server is a standby", "give the source the url of the primary")
        detail = f"{encoding}: texts may hold bytes that are not UTF-8, and a table with such a text stops"
        mend = "dump the database, and restore it into one of encoding UTF8"
        known = encoding != "SQL_ASCII"
        yield Finding("encoding", known, encoding if known else detail, mend)
        yield Finding("wal_level", level == "logical", level, f"ALTER SYSTEM SET wal_level = logical; {_RESTART}")

    def room(self) -> Iterator[Finding]:
        """A slot and two senders: one for the stream, one for a load beside it."""
        slots, used, ours = self._row(
            "SELECT current_setting('max_replication_slots')::int, count(*), count(*) FILTER (WHERE slot_name = %s)"
            " FROM pg_replication_slots",
            self._name,
        )
        # One more for the time of a load or check.
        wanted = 1 if ours else 2
        mend = f"ALTER SYSTEM SET max_replication_slots = {used + wanted}; {_RESTART}"
        yield Finding("replication slots", slots - used >= wanted, f"{slots - used} of {slots} free", mend)
        senders, busy = self._row("SELECT current_setting('max_wal_senders')::int, count(*) FROM pg_stat_replication")
        mend = f"ALTER SYSTEM SET max_wal_senders = {busy + 2}; {_RESTART}"
        yield Finding("wal senders", senders - busy >= 2, f"{senders - busy} of {senders} free", mend)

    def role(self) -> Iterator[Finding]:
        """The right to replicate, and to make publications while they do not exist: of use to the owner of the tables alone."""
        role, may, database, create = self._row(
            """
            SELECT current_user, r.rolsuper OR r.rolreplication OR EXISTS (
                    SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication' AND pg_has_role(m.oid, 'member')),
                current_database(), has_database_privilege(current_database(), 'CREATE')
            FROM pg_roles r WHERE r.rolname = current_user
            """
        )
        quoted = quote_identifier(role)
        mend = f"ALTER ROLE {quoted} REPLICATION (on RDS: GRANT rds_replication TO {quoted})"
        yield Finding("replication privilege", may, f"role {role}", mend)
        exist = all(self._publication(publication) for publication in self._ours.names)
        if not (create or exist) and all(self._owns(schema.name) for schema in self._discover()[0]):
            mend = f"GRANT CREATE ON DATABASE {quote_identifier(database)} TO {quoted}"
            yield Finding("create privilege", False, f"role {role} may not create publications in database {database}", mend)

    def tables(self) -> Iterator[Finding]:
        """The chosen tables: that there are any, that they can be taken and read, and what becomes of those without a key."""
        schemas, refused = self._discover()
        detail = f"{len(schemas)} chosen by {', '.join(self._patterns)}"
        yield Finding("tables", bool(schemas), detail, "name existing tables under `tables` of the source in lake.yaml")
        for table, error in ((each.table, each.error) for each in refused):
            yield Finding.of(f"table {table}", error)
        (role,) = self._row("SELECT current_user")
        for schema in schemas:
            usage, select, filtered = self._row(
                """
                SELECT has_schema_privilege(%s, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid)
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
                """,
                schema.name.schema,
                *schema.name,
            )
            if not (usage and select):
                grant = f"GRANT USAGE ON SCHEMA {quote_identifier(schema.name.schema)} TO {quote_identifier(role)}; "
                grant += f"GRANT SELECT ON {catalog.qualified(schema.name)} TO {quote_identifier(role)}"
                yield Finding(f"table {schema.name}", False, f"role {role} may not read it", grant)
            elif filtered:
                mend = f"ALTER ROLE {quote_identifier(role)} BYPASSRLS"
                yield Finding(f"table {schema.name}", False, f"row-level security hides rows from role {role}", mend)
            elif not schema.key:
                detail = f"no key (replica identity {schema.identity}): it becomes an append log of its inserts"
                yield Finding(f"table {schema.name}", True, detail)

    def published(self) -> Iterator[Finding]:
        """The publications; where the role may not make them as they should be, all that somebody else has to run."""
        schemas, _ = self._discover()
        pending = self._ours.plan(self._session, schemas)
        mend = "`lakewright apply`"
        now = [dataclasses.replace(schema, seen=0) for schema in schemas]
        foreign = [table for table in self._ours.interrupted(self._session, now) if not self._owns(table)]
        (role, create) = self._row("SELECT current_user, has_database_privilege(current_database(), 'CREATE')")
        exist = all(self._publication(publication) for publication in self._ours.names)
        if foreign or not (create or exist):
            mend = f"as a superuser: {self._ours.script(self._session, schemas)}"
        owned = f"role {role} does not own {', '.join(map(str, foreign))} and so may not publish it"
        yield Finding("publications", not pending, "; ".join([*pending, *([owned] if foreign else [])]) or "complete", mend)

    def slot(self) -> Iterator[Finding]:
        """The slot, once there is one."""
        slot = find_slot(self._session, self._name)
        if slot is None:
            yield Finding("slot", True, f"{self._name} does not exist yet; the first load makes it")
            return
        detail = f"{self._name} is {'active' if slot.reader else 'idle'}, {slot.wal_status}"
        yield Finding("slot", not slot.lost, detail, RESYNC)
        (database,) = self._row("SELECT current_database()")
        if slot.database != database or slot.plugin != "pgoutput":
            mend = f"give the source another `slot` in lake.yaml, or SELECT pg_drop_replication_slot('{self._name}')"
            yield Finding("slot", False, f"{self._name} belongs to database {slot.database}, plugin {slot.plugin}", mend)
        detail = f"{slot.retained / 2**20:.0f} MiB are held back by the slot"
        mend = f"`lakewright up`, or SELECT pg_drop_replication_slot('{self._name}') where it is not needed any more"
        yield Finding("retained WAL", slot.retained < MUCH_RETAINED, detail, mend)

    def transactions(self) -> Iterator[Finding]:
        """A transaction whose end a load or check would wait for."""
        oldest = oldest_writing(self._session, LONG_SECONDS)
        if oldest:
            detail = f"{oldest.name} has been open for {oldest.seconds} s, and a load or check begins only when it has ended"
            yield Finding("transactions", False, detail, f"wait, or end it: {oldest.end}")

    @property
    def _ours(self) -> Publications:
        return Publications(self._name)

    def _discover(self) -> tuple[list[TableSchema], list[catalog.Refused]]:
        return catalog.discover(self._session, self._patterns, self._types)

    def _publication(self, name: str) -> bool:
        return self._row("SELECT count(*) FROM pg_publication WHERE pubname = %s", name) == (1,)

    def _owns(self, table: TableName) -> bool:
        query = """
        SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s
        """
        return self._row(query, *table) == (True,)

    def _row(self, query: str, *arguments: Any) -> tuple[Any, ...]:
        return next(iter(fetch(self._session, query, arguments or None)), ())
