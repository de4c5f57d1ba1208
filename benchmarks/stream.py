"""Changes of a slot to fsynced raw Parquet: 100 transactions of 10,000 inserts, then as many of 10,000 updates.

The peer is PostgreSQL's own `pg_recvlogical`, which reads the same changes over the same Unix socket from a slot at the same
place and writes them to nowhere. The two take turns; the best of some rounds counts. Both read a backlog, at full speed.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from benchmarks._figure import Figure
from lakewright.model.position import Position, format_lsn
from lakewright.model.schema import TableSchema
from lakewright.raw import parquet
from lakewright.sources.postgres.embedded import EmbeddedPostgres, programs
from lakewright.sources.postgres.source import PostgresSource
from lakewright.sources.postgres.stream import PostgresStream
from lakewright.storage.local import LocalStore

TRANSACTIONS = 100
ROWS = 10_000
ROUNDS = 3
_SLOT = "benchmark"

_TABLE = """
CREATE TABLE ev (id bigint PRIMARY KEY, payload text, amount numeric(18,4), at timestamptz, doc jsonb, n int, m bigint, f float8)
"""
_INSERT = """
INSERT INTO ev SELECT g, md5(g::text) || md5((g + 1)::text), g * 37 % 1000000 / 100.0,
    timestamptz '2026-01-01 00:00:00+00' + g * interval '1.0003 s', jsonb_build_object('k', g, 'v', 'x' || g),
    g % 1000, g * 7919, g / 7.0
FROM generate_series({first}::bigint, {last}::bigint) g
"""
_UPDATE = "UPDATE ev SET amount = amount + 1, n = n + 1, at = at + interval '1 day' WHERE id BETWEEN {first} AND {last}"


def run() -> Iterator[Figure]:
    """Changes a second."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "pg")
        server.start()
        try:
            _execute(server.url, _TABLE)
            source = PostgresSource(server.url, ["public.ev"], _SLOT)
            schemas = source.discover().tables
            for name, statement in (("stream-insert", _INSERT), ("stream-update", _UPDATE)):
                with source.open_load(schemas, after=None) as load:
                    start = load.position
                for number in range(TRANSACTIONS):
                    _execute(server.url, statement.format(first=number * ROWS + 1, last=(number + 1) * ROWS))
                end = source.current_position()
                rounds = [
                    (_ours(source, schemas[0], start, end, Path(folder) / name / str(number)), _peer(source, end))
                    for number in range(ROUNDS)
                ]
                ours, peer = (TRANSACTIONS * ROWS / min(seconds) for seconds in zip(*rounds, strict=True))
                yield Figure(name, ours, "changes/s", "pg_recvlogical to nowhere", peer)
        finally:
            server.stop()


def _ours(source: PostgresSource, schema: TableSchema, start: Position, end: Position, folder: Path) -> float:
    """Seconds until everything up to `end` is in raw files and acknowledged."""
    store, rows = LocalStore(folder), 0
    with _slot(source) as slot, contextlib.closing(source.database.replication()) as connection, connection.cursor() as cursor:
        begun = time.perf_counter()
        stream = PostgresStream(cursor, slot, source.publications.names, start, [schema], lambda *_: schema, {})
        for number, flush in enumerate(stream.flushes()):
            for batch in flush.batches:
                rows += parquet.write(store, f"{number}.parquet", schema, [batch.rows]).rows
            if flush.watermark is not None:
                stream.acknowledge(flush.watermark)
                if flush.watermark >= end:
                    break
        took = time.perf_counter() - begun
    assert rows == TRANSACTIONS * ROWS, rows
    return took


def _peer(source: PostgresSource, end: Position) -> float:
    """Seconds that pg_recvlogical takes up to `end`."""
    options = ["--start", "--file=/dev/null", f"--endpos={format_lsn(end.lsn)}", "--no-loop", "-o", "proto_version=1"]
    names = ",".join(source.publications.names)
    with _slot(source) as slot:
        database = [f"--dbname={source.database.url}", f"--slot={slot}", "-o", f"publication_names={names}"]
        begun = time.perf_counter()
        subprocess.run([programs() / "pg_recvlogical", *database, *options], check=True)
        return time.perf_counter() - begun


@contextlib.contextmanager
def _slot(source: PostgresSource) -> Iterator[str]:
    """The name of another slot that begins where the source's does."""
    name = f"{_SLOT}_copy"
    _execute(source.database.url, f"SELECT pg_copy_logical_replication_slot('{_SLOT}', '{name}')")
    yield name
    # Its reader is gone, but the server may not have noticed.
    _execute(source.database.url, "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE active")
    _execute(source.database.url, f"SELECT pg_drop_replication_slot('{name}')")


def _execute(url: str, statement: str) -> None:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
