"""Merge-on-read: what goes to a log and what to a base file, and what is read of both."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hudi_world import (
    COLUMNS,
    LOGGED,
    LOGGED_BY_REGION,
    META,
    PATH,
    Crash,
    World,
    assert_rows,
    checkpoint,
    own_rows,
    row,
    rust_rows,
    table_of,
)
from tests.strides import strides

from lakewright.errors import FormatError
from lakewright.formats.hudi import avro, avro_rows, compact, log_block, logs, schema
from lakewright.formats.hudi.file_names import log_named
from lakewright.formats.hudi.folder import Folder
from lakewright.model.table import Commit, TableSpec
from lakewright.pipeline import scan
from lakewright.pipeline.stored import Stored
from lakewright.storage.local import LocalStore

SAMPLES = Path(__file__).parent / "samples"


def _files(world: World) -> tuple[int, int]:
    """How many base files and logs the table is."""
    snapshot = world.open().snapshot()
    assert snapshot is not None
    return len(snapshot.files), len(snapshot.logs)


def _counts(commit: Commit) -> tuple[str, int, int, int]:
    return commit.action, commit.inserts, commit.updates, commit.deletes


def test_changes_go_to_a_log_and_leave_the_base_file(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    commit = world.upsert([row(3, 1)], [(5,), (99,)])
    assert _counts(commit) == ("deltacommit", 0, 1, 1)
    assert _files(world) == (1, 1)
    world.check()


def test_a_new_row_goes_to_a_base_file_and_never_to_a_log_alone(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    assert _counts(world.upsert([row(3, 1), row(50)])) == ("deltacommit", 1, 1, 0)
    assert _files(world) == (1, 0)  # the small base file of a group without log takes its changes with the new row
    world.upsert([row(3, 2)])
    world.upsert([row(3, 3), row(51)])
    assert _files(world) == (2, 2)  # the group has a log by now: a new group
    world.check()


def test_a_row_that_comes_back_goes_where_its_key_is(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([], [(3,)])
    assert _counts(world.upsert([], [(3,)])) == ("deltacommit", 0, 0, 0)
    world.check()
    assert _counts(world.upsert([row(3, 2)])) == ("deltacommit", 1, 0, 0)
    assert _files(world) == (1, 2)
    world.check()


def test_a_row_that_moves_leaves_its_partition_and_may_come_back(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED_BY_REGION)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(10)])
    for version, region in enumerate(("south", "north", "west", "west", None, "", "south"), 1):
        world.upsert([row(4, version, region=region)], [(6, "a")])
    world.check()
    for commit, rows, spec in world.commits:
        snapshot = world.open().snapshot(commit.instant)
        assert_rows(own_rows(snapshot), rows, spec)
        assert_rows(rust_rows(world.location, commit.instant), rows, spec)


def test_a_column_that_a_log_adds(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    wider = dataclasses.replace(LOGGED, columns=(*COLUMNS, ("extra", "decimal(30,10)")))
    world.upsert([row(3, 1, extra=None)], [(5,)], wider)
    assert _files(world) == (1, 1)
    world.check()


@pytest.mark.parametrize("spec", [LOGGED, LOGGED_BY_REGION], ids=["plain", "by region"])
def test_rows_are_counted_where_the_commits_of_logs_are_archived(tmp_path: Path, spec: TableSpec) -> None:
    world = World(tmp_path, spec)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(8)])
    gone = [key for key in world.rows if key[0] in (2, 3, 5)]
    world.upsert([row(4, 1, region="south")], gone)
    world.upsert([row(3, 2, region="south"), row(20, 2, region="east")])
    for version in range(3, 6):
        world.upsert([row(20, version, region="east")])
        world.clean(newest=1, least=1)
    assert world.open().history()[0].instant > world.commits[2][0].instant
    snapshot = world.open().snapshot()
    assert snapshot is not None
    assert any(world.commits[1][0].instant == log_named(log.name, "", 0).instant for log in snapshot.logs)  # type: ignore[union-attr]
    world.check()


def test_any_changed_byte_of_a_log_is_told(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)], [(5,)])
    (log,) = (tmp_path / PATH).glob(".*.log.*")
    table, whole = world.open(), log.read_bytes()
    snapshot = table.snapshot()
    assert snapshot is not None
    for place in (7, 30, *range(0, len(whole), 131), len(whole) - 1):
        data = bytearray(whole)
        data[place] ^= 0x04
        log.write_bytes(data)
        with pytest.raises(FormatError, match=log.name) as caught:
            list(table.changes(snapshot))
        assert caught.value.code == "LW-405"


def test_a_missing_log_and_a_truncated_one_are_told(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)], [(5,)])
    world.upsert([row(4, 1)])
    log = min((tmp_path / PATH).glob(".*.log.*"))
    data = log.read_bytes()
    for content, code in ((data[:-1], "LW-405"), (None, "LW-417")):
        log.write_bytes(content) if content else log.unlink()
        with pytest.raises(FormatError, match=log.name) as caught:
            world.open().snapshot()
        assert caught.value.code == code


@pytest.mark.parametrize("many", [1, 4, 1_000_000], ids=["all files alone", "one alone", "all together"])
def test_rows_are_the_same_however_base_files_are_joined_with_their_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(scan, "_MANY_ROWS", many)
    world = World(tmp_path, LOGGED_BY_REGION)
    world.replace([row(i, region=("north", "south", "south")[i % 3]) for i in range(9)])
    world.upsert(
        [row(1, 1, region="south"), row(3, 1, region="north")],
        [world.key(row(5, region="south")), world.key(row(6, region="north"))],
    )
    world.upsert([row(20, 2, region="north"), row(21, 2, region="east")])
    table = world.open()
    snapshot = table.snapshot()
    assert snapshot is not None
    assert len({log.base for log in snapshot.logs if log.base}) == 2
    with duckdb.connect() as connection:
        text = Stored(connection, table, snapshot).sql(scan.Selection(snapshot.spec))
        found = connection.execute(f"SELECT id, kind, region, amount FROM ({text}) ORDER BY id").fetchall()
    assert found == [
        tuple(world.rows[key][name] for name in ("id", "kind", "region", "amount"))
        for key in sorted(world.rows, key=lambda key: world.rows[key]["id"])
    ]


# ---- compaction ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [LOGGED, LOGGED_BY_REGION], ids=["plain", "partition"])
def test_a_compaction_changes_no_row(tmp_path: Path, spec: TableSpec) -> None:
    world = World(tmp_path, spec)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(10)])
    world.upsert([row(4, 1, region="south"), row(2, 1)], [world.key(row(6))])
    world.upsert([row(2, 2), row(50, 2)], [world.key(row(8))])
    world.upsert([row(6, 3)])
    before = {r["_hoodie_record_key"]: r["_hoodie_commit_time"] for r in own_rows(world.open().snapshot())}
    assert world.open().compact(9) == 0
    assert world.open().compact(1) > 0
    assert world.open().compact(1) == 0
    compaction = world.open().history()[-1]
    assert (compaction.action, compaction.operation, compaction.checkpoint) == ("commit", "COMPACT", checkpoint(4))
    assert (compaction.inserts, compaction.updates, compaction.deletes) == (0, 0, 0)
    assert _files(world)[1] == 0
    assert {r["_hoodie_record_key"]: r["_hoodie_commit_time"] for r in own_rows(world.open().snapshot())} == before
    world.check_rows()
    world.upsert([row(2, 5)], [world.key(row(6))])
    world.check()
    for commit, rows, then in world.commits:
        assert_rows(own_rows(world.open().snapshot(commit.instant)), rows, then)
        assert_rows(rust_rows(world.location, commit.instant), rows, then)
    assert world.open().clean([]) > 0
    world.check()


def test_changes_go_on_while_a_compaction_is_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)], [(5,)])
    with monkeypatch.context() as patch:
        patch.setattr(compact, "_run", _die)
        with pytest.raises(Crash):
            world.open().compact(1)
    world.upsert([row(4, 2), row(50, 2)], [(3,)])
    world.upsert([row(3, 3)])
    # Spark reads it so too; hudi-rs does not know of logs under a compaction that is still to come.
    assert_rows(own_rows(world.open().snapshot()), world.rows, LOGGED)
    assert world.open().compact(1) == 2  # what was planned, and then the logs that came since
    world.check_rows()
    assert _files(world) == (2, 0)
    world.upsert([row(4, 5)], [(3,)])
    world.check()


def _planned(world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object]) -> None:
    """A compaction that died, with a change to its plan."""
    with monkeypatch.context() as patch:
        patch.setattr(compact, "_run", _die)
        with pytest.raises(Crash):
            world.open().compact(1)
    (path,) = Path(world.location).glob(".hoodie/*.compaction.requested")
    plan = avro.decode(path.read_bytes(), path.name)
    change(plan)
    path.write_bytes(avro.encode(avro.COMPACTION_PLAN, plan))


def test_a_compaction_takes_in_all_logs_of_its_slices_whatever_its_plan_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)])
    world.upsert([row(4, 2)])
    _planned(world, monkeypatch, lambda plan: plan["operations"][0]["deltaFilePaths"].pop())
    assert world.open().compact(1) == 1
    world.check_rows()


@pytest.mark.parametrize(("field", "value"), [("fileId", "another"), ("dataFilePath", None), ("partitionPath", "another")])
def test_a_plan_that_fits_no_slice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: str | None
) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)])
    _planned(world, monkeypatch, lambda plan: plan["operations"][0].update({field: value}))
    with pytest.raises(FormatError) as caught:
        world.open().compact(1)
    assert caught.value.code == "LW-417"
    world.check_rows()


def test_a_plan_that_lacks_a_field_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)])
    _planned(world, monkeypatch, lambda plan: None)
    (path,) = Path(world.location).glob(".hoodie/*.compaction.requested")
    path.write_bytes(path.read_bytes().replace(b"dataFilePath", b"dataFilePatg"))
    with pytest.raises(FormatError, match=r"compaction\.requested is damaged") as caught:
        world.open().compact(1)
    assert caught.value.code == "LW-404"


def test_a_compaction_of_groups_that_were_replaced_meanwhile_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)])
    _planned(world, monkeypatch, lambda plan: None)
    world.replace([row(1, 5), row(20)])
    assert world.open().compact(1) == 0
    assert not world.open().verify().flaws
    world.check_rows()


def _die(*_: object) -> int:
    raise Crash


# ---- blocks ----------------------------------------------------------------------------------------------------------------


def test_blocks_are_those_that_hudi_writes() -> None:
    """Byte for byte, as Spark 3.5 with Hudi 0.15 wrote them."""
    for path in sorted(SAMPLES.glob("*.log.bin")):
        data = path.read_bytes()
        (block,) = log_block.decode(data, path.name, whole=True)
        assert log_block.encode(block.kind, block.header, block.content) == data
        if block.kind == log_block.AVRO_DATA:
            names = [field["name"] for field in json.loads(block.header[log_block.SCHEMA])["fields"]]
            (rows,) = log_block.rows_of([(block, path.name)], names)
            assert [list(row.values()) for row in rows.to_pylist()] == [
                [r[n] for n in names] for r in log_block.records_of(block)
            ]
            assert log_block.rows_content(avro_rows.encode(rows)) == block.content
        else:
            keys, ordering = log_block.deletes_of(block, path.name)
            assert ordering == [None] * len(keys)
            assert log_block.deletes_content(keys, "") == block.content


def test_rows_of_every_type_come_back() -> None:
    rows = table_of([row(i, i % 5, kind="été & co" * (i % 40), region=None if i % 3 else "x") for i in range(300)])
    rows = pa.table([*[pa.array(["m"] * 300)] * 5, *rows.columns], names=[*META, *rows.column_names])
    block = log_block.Block(
        log_block.AVRO_DATA,
        {log_block.SCHEMA: schema.avro_schema("t", COLUMNS, meta=True)},
        log_block.rows_content(avro_rows.encode(rows)),
    )
    (found,) = log_block.rows_of([(block, "here")], rows.column_names)
    assert found.cast(rows.schema).equals(rows.combine_chunks())
    assert list(log_block.records_of(block)) == rows.to_pylist()
    assert log_block.rows_of([(block, "here")], ["kind", "none"])[0].column_names == ["kind"]


@strides(157)
def test_no_damage_of_a_log_of_spark_is_a_stack_trace(tmp_path: Path, stride: int) -> None:
    spec = TableSpec("t", (("id", "bigint"), ("ts", "bigint"), ("amt", "decimal(10,2)")), ("id",))
    store = LocalStore(tmp_path)
    for number, path in enumerate(sorted(SAMPLES.glob("*.log.bin"))):
        whole = path.read_bytes()
        assert log_block.head(whole)
        for place in range(0, 8 * len(whole), stride):
            data = bytearray(whole)
            data[place // 8] ^= 1 << place % 8
            name = f".group{number}_20260101000000000.log.{place + 1}_1-0-1"
            store.create(name, bytes(data))
            log = log_named(name, "", len(data))
            assert log is not None
            with contextlib.suppress(FormatError):  # and nothing else
                logs.newest(Folder(store, ""), [log], spec, "ts")


def test_no_damage_of_a_block_is_a_stack_trace(tmp_path: Path) -> None:
    rows = table_of([row(i) for i in range(3)])
    names = [name for name, _ in COLUMNS]
    header = {log_block.SCHEMA: schema.avro_schema("t", COLUMNS), log_block.INSTANT: "20260101000000000"}
    data = log_block.encode(log_block.AVRO_DATA, header, log_block.rows_content(avro_rows.encode(rows)))
    data += log_block.encode(log_block.DELETE, header, log_block.deletes_content(pa.array(["1", "22"]), "p=1"))
    for place in range(0, len(data), 43):
        for value in (0x00, 0xFF, data[place] ^ 0x01):
            with contextlib.suppress(FormatError):  # and nothing else
                for block in log_block.decode(data[:place] + bytes([value]) + data[place + 1 :], "the log", whole=True):
                    if block.kind == log_block.DELETE:
                        log_block.deletes_of(block, "the log")
                    elif block.kind == log_block.AVRO_DATA:
                        log_block.rows_of([(block, "the log")], names)
    for end in range(0, len(data), 97):
        assert len(list(log_block.decode(data[:end], "the log"))) < 2
