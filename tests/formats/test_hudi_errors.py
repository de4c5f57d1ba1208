"""What is refused, with which code, and that nothing changed."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import functools
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hudi_world import (
    BY_REGION,
    COLUMNS,
    LOGGED_BY_REGION,
    PATH,
    PLAIN,
    TWO_KEYS,
    World,
    assert_rows,
    bare_paths,
    checkpoint,
    keys_of,
    own_rows,
    row,
    rust_rows,
    table_of,
)

from lakewright.errors import FormatError
from lakewright.formats.hudi import HudiFormat, avro, thrift
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.metadata import CHECKSUM
from lakewright.model.table import MOR, TableSpec
from lakewright.storage.local import LocalStore


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, PLAIN)
    world.replace([row(i) for i in range(5)])
    world.upsert([row(2, 1)])
    return world


def _refused(code: str, act: Callable[[], object]) -> FormatError:
    with pytest.raises(FormatError) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def _hoodie(world: World) -> Path:
    return world.root / PATH / ".hoodie"


def _edit(world: World, old: str, new: str) -> None:
    path = _hoodie(world) / "hoodie.properties"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_table_that_sparks_sql_registered_has_its_time_zone_again(world: World) -> None:
    _edit(world, "hoodie.table.timeline.timezone=UTC\n", "")
    world.upsert([row(3, 1)])
    world.check()


def test_a_table_in_local_time_that_we_never_wrote_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.open()
    _edit(world, "hoodie.table.timeline.timezone=UTC\n", "")
    assert "local time" in _refused("LW-402", world.open).message


def test_a_folder_that_is_no_hudi_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / PATH).mkdir(parents=True)
    (tmp_path / PATH / "rows.csv").write_text("1,2\n")
    _refused("LW-401", lambda: HudiFormat(LocalStore(tmp_path)).open(PATH))
    _refused("LW-401", lambda: HudiFormat(LocalStore(tmp_path)).create(PATH, PLAIN))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hoodie.table.version=6", "hoodie.table.version=8"),
        ("hoodie.table.version=6\n", ""),
        ("hoodie.timeline.layout.version=1", "hoodie.timeline.layout.version=2"),
        ("COPY_ON_WRITE", "ELSEWHERE"),
        ("COPY_ON_WRITE", "MERGE_ON_READ\nhoodie.compaction.payload.class=org.example.OwnPayload"),
        ("timezone=UTC", "timezone=LOCAL"),
        ("hoodie.populate.meta.fields=true", "hoodie.populate.meta.fields=false"),
        ("NonpartitionedKeyGenerator", "ComplexKeyGenerator"),
    ],
)
def test_a_table_of_another_kind_is_refused(world: World, old: str, new: str) -> None:
    _edit(world, old, new)
    assert "hoodie.properties" in _refused("LW-402", world.open).message


def test_an_upgrade_by_another_engine_stops_a_commit(world: World) -> None:
    with world.open().write() as write:
        write.upsert(table_of([row(1, 9)]), keys_of([], PLAIN))
        _edit(world, "hoodie.table.version=6", "hoodie.table.version=8")
        _refused("LW-402", lambda: write.commit(checkpoint(9)))
    _edit(world, "hoodie.table.version=8", "hoodie.table.version=6")
    world.check()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("checksum=", "checksum=1"),
        ("hoodie.table.recordkey.fields=id\n", ""),
        ("recordkey.fields=id", "recordkey.fields=kind"),
        ("hoodie.table.recordkey.fields=id", "hoodie.table.partition.fields=region\nhoodie.table.recordkey.fields=id"),
        ("hive_style_partitioning=true", "hive_style_partitioning=false"),
        ("hoodie.table.name=", "garbage"),
    ],
)
def test_damaged_properties_are_refused(world: World, old: str, new: str) -> None:
    _edit(world, old, new)
    _refused("LW-403", world.open)


def test_a_merge_on_read_table_that_seems_to_be_another_type_is_refused(tmp_path: Path) -> None:
    """Its logs would be passed over in silence."""
    world = World(tmp_path, dataclasses.replace(PLAIN, type=MOR))
    world.replace([row(1), row(2)])
    world.upsert([row(1, 1)])
    _edit(world, "hoodie.table.type", "hoodie.tabne.type")
    _refused("LW-403", world.open)


def test_logs_of_a_table_that_seems_to_be_copy_on_write_are_not_passed_over(tmp_path: Path) -> None:
    world = World(tmp_path, dataclasses.replace(PLAIN, type=MOR))
    world.replace([row(1), row(2)])
    world.upsert([row(1, 1)])
    _edit(world, "hoodie.table.type", "hoodie.tabne.type")
    _edit(world, "lakewright.settings", "lakewright.settingt")
    _refused("LW-403", lambda: world.upsert([row(2, 2)]))


@pytest.mark.parametrize("spec", [PLAIN, LOGGED_BY_REGION], ids=["cow", "mor, partitioned"])
def test_properties_that_were_cut_are_refused_or_say_the_same(tmp_path: Path, spec: TableSpec) -> None:
    world = World(tmp_path, spec)
    world.replace([row(1), row(2)])
    path = _hoodie(world) / "hoodie.properties"
    whole, codes = path.read_bytes(), set[str]()
    for lines in range(whole.count(b"\n")):
        path.write_bytes(b"".join(whole.splitlines(keepends=True)[:lines]))
        try:
            assert world.open().spec == spec
        except FormatError as error:
            codes.add(error.code)
    assert codes <= {"LW-402", "LW-403"}


def test_properties_without_a_checksum_are_fine(world: World) -> None:
    text = (_hoodie(world) / "hoodie.properties").read_text().splitlines(keepends=True)
    (_hoodie(world) / "hoodie.properties").write_text("".join(line for line in text if "checksum" not in line))
    assert world.open().spec == PLAIN


def test_properties_are_restored_from_the_backup_of_a_crashed_engine(world: World) -> None:
    main = _hoodie(world) / "hoodie.properties"
    main.rename(_hoodie(world) / "hoodie.properties.backup")
    assert world.open().spec == PLAIN
    world.upsert([row(1, 1)])
    assert main.exists()
    assert_rows(rust_rows(world.location), world.rows, PLAIN)


@pytest.mark.parametrize("content", ["", '{"partitionToWriteStats": {"": [{"fileId'], ids=["empty", "truncated"])
def test_a_damaged_commit_file_is_named(world: World, content: str) -> None:
    newest = f"{world.commits[-1][0].instant}.commit"
    (_hoodie(world) / newest).write_text(content)
    assert newest in _refused("LW-404", lambda: world.open().snapshot()).message


@pytest.mark.parametrize("path", [None, "no/such/field"])
def test_a_damaged_plan_of_a_clean_is_named(world: World, path: str | None) -> None:
    world.upsert([row(1, 1)])
    assert world.open().clean([]) > 0
    (plan,) = (world.root / PATH / ".hoodie").glob("*.clean.requested")
    told = avro.decode(plan.read_bytes(), plan.name) | {"filePathsToBeDeletedPerPartition": {"": [{"filePath": path}]}}
    data = avro.encode(avro.CLEAN_PLAN, told)
    plan.write_bytes(data if path is None else data.replace(b'filePath"', b'filePbth"'))
    with pytest.raises(FormatError, match=plan.name) as caught:
        world.open().snapshots()
    assert caught.value.code == "LW-404"


def test_a_damaged_base_file_is_named(world: World) -> None:
    snapshot = world.open().snapshot()
    assert snapshot is not None
    path = Path(snapshot.files[0].location)
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(len(content) - 100))
    assert path.name in _refused("LW-405", lambda: world.upsert([row(1, 1)])).message
    path.write_bytes(content)
    world.check()


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        ("element", 1, (thrift.I32, 0)),
        ("column", 1, (thrift.I32, 1)),
        ("column", 16, (thrift.STRUCT, {3: (thrift.LIST, (thrift.I64, [1] * 9))})),
        ("statistics", 5, (thrift.I32, 7)),
    ],
    ids=["type in the schema", "type of the column", "histogram", "bound"],
)
def test_what_a_footer_says_of_record_keys_ends_no_process(
    world: World, place: str, field: int, value: tuple[int, object]
) -> None:
    """PyArrow ends it where it is asked for a column's metadata that it cannot make sense of."""
    file = max(Path(world.location).rglob("*.parquet"))
    data = file.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = thrift.decode(data[start:-8])
    column = footer[4][1][1][0][1][1][1][2][3][1]
    footer[5] = thrift.LIST, (thrift.STRUCT, footer[5][1][1][:-1])  # as another engine's, without our checksum
    {"element": footer[2][1][1][3], "column": column, "statistics": column[12][1]}[place][field] = value
    text = thrift.encode(footer)
    file.write_bytes(data[:start] + text + len(text).to_bytes(4, "little") + b"PAR1")
    reader = BaseFileReader(world.store, str(file.relative_to(world.root)), file.stat().st_size)
    if place == "column" and field == 1:  # at which PyArrow does not look
        assert [keys.to_pylist() for _, keys in reader.keys("", "~")] == [list("01234")]
    else:
        assert file.name in _refused("LW-405", lambda: list(reader.keys("", "~"))).message


