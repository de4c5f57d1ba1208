"""AWS DMS as a writer to S3, with its losses and habits, over what our own capture has of a real database.

The history comes from a raw log that `lakewright capture` wrote, so that what DMS makes of it can be compared with that. Where
the guide is silent on what a value becomes, it becomes something else here: such values are in the list of `deploy.losses`.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import io
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.model import types
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import Column, TableSchema
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile

Row = dict[str, Any]

BEGINNING = (
    "CREATE SCHEMA s",
    "CREATE TABLE s.item (id bigint PRIMARY KEY, price numeric(10,2), label text, made timestamptz, ok boolean, day date,"
    " bytes bytea, doc jsonb, small smallint, part real, uid uuid)",
    "CREATE TABLE s.line (a int, b text, qty int, PRIMARY KEY (a, b))",
    "CREATE TABLE s.none (id int PRIMARY KEY, v text)",
    "INSERT INTO s.item SELECT g, g / 7.0, 'label ' || g, '2026-01-01Z'::timestamptz + g * interval '1 hour', g % 2 = 0,"
    " date '2026-01-01' + g, decode('00ff', 'hex'), '{\"a\": 1}', g, g / 3.0, gen_random_uuid() FROM generate_series(1, 40) g",
    "INSERT INTO s.line SELECT g, '', g FROM generate_series(1, 10) g",
)
STEPS = (
    (
        "UPDATE s.item SET price = price + 1, label = NULL WHERE id <= 10",
        "DELETE FROM s.item WHERE id = 11",
        "INSERT INTO s.line VALUES (1, 'x', 1), (2, 'y', NULL)",
    ),
    (
        "INSERT INTO s.item (id, label) VALUES (11, 'again'), (100, 'new')",
        "UPDATE s.line SET qty = qty * 2; DELETE FROM s.line WHERE a > 8",
        "INSERT INTO s.none VALUES (1, 'first')",
    ),
    (
        "ALTER TABLE s.line ADD COLUMN note text",
        "UPDATE s.line SET note = 'noted' WHERE a < 4",
        "DELETE FROM s.item WHERE id % 3 = 0; UPDATE s.item SET ok = NOT ok",
        "ALTER TABLE s.item DROP COLUMN small",
        "UPDATE s.item SET price = 0 WHERE id = 1",
    ),
)
"""A database of which DMS gives every row: as it begins, and what happens to it in three steps."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DAY = datetime.timedelta(days=1) // datetime.timedelta(microseconds=1)
BEFORE_CHRIST = -2_440_588
"""Days from 1970 to the day that stands for -infinity."""
_PARQUET = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "money": pa.decimal128(38, 4),
    "numeric": pa.decimal128(28, 6),
    "time without time zone": pa.time32("ms"),
    "time with time zone": pa.time32("ms"),
}
_UNITS = {"year": "YEAR", "mon": "MONTHS", "day": "DAYS"}


def parquet_schema(table: TableSchema, before: tuple[str, ...], after: tuple[str, ...] = (), unit: str = "us") -> pa.Schema:
    """The columns of a file: those of the endpoint's settings first and never null, then the table's, which may all be."""
    own = [pa.field(column.name, _type(column.source_type, unit)) for column in table.columns]
    texts = [pa.field(name, pa.string(), nullable=False) for name in before]
    return pa.schema([*texts, *own, *(pa.field(name, pa.string()) for name in after)])


