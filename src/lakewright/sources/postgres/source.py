"""A PostgreSQL database as a source: fulfils `contracts.Source`."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence, Set

import psycopg2.errors
from psycopg2.extensions import connection as Session

from lakewright.errors import RESYNC, LakewrightError, SourceError
from lakewright.model.contracts import Discovered, Drift, Past, SourceFacts, Waiting
from lakewright.model.evolution import compare
from lakewright.model.finding import Finding
from lakewright.model.names import TableName, chosen
from lakewright.model.position import START, Feed, Position, format_lsn, parse_lsn
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres import advice, catalog, doctor, heaps, statistics
from lakewright.sources.postgres.catalog import Absent, Types
from lakewright.sources.postgres.connection import Database, fetch, translated
from lakewright.sources.postgres.messages import CannotGoOn, refused
from lakewright.sources.postgres.pgoutput import restored
from lakewright.sources.postgres.publication import Publications, Slot, drop_slot, find_slot
from lakewright.sources.postgres.relation import Relation
from lakewright.sources.postgres.snapshot import SnapshotLoad, open_snapshot
from lakewright.sources.postgres.stream import PostgresStream

_FREE_SECONDS = 10.0
_STATISTICS_SECONDS = 11.0
"""A backend that is idle tells its counts at the latest after 10 s (PGSTAT_IDLE_INTERVAL)."""


class PostgresSource:
    """The database at a libpq URL.

    `tables` are patterns such as ``public.*``, with a leading ``-`` to leave out; `name` is that of the slot and the
    publications (``[a-z0-9_]``, at most 63 characters), one for each lake and source; `types` gives columns another lake type.
    Nothing is connected before it is asked for, and no two calls share a connection at a time, so that several threads may
    use a source. Errors are `SourceError`.
    """

    def __init__(self, url: str, tables: Sequence[str], name: str, types: Types | None = None) -> None:
        self.database = Database(url)
        self.name = name
        self.publications = Publications(name)
        self._tables = tuple(tables)
        self._types: Types = types or {}

    def close(self) -> None:
        """See `contracts.Source`."""
        self.database.close()

    # ---- contracts.Source

    def feed(self) -> Feed:
        """See `contracts.Source`."""
        with translated(), contextlib.closing(self.database.replication()) as connection, connection.cursor() as cursor:
            cursor.execute("IDENTIFY_SYSTEM")
            system, timeline, *_ = cursor.fetchone() or ()
            return Feed("native", system, int(timeline))

    def discover(self) -> Discovered:
        """See `contracts.Source`."""
        with self.database.session() as session:
            tables, refused = catalog.discover(session, self._tables, self._types)
        return Discovered(tables, {each.table: each.error for each in refused})

    @contextlib.contextmanager
    def open_load(
        self,
        tables: Sequence[TableSchema],
        *,
        after: Position | None,
        waiting: Waiting = lambda _: None,
        past: Past | None = None,
    ) -> Iterator[SnapshotLoad]:
        """See `contracts.Source`; rows have one form. The tables are published first, so that the stream has all that
        comes after.
        """
        self.prepare(tables)
        if after is None:
            with self.database.session() as session:
                self._await_free(session)
                drop_slot(session, self.name)
        with open_snapshot(self.database, self.name, waiting, temporary=after is not None) as load:
            yield load

    @contextlib.contextmanager
    def open_stream(
        self,
        after: Position,
        schemas: Sequence[TableSchema],
        starts: Mapping[TableName, Position],
        past: Past | None = None,
    ) -> Iterator[PostgresStream]:
        """See `contracts.Source`. Raises `SourceError` where the slot is taken, gone, or does not fit `after`."""
        with self.database.session() as session:
            confirmed = self._check(self._await_free(session), after, _flush_lsn(session))
        if past is not None and past.commit < confirmed:
            past = dataclasses.replace(past, commit=0)  # not sent again
        with translated(), contextlib.closing(self.database.replication()) as connection, connection.cursor() as cursor:
            try:
                stream = PostgresStream(cursor, self.name, self.publications.names, after, schemas, self._resolve, starts, past)
            except psycopg2.errors.ObjectInUse as error:
                raise self._taken(str(error.diag.message_primary)) from None
            yield stream

    def current_position(self) -> Position:
        """See `contracts.Source`; the flush LSN, brought up to the commits that did not wait for it."""
        with self.database.session() as session, session.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()")
            if cursor.fetchone() == (True,):
                # A commit that waits flushes all that comes before it.
                cursor.execute("SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'lakewright', '')")
            return Position(_flush_lsn(session))

    def drift(self, tables: Sequence[TableSchema]) -> Drift:
        """See `contracts.Source`."""
        with self.database.session() as session:
            found, refused = catalog.discover(session, self._tables, self._types)
            unpublished = set(self.publications.interrupted(session, tables))
            known = {table.name: table for table in tables}
            now = {table.name: table.typed_as(known[table.name]) for table in found if table.name in known}
            now |= {table.name: heaps.trusted(session, table, now[table.name]) for table in tables if table.name in now}
            reasons: dict[TableName, LakewrightError] = {
                each.table: each.error for each in refused if not isinstance(each.error, Absent)
            }
            reasons |= {table.name: _unchosen(table) for table in tables if not chosen([table.name], self._tables)}
            grown, doubted = [], []
            for table in tables:
                if table.name in reasons:
                    continue
                if (error := _cannot_go_on(session, table, now.get(table.name), unpublished)) is not None:
                    reasons[table.name] = error
                elif (leaf := heaps.emptied(session, table, now[table.name])) is not None:
                    doubted.append((table, CannotGoOn(table.name, f"its partition {leaf} was truncated by itself, or rewritten")))
                elif (change := compare(table, now[table.name])).is_evolved or change.news:
                    grown.append(dataclasses.replace(change.schema, emptied=table.emptied))
        stopped = [(table.name, reasons[table.name]) for table in tables if table.name in reasons]
        return Drift(stopped, grown, doubted, self.current_position() if grown or doubted else START)

    def estimated_rows(self, tables: Sequence[TableSchema]) -> dict[TableName, int]:
        """See `contracts.Source`."""
        with self.database.session() as session:
            return statistics.estimated_rows(session, [table.name for table in tables])

    def was_changed(self, table: TableName) -> bool:
        """See `contracts.Source`; a server's statistics come some seconds late, and are lost in its crash."""
        deadline = time.monotonic() + _STATISTICS_SECONDS
        while not (changed := table in self._updated_rows()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return changed

    def prepare(self, tables: Sequence[TableSchema]) -> None:
        """See `contracts.Source`: publish `tables` too, whatever else is published."""
        with self.database.session() as session:
            self.publications.add(session, tables)

    def plan(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`."""
        with self.database.session() as session:
            return self.publications.plan(session, tables)

    def apply(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source`: publish exactly `tables`."""
        with self.database.session() as session:
            return self.publications.apply(session, tables)

    def examine(self) -> list[Finding]:
        """See `contracts.Source` and `doctor.examine`."""
        return doctor.examine(self.database, self.name, self._tables, self._types)

    def status(self, after: Position = START) -> SourceFacts:
        """See `contracts.Source`: the slot, and how much WAL there is after a position."""
        with self.database.session() as session:
            slot, flush = find_slot(session, self.name), _flush_lsn(session)
        behind = max(0, flush - after.lsn)
        problem = None
        if after > START:
            try:
                self._kept(slot)
            except SourceError as error:
                problem = error.line()
        if slot is None:
            return SourceFacts("missing", behind, problem=problem)
        state = "lost" if slot.lost else "active" if slot.reader else "idle"
        return SourceFacts(state, behind, slot.confirmed, slot.restart, slot.retained, slot.wal_status, problem)

    def advice(self, tables: Sequence[TableSchema]) -> list[str]:
        """See `contracts.Source` and `advice.advise`."""
        with self.database.session() as session:
            return advice.advise(session, tables)

    def _updated_rows(self) -> dict[TableName, int]:
        with self.database.session() as session:
            return statistics.updated_rows(session)

    def _resolve(self, relation: Relation, known: TableSchema) -> TableSchema:
        with self.database.session() as session:
            return heaps.trusted(session, known, catalog.schema_of(session, relation, self._types))

    def _await_free(self, session: Session) -> Slot | None:
        """The slot, once nobody reads it: the server notices a reader's death a moment later."""
        deadline = time.monotonic() + _FREE_SECONDS
        while (slot := find_slot(session, self.name)) is not None and slot.reader is not None:
            if time.monotonic() > deadline:
                raise self._taken(f"it is active for pid {slot.reader}, {slot.application or 'which has no name'}", slot.reader)
            time.sleep(0.1)
        return slot

    def _taken(self, detail: str, pid: int | None = None) -> SourceError:
        hint = f"stop the other capture, or end it with SELECT pg_terminate_backend({pid or 'PID'}) in the source"
        return SourceError("LW-220", f"replication slot {self.name} is taken: {detail}", hint=hint)

    def _kept(self, slot: Slot | None) -> Slot:
        """The slot that a log goes on from; raises `SourceError` where it is gone or has nothing more to give."""
        if slot is None:
            raise SourceError("LW-222", f"replication slot {self.name} does not exist any more", hint=RESYNC)
        if slot.lost:
            message = f"the server gave up keeping the changes that slot {self.name} still had to give"
            raise SourceError("LW-223", message, hint=RESYNC)
        return slot

    def _check(self, slot: Slot | None, after: Position, flushed: int) -> int:
        """The LSN from which on the slot sends; raises `SourceError` unless it still has every change after `after`."""
        slot = self._kept(slot)
        if flushed < after.lsn:
            raise restored(f"the source ends at {format_lsn(flushed)}, but was captured up to {format_lsn(after.lsn)} before")
        if slot.confirmed is None or slot.confirmed > after.lsn:
            begins, ended = format_lsn(slot.confirmed or 0), format_lsn(after.lsn)
            message = f"slot {self.name} begins at {begins}, but was captured only up to {ended}"
            raise SourceError("LW-225", f"{message}: the changes between are gone", hint=RESYNC)
        return slot.confirmed


def _flush_lsn(session: Session) -> int:
    ((lsn,),) = fetch(session, "SELECT pg_current_wal_flush_lsn()")
    return parse_lsn(lsn)


def _unchosen(table: TableSchema) -> SourceError:
    message = f"table {table.name} is not among the tables to capture any more"
    return SourceError("LW-219", message, hint=f"`lakewright resync {table.name}` after it is again")


def _cannot_go_on(
    session: Session, table: TableSchema, now: TableSchema | None, unpublished: Set[TableName]
) -> SourceError | None:
    """Why a table's changes cannot be followed any more, or None."""
    hint = f"`lakewright resync {table.name}` loads it anew"
    if now is None:
        message = f"table {table.name} is not there any more: it was dropped or renamed"
        return SourceError(
            "LW-213", message, hint=f"leave it out of the source's `tables`: -{table.name}; its rows stay readable"
        )
    if (change := compare(table, now)).refusal is not None:
        return refused(table.name, change)
    if (leaf := heaps.filled(session, table, now)) is not None:
        return CannotGoOn(table.name, f"partition {leaf} was attached with rows that the stream does not tell")
    if table.name in unpublished:
        return SourceError("LW-226", f"the publication of table {table.name} was altered, so changes may be missing", hint=hint)
    return None
