"""Generated histories of a table: every operation that we write, over every type, kind of key and partition."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import random
from typing import Any

from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.timeline import COMPACTION
from lakewright.model import types
from lakewright.model.position import Position
from lakewright.model.table import MOR, Commit, TableSpec
from tests.formats.hudi_world import META, PATH, Key, Row, World, assert_rows, own_rows, rust_rows, table_of
from tests.interop.engine import Spark

COLUMNS = (
    ("id", "bigint"),
    ("code", "string"),
    ("line", "int"),
    ("due", "date"),
    ("flag", "boolean"),
    ("price", "decimal(10,2)"),
    ("total", "decimal(38,10)"),
    ("rate", "decimal(5,0)"),
    ("weight", "float"),
    ("score", "double"),
    ("note", "string"),
    ("blob", "binary"),
    ("at", "timestamp"),
    ("at_day", "string"),
    ("_position", "string"),
    ("_hoodie_is_deleted", "boolean"),
)
HIDDEN = ("_position", "_hoodie_is_deleted")
MANY = ("id", "code", "line", "due", "flag", "price")
SHAPES = {
    "plain": TableSpec("plain", COLUMNS, ("id",)),
    "by day": TableSpec("by_day", COLUMNS, ("id",), ("at_day",)),
    "by day and due": TableSpec("by_day_and_due", COLUMNS, ("id",), ("at_day", "due")),
    "many keys": TableSpec("many_keys", COLUMNS, MANY),
    "many keys by day": TableSpec("many_keys_by_day", COLUMNS, MANY, ("at_day",)),
    "text key": TableSpec("text_key", COLUMNS, ("code",)),
    "date key": TableSpec("date_key", COLUMNS, ("due",)),
    "decimal key": TableSpec("decimal_key", COLUMNS, ("total",)),
}
LOGGED = {f"{name} in logs": dataclasses.replace(SHAPES[name], type=MOR) for name in ("plain", "by day", "many keys by day")}
"""Of merge-on-read tables."""
EVERY = SHAPES | LOGGED

_UTC = datetime.UTC
_DAYS = [None, "2024-02-29", "1969-12-31", "2024-03-01"]
_VALUES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "int": [0, -1, 2**31 - 1, -(2**31)],
    "bigint": [0, -1, 2**63 - 1, -(2**63)],
    "float": [0.0, -0.0, 1.5, float("nan"), float("inf"), -float("inf")],
    "double": [0.0, -0.0, 1e300, float("nan"), float("inf"), 5e-324],
    "string": ["", "a", "été & co", "x,y:z", "a\nb\t'\"\\", "漢字 🙂", "null", "__empty__ "],
    "binary": [b"", b"\x00\xff", bytes(range(256))],
    "date": [datetime.date(1970, 1, 1), datetime.date(1969, 12, 31), datetime.date(1900, 2, 28), datetime.date(9999, 12, 31)],
    "timestamp": [
        datetime.datetime(1970, 1, 1, tzinfo=_UTC),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, _UTC),
        datetime.datetime(2024, 3, 31, 1, 30, 0, 1, _UTC),
        datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, _UTC),
    ],
}


class History:
    """A table, its model, and a source of chance for what happens to them next.

    ``kept_from`` is the instant before which Spark reads none: the earliest that the newest clean was told to keep.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.kept_from = ""
        self._number = 0

    def step(self) -> None:
        """One operation, of any kind."""
        kinds = {self.change: 6, self.truncate: 1, self.replace: 1, self.overwrite: 1, self.add_column: 1, self.clean: 1}
        kinds |= {self.compact: 2} if self.world.spec.type == MOR else {}
        self.chance.choices(list(kinds), list(kinds.values()))[0]()

    def change(self) -> None:
        """Insert, update and delete some rows."""
        rows, deletes = self.changes()
        self.world.upsert(rows, deletes)

    def changes(self) -> tuple[list[Row], list[Key]]:
        """Some new rows, some others for keys of the table, and some of its keys."""
        known = list(self.world.rows)
        self.chance.shuffle(known)
        updated, deleted = known[: len(known) // 4], known[len(known) // 4 : len(known) // 2]
        return [*self.rows(self.chance.randint(1, 12)), *(self._row(key) for key in updated)], deleted

    def rows(self, count: int) -> list[Row]:
        """New rows, with keys that the table never had."""
        return [self._row(None) for _ in range(count)]

    def truncate(self) -> None:
        self.world.replace([])

    def replace(self) -> None:
        """Other rows take the place of all."""
        self.world.replace([*self.rows(5), *(self._row(key) for key in list(self.world.rows)[:3])])

    def overwrite(self) -> None:
        """The partitions of some rows have these alone."""
        self.world.overwrite(self.moves())

    def moves(self) -> list[Row]:
        """Some new rows, and others for keys of the table, all of days that none of these keys had."""
        moved = list(self.world.rows)[:3]
        left = {self.world.rows[key]["at_day"] for key in moved}
        days = [day for day in _DAYS if day not in left]
        return [row | {"at_day": self.chance.choice(days)} for row in [*self.rows(2), *map(self._row, moved)]]

    def add_column(self) -> None:
        """A column more, of any type, in one row."""
        spec, kind = self.world.spec, self.chance.choice(COLUMNS)[1]
        columns = (*spec.columns, (f"more{len(spec.columns)}", kind))
        spec = dataclasses.replace(spec, columns=columns)
        self.world.spec = spec
        self.world.upsert(self.rows(2))

    def clean(self) -> None:
        """Only one earlier version stays, and with it the instants since."""
        table = self.world.open()
        kept = [commit.instant for commit in table.snapshots()[-2:]]
        self.kept_from = min(kept, default="")
        table.clean(kept)

    def compact(self) -> None:
        """What is in logs goes into base files."""
        self.world.open().compact(1)

    def spark_changes(self, spark: Spark, **options: str) -> None:
        """What `change` does, by Spark: an upsert and a delete."""
        rows, deletes = self.changes()
        self.spark_upserts(spark, rows, **options)
        gone = [self.world.rows.pop(key) for key in deletes]
        if gone:
            spark.write(self.world.location, self.world.spec, table_of(gone, self.world.spec.columns), "delete", **options)

    def spark_upserts(self, spark: Spark, rows: list[Row], **options: str) -> None:
        """Let Spark insert or replace rows."""
        spark.write(self.world.location, self.world.spec, table_of(rows, self.world.spec.columns), **options)
        self.world.rows |= {self.world.key(row): row for row in rows}

    def _row(self, key: Key | None) -> Row:
        self._number += 1
        spec = self.world.spec
        row = {name: self._value(name, kind) for name, kind in spec.columns}
        row |= zip(spec.key, key, strict=True) if key else {name: self._new(dict(spec.columns)[name]) for name in spec.key}
        return row

    def _value(self, name: str, kind: str) -> Any:
        if name == "_position":
            return f"0001.{Position(self._number)}"
        if name in HIDDEN or self.chance.random() < 0.2:
            return None
        if name == "at_day":
            return self.chance.choice(_DAYS)
        parts = types.decimal_parts(kind)
        if parts:
            return decimal.Decimal(self.chance.choice([0, 1, -1, 10 ** parts[0] - 1])).scaleb(-parts[1], decimal.Context(prec=38))
        return self.chance.choice(_VALUES[kind])

    def _new(self, kind: str) -> Any:
        """A key's value that did not occur yet; of a boolean, any."""
        parts = types.decimal_parts(kind)
        if parts:
            number = self._number * 10 ** (parts[1] // 2) * self.chance.choice([1, -1])
            return decimal.Decimal(number).scaleb(-parts[1], decimal.Context(prec=38))
        return {
            "boolean": bool(self._number % 2),
            "int": self._number - 5,
            "bigint": self._number * 10**9,
            "string": f"{self.chance.choice(_VALUES['string'])}{self._number}",
            "date": datetime.date(1969, 12, 25) + datetime.timedelta(self._number),
        }[kind]


def assert_agreement(spark: Spark, world: World) -> None:
    """Spark, hudi-rs and we read the newest rows of the model; Spark reads the meta columns that we read; nothing is amiss.

    hudi-rs is not asked while a compaction waits: it passes over the logs that were written since that was planned.
    """
    assert world.open().verify().flaws == ()
    own = own_rows(world.open().snapshot())
    assert_rows(own, world.rows, world.spec)
    if not any(instant.action == COMPACTION for instant in Folder(world.store, PATH).timeline().pending):
        assert_rows(rust_rows(world.location), world.rows, world.spec)
    columns, rows = spark.read(world.location)
    assert columns == spark_columns(world.spec)
    assert_same(placed(rows, world.spec), placed(own, world.spec))


def assert_version(spark: Spark, world: World, commit: Commit, rows: dict[Key, Row], spec: TableSpec) -> None:
    """Spark reads the table as of an instant as the model was then."""
    own = own_rows(world.open().snapshot(commit.instant))
    assert_rows(own, rows, spec)
    _, found = spark.read(world.location, as__of__instant=commit.instant)
    assert_same(placed(found, spec), placed(own, spec))


def assert_changes(spark: Spark, world: World, start: str, end: str) -> None:
    """Spark reads incrementally what the snapshot at `end` says was written after `start`."""
    own = [row for row in own_rows(world.open().snapshot(end)) if start < row["_hoodie_commit_time"] <= end]
    options = {"hoodie.datasource.query.type": "incremental"}
    options |= {f"hoodie.datasource.read.{name}.instanttime": time for name, time in (("begin", start), ("end", end))}
    _, found = spark.read(world.location, **options)
    assert_same(placed(found, world.spec), placed(own, world.spec))


def placed(rows: list[Row], spec: TableSpec) -> list[Row]:
    """Rows of a merge-on-read table without the name of their file, for which a log has the file group's."""
    return [{name: value for name, value in row.items() if name != META[-1]} for row in rows] if spec.type == MOR else rows


def spark_columns(spec: TableSpec) -> list[tuple[str, str]]:
    """A table's columns as Spark shows them: the meta columns first; last the partition's, unless it is merge-on-read."""
    kinds = dict(spec.columns)
    if spec.type == MOR:
        return [*((name, "string") for name in META), *spec.columns]
    ordered = [name for name in kinds if name not in spec.partition] + list(spec.partition)
    return [*((name, "string") for name in META), *((name, kinds[name]) for name in ordered)]


def assert_same(found: list[Row], expected: list[Row]) -> None:
    """The same rows in any order; a column that one side does not have counts as null."""
    names = sorted({name for row in [*found, *expected] for name in row})
    texts = [sorted([repr(row.get(name)) for name in names] for row in rows) for rows in (found, expected)]
    assert texts[0] == texts[1]