@pytest.mark.parametrize("size", [0, 3, 8, 20])
def test_what_is_left_of_a_base_file_is_named(world: World, size: int) -> None:
    file = max(Path(world.location).rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[-size:] if size else b"")
    name = str(file.relative_to(world.root))
    assert name in _refused("LW-405", lambda: BaseFileReader(world.store, name, size)).message


@pytest.mark.parametrize("spec", [PLAIN, LOGGED_BY_REGION], ids=["cow", "mor, partitioned"])
def test_a_changed_byte_of_a_footer_is_told(tmp_path: Path, spec: TableSpec) -> None:
    world = World(tmp_path, spec)
    world.replace([row(i) for i in range(5)])
    world.replace([row(i, 1) for i in range(5)])  # whose columns are copied, where that may be
    for file in Path(world.location).rglob("*.parquet"):
        data = bytearray(file.read_bytes())
        open_it = functools.partial(BaseFileReader, world.store, str(file.relative_to(world.root)), len(data))
        start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        words = thrift.decode(data[start:-8])[5][1][1]
        assert words[-1][1][1] == CHECKSUM.encode()  # the last word, so that none before it is taken for it
        name = data.rindex(CHECKSUM.encode())
        for place in {*range(start, len(data), 7)} - {
            *range(name - 2, name + len(CHECKSUM) + 2)
        }:  # else it is as another engine's
            data[place] ^= 1
            file.write_bytes(data)
            assert file.name in _refused("LW-405", open_it).message
            data[place] ^= 1
        file.write_bytes(data)
    world.check()


