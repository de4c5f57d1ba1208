"""A real PostgreSQL: one server per session, a fresh database per test.

Processes die in these tests, machines do not: what was written stays without fsync, here and in the server.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi as adbc

from lakewright.engines.duckdb import DuckDBEngine
from lakewright.pipeline.holdings import Holdings
from lakewright.sources.postgres.connection import Database
from lakewright.sources.postgres.embedded import EmbeddedPostgres

Sql = Callable[[str], list[tuple[Any, ...]]]


def run_sql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements, each committed for itself; the rows of the last one."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def pytest_collection_finish() -> None:
    """What is imported by now stays: the collector need not look at it again, and looks less often."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure() -> None:
    """As it was found: what looks for leaks at the end counts what is frozen."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _no_fsync() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@contextlib.contextmanager
def known_types(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loads know a server's types from the first session with its database: to ask for them takes longer than a small load."""
    first: dict[str, adbc.Connection] = {}
    arrow = Database.arrow

    def like_first(database: Database, like: adbc.Connection | None = None) -> adbc.Connection:
        if like is None and database.url not in first:
            first[database.url] = arrow(database)
        return arrow(database, like or first[database.url])

    patch.setattr(Database, "arrow", like_first)
    yield
    for session in first.values():
        session.close()


@pytest.fixture
def one_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands of a test on one lake have one engine, each after the other: it keeps nothing that counts between two answers,
    and to make one takes longer than to merge a few rows.
    """
    left: dict[Path, DuckDBEngine] = {}
    made, close = Holdings.__dict__["engine"], Holdings.close
    engine = functools.cached_property(lambda lake: left.pop(lake.folder, None) or made.func(lake))

    def leave(lake: Holdings) -> None:
        if "engine" in vars(lake):
            left.setdefault(lake.folder, lake.engine)
            if left[lake.folder] is lake.engine:
                del lake.engine
        close(lake)

    engine.__set_name__(Holdings, "engine")
    monkeypatch.setattr(Holdings, "engine", engine)
    monkeypatch.setattr(Holdings, "close", leave)
    yield
    for each in left.values():
        each.close()


@pytest.fixture
def one_thread(one_engine: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands and histories of a few rows: threads cost more than they give. Other processes have theirs."""
    monkeypatch.setattr(DuckDBEngine, "__init__", functools.partialmethod(DuckDBEngine.__init__, threads=1))
    count = pa.cpu_count()
    pa.set_cpu_count(1)
    with known_types(monkeypatch):
        yield
    pa.set_cpu_count(count)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """A running embedded server. Its folder is open to the account it runs as under root, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="lakewright-test-"))
    folder.chmod(0o755)
    embedded = EmbeddedPostgres(folder / "pg")
    embedded.start()
    for setting in ("fsync", "full_page_writes", "autovacuum"):  # there is a new database for each test, and not for long
        run_sql(embedded.url, f"ALTER SYSTEM SET {setting} = off")
    run_sql(embedded.url, "SELECT pg_reload_conf()")
    yield embedded
    embedded.stop()
    shutil.rmtree(folder)


@contextlib.contextmanager
def fresh_database(server: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a fresh database; it and its replication slots are dropped after the block."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    run_sql(server.url, f"CREATE DATABASE {name} STRATEGY FILE_COPY")  # the cheaper one without fsync
    yield server.database_url(name)
    slots = f"FROM pg_replication_slots WHERE database = '{name}'"
    run_sql(
        server.url,
        f"SELECT pg_terminate_backend(active_pid, 10000) {slots} AND active",
        f"SELECT pg_drop_replication_slot(slot_name) {slots}",
        f"DROP DATABASE {name} WITH (FORCE)",
    )


@pytest.fixture
def url(server: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a fresh database; it and its replication slots are dropped after the test."""
    with fresh_database(server) as url:
        yield url


@pytest.fixture
def sql(url: str) -> Sql:
    """Run a statement in the fresh database, committed at once; its rows."""
    return lambda statement: run_sql(url, statement)


@pytest.fixture(scope="session")
def database(server: EmbeddedPostgres) -> str:
    """The URL of a database that all tests of a run share; each uses a schema and a slot of its own."""
    run_sql(server.url, "CREATE DATABASE shared")
    return server.database_url("shared")
