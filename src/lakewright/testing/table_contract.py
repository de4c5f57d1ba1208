"""What every `Table` must do: each check of `CONTRACT` takes a `Subject`, a place where there is no table yet.

Run them as tests: ``@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)``.
"""

from __future__ import annotations

import datetime
import decimal
import random
from collections.abc import Callable, Iterator
from typing import TypeVar

import pyarrow as pa

from lakewright.errors import CommitConflict, FormatError
from lakewright.testing.table_model import COLUMNS, PARTED, PLAIN, Subject, TableModel, checkpoint, keys, row

Failure = TypeVar("Failure", bound=Exception)


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
    model = TableModel(subject, PLAIN)
    first = model.upsert([row(n) for n in range(20)])
    assert (first.inserts, first.updates, first.deletes) == (20, 0, 0)
    second = model.upsert([row(3, 1), row(4, 1), row(30, 1)], [5, 99])
    assert (second.inserts, second.updates, second.deletes) == (1, 2, 1)
    model.upsert(deletes=range(40))
    model.upsert([row(n, 2) for n in range(4)])
    model.check_all()


def a_row_whose_partition_moves_is_there_once(subject: Subject) -> None:
    """A key is unique across partitions; no value and the empty text share one."""
    model = TableModel(subject, PARTED)
    model.replace([row(n) for n in range(8)])
    model.upsert([row(n, 1) for n in range(6)], [6])
    day = datetime.date(2020, 2, 29)
    model.upsert([row(0, 2, region=None, day=day), row(1, 2, region="", day=day), row(2, 2, region="a=b", day=None)])
    model.upsert([row(0, 3, region="", day=day), row(1, 3, region=None, day=day)], [2])
    model.check_all()


def a_replacement_ends_all_other_rows(subject: Subject) -> None:
    """Also one by nothing, and changes go on from it."""
    model = TableModel(subject, PARTED)
    model.replace([row(n) for n in range(8)])
    model.upsert([row(1, 1), row(9, 1)])
    model.replace([row(n, 2) for n in range(1, 4)])
    model.upsert([row(1, 3), row(8, 3)], [2])
    model.replace([])
    model.upsert([row(1, 4)])
    model.check_all()


def an_overwritten_partition_has_the_new_rows_alone(subject: Subject) -> None:
    """The others stay, but for keys that come with the rows: these leave where they were."""
    model = TableModel(subject, PARTED)
    model.overwrite([row(n) for n in range(12)])
    model.upsert([row(1, 4), row(20)], [3])
    model.overwrite([row(1, 8), row(2, 4), row(5, 1), row(30)])
    model.upsert([row(n, 2) for n in range(1, 31, 4)], [4])
    model.overwrite([row(6, 3, region=None), row(7, 3, region="", day=None)])
    model.overwrite([])
    model.columns = (*COLUMNS, ("extra", "string"))
    model.overwrite([row(8, 3, extra="x")])
    model.check_all()


def a_table_without_partition_is_overwritten_as_a_whole(subject: Subject) -> None:
    """By any row; by none nothing changes."""
    model = TableModel(subject, PLAIN)
    model.upsert([row(n) for n in range(6)])
    model.overwrite([])
    model.overwrite([row(5, 1), row(9)])
    model.check_all()


def added_columns_are_null_in_older_rows(subject: Subject) -> None:
    """From the commit on that brings them; older commits do not have them."""
    model = TableModel(subject, PLAIN)
    model.replace([row(n) for n in range(6)])
    model.columns = (*COLUMNS, ("extra", "string"), ("price", "decimal(9,2)"))
    model.upsert([row(1, 1, extra="x", price=decimal.Decimal("1.50")), row(7, 1)], [2])
    model.upsert([row(3, 2, extra="y")], [1])
    model.replace([row(4, 3, price=decimal.Decimal("0.01"))])
    model.check_all()


def a_replacement_may_change_columns(subject: Subject) -> None:
    """Wider ones, new ones at any place, fewer ones: from that commit on, where older commits keep what they had."""
    model = TableModel(subject, PLAIN)
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
    model = TableModel(subject, PLAIN)
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
    model = TableModel(subject, PLAIN)
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
    model = TableModel(subject, PARTED)
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
    model = TableModel(subject, PARTED)
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
    model = TableModel(subject, PLAIN)
    model.replace([row(n) for n in range(4)])
    one = model.arrow([row(1, 1)])
    bad = [
        (model.arrow([row(1, 1), row(1, 2)]), keys([])),
        (one, keys([1])),
        (one, keys([7, 7])),
        (one.set_column(0, "id", pa.array([None], pa.int64())), keys([])),
        (one.drop_columns(["day"]), keys([])),
        (one.drop_columns(["id"]), keys([])),
        (one.set_column(1, "region", pa.array([7])), keys([])),
    ]
    for rows, deletes in bad:
        with model.table.write() as write:
            _expect(FormatError, lambda w=write, r=rows, d=deletes: w.upsert(r, d))  # type: ignore[misc]
        if not len(deletes):
            with model.table.write() as write:
                _expect(FormatError, lambda w=write, r=rows: w.overwrite(r))  # type: ignore[misc]
    model.check_all()


def old_commits_go_by_a_clean_alone(subject: Subject) -> None:
    """What is kept, saved or newest stays as it was; the others are told to be gone, as are commits that never were."""
    model = TableModel(subject, PARTED)
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


def archived_commits_leave_the_history_alone(subject: Subject) -> None:
    """What is kept, saved or among the newest stays; fewer than should go together wait; no row changes."""
    model = TableModel(subject, PARTED)
    for version in range(8):
        model.upsert([row(n, version) for n in range(3)])
    instants = [commit.instant for commit, *_ in model.commits]
    assert model.table.save(instants[1], "by hand")
    model.table.clean([instants[4]])
    for keep, newest, least in (([], 2, 7), ([instants[4]], 2, 5), ([], 6, 3)):
        assert model.table.archive(keep, newest, least) == 0
    assert model.table.archive([instants[4]], 2, 4) == 4
    history = [commit.instant for commit in model.table.history() if commit.instant in instants]
    assert history == [instants[1], *instants[4:]]
    model.check_all()
    model.upsert([row(9, 9)])
    model.check()


def any_sequence_gives_the_models_rows(subject: Subject, seed: int = 1, steps: int = 12) -> None:
    """Random operations beside a dict; all that can be read is compared at the end."""
    chance = random.Random(seed)
    model = TableModel(subject, chance.choice([PLAIN, PARTED]))
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
    an_overwritten_partition_has_the_new_rows_alone,
    a_table_without_partition_is_overwritten_as_a_whole,
    added_columns_are_null_in_older_rows,
    a_replacement_may_change_columns,
    rows_may_stand_in_the_store_already,
    commits_carry_checkpoints,
    of_two_writers_one_commits,
    what_is_not_committed_never_was,
    bad_rows_change_nothing,
    old_commits_go_by_a_clean_alone,
    archived_commits_leave_the_history_alone,
    any_sequence_gives_the_models_rows,
)
