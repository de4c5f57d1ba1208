"""A lake of one table in a temporary folder, over an embedded database, for figures that need the whole path."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from lakewright.pipeline.lake import Lake
from lakewright.sources.postgres.source import PostgresSource

TABLE = "CREATE TABLE ev (id bigint PRIMARY KEY, at timestamptz, kind int, amount numeric(18,4), payload text)"
ROW = "g, now(), (g % 7)::int, (g * 37 % 1000000) / 100.0, md5(g::text)"


@contextlib.contextmanager
def lake(rows: int) -> Iterator[tuple[Lake, str]]:
    """A lake whose table ``ev`` was loaded with `rows` rows and merged, and the URL of its database."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "lake.yaml").write_text("lake: b\nsources:\n  db: {kind: postgres, url: embedded, tables: [public.ev]}\n")
        with Lake.open(folder) as opened:
            source = opened.source("db")
            assert isinstance(source, PostgresSource)
            url = source.database.url
            execute(url, f"{TABLE}; INSERT INTO ev SELECT {ROW} FROM generate_series(1::bigint, {rows}) g")
            opened.capture()
            opened.merge()
            try:
                yield opened, url
            finally:
                opened.down()


def execute(url: str, statement: str) -> None:
    """Run a statement in a transaction of its own."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


def rows_of(opened: Lake, text: str, *, committed: bool = False) -> list[tuple[object, ...]]:
    """The answer to a query."""
    with opened.sql(text, committed=committed) as answer:
        return [row for batch in answer.batches() for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