def parquet(rows: list[Row], schema: pa.Schema) -> bytes:
    """A file as the endpoint of the module dms asks for it."""
    file = io.BytesIO()
    arrays = [_array([row.get(field.name) for row in rows], field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, compression="GZIP", use_dictionary=False, version="2.6")
    return file.getvalue()


@dataclasses.dataclass
class Task:
    """A task that loads and follows what `log` has, and writes below `folder`; each file is written at ``now``."""

    store: Store
    folder: str
    log: RawLog
    now: datetime.datetime = dataclasses.field(default_factory=lambda: datetime.datetime.now(datetime.UTC).replace(microsecond=0))
    taken: Position = START
    counter: int = 0
    tick: str = ""
    loads: dict[TableName, int] = dataclasses.field(default_factory=dict)
    written: list[str] = dataclasses.field(default_factory=list)

    def wait(self, **span: float) -> None:
        """Let time go by."""
        self.now += datetime.timedelta(**span)

    def load(self, *tables: TableName, files: int = 1) -> None:
        """Load tables as the log has them loaded, those that have no rows without a file."""
        for table in tables or self.log.view().tables():
            load = self.log.view().newest_load(table)
            assert load is not None
            schema = self.log.schema(table, load.schema)
            rows = [row for file in load.files for row in self._read(file)]
            self.taken = max(self.taken, load.position)
            self.write_load(schema, [{**self._row(schema, row), "Op": "I", "_position": None} for row in rows], files)

    def reload(self, schema: TableSchema, rows: list[Row], files: int = 1) -> None:
        """Load a table that has these rows by now, over the files of the load before."""
        self.write_load(schema, [{**row, "Op": "I", "_commit_time": _text(self.now)} for row in rows], files)

    def write_load(self, schema: TableSchema, rows: list[Row], files: int = 1) -> None:
        """Write the files of a load."""
        size = -(-len(rows) // files)
        for number in range(1, files + 1 if rows else 1):
            part = rows[(number - 1) * size : number * size]
            self.put(f"{_place(schema.name)}LOAD{number:08X}.parquet", parquet(part, self._schema(schema)))

    def follow(self, upto: Position | None = None, *, parts: int = 1) -> None:
        """Write what changed since, one file or some for each table."""
        view = self.log.view()
        upto, events = upto or view.watermark, []
        for table in view.tables():
            for file in view.changes(table, self.taken, upto):
                schema = self.log.schema(table, file.schema)
                events += [(row["_position"], table, schema, row) for row in self._read(file)]
        moved = {(position, table) for position, table, _, row in events if row["Op"] == "D"}
        moved &= {(position, table) for position, table, _, row in events if row["Op"] == "I"}
        made: dict[TableName, list[tuple[TableSchema, Row]]] = {}
        for position, table, schema, row in sorted(events, key=lambda event: event[0]):
            # Updates of the key and TRUNCATE are not captured.
            if self.taken < Position.parse(position) <= upto and (position, table) not in moved and row["Op"] != "T":
                made.setdefault(table, []).append((schema, self._row(schema, row) | {"_position": self._next(row)}))
        self.taken = upto
        for rows in made.values():
            size = -(-len(rows) // parts)
            for start in range(0, len(rows), size):
                self.write_changes(rows[start : start + size])

    def write_changes(self, rows: list[tuple[TableSchema, Row]]) -> None:
        """Write changes of one table, a file for each shape that it has."""
        for schema in dict.fromkeys(schema for schema, _ in rows):
            part = [row for each, row in rows if each == schema]
            committed = datetime.datetime.fromisoformat(part[0]["_commit_time"])
            name = f"{committed:%Y/%m/%d}/{self.now:%Y%m%d-%H%M%S}{len(self.written) % 1000:03d}.parquet"
            self.put(f"{_place(schema.name)}{name}", parquet(part, self._schema(schema)))

    def put(self, name: str, data: bytes) -> str:
        """Write a file, over the one of its name."""
        name = self.folder + name
        self.store.put(name, data)
        if (location := self.store.location(name)).startswith("/"):
            os.utime(location, (self.now.timestamp(), self.now.timestamp()))
        self.written.append(name)
        return name

    def _read(self, file: RawFile) -> list[Row]:
        rows: list[Row] = pq.read_table(io.BytesIO(self.log.store.read(self.log.folder + file.name))).to_pylist()
        return rows

    def _schema(self, schema: TableSchema) -> pa.Schema:
        return parquet_schema(schema, ("Op", "_commit_time"), ("_position",))

    def _row(self, schema: TableSchema, row: Row) -> Row:
        """A change as DMS tells it: a delete by its key, and no value that the server did not send."""
        exact, gone = json.loads(row["_exact"] or "{}"), row["_unavailable"] or ()
        told = {c.name: value(c, row[c.name], exact.get(c.name)) for c in schema.columns if c.name not in gone}
        return told | {"Op": row["Op"], "_commit_time": _text(row["_commit_time"])}

    def _next(self, row: Row) -> str:
        time = row["_commit_time"]
        self.tick = max(self.tick, f"{time:%Y%m%d%H%M%S}{time.microsecond // 10_000:02d}")
        self.counter += 1
        return f"{self.tick}{self.counter:019d}"


def value(column: Column, known: Any, exact: str | None) -> Any:
    """What DMS has of a value, of which our own capture has `known`, or `exact` text where the lake's type cannot hold it."""
    if known is None and exact is None:
        return None
    for kind, convert in _VALUES:
        if re.fullmatch(kind, column.source_type):
            return convert(known, exact)
    return known


def _number(known: Any, exact: str | None) -> Any:
    if exact is not None or known in ("NaN", "Infinity", "-Infinity"):
        return decimal.Decimal(0)
    return known


def _free(known: Any, exact: str | None) -> Any:
    number = _number(known, exact)
    unit = decimal.Decimal("0.000001")
    return decimal.Decimal(number).quantize(unit, decimal.ROUND_DOWN, decimal.Context(prec=28))


def _time(known: str, _: str | None) -> datetime.time:
    time = datetime.time.fromisoformat(re.sub(r"[+-]\d\d(:\d\d)?$", "", known))
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _timestamp(known: Any, exact: str | None) -> Any:
    return BEFORE_CHRIST * _DAY if exact == "-infinity" else known


def _date(known: Any, exact: str | None) -> Any:
    return BEFORE_CHRIST if exact == "-infinity" else known


def _interval(known: str, _: str | None) -> str:
    parts = [f"{count} {_UNITS[unit]}" for count, unit in re.findall(r"(-?\d+) (year|mon|day)", known)]
    if clock := re.search(r"(\d\d):(\d\d):(\d\d)", known):
        parts += [f"{int(n)} {unit}" for n, unit in zip(clock.groups(), ("HOURS", "MINUTES", "SECONDS"), strict=True)]
    return ", ".join(parts)


def _array_text(known: str, _: str | None) -> str:
    return "{" + ",".join("NULL" if item is None else str(item) for item in json.loads(known)) + "}"


_VALUES: tuple[tuple[str, Callable[[Any, str | None], Any]], ...] = (
    (r".*\[\]", _array_text),
    (r"numeric\(.*\)", _number),
    ("numeric", _free),
    ("money", lambda known, _: decimal.Decimal(re.sub(r"[$,]", "", known))),
    ("time with.*", _time),
    ("timestamp.*", _timestamp),
    ("date", _date),
    ("interval", _interval),
    (r"character\(.*\)", lambda known, _: known.rstrip(" ")),
    ("point|box|lseg|line|circle|path|polygon", lambda known, _: re.sub(r"(\d)(?=[,)])", r"\1.0", known)),
)


def _type(source_type: str, unit: str) -> pa.DataType:
    if match := re.fullmatch(r"numeric\((\d+),(\d+)\)", source_type):
        return pa.decimal128(int(match[1]), int(match[2]))
    if source_type.startswith("timestamp"):
        return pa.timestamp(unit, "UTC")
    assert types.from_postgres(source_type) == types.STRING or source_type in _PARQUET, source_type
    return _PARQUET.get(source_type, pa.string())


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Days and microseconds may be numbers: Python has no year before 1."""
    if kind == pa.date32():
        days = [(v - _EPOCH.date()).days if isinstance(v, datetime.date) else v for v in values]
        return pa.array(days, pa.int32()).cast(kind)
    if pa.types.is_timestamp(kind) and kind.unit == "us":
        one = datetime.timedelta(microseconds=1)
        return pa.array([(v - _EPOCH) // one if isinstance(v, datetime.datetime) else v for v in values], pa.int64()).cast(kind)
    return pa.array(values, kind)


def _text(time: datetime.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S.%f}"


def _place(table: TableName) -> str:
    return f"{table.schema}/{table.table}/"
