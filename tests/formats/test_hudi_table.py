"""One operation after another on small tables, each state read by hudi-rs too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hudi_world import (
    BY_REGION,
    COLUMNS,
    PATH,
    PLAIN,
    TWO_KEYS,
    TWO_KEYS_BY_REGION_AND_DAY,
    World,
    assert_rows,
    bare_paths,
    checkpoint,
    edited,
    keys_of,
    own_rows,
    row,
    rust_changes,
    rust_rows,
    table_of,
)

from lakewright.errors import CommitConflict, FormatError
from lakewright.formats.hudi import HudiFormat, base_file, replace
from lakewright.model.contracts import Entry
from lakewright.model.table import TableSpec
from lakewright.storage.local import LocalStore

SPECS = {"plain": PLAIN, "partition": BY_REGION, "two keys": TWO_KEYS, "two keys, two partitions": TWO_KEYS_BY_REGION_AND_DAY}


@pytest.fixture(params=SPECS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(tmp_path, SPECS[request.param])


def _regions(count: int, version: int = 0) -> list[dict[str, object]]:
    return [row(i, version, region=("north", "south", "été & co", None)[i % 4]) for i in range(count)]


def test_nothing_is_there_before_create(tmp_path: Path) -> None:
    assert HudiFormat(LocalStore(tmp_path)).open(PATH) is None


def test_a_new_table_is_empty_and_keeps_its_spec(world: World) -> None:
    world.open()
    table = world.open()
    assert table.spec == world.spec
    assert (table.snapshot(), table.history(), table.snapshots()) == (None, [], [])
    assert rust_rows(world.location) == []


def test_texts_that_repeat_go_by_a_dictionary_and_decimals_stay_bytes(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.replace([row(number, kind="ab"[number % 2], region=f"region {number}") for number in range(40)])
    world.upsert([row(3, 1), row(40, 1, region=None)])
    world.check()
    for file in Path(world.location).glob("*.parquet"):
        group = pq.ParquetFile(file).metadata.row_group(0)
        found = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
        assert "RLE_DICTIONARY" in found["kind"].encodings
        assert not {"RLE_DICTIONARY"} & {*found["region"].encodings, *found["id"].encodings}
        assert found["amount"].physical_type == "FIXED_LEN_BYTE_ARRAY"


def test_a_first_replacement_is_a_bulk_insert(world: World) -> None:
    commit = world.replace(_regions(20))
    assert (commit.action, commit.operation, commit.inserts, commit.updates) == ("commit", "BULK_INSERT", 20, 0)
    assert world.open().history() == [commit]
    world.check()


def test_a_load_has_row_groups_of_one_size_whatever_the_batches_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replace, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(base_file, "ROW_GROUP_ROWS", 10)
    world = World(tmp_path, PLAIN)
    batches = [table_of(row(n) for n in range(first, first + 25)).to_batches()[0] for first in (0, 25)]
    with world.open().write() as write:
        write.replace(world.spec, iter(batches))
        write.commit(checkpoint(1))
    snapshot = world.open().snapshot()
    assert snapshot is not None
    footers = [pq.read_metadata(file.location) for file in snapshot.files]
    assert [footer.row_group(n).num_rows for footer in footers for n in range(footer.num_row_groups)] == [10] * 5


def test_an_upsert_into_an_empty_table_inserts_every_row(world: World) -> None:
    commit = world.upsert(_regions(5))
    assert (commit.inserts, commit.updates, commit.deletes) == (5, 0, 0)
    world.check()


def test_upsert_replaces_inserts_and_deletes(world: World) -> None:
    world.replace(_regions(20))
    commit = world.upsert([row(4, 1), row(8, 1), row(40, 1)], [world.key(row(3)), world.key(row(99))])
    assert (commit.inserts, commit.updates, commit.deletes) == (1, 2, 1)
    world.check()


def test_a_replaced_row_stays_in_its_place_and_others_keep_their_meta_columns(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.replace([row(i) for i in range(10)])
    before = own_rows(world.open().snapshot())
    commit = world.upsert([row(4, 1)], [(7,)])
    after = own_rows(world.open().snapshot())
    assert [r["id"] for r in after] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    kept = ["_hoodie_commit_time", "_hoodie_commit_seqno", "_hoodie_record_key", "_hoodie_partition_path"]
    assert [[r[n] for n in kept] for r in after if r["id"] != 4] == [
        [r[n] for n in kept] for r in before if r["id"] not in (4, 7)
    ]
    assert after[4]["_hoodie_commit_time"] == commit.instant


def test_a_row_whose_partition_moves_leaves_the_old_one(tmp_path: Path) -> None:
    world = World(tmp_path, BY_REGION)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(10)])
    commit = world.upsert([row(1, 1, region="north"), row(2, 1, region="west"), row(3, 1, region=None), row(4, 1, region="")])
    assert (commit.inserts, commit.updates, commit.deletes) == (4, 0, 4)
    world.check()
    world.upsert([row(3, 2, region=""), row(4, 2, region=None)])
    world.check()


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("columns", [("region",), ("region", "day")])
def test_paths_of_bare_values(tmp_path: Path, columns: tuple[str, ...], encoded: bool) -> None:
    world = World(tmp_path, TableSpec("orders", COLUMNS, ("id", "kind"), columns))
    world.open()
    bare_paths(world, encoded=encoded)
    special = "a:b/c=%41" if encoded else "a/b/c" if len(columns) == 1 else "a=%41"
    regions = ["north", "-5", None, special, "!"]
    world.replace([row(i, region=regions[i % 5]) for i in range(10)])
    world.upsert([row(i, 1, region=regions[i - 1]) for i in range(1, 5)] + [row(11, region=special)], [world.key(row(6))])
    table = world.open()
    assert_rows(own_rows(table.snapshot()), world.rows, world.spec)
    assert_rows(rust_rows(world.location), world.rows, world.spec)
    assert table.verify().flaws == ()
    files = table.snapshot().files  # type: ignore[union-attr]
    assert {file.partition[0] for file in files if file.rows} == {r["region"] for r in world.rows.values()}


def test_all_rows_of_a_file_group_can_go_and_come_back(world: World) -> None:
    world.replace(_regions(8))
    world.upsert([], [world.key(row(i)) for i in range(8)])
    world.check()
    world.upsert(_regions(4, version=1))
    world.check()


def test_an_empty_upsert_carries_the_checkpoint(world: World) -> None:
    world.replace(_regions(3))
    commit = world.upsert()
    assert commit.checkpoint == checkpoint(2)
    assert (commit.inserts, commit.updates, commit.deletes, commit.total_bytes) == (0, 0, 0, 0)
    world.check()


def test_a_commit_without_a_write_carries_the_checkpoint(world: World) -> None:
    world.replace(_regions(3))
    with world.open().write() as write:
        commit = write.commit(checkpoint(2))
    snapshot = world.open().snapshot()
    assert snapshot is not None
    assert (snapshot.instant, snapshot.checkpoint, snapshot.rows) == (commit.instant, checkpoint(2), 3)
    assert_rows(rust_rows(world.location), world.rows, world.spec)


def test_columns_are_added(world: World) -> None:
    world.replace(_regions(8))
    wider = TableSpec("orders", (*COLUMNS, ("extra", "int"), ("price", "decimal(30,10)")), world.spec.key, world.spec.partition)
    world.upsert([row(2, 1, extra=5), row(30, 1, extra=None)], spec=wider)
    assert world.open().spec == wider
    world.check()
    world.upsert([row(3, 2, extra=6)], [world.key(row(2))])
    world.check()
    for commit, rows, spec in world.commits:
        snapshot = world.open().snapshot(commit.instant)
        assert snapshot is not None
        assert snapshot.spec == spec
        assert_rows(own_rows(snapshot), rows, spec)


def test_replace_ends_all_older_rows(world: World) -> None:
    world.replace(_regions(8))
    world.upsert([row(9, 1)])
    commit = world.replace(_regions(3, version=2))
    assert (commit.action, commit.operation, commit.inserts) == ("replacecommit", "INSERT_OVERWRITE_TABLE", 3)
    world.check()
    world.upsert([row(1, 3), row(5, 3)])
    world.check()
    world.replace([])
    world.check()
    world.upsert([row(1, 4)])
    world.check()


def test_every_instant_can_be_read_again(world: World) -> None:
    world.replace(_regions(8))
    world.upsert([row(2, 1), row(20, 1)], [world.key(row(3))])
    world.replace(_regions(4, version=2))
    world.upsert([row(1, 3)])
    table = world.open()
    assert table.snapshots() == [commit for commit, _, _ in world.commits] == table.history()
    for commit, rows, spec in world.commits:
        assert_rows(rust_rows(world.location, commit.instant), rows, spec)
        snapshot = table.snapshot(commit.instant)
        assert snapshot is not None
        assert snapshot.checkpoint == commit.checkpoint
        assert_rows(own_rows(snapshot), rows, spec)


def test_incremental_reads_are_the_rows_between_two_instants(world: World) -> None:
    world.replace(_regions(8))
    first = world.commits[0][0].instant
    second = world.upsert([row(2, 1), row(20, 1)], [world.key(row(3))]).instant
    third = world.upsert([row(20, 2), row(21, 2)]).instant
    assert sorted(r["id"] for r in rust_changes(world.location, first, second)) == [2, 20]
    assert sorted(r["id"] for r in rust_changes(world.location, second, third)) == [20, 21]
    assert sorted(r["id"] for r in rust_changes(world.location, first, third)) == [2, 20, 21]


def test_clean_keeps_the_newest_and_what_it_is_told(world: World) -> None:
    for version in range(5):
        world.upsert(_regions(8, version))
    world.replace(_regions(3, 9))
    kept = world.commits[2][0].instant
    table = world.open()
    assert table.clean([kept]) > 0
    assert table.clean([kept]) == 0
    assert [commit.instant for commit in table.snapshots()] == [kept, world.commits[-1][0].instant]
    assert_rows(own_rows(table.snapshot(kept)), world.commits[2][1], world.spec)
    assert_rows(rust_rows(world.location, kept), world.commits[2][1], world.spec)
    with pytest.raises(FormatError, match="cleaned") as caught:
        table.snapshot(world.commits[3][0].instant)
    assert caught.value.code == "LW-415"
    world.check()
    world.upsert([row(1, 10)])
    world.check()


def test_a_savepoint_of_another_engine_survives_a_clean(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    saved = world.replace([row(1)]).instant
    world.upsert([row(1, 1)])
    world.upsert([row(1, 2)])
    (tmp_path / PATH / ".hoodie" / f"{saved}.savepoint").write_bytes(b"")
    assert world.open().clean([]) == 1
    assert saved in [commit.instant for commit in world.open().snapshots()]


def test_leaving_the_block_undoes_the_write(world: World) -> None:
    world.replace(_regions(4))
    with world.open().write() as write:
        write.upsert(table_of([row(1, 1), row(50)]), keys_of([], world.spec))
    world.check()

    def broken() -> Iterator[pa.RecordBatch]:
        yield from table_of([row(1, 1)]).to_batches()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), world.open().write() as write:
        write.replace(world.spec, broken())
    world.check()
    world.upsert([row(1, 2)])
    world.check()


def test_the_later_of_two_writes_of_one_table_wins(world: World) -> None:
    world.replace(_regions(4))
    table = world.open()
    with table.write() as slow:
        slow.upsert(table_of([row(1, 7)]), keys_of([], world.spec))
        world.upsert([row(2, 8)])
        with pytest.raises(CommitConflict) as caught:
            slow.commit(checkpoint(99))
    assert caught.value.code == "LW-416"
    world.check()


def test_a_commit_without_checkpoint_is_a_conflict_too(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.replace([row(1)])
    hoodie = tmp_path / PATH / ".hoodie"
    with world.open().write() as write:
        write.upsert(table_of([row(1, 7)]), keys_of([], PLAIN))
        for suffix in ("commit.requested", "inflight", "commit"):
            (hoodie / f"{int(write.instant) + 1}.{suffix}").write_text("{}")
        with pytest.raises(CommitConflict):
            write.commit(checkpoint(2))
    assert_rows(own_rows(world.open().snapshot()), world.rows, PLAIN)


def test_only_one_upsert_or_replace_per_instant(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    with world.open().write() as write:
        write.upsert(table_of([row(1)]), keys_of([], PLAIN))
        with pytest.raises(RuntimeError):
            write.upsert(table_of([row(2)]), keys_of([], PLAIN))


def test_an_unchanged_file_group_is_not_rewritten(tmp_path: Path) -> None:
    world = World(tmp_path, BY_REGION)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(6)])
    before = {file.location for file in world.open().snapshot().files}  # type: ignore[union-attr]
    world.upsert([row(1, 1, region="south")])
    after = {file.location for file in world.open().snapshot().files}  # type: ignore[union-attr]
    assert [Path(location).parent.name for location in before & after] == ["region=north"]


def test_the_inflight_file_carries_our_mark(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.upsert([row(1)])
    (inflight,) = (tmp_path / PATH / ".hoodie").glob("*.inflight")
    assert "lakewright.writer" in json.loads(inflight.read_bytes())["extraMetadata"]


def test_rows_may_come_in_other_arrow_types_of_the_same_meaning(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    large = table_of([row(1)])
    large = large.set_column(1, "kind", large.column("kind").cast(pa.large_string()))
    with world.open().write() as write:
        write.upsert(large, keys_of([], PLAIN))
        write.commit(checkpoint(1))
    assert_rows(rust_rows(world.location), {(1,): row(1)}, PLAIN)


def test_a_reader_whose_listing_is_older_than_an_archival_sees_what_was_kept(world: World) -> None:
    for version in range(8):
        world.upsert([row(1, version)])
        world.open().clean([])
    listed = list(world.store.list(f"{PATH}/.hoodie/"))
    world.upsert([row(1, 8)])
    world.clean([commit.instant for commit, *_ in world.commits[-2:]])
    assert (world.root / PATH / ".hoodie/archived").exists()

    class Late(LocalStore):
        def list(self, prefix: str, after: str | None = None, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
            return (e for e in listed if e.name.startswith(prefix)) if ".hoodie" in prefix else super().list(prefix, after, known)

    table = world.open(Late(world.root))
    assert [commit.instant for commit in table.snapshots()] == [world.commits[-2][0].instant]
    assert [commit.instant for commit in table.history()][-2:-1] == [world.commits[-2][0].instant]
    assert_rows(own_rows(table.snapshot()), {(1,): row(1, 7)}, world.spec)


def test_a_file_that_is_still_written_is_asked_for_anew_and_a_settled_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, PLAIN)
    world.replace([row(1), row(2)])
    table = world.open()
    assert table.snapshots()
    asked: list[str] = []
    entry = LocalStore._entry
    monkeypatch.setattr(LocalStore, "_entry", lambda store, name: asked.append(name) or entry(store, name))
    (settled,) = Path(world.location).glob("*.parquet")
    pending = settled.with_name(settled.name.replace(settled.name[-25:-8], "29990101000000000"))
    for written in (1, 2):  # as another engine does, whose commit comes later
        pending.write_bytes(b"x" * written)
        asked.clear()
        assert table.snapshots()
        names = {name.rpartition("/")[2] for name in asked}
        assert pending.name in names
        assert settled.name not in names


def test_old_instants_are_archived_and_the_checkpoint_is_not_lost(world: World) -> None:
    for version in range(3):
        world.upsert([row(i, version, region="north") for i in range(3)])
    world.replace([row(0), row(1, 3, region="south")])
    with world.open().write() as write:
        write.upsert(table_of([row(2, 4)]), keys_of([], world.spec))
    for version in range(5, 8):
        world.upsert([row(1, version, region="south")])
    hoodie = world.root / PATH / ".hoodie"
    world.clean()
    assert [path.name for path in (hoodie / "archived").iterdir()] == [".commits_.archive.1_1-0-1"]
    assert world.open().history()[0].instant == world.commits[-2][0].instant
    world.check()
    world.upsert([row(5, 9)])
    world.check()
    for path in hoodie.glob("*.commit"):
        with edited(path) as data:
            del data["extraMetadata"]["lakewright.checkpoint"]
    snapshot = world.open().snapshot()
    assert snapshot is not None
    assert snapshot.checkpoint == world.commits[-4][0].checkpoint
    assert_rows(own_rows(snapshot), world.rows, world.spec)
    archived = hoodie / "archived" / ".commits_.archive.1_1-0-1"
    data = archived.read_bytes()
    at = data.rindex(b'"position"')
    archived.write_bytes(data[: at + 14] + bytes([data[at + 14] ^ 1]) + data[at + 15 :])
    with pytest.raises(FormatError, match="checkpoint") as caught:
        world.open().snapshot()
    assert caught.value.code == "LW-404"
