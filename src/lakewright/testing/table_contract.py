"""What every `Table` must do: each check of `CONTRACT` takes a `Subject`, a place where there is no table yet.

Run them as tests: ``@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)``.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import io
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.errors import CommitConflict, FormatError
from lakewright.model.contracts import Table, Write
from lakewright.model.position import Feed, Position
from lakewright.model.table import Checkpoint, Commit, EncodedRows, Snapshot, TableSpec

Row = dict[str, Any]
Columns = tuple[tuple[str, str], ...]
Rows = dict[Any, Row]
"""The rows that a table should have, by their key."""
Failure = TypeVar("Failure", bound=Exception)

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


class _Model:
    """A subject's table beside the rows that it should have."""

    def __init__(self, subject: Subject, spec: TableSpec) -> None:
        self.subject = subject
        self.columns = spec.columns
        self.rows: Rows = {}
        self.commits: list[tuple[Commit, Rows, Columns]] = []
        subject.create(spec)

    @property
    def table(self) -> Table:
        table = self.subject.open()
        assert table is not None
        return table

    def upsert(self, rows: Sequence[Row] = (), deletes: Sequence[int] = ()) -> Commit:
        after = {key: row for key, row in self.rows.items() if key not in deletes} | {row["id"]: row for row in rows}
        return self._commit(lambda write: write.upsert(self.arrow(rows), keys(deletes)), after)

    def replace(self, rows: Sequence[Row]) -> Commit:
        batches, spec = self.arrow(rows).to_batches(2), dataclasses.replace(self.table.spec, columns=self.columns)
        return self._commit(lambda write: write.replace(spec, iter(batches)), {row["id"]: row for row in rows})

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


def nothing_is_there_before_it_is_made(subject: Subject) -> None:
    """Then it is empty, has its spec, and is not made twice."""
    assert subject.open() is None
    made = subject.create(PARTED)
    assert (made.spec.columns, made.spec.key, made.spec.partition) == (PARTED.columns, PARTED.key, PARTED.partition)
    table = subject.open()
    assert table is not None
    assert table.spec == made.spec
    assert (table.snapshot(), table.history(), table.snapshots()) == (None, [], [])
    _expect(FormatError, lambda: subject.create(PARTED))


def rows_go_in_change_and_leave(subject: Subject) -> None:
    """By key: new ones come, known ones change, deleted ones are gone; a deleted key that is not there is no error."""
    model = _Model(subject, PLAIN)
    first = model.upsert([row(n) for n in range(20)])
    assert (first.inserts, first.updates, first.deletes) == (20, 0, 0)
    second = model.upsert([row(3, 1), row(4, 1), row(30, 1)], [5, 99])
    assert (second.inserts, second.updates, second.deletes) == (1, 2, 1)
    model.upsert(deletes=range(40))
    model.upsert([row(n, 2) for n in range(4)])
    model.check_all()


def a_row_whose_partition_moves_is_there_once(subject: Subject) -> None:
    """A key is unique across partitions; no value and the empty text share one."""
    model = _Model(subject, PARTED)
    model.replace([row(n) for n in range(8)])
    model.upsert([row(n, 1) for n in range(6)], [6])
    day = datetime.date(2020, 2, 29)
    model.upsert([row(0, 2, region=None, day=day), row(1, 2, region="", day=day), row(2, 2, region="a=b", day=None)])
    model.upsert([row(0, 3, region="", day=day), row(1, 3, region=None, day=day)], [2])
    model.check_all()


def a_replacement_ends_all_other_rows(subject: Subject) -> None:
    """Also one by nothing, and changes go on from it."""
    model = _Model(subject, PARTED)
    model.replace([row(n) for n in range(8)])
    model.upsert([row(1, 1), row(9, 1)])
    model.replace([row(n, 2) for n in range(1, 4)])
    model.upsert([row(1, 3), row(8, 3)], [2])
    model.replace([])
    model.upsert([row(1, 4)])
    model.check_all()