def test_create_over_a_table_is_refused(world: World) -> None:
    _refused("LW-406", lambda: HudiFormat(world.store).create(PATH, PLAIN))


@pytest.mark.parametrize("spec", [TWO_KEYS, BY_REGION, TableSpec("other", COLUMNS, ("id",))], ids=["key", "partition", "name"])
def test_replace_under_another_key_or_partition_is_refused(world: World, spec: TableSpec) -> None:
    with world.open().write() as write:
        _refused("LW-407", lambda: write.replace(spec, iter([])))
    world.check()


@pytest.mark.parametrize(
    "spec",
    [
        TableSpec("t", (("id", "double"),), ("id",)),
        TableSpec("t", (("id", "timestamp"),), ("id",)),
        TableSpec("t", (("id", "binary"),), ("id",)),
        TableSpec("t", (("id", "bigint"),), ("other",)),
        TableSpec("t", (("id", "bigint"),), ()),
        TableSpec("t", (("id", "bigint"), ("a b", "int")), ("id",)),
        TableSpec("t", (("id", "bigint"), ("_hoodie_file_name", "string")), ("id",)),
        TableSpec("t", (("id", "bigint"), ("a", "map")), ("id",)),
        TableSpec("t", (("id", "bigint"), ("d", "double")), ("id",), ("d",)),
    ],
)
def test_specs_that_hudi_cannot_hold_are_refused(tmp_path: Path, spec: TableSpec) -> None:
    _refused("LW-408", lambda: HudiFormat(LocalStore(tmp_path)).create(PATH, spec))
    assert not (tmp_path / PATH).exists()


