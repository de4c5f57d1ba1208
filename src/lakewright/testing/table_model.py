"""What the contract of tables is held against: a `Subject`, and the rows that its table should have."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.model.contracts import Table, Write
from lakewright.model.position import Feed, Position
from lakewright.model.table import Checkpoint, Commit, EncodedRows, Snapshot, TableSpec

Row = dict[str, Any]
Columns = tuple[tuple[str, str], ...]
Rows = dict[Any, Row]
"""The rows that a table should have, by their key."""

COLUMNS = (
    ("id", "bigint"),
    ("region", "string"),
    ("day", "date"),
    ("amount", "decimal(38,10)"),
    ("at", "timestamp"),
    ("paid", "boolean"),
    ("count", "int"),
    ("score", "double"),
    ("blob", "binary"),
    ("_position", "string"),
    ("_hoodie_is_deleted", "boolean"),
)
PLAIN = TableSpec("things", COLUMNS, ("id",))
PARTED = TableSpec("things", COLUMNS, ("id",), ("region", "day"))
"""By columns that are no function of the key."""
_REGIONS = ("north", "été & co", "", None)


class Subject(Protocol):
    """Where one table may be made, and who reads it."""

    def create(self, spec: TableSpec) -> Table:
        """Make the table, empty, in the way that is to be held against the contract."""
        ...

    def open(self) -> Table | None:
        """The table, as another process would open it; None where there is none."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Put an object beside the table, into the store that it is in."""
        ...

    def rows(self, snapshot: Snapshot) -> list[Row]:
        """The rows of a snapshot with at least the columns of its spec, in any order, as its readers see them."""
        ...


class TableModel:
    """The table that a subject makes, beside the rows that it should have; each commit is checked.

    ``commits`` are those made, each with the rows and the columns of the table after it. A check may set ``columns`` to others,
    which the next commit writes.
    """

    def __init__(self, subject: Subject, spec: TableSpec) -> None:
        self.subject = subject
        self.spec = spec
        self.columns = spec.columns
        self.rows: Rows = {}
        self.commits: list[tuple[Commit, Rows, Columns]] = []
        subject.create(spec)

    @property
    def table(self) -> Table:
        """The table, opened anew."""
        table = self.subject.open()
        assert table is not None
        return table

    def upsert(self, rows: Sequence[Row] = (), deletes: Sequence[int] = ()) -> Commit:
        """Insert or replace `rows`, remove those whose keys are `deletes`."""
        after = {key: row for key, row in self.rows.items() if key not in deletes} | {row["id"]: row for row in rows}
        return self._commit(lambda write: write.upsert(self.arrow(rows), keys(deletes)), after)

    def replace(self, rows: Sequence[Row]) -> Commit:
        """Make `rows` the only ones, in batches of two."""
        batches, spec = self.arrow(rows).to_batches(2), dataclasses.replace(self.table.spec, columns=self.columns)
        return self._commit(lambda write: write.replace(spec, iter(batches)), {row["id"]: row for row in rows})

    def overwrite(self, rows: Sequence[Row]) -> Commit:
        """Make `rows` the only ones of their partitions."""
        given, partitions = {row["id"]: row for row in rows}, {self._partition(row) for row in rows}
        after = {key: row for key, row in self.rows.items() if self._partition(row) not in partitions} | given
        return self._commit(lambda write: write.overwrite(self.arrow(rows)), after)

    def _partition(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] or None for name in self.spec.partition)

    def adopt(self, rows: Sequence[Row], files: Sequence[tuple[str, pa.Table]]) -> Commit:
        """Have `rows` taken over from Parquet files with all of their columns but the last two, in row groups of three."""
        spec = dataclasses.replace(self.table.spec, columns=self.columns)
        others, parts, start = self.arrow(rows).select([name for name, _ in self.columns[-2:]]), list[EncodedRows](), 0
        for name, table in files:
            file = io.BytesIO()
            pq.write_table(table, file, row_group_size=3, compression="snappy")
            self.subject.put(name, file.getvalue())
            for group in range(pq.read_metadata(file).num_row_groups):
                count = len(table.slice(3 * group, 3))
                parts.append(EncodedRows(name, len(file.getvalue()), group, others.slice(start, count)))
                start += count
        return self._commit(lambda write: write.adopt(spec, iter(parts)), {row["id"]: row for row in rows})

    def _commit(self, work: Callable[[Write], None], after: Rows) -> Commit:
        with self.table.write() as write:
            work(write)
            commit = write.commit(checkpoint(len(self.commits) + 1))
        self.rows = after
        self.commits.append((commit, after, self.columns))
        self.check()
        return commit

    def arrow(self, rows: Iterable[Row], columns: Columns | None = None) -> pa.Table:
        """The rows in Arrow, with the table's columns unless others are given."""
        return pa.Table.from_pylist(list(rows), schema=TableSpec("", columns or self.columns, ()).arrow())

    def check(self) -> None:
        """The newest snapshot has the model's rows, and the commit that wrote them."""
        snapshot = self.table.snapshot()
        if not self.commits:
            assert snapshot is None
            return
        assert snapshot is not None
        commit = self.commits[-1][0]
        assert (snapshot.instant, snapshot.checkpoint) == (commit.instant, commit.checkpoint)
        assert snapshot.rows == len(self.rows)
        self.check_rows(snapshot, self.rows, self.columns)

    def check_all(self) -> None:
        """Every commit that can be read has the rows that it had; the folder as a whole is sound."""
        expected = {commit.instant: (rows, columns) for commit, rows, columns in self.commits}
        for commit in self.table.snapshots():
            snapshot = self.table.snapshot(commit.instant)
            assert snapshot is not None
            self.check_rows(snapshot, *expected[commit.instant])
        assert self.table.verify().flaws == ()

    def check_rows(self, snapshot: Snapshot, rows: Rows, columns: Columns) -> None:
        """A snapshot has these columns and these rows."""
        assert snapshot.spec.columns == columns
        names = [name for name, _ in columns]
        found = [[repr(row.get(name)) for name in names] for row in self.subject.rows(snapshot)]
        expected = self.arrow(rows.values(), columns).to_pylist()
        assert sorted(found) == sorted([repr(row[name]) for name in names] for row in expected)


def row(number: int, version: int = 0, **more: Any) -> Row:
    """A row with a value of every type, which says which version of it this is; a third of its values is null."""
    values = {
        "region": _REGIONS[(number + version) % 4],
        "day": datetime.date(1 + 2000 * (number % 2), 1, 1),
        "amount": decimal.Decimal(f"{number}{version}.{'9' * 10}") * (-1) ** number,
        "at": datetime.datetime(1582, 10, 4, 23, 59, 59, number * 1000 + version, datetime.UTC),
        "paid": bool(version % 2),
        "count": 2**31 - 1 - number,
        "score": number / 7 - version,
        "blob": bytes([number % 256, version % 256, 0]),
    }
    nulls = [name for index, name in enumerate(values) if name not in PARTED.partition and (index + number) % 3 == 0]
    fixed = {"id": number, "_position": f"0001.{Position(version)}", "_hoodie_is_deleted": None}
    return fixed | values | dict.fromkeys(nulls) | more


def keys(numbers: Iterable[int]) -> pa.Table:
    """Keys of rows to delete."""
    return pa.table({"id": pa.array(list(numbers), pa.int64())})


def checkpoint(number: int) -> Checkpoint:
    """The checkpoint of the n-th commit."""
    return Checkpoint(Feed("native", "7", 1), 1, Position(number))