def added_columns_are_null_in_older_rows(subject: Subject) -> None:
    """From the commit on that brings them; older commits do not have them."""
    model = _Model(subject, PLAIN)
    model.replace([row(n) for n in range(6)])
    model.columns = (*COLUMNS, ("extra", "string"), ("price", "decimal(9,2)"))
    model.upsert([row(1, 1, extra="x", price=decimal.Decimal("1.50")), row(7, 1)], [2])
    model.upsert([row(3, 2, extra="y")], [1])
    model.replace([row(4, 3, price=decimal.Decimal("0.01"))])
    model.check_all()


def a_replacement_may_change_columns(subject: Subject) -> None:
    """Wider ones, new ones at any place, fewer ones: from that commit on, where older commits keep what they had."""
    model = _Model(subject, PLAIN)
    model.replace([row(n) for n in range(6)])
    model.upsert([row(1, 1), row(7, 1)], [2])
    wider = {"count": "bigint"}
    columns = [(name, wider.get(name, kind)) for name, kind in COLUMNS if name != "blob"]
    model.columns = (*columns[:2], ("extra", "string"), ("price", "decimal(9,2)"), *columns[2:])
    model.replace([row(n, 2, count=2**40, price=decimal.Decimal("0.50")) for n in range(5)])
    model.upsert([row(1, 3, extra="x", count=-(2**40)), row(9, 3)], [3])
    model.columns = tuple((name, "decimal(11,2)" if name == "price" else kind) for name, kind in model.columns)
    model.replace([row(n, 4, price=decimal.Decimal("123456789.50")) for n in range(3)])
    model.upsert([row(2, 5), row(4, 5)], [0])
    model.check_all()


def rows_may_stand_in_the_store_already(subject: Subject) -> None:
    """In Parquet files with columns of whatever order, encoding and type, and with others besides."""
    model = _Model(subject, PLAIN)
    model.upsert([row(n) for n in range(30, 33)])
    rows = [row(n, n % 3) for n in range(11)]
    inner = pa.array([{"id": n, "day": [n]} for n in range(11)])
    encoded = model.arrow(rows).drop_columns([name for name, _ in COLUMNS[-2:]])
    counts = encoded.column("count").cast(pa.int64())  # as another type than the table's
    encoded = encoded.set_column(encoded.column_names.index("count"), "count", counts)
    encoded = encoded.select(encoded.column_names[::-1]).add_column(3, "inner", inner).append_column("id more", inner)
    model.adopt(rows, [("raw/a.parquet", encoded.slice(0, 7)), ("raw/b.parquet", encoded.slice(7))])
    model.upsert([row(3, 4), row(40)], [5])
    model.adopt([], [])
    model.check_all()


def commits_carry_checkpoints(subject: Subject) -> None:
    """One without a row too; whoever writes next finds the newest as its base."""
    model = _Model(subject, PLAIN)
    model.upsert([row(1)])
    model.upsert()
    with model.table.write() as write:
        assert write.base == model.commits[-1][0]
        empty = write.commit(checkpoint(3))
    assert (empty.inserts, empty.updates, empty.deletes) == (0, 0, 0)
    history = [commit for commit in model.table.history() if commit.checkpoint is not None]
    assert [commit.checkpoint for commit in history] == [checkpoint(n) for n in (1, 2, 3)]
    assert sorted(commit.instant for commit in history) == [commit.instant for commit in history]
    snapshot = model.table.snapshot()
    assert snapshot is not None
    assert (snapshot.instant, snapshot.checkpoint, snapshot.rows) == (empty.instant, checkpoint(3), 1)


def of_two_writers_one_commits(subject: Subject) -> None:
    """A commit that came between is a conflict, and so is another writer that took over; nothing of the loser is there."""
    model = _Model(subject, PARTED)
    model.replace([row(n) for n in range(4)])
    with model.table.write() as slow:
        slow.upsert(model.arrow([row(1, 1), row(50, 1)]), keys([2]))
        model.upsert([row(3, 2)])
        _expect(CommitConflict, lambda: slow.commit(checkpoint(99)))
    model.check()
    model.upsert([row(1, 3)])
    model.check_all()