def test_a_null_key_is_refused(world: World) -> None:
    nulls = table_of([row(1)]).set_column(0, "id", pa.array([None], pa.int64()))
    with world.open().write() as write:
        _refused("LW-409", lambda: write.upsert(nulls, keys_of([], PLAIN)))
    with world.open().write() as write:
        _refused("LW-409", lambda: write.replace(PLAIN, iter(nulls.to_batches())))
    world.check()


@pytest.mark.parametrize(("rows", "deletes"), [([1, 1], []), ([1], [1]), ([], [1, 1])])
def test_a_key_twice_is_refused(world: World, rows: list[int], deletes: list[int]) -> None:
    with world.open().write() as write:
        _refused("LW-410", lambda: write.upsert(table_of(map(row, rows)), keys_of([(n,) for n in deletes], PLAIN)))
    world.check()


def test_keys_that_would_look_alike_are_refused(tmp_path: Path) -> None:
    spec = TableSpec("orders", COLUMNS, ("kind", "id"))
    world = World(tmp_path, spec)
    for kind in ("__empty__", "x,id:1"):
        _refused("LW-411", lambda kind=kind: world.upsert([row(1, kind=kind)]))
    world.upsert([row(1, kind=""), row(1, kind="x,id 1"), row(1, kind="é:,")])
    world.check()


def test_a_partition_value_that_is_no_folder_name_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, BY_REGION)
    for region in ("a/b", "a:b", "a\nb"):
        _refused("LW-411", lambda region=region: world.upsert([row(1, region=region)]))
        _refused("LW-411", lambda region=region: world.replace([row(1, region=region)]))
    bare_paths(world)
    for region in ("../a", "a//b", ".hoodie", "a/", "a:b"):
        _refused("LW-411", lambda region=region: world.upsert([row(1, region=region)]))


def test_rows_that_do_not_fit_are_refused(world: World) -> None:
    rows = table_of([row(1)])
    wrong = [
        rows.drop_columns(["day"]),
        rows.set_column(3, "amount", pa.array(["1"])),
        rows.append_column("list", pa.array([[1]])),
    ]
    for table in wrong:
        with world.open().write() as write:
            _refused("LW-412", lambda write=write, table=table: write.upsert(table, keys_of([], PLAIN)))
    with world.open().write() as write:
        _refused("LW-412", lambda: write.replace(PLAIN, iter(wrong[0].to_batches())))
    world.check()


def test_values_that_a_column_cannot_hold_are_refused(world: World) -> None:
    rows = table_of([row(1)])
    large = rows.set_column(3, "amount", pa.array([decimal.Decimal("123456789.01")], pa.decimal128(20, 2)))
    text = rows.set_column(0, "id", pa.array(["no number"]))
    for table, column in ((large, "amount"), (text, "id")):
        with world.open().write() as write:
            assert column in _refused("LW-412", lambda w=write, t=table: w.replace(PLAIN, iter(t.to_batches()))).message
        with world.open().write() as write:
            assert column in _refused("LW-412", lambda w=write, t=table: w.upsert(t, keys_of([], PLAIN))).message
    for deletes in (text.select(["id"]), rows.select(["kind"])):
        with world.open().write() as write:
            assert "id" in _refused("LW-412", lambda w=write, d=deletes: w.upsert(rows, d)).message
    world.check()


@pytest.mark.parametrize("name", ["a b", "_hoodie_file_name", "1st", "é"])
def test_an_added_column_that_avro_refuses_is_named(world: World, name: str) -> None:
    wider = table_of([row(1)]).append_column(name, pa.array(["x"]))
    with world.open().write() as write:
        assert repr(name) in _refused("LW-408", lambda: write.upsert(wider, keys_of([], PLAIN))).message
    world.check()


@pytest.mark.parametrize(
    ("old", "new", "helps"),
    [
        ("hoodie.table.version=6", "hoodie.table.version=8", "to_version => 'SIX'"),
        ("hoodie.table.version=6", "hoodie.table.version=5", "to_version => 'SIX'"),
        ("hoodie.timeline.layout.version=1", "hoodie.timeline.layout.version=2", "hoodie.write.table.version=6"),
        ("timezone=UTC", "timezone=LOCAL", "hoodie.table.timeline.timezone=UTC"),
    ],
)
def test_the_hint_says_which_command_or_setting_makes_it_a_table_of_ours(world: World, old: str, new: str, helps: str) -> None:
    _edit(world, old, new)
    assert helps in (_refused("LW-402", world.open).hint or "")


