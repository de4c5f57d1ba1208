"""All rows of some tables as of one moment: the consistent point of a replication slot, seen through its exported snapshot.

A slot and its snapshot meet exactly: what committed before the consistent point is in the snapshot, all else in the stream
(PostgreSQL documentation, "Streaming Replication Protocol", CREATE_REPLICATION_SLOT).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from adbc_driver_postgresql import dbapi as adbc
from psycopg2 import sql
from psycopg2.extras import ReplicationCursor

from lakewright.errors import SourceUnreachable
from lakewright.model.contracts import Waiting
from lakewright.model.position import Position, parse_lsn
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres.arrow_sessions import ArrowSessions
from lakewright.sources.postgres.catalog import qualified
from lakewright.sources.postgres.connection import Database, translated
from lakewright.sources.postgres.projection import CASTS_QUERY, Projection
from lakewright.sources.postgres.transactions import oldest_writing

_BATCH_BYTES = 16 << 20
_BATCHES_AHEAD = 2
_WAITING_SECONDS = 1.0

# A table that was truncated or rewritten after the snapshot was taken looks empty in it: then its file is another one than
# the snapshot's own view of the catalog says.
_REWRITTEN_QUERY = """
SELECT count(*) FROM pg_class
WHERE (oid = {table}::regclass OR oid IN (SELECT relid FROM pg_partition_tree({table}::regclass)))
  AND relfilenode <> 0 AND relfilenode IS DISTINCT FROM pg_relation_filenode(oid)
"""


@dataclasses.dataclass(frozen=True)
class SnapshotLoad:
    """Fulfils `contracts.Load`. A thread reads ahead of the consumer, at most some 50 MB of rows per table being read."""

    sessions: ArrowSessions
    snapshot: str
    position: Position
    time: datetime.datetime

    def batches(self, schema: TableSchema) -> Iterator[pa.RecordBatch]:
        """See `contracts.Load`. Raises `SourceError`; `SourceUnreachable` also where the table was truncated or rewritten
        since the snapshot was taken, so that only a new load can have its rows."""
        return _ahead(lambda: self._read(schema))

    def _read(self, schema: TableSchema) -> Iterator[pa.RecordBatch]:
        with self.sessions.session() as session, session.cursor() as cursor, translated(f"table {schema.name}"):
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
            table = qualified(schema.name)
            cursor.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
            literal = "'" + table.replace("'", "''") + "'"
            if _value(cursor, _REWRITTEN_QUERY.format(table=literal)):
                raise SourceUnreachable("LW-221", f"table {schema.name} was truncated or rewritten while its load began")
            partitioned = _value(cursor, f"SELECT relkind = 'p' FROM pg_class WHERE oid = {literal}::regclass")
            casts = {str(source) for source in _values(cursor, CASTS_QUERY)}
            projection = Projection(schema, self.position, self.time, casts)
            cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_BATCH_BYTES)})
            cursor.execute(projection.query(only=not partitioned))
            for batch in cursor.fetch_record_batch():
                if batch.num_rows:
                    yield projection.rows(batch)
            cursor.execute("COMMIT")  # the table's lock ends with the reading of it


@contextlib.contextmanager
def open_snapshot(database: Database, slot: str, waiting: Waiting, *, temporary: bool) -> Iterator[SnapshotLoad]:
    """Create the slot and see all tables as of its consistent point until the block ends.

    A temporary slot has a name of its own that begins with `slot`, and is gone with the block. Waits for the transactions
    that write at this moment to end, and calls `waiting` meanwhile. The consistent point is after everything that was
    committed before the call.
    """
    name = f"{slot[:54]}_{uuid.uuid4().hex[:8]}" if temporary else slot
    command = f"CREATE_REPLICATION_SLOT {{}} {'TEMPORARY ' if temporary else ''}LOGICAL pgoutput EXPORT_SNAPSHOT"
    with translated(), contextlib.closing(database.replication()) as holder, holder.cursor() as cursor:
        with database.session() as session, session.cursor() as clock:
            clock.execute("SELECT clock_timestamp()")
            (time,) = clock.fetchone() or (None,)
        _create(database, cursor, sql.SQL(command).format(sql.Identifier(name)), waiting)
        _, consistent_point, snapshot, _ = cursor.fetchone() or ()
        with contextlib.closing(ArrowSessions(database)) as sessions:
            yield SnapshotLoad(sessions, snapshot, Position(parse_lsn(consistent_point)), time.astimezone(datetime.UTC))


def _create(database: Database, cursor: ReplicationCursor, command: sql.Composable, waiting: Waiting) -> None:
    """Execute the command, in a thread of its own so that the wait for its end can be told of and ended."""
    told = None
    with ThreadPoolExecutor(1, "slot") as pool:
        done = pool.submit(cursor.execute, command)
        try:
            while not wait([done], _WAITING_SECONDS).done:
                with database.session() as session:
                    oldest = oldest_writing(session, 0)
                name = oldest.name if oldest else "the transactions that write now"
                waiting(None if name == told else f"{name} to end" + (f" ({oldest.end} ends it)" if oldest else ""))
                told = name
        except BaseException:
            cursor.connection.cancel()
            raise
        done.result()


def _values(cursor: adbc.Cursor, query: str) -> list[object]:
    cursor.execute(query)
    return [row[0] for row in cursor.fetchall()]


def _value(cursor: adbc.Cursor, query: str) -> object:
    return _values(cursor, query)[0]


def _ahead(produce: Callable[[], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """The items of `produce()`, made by a thread of their own that is a few items ahead; it ends with the consumer."""
    items: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(_BATCHES_AHEAD)
    abandoned = threading.Event()

    def offer(item: pa.RecordBatch | BaseException | None) -> bool:
        while not abandoned.is_set():
            with contextlib.suppress(queue.Full):
                items.put(item, timeout=0.1)
                return True
        return False

    def run() -> None:
        try:
            with contextlib.closing(produce()) as produced:  # type: ignore[type-var]
                for item in produced:
                    if not offer(item):
                        return
            offer(None)
        except BaseException as error:
            offer(error)

    thread = threading.Thread(target=run, name="load", daemon=True)
    thread.start()
    try:
        while (item := items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        abandoned.set()
        thread.join()
