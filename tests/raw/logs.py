"""Small logs of two tables, written by real writers."""

from __future__ import annotations

import datetime

import pyarrow as pa

from lakewright.model.batch import ChangeBatch, raw_schema
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position
from lakewright.model.schema import Column, TableSchema
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.raw.view import LogView
from lakewright.raw.writer import LogWriter
from lakewright.storage.lease import Lease

FEED = Feed("native", "7001", 1)
OTHER = Feed("native", "7001", 2)
A, B = TableName("public", "a"), TableName("public", "b")
EPOCH = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def at(lsn: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(seconds=lsn)


def schema(table: TableName, *more: Column) -> TableSchema:
    return TableSchema(table, (Column("id", "bigint", "bigint"), Column("t", "text", "string"), *more), ("id",), number=1)


def rows(table: TableName, op: str, positions: list[Position]) -> pa.Table:
    data = {
        "Op": [op] * len(positions),
        "_commit_time": [at(p.lsn) for p in positions],
        "_position": [str(p) for p in positions],
        "id": [p.ordinal for p in positions],
        "t": ["x"] * len(positions),
        "_unavailable": [None] * len(positions),
        "_old_key": [None] * len(positions),
        "_exact": [None] * len(positions),
    }
    return pa.table(data, raw_schema(schema(table)))


def batch(table: TableName, *positions: Position) -> ChangeBatch:
    first, last = positions[0], positions[-1]
    return ChangeBatch(schema(table), rows(table, "U", [*positions]), first, last, at(first.lsn), at(last.lsn))


def change(writer: LogWriter, table: TableName, lsn: int) -> RawFile:
    return writer.write_log(schema(table), batch(table, Position(lsn, 1), Position(lsn, 2)))


def load(writer: LogWriter, table: TableName, lsn: int) -> RawFile:
    whole = rows(table, "I", [Position(lsn)] * 3)
    return writer.write_load(schema(table), iter(whole.to_batches(max_chunksize=2)), Position(lsn), at(lsn))


def begin(log: RawLog, lease: Lease, lsn: int = 10) -> LogWriter:
    """A log with a load of both tables."""
    writer = LogWriter.take_over(log, lease)
    writer.append_load([load(writer, A, lsn), load(writer, B, lsn)], Position(lsn), at(lsn), FEED, first=True)
    return writer


def append(writer: LogWriter, lsn: int, *tables: TableName) -> list[RawFile]:
    files = [change(writer, table, lsn) for table in tables]
    writer.append(files, Position(lsn + 5), at(lsn))
    return files


def fresh(log: RawLog) -> LogView:
    return RawLog(log.store, "raw", "shop").view()


def names(log: RawLog, prefix: str = "") -> list[str]:
    return [entry.name.removeprefix(log.folder) for entry in log.store.list(log.folder + prefix)]
