"""Messages of the replication protocol made here, and the rows that the decoder makes of them."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from lakewright.model.batch import ChangeBatch, raw_schema
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import Column, TableSchema
from lakewright.sources.postgres.pgoutput import Decoder

UNSENT = "not sent: unchanged TOAST"
Value = str | None

A = TableSchema(
    TableName("public", "a"),
    (Column("id", "bigint", "bigint"), Column("name", "text", "string"), Column("size", "integer", "int")),
    ("id",),
)
LOG = TableSchema(TableName("public", "log"), (Column("line", "text", "string"),), ())
OIDS = {A.name: 101, LOG.name: 102}
EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


def begin(lsn: int, time: int = 0) -> bytes:
    return struct.pack(">cqqI", b"B", lsn, time, 7)


def commit(lsn: int, time: int = 0) -> bytes:
    return struct.pack(">cBqqq", b"C", 0, lsn, lsn + 8, time)


def relation(schema: TableSchema, oid: int | None = None) -> bytes:
    name = schema.name
    message = struct.pack(">cI", b"R", oid or OIDS[name]) + name.schema.encode() + b"\0" + name.table.encode() + b"\0"
    message += struct.pack(">cH", b"d", len(schema.columns))
    for column in schema.columns:
        message += bytes([column.name in schema.key]) + column.name.encode() + b"\0" + struct.pack(">Ii", 25, -1)
    return message


def row(values: Sequence[Value]) -> bytes:
    message = struct.pack(">H", len(values))
    for value in values:
        if value is None:
            message += b"n"
        elif value is UNSENT:
            message += b"u"
        else:
            message += b"t" + struct.pack(">I", len(value.encode())) + value.encode()
    return message


def insert(table: TableSchema, *values: Value) -> bytes:
    return struct.pack(">cI", b"I", OIDS[table.name]) + b"N" + row(values)


def update(table: TableSchema, *values: Value, old: Sequence[Value] | None = None, kind: bytes = b"K") -> bytes:
    before = b"" if old is None else kind + row(old)
    return struct.pack(">cI", b"U", OIDS[table.name]) + before + b"N" + row(values)


def delete(table: TableSchema, *values: Value, kind: bytes = b"K") -> bytes:
    return struct.pack(">cI", b"D", OIDS[table.name]) + kind + row(values)


def truncate(*tables: TableSchema) -> bytes:
    return struct.pack(">cIB", b"T", len(tables), 0) + b"".join(struct.pack(">I", OIDS[t.name]) for t in tables)


def decoder(after: Position = START, resolve: Any = None, starts: Mapping[TableName, Position] | None = None) -> Decoder:
    return Decoder([A, LOG], after, resolve or (lambda asked, known: {A.name: A, LOG.name: LOG}[asked.name]), starts or {})


def rows(batches: Sequence[ChangeBatch]) -> list[dict[str, Any]]:
    """The rows without their nulls, with the table's name; also that each batch says rightly what it holds."""
    found = []
    for batch in batches:
        assert batch.rows.schema.equals(raw_schema(batch.schema))
        batch.rows.validate(full=True)
        listed = batch.rows.to_pylist()
        assert (str(batch.first), str(batch.last)) == (listed[0]["_position"], listed[-1]["_position"])
        assert (batch.first_time, batch.last_time) == (listed[0]["_commit_time"], listed[-1]["_commit_time"])
        found += [{"table": batch.schema.name.table, **{k: v for k, v in r.items() if v is not None}} for r in listed]
    return found


def changes(messages: Sequence[bytes], after: Position = START) -> list[dict[str, Any]]:
    """The rows of some messages without commit times."""
    return [{k: v for k, v in r.items() if k != "_commit_time"} for r in rows(decoder(after).decode(messages).batches)]


def at(lsn: int, ordinal: int) -> str:
    return str(Position(lsn, ordinal))