def what_is_not_committed_never_was(subject: Subject) -> None:
    """Neither where the block ends without a commit nor where it raises."""
    model = _Model(subject, PARTED)
    model.replace([row(n) for n in range(4)])
    with model.table.write() as write:
        write.upsert(model.arrow([row(1, 1), row(50)]), keys([2]))
    model.check()

    def broken() -> Iterator[pa.RecordBatch]:
        yield from model.arrow([row(1, 1)]).to_batches()
        raise ZeroDivisionError

    def replace() -> None:
        with model.table.write() as write:
            write.replace(write_spec, broken())

    write_spec = model.table.spec
    _expect(ZeroDivisionError, replace)
    model.check()
    model.upsert([row(1, 2)], [3])
    model.check_all()


def bad_rows_change_nothing(subject: Subject) -> None:
    """No key, a key twice, a column too few, a value that does not fit: `FormatError`."""
    model = _Model(subject, PLAIN)
    model.replace([row(n) for n in range(4)])
    one = model.arrow([row(1, 1)])
    bad = [
        (model.arrow([row(1, 1), row(1, 2)]), keys([])),
        (one, keys([1])),
        (one, keys([7, 7])),
        (one.set_column(0, "id", pa.array([None], pa.int64())), keys([])),
        (one.drop_columns(["day"]), keys([])),
        (one.set_column(1, "region", pa.array([7])), keys([])),
    ]
    for rows, deletes in bad:
        with model.table.write() as write:
            _expect(FormatError, lambda w=write, r=rows, d=deletes: w.upsert(r, d))  # type: ignore[misc]
    model.check_all()


def old_commits_go_by_a_clean_alone(subject: Subject) -> None:
    """What is kept, saved or newest stays as it was; the others are told to be gone, as are commits that never were."""
    model = _Model(subject, PARTED)
    for version in range(6):
        model.upsert([row(n, version) for n in range(3)], [4] if version % 2 else [])
    instants = [commit.instant for commit, *_ in model.commits]
    assert [commit.instant for commit in model.table.snapshots()] == instants
    assert model.table.save(instants[1], "by hand")
    model.table.clean([instants[3]])
    model.table.clean([instants[3]])
    assert {instants[1], instants[3], instants[5]} <= {commit.instant for commit in model.table.snapshots()}
    model.check_all()
    assert model.table.release([instants[1]]) == 1
    model.replace([row(n, 9) for n in range(3)])
    model.table.clean([])
    assert [commit.instant for commit in model.table.snapshots()] == [model.commits[-1][0].instant]
    for gone in (instants[1], "20200101000000000"):
        _expect(FormatError, lambda gone=gone: model.table.snapshot(gone))  # type: ignore[misc]
    model.check_all()


def any_sequence_gives_the_models_rows(subject: Subject, seed: int = 1, steps: int = 12) -> None:
    """Random operations beside a dict; all that can be read is compared at the end."""
    chance = random.Random(seed)
    model = _Model(subject, chance.choice([PLAIN, PARTED]))
    for version in range(steps):
        numbers = chance.sample(range(24), chance.randrange(10))
        cut = chance.randrange(len(numbers) + 1)
        rows = [row(n, version) for n in numbers[:cut]]
        match chance.choice(["upsert"] * 6 + ["replace", "undo", "clean", "add"]):
            case "upsert":
                model.upsert(rows, numbers[cut:])
            case "replace":
                model.replace(rows)
            case "undo":
                with model.table.write() as write:
                    write.upsert(model.arrow(rows), keys(numbers[cut:]))
            case "clean":
                model.table.clean([commit.instant for commit, *_ in model.commits[-chance.randrange(1, 4) :]])
            case "add":
                model.columns = (*model.columns, (f"extra_{version}", "int"))
                model.upsert([row | {f"extra_{version}": version} for row in rows])
    model.check()
    model.check_all()


def _expect(kind: type[Failure], action: Callable[[], object]) -> Failure:
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


CONTRACT: tuple[Callable[[Subject], None], ...] = (
    nothing_is_there_before_it_is_made,
    rows_go_in_change_and_leave,
    a_row_whose_partition_moves_is_there_once,
    a_replacement_ends_all_other_rows,
    added_columns_are_null_in_older_rows,
    a_replacement_may_change_columns,
    rows_may_stand_in_the_store_already,
    commits_carry_checkpoints,
    of_two_writers_one_commits,
    what_is_not_committed_never_was,
    bad_rows_change_nothing,
    old_commits_go_by_a_clean_alone,
    any_sequence_gives_the_models_rows,
)