def test_an_unknown_instant_is_refused(world: World) -> None:
    _refused("LW-415", lambda: world.open().snapshot("20200101000000000"))


# ---- clocks and other engines ----------------------------------------------------------------------------------------------


def _foreign(world: World, ahead: datetime.timedelta, *suffixes: str) -> str:
    """An instant of another engine, by its files."""
    time = datetime.datetime.now(datetime.UTC) + ahead
    instant = f"{time:%Y%m%d%H%M%S}{time.microsecond // 1000:03d}"
    for suffix in suffixes:
        (_hoodie(world) / f"{instant}.{suffix}").write_bytes(b"")
    return instant


def test_a_clock_that_went_backwards_a_little(world: World) -> None:
    ahead = _foreign(world, datetime.timedelta(seconds=20), "rollback.requested", "rollback.inflight", "rollback")
    assert world.upsert([row(1, 3)]).instant == str(int(ahead) + 1)
    assert_rows(own_rows(world.open().snapshot()), world.rows, PLAIN)


def test_after_an_instant_in_the_future_we_write_and_lend_nothing(world: World) -> None:
    ahead = _foreign(world, datetime.timedelta(days=400), "rollback.requested", "rollback.inflight", "rollback")
    told = _refused("LW-413", lambda: world.open().lend())
    assert f"after {datetime.datetime.strptime(ahead[:14], '%Y%m%d%H%M%S')} UTC" in (told.hint or "")
    assert [world.upsert([row(number, 3)]).instant for number in (1, 2)] == [str(int(ahead) + step) for step in (1, 2)]
    _refused("LW-413", lambda: world.open().lend())
    assert_rows(own_rows(world.open().snapshot()), world.rows, PLAIN)


def test_a_living_write_of_another_engine_is_left_alone(world: World) -> None:
    instant = _foreign(world, datetime.timedelta(seconds=-1), "commit.requested", "inflight")
    heartbeat = _hoodie(world) / ".heartbeat" / instant
    heartbeat.parent.mkdir(exist_ok=True)
    heartbeat.touch()
    before = sorted(path.name for path in _hoodie(world).iterdir())
    _refused("LW-414", lambda: world.upsert([row(1, 3)]))
    assert sorted(path.name for path in _hoodie(world).iterdir()) == before
    old = (datetime.datetime.now() - datetime.timedelta(minutes=3)).timestamp()
    os.utime(heartbeat, (old, old))
    world.upsert([row(1, 3)])
    world.check()


def test_pending_table_services_of_another_engine_are_left_alone(world: World) -> None:
    instant = _foreign(world, datetime.timedelta(seconds=-1), "compaction.requested", "compaction.inflight")
    world.upsert([row(1, 3)])
    assert (_hoodie(world) / f"{instant}.compaction.requested").exists()
    assert_rows(rust_rows(world.location), world.rows, PLAIN)


def test_a_metadata_table_of_another_engine_is_dropped(world: World) -> None:
    properties = _hoodie(world) / "hoodie.properties"
    properties.write_text(f"{properties.read_text()}hoodie.table.metadata.partitions=files\n")
    (_hoodie(world) / ".hoodie.properties.crc").write_bytes(b"crc")
    (_hoodie(world) / "metadata" / "files").mkdir(parents=True)
    (_hoodie(world) / "metadata" / "files" / "x.hfile").write_bytes(b"stale")
    world.upsert([row(1, 3)])
    world.check()


def test_leftovers_of_a_rolled_back_write_that_went_on_are_swept(world: World) -> None:
    instant = _foreign(world, datetime.timedelta(seconds=-1))
    name = f"late-0_0-0-0_{instant}.parquet"
    marker = _hoodie(world) / ".temp" / instant / f"{name}.marker.CREATE"
    marker.parent.mkdir(parents=True)
    marker.touch()
    (world.root / PATH / name).write_bytes(b"late")
    world.upsert([row(1, 3)])
    world.check()
