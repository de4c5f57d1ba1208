"""Real Trino reads what we wrote after every operation of ours: every row, or those of base files where a table has logs."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lakewright.formats.hudi import HudiFormat, lanes, replace, upsert
from lakewright.formats.hudi.partitions import HIVE, PathStyle
from lakewright.model.table import MOR, TableSpec
from lakewright.storage.local import LocalStore
from tests.formats.hudi_world import PATH, Row, World, assert_rows, bare_paths, checkpoint, own_rows
from tests.interop.histories import COLUMNS, SHAPES, History, assert_same
from tests.interop.trino import INPUT, REALTIME_INPUT, Trino, TrinoError

NULL = "\\N"
"""What Trino answers for a text that names a partition and is null, though its conditions know that it is null."""


@pytest.mark.parametrize("shape", SHAPES)
def test_every_operation_on_a_copy_on_write_table(
    trino: Trino, tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "_SMALL_BYTES", 0)
    history = History(World(tmp_path, SHAPES[shape]), 0)
    world = history.world
    world.replace(history.rows(20))
    history.change()
    assert_all(trino, world)
    with world.open().write() as write:
        assert write.gather(1 << 30, 2) > 0
        write.commit(checkpoint(len(world.commits)))
    assert_all(trino, world)
    history.add_column()
    history.change()
    assert_all(trino, world)
    _archive(history)
    assert_all(trino, world)
    history.truncate()
    assert_all(trino, world)
    history.replace()
    assert_all(trino, world)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_operation_on_a_merge_on_read_table(
    trino: Trino, tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(World(tmp_path, dataclasses.replace(SHAPES[shape], type=MOR)), 0)
    world = history.world
    world.replace(history.rows(20))
    assert_all(trino, world)
    _change_logs(history)
    _assert_base_files(trino, world)
    assert world.open().compact(1) > 0
    assert_all(trino, world)
    history.add_column()
    _archive(history)
    _change_logs(history)
    _assert_base_files(trino, world)
    assert world.open().compact(1) > 0
    assert_all(trino, world)


@pytest.mark.parametrize("encoded", [False, True])
def test_partitions_in_the_style_of_spark(trino: Trino, tmp_path: Path, encoded: bool) -> None:
    world = World(tmp_path, TableSpec("styled", COLUMNS, ("id",), ("note", "line")))
    history = History(world, 0)
    world.open()
    bare_paths(world, encoded=encoded)
    rows = history.rows(12)
    for number, row in enumerate(rows):
        row |= {"note": ["a b", "x&y=z" if encoded else "x&y", "été"][number % 3]}
    world.upsert(rows)
    assert_all(trino, world, PathStyle(hive=False, encoded=encoded))


def test_a_null_in_a_partition_that_is_no_text(trino: Trino, tmp_path: Path) -> None:
    world = World(tmp_path, TableSpec("by_line", COLUMNS, ("id",), ("line",)))
    rows = History(world, 0).rows(3)
    for row, line in zip(rows, (-1, 7, 7), strict=True):
        row |= {"line": line}
    world.upsert(rows)
    assert_all(trino, world)
    world.upsert([rows[0] | {"line": None}])
    trino.register(world.location, world.spec, "t")
    with pytest.raises(TrinoError, match="HUDI_INVALID_PARTITION_VALUE"):
        trino.read(world.spec, "t")
    assert_all(trino, world)


def test_far_days_and_times_are_the_same(trino: Trino, tmp_path: Path) -> None:
    world = World(tmp_path, SHAPES["plain"])
    rows = History(world, 0).rows(4)
    days = [datetime.date(1, 1, 1), datetime.date(1200, 2, 29), datetime.date(1582, 10, 10), datetime.date(1899, 12, 31)]
    for row, day in zip(rows, days, strict=True):
        row |= {"due": day, "at": datetime.datetime.combine(day, datetime.time(23, 59, 59, 999999), datetime.UTC)}
    world.upsert(rows)
    assert_all(trino, world)


def test_conditions_that_reach_into_files_and_folders(trino: Trino, tmp_path: Path) -> None:
    """Trino leaves out what statistics, Bloom filters and partitions say has no such row."""
    history = History(World(tmp_path, SHAPES["by day"]), 0)
    world = history.world
    for _ in range(2):
        world.upsert(history.rows(12))
    trino.register(world.location, world.spec, "t")
    rows: list[Row] = list(world.rows.values())
    asked: list[str] = []
    expected: list[int] = []
    for column, kind in world.spec.columns:
        for value in {repr(row[column]): row[column] for row in rows if row[column] == row[column] is not None}.values():
            if column == "line" or history.chance.random() < 0.3:
                asked += [f"{column} {how} {_literal(value, kind)}" for how in ("=", "<=")]
                values = [row[column] for row in rows if row[column] is not None]
                expected += [values.count(value), sum(other <= value for other in values)]
    asked.append("at_day IS NULL")
    expected.append(sum(row["at_day"] is None for row in rows))
    counts = (f"SELECT {number}, count(*) FROM t WHERE {condition}" for number, condition in enumerate(asked))
    _, found = trino.query(" UNION ALL ".join(counts) + " ORDER BY 1")
    assert dict(zip(asked, (count for _, count in found), strict=True)) == dict(zip(asked, expected, strict=True))


def test_many_rows_in_several_files(trino: Trino, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_BYTES", 1 << 20)
    for module in (lanes, replace):
        monkeypatch.setattr(module, "ROW_GROUP_BYTES", 1 << 18)
    columns = (("id", "bigint"), ("at_day", "string"), ("amount", "bigint"), ("_position", "string"))
    spec = TableSpec("many", columns, ("id",), ("at_day",))
    table = HudiFormat(LocalStore(tmp_path)).create("many", spec)
    ids = np.arange(300_000)
    positions = pa.array(["0001.0000000000000001.0000000001"] * len(ids))
    days = pa.array(np.array(["2026-01-01", "2026-01-02"])[ids % 2])
    rows = pa.table([pa.array(ids), days, pa.array(ids * 7919 % 1_000_003), positions], names=spec.arrow().names)
    rows = rows.cast(spec.arrow())
    with table.write() as write:
        write.replace(spec, iter(rows.to_batches(max_chunksize=20_000)))
        write.commit(checkpoint(1))
    gone = rows.filter(pa.array(ids % 7 == 3))
    with table.write() as write:
        write.upsert(rows.schema.empty_table(), gone.select(["id"]))
        write.commit(checkpoint(2))
    snapshot = table.snapshot()
    assert snapshot is not None
    assert len(snapshot.files) > 3
    trino.register(tmp_path / "many", spec, "many")
    _, found = trino.query("SELECT at_day, count(*), sum(id), sum(amount) FROM many GROUP BY 1 ORDER BY 1")
    sums = rows.filter(pa.array(ids % 7 != 3)).group_by("at_day").aggregate([("id", "count"), ("id", "sum"), ("amount", "sum")])
    names = ("at_day", "id_count", "id_sum", "amount_sum")
    assert found == [[row[name] for name in names] for row in sums.sort_by("at_day").to_pylist()]


def assert_all(trino: Trino, world: World, style: PathStyle = HIVE) -> None:
    """Trino reads every row of the model, with the meta columns that we read."""
    own = own_rows(world.open().snapshot())
    assert_rows(own, world.rows, world.spec)
    _assert_read(trino, world, own, "t", style)


def _assert_read(
    trino: Trino, world: World, own: list[Row], name: str, style: PathStyle = HIVE, input_format: str = INPUT
) -> None:
    """Trino reads these rows; folders that stand for null have to be told as texts, and are read as `NULL`."""
    absent = {column for column in world.spec.partition if any(row[column] is None for row in own)}
    columns = tuple((column, "string" if column in absent else kind) for column, kind in world.spec.columns)
    told = dataclasses.replace(world.spec, columns=columns)
    trino.register(world.location, told, name, style, input_format)
    texts = [{column: NULL if row[column] is None else str(row[column]) for column in absent} for row in own]
    assert_same(trino.read(told, name), [row | text for row, text in zip(own, texts, strict=True)])


def _change_logs(history: History) -> None:
    """Changes without a new row, which would take those of its file to a base file."""
    world = history.world
    rows, deletes = history.changes()
    world.upsert([row for row in rows if world.key(row) in world.rows], deletes)


def _assert_base_files(trino: Trino, world: World) -> None:
    """What logs say is not in Trino's answer, whatever the table is called there."""
    snapshot = world.open().snapshot()
    assert snapshot is not None
    assert snapshot.logs
    own = own_rows(dataclasses.replace(snapshot, logs=()))
    _assert_read(trino, world, own, "t_ro")
    _assert_read(trino, world, own, "t_rt", input_format=REALTIME_INPUT)


def _archive(history: History) -> None:
    """A savepoint, and then so many writes and cleans that its commit and others go to the archive."""
    world = history.world
    instant = world.commits[-1][0].instant
    world.open().save(instant, "why")
    for _ in range(6):
        history.change()
        world.clean()
    assert not list((world.root / PATH / ".hoodie").glob(f"{instant}.*commit"))


def _literal(value: object, kind: str) -> str:
    """A value in Trino's SQL."""
    match value:
        case bool():
            return str(value)
        case bytes():
            return f"X'{value.hex()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime.datetime():
            return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}'"
    name = {"float": "real"}.get(kind, kind.partition("(")[0])
    return f"{name} '{str(value).replace('inf', 'Infinity')}'"
