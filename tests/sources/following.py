"""Following a source in a test: what was captured, and how it is asked for."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2

from lakewright.model.contracts import Flush
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres.source import PostgresSource

Sql = Callable[[str], Any]
# Three kilobytes that do not compress: kept outside of the row (TOAST).
LONG = "(SELECT string_agg(md5(g::text || {0}::text), '') FROM generate_series(1, 100) g)"


@dataclasses.dataclass
class Lake:
    """What is captured of a source: rows in the order they came, by table; the schemas they came under; what was told."""

    source: PostgresSource
    position: Position
    schemas: list[TableSchema]
    rows: dict[str, list[dict[str, Any]]]
    flushes: list[Flush]

    def follow(self, *, acknowledge: bool = True) -> None:
        """Take up everything that is committed now."""
        until = self.source.current_position()
        with self.source.open_stream(self.position, self.schemas, {}) as opened:
            for flush in opened.flushes():
                self.take(flush)
                if flush.watermark is not None:
                    self.position = flush.watermark
                    if acknowledge:
                        opened.acknowledge(flush.watermark)
                    if flush.watermark >= until:
                        return

    def take(self, flush: Flush) -> None:
        if flush.batches or flush.stopped:
            self.flushes.append(flush)
        for batch in flush.batches:
            known = self.rows.setdefault(batch.schema.name.table, [])
            known += [{k: v for k, v in row.items() if v is not None} for row in batch.rows.to_pylist()]
            self.schemas = [batch.schema if schema.name == batch.schema.name else schema for schema in self.schemas]

    def changes(self, table: str = "t") -> list[tuple[Any, ...]]:
        """Op, key and position of a table's rows; positions as (number of the transaction, ordinal)."""
        every = sorted({row["_position"][:16] for rows in self.rows.values() for row in rows})
        return [
            (row["Op"], row.get("id"), (every.index(row["_position"][:16]) + 1, int(row["_position"][17:])))
            for row in self.rows.get(table, [])
        ]


@contextlib.contextmanager
def transaction(url: str) -> Iterator[psycopg2.extensions.cursor]:
    """A transaction that commits at the end of the block."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            yield cursor
