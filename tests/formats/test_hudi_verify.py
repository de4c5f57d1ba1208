"""Verify: a table as we leave it has no flaw, and each thing that can be wrong in its folder is found, with its path."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hudi_world import BY_REGION, COLUMNS, PATH, TWO_KEYS, TWO_KEYS_BY_REGION, World, edited, keys_of, row, table_of

from lakewright.errors import FormatError, StorageUnreachable
from lakewright.formats.hudi import bloom, contents, rollback, thrift
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.footer import TAIL
from lakewright.formats.hudi.metadata import CHECKPOINT, CHECKSUM, INVENTORY
from lakewright.formats.hudi.spliced import Encoded
from lakewright.formats.hudi.timeline import format_time
from lakewright.formats.hudi.write import HudiWrite
from lakewright.model.table import Flaw, TableSpec, Verification
from lakewright.storage.local import LocalStore

Spoil = Callable[[World], str]
OLD = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, BY_REGION)
    world.replace([row(i, region=("north", "south")[i % 2]) for i in range(10)])
    world.upsert([row(1, 1, region="south")], [(3,)])
    return world


def _file(world: World, region: str = "south") -> Path:
    """The newest base file of a partition."""
    return max((world.root / PATH / f"region={region}").glob("*.parquet"), key=lambda path: path.stem.rpartition("_")[2])


def _relative(world: World, path: Path) -> str:
    return str(path.relative_to(world.root))


def _rewrite(world: World, change: Callable[[pa.Table], pa.Table], footer: Callable[[dict[bytes, bytes]], object]) -> str:
    """Write a base file anew, and make its commits say its rows and size."""
    path = _file(world)
    before = path.stat().st_size
    file = pq.ParquetFile(path)
    rows, said = change(file.read()), dict(file.metadata.metadata)
    del said[CHECKSUM.encode()]
    footer(said)
    with pq.ParquetWriter(path, rows.schema, store_schema=False) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata(said)
    return _committed(world, path, before, rows.num_rows)


def _committed(world: World, path: Path, before: int, rows: int) -> str:
    """Make a base file's commits say its rows and its size, which was `before`."""
    newest = max((world.root / PATH / ".hoodie").glob("*.commit"))
    with edited(newest) as data:
        (stat,) = [s for stats in data["partitionToWriteStats"].values() for s in stats if s["path"].endswith(path.name)]
        stat["fileSizeInBytes"], stat["numWrites"] = path.stat().st_size, rows
        names, _, size = data["extraMetadata"][INVENTORY].rpartition(" ")
        data["extraMetadata"][INVENTORY] = f"{names} {int(size) - before + path.stat().st_size}"
    return _relative(world, path)


def _with(column: str, value: object) -> Spoil:
    """Give a column of one row another value."""

    def change(rows: pa.Table) -> pa.Table:
        values = [value, *rows.column(column).to_pylist()[1:]]
        return rows.set_column(rows.column_names.index(column), column, pa.array(values, rows.column(column).type))

    return lambda world: _rewrite(world, change, lambda footer: None)


def _without_footer(key: bytes) -> Spoil:
    return lambda world: _rewrite(world, lambda rows: rows, lambda footer: footer.pop(key))


def _narrow(world: World) -> str:
    return _rewrite(world, lambda rows: rows, lambda footer: footer.update({b"hoodie_max_record_key": b"1"}))


def _lost(world: World) -> str:
    path = _file(world)
    path.unlink()
    return _relative(world, path)


def _damaged(world: World) -> str:
    path = _file(world)
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    return _relative(world, path)


def _flipped(field: int | None, column: str = "kind") -> Spoil:
    """Change what a page of a column says, or what it holds; verify does not decode column kind."""

    def spoil(world: World) -> str:
        path = _file(world)
        data = bytearray(path.read_bytes())
        encoded = Encoded(pa.BufferReader(bytes(data)), len(data))
        (chunk,) = encoded.chunks(0, [column]).values()
        head, size = thrift.decode_head(chunk.pages)
        if field is None:
            data[chunk.offset + size + 1] ^= 1
        else:
            kind, count = head[field]
            changed = thrift.encode({**head, field: (kind, count ^ 1)})
            data[chunk.offset : chunk.offset + size] = changed
        path.write_bytes(data)
        return _relative(world, path)

    return spoil


def _footer_says(field: int, value: int) -> Spoil:
    """Let the footer say something else of column kind, which is as another engine's: without a checksum."""

    def spoil(world: World) -> str:
        path = _file(world)
        data = path.read_bytes()
        begin = len(data) - TAIL - int.from_bytes(data[-TAIL:-4], "little")
        footer = thrift.decode(data[begin:-TAIL])
        (_, words), (_, groups) = footer[5][1], footer[4][1]
        words[:] = [word for word in words if word[1][1] != CHECKSUM.encode()]
        (meta,) = [chunk[3][1] for chunk in groups[0][1][1][1] if chunk[3][1][3][1][1] == [b"kind"]]
        meta[field] = meta[field][0], value
        text = thrift.encode(footer)
        path.write_bytes(data[:begin] + text + len(text).to_bytes(4, "little") + b"PAR1")
        return _committed(world, path, len(data), footer[3][1])

    return spoil


def _miscounted(world: World) -> str:
    newest = max((world.root / PATH / ".hoodie").glob("*.commit"))
    with edited(newest) as data:
        for stats in data["partitionToWriteStats"].values():
            for stat in stats:
                stat["numWrites"] += 1
    return _relative(world, _file(world))


def _without_partition_metadata(world: World) -> str:
    path = _file(world).with_name(".hoodie_partition_metadata")
    path.unlink()
    return _relative(world, path)


def _damaged_partition_metadata(world: World) -> str:
    path = _file(world).with_name(".hoodie_partition_metadata")
    path.write_text(path.read_text().replace("partitionDepth=1", "partitionDepth=3"))
    return _relative(world, path)


def _archive(world: World) -> Path:
    """The archive file of a table whose first commits are in it."""
    for version in range(3, 6):
        world.upsert([row(2, version)])
    world.clean()
    (path,) = (world.root / PATH / ".hoodie/archived").iterdir()
    return path


def _damaged_archive(world: World) -> str:
    path = _archive(world)
    path.write_bytes(path.read_bytes()[:-40])
    return _relative(world, path)


def _cut_commit(world: World) -> str:
    path = min((world.root / PATH / ".hoodie").glob("*.commit"))
    path.write_text(path.read_text()[:50])
    return _relative(world, path)


def _changed_checkpoint(world: World) -> str:
    path = max((world.root / PATH / ".hoodie").glob("*.commit"))
    with edited(path) as data:
        data["extraMetadata"][CHECKPOINT] = data["extraMetadata"][CHECKPOINT].replace('"generation":1', '"generation":2')
    return _relative(world, path)


def _stale(world: World) -> str:
    hoodie = world.root / PATH / ".hoodie"
    properties = hoodie / "hoodie.properties"
    properties.write_text(f"{properties.read_text()}hoodie.table.metadata.partitions=files\n")
    (hoodie / "metadata/.hoodie").mkdir(parents=True)
    (hoodie / f"metadata/.hoodie/{world.commits[0][0].instant}001.deltacommit").touch()
    return _relative(world, hoodie / "metadata")


def _ahead(world: World) -> str:
    time = format_time(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1))
    for suffix in ("savepoint.inflight", "savepoint"):
        (world.root / PATH / ".hoodie" / f"{time}.{suffix}").touch()
    return PATH


def _orphan(world: World) -> str:
    path = _file(world)
    orphan = path.with_name(f"other-0_0-0-0_{int(world.commits[0][0].instant) + 1}.parquet")
    orphan.write_bytes(path.read_bytes())
    return _relative(world, orphan)


def _marker(world: World) -> str:
    path = world.root / PATH / ".hoodie/.temp" / world.commits[0][0].instant / "x_0-0-0_1.parquet.marker.CREATE"
    path.parent.mkdir(parents=True)
    path.touch()
    beat = world.root / PATH / ".hoodie/.heartbeat" / world.commits[0][0].instant
    beat.parent.mkdir(exist_ok=True)
    beat.touch()
    os.utime(beat, (OLD.timestamp(), OLD.timestamp()))
    return _relative(world, path)


FAULTS: dict[str, tuple[Spoil, str]] = {
    "a lost file": (_lost, "is missing, which instant"),
    "an unreadable file": (_damaged, "is damaged"),
    "a changed value": (_flipped(None), "column kind is not what its checksum says"),
    "a changed key": (_flipped(None, "_hoodie_record_key"), "column _hoodie_record_key is not what its checksum says"),
    "a changed head of a page": (_flipped(2), "column kind are not those that the footer names"),
    "a page of another kind": (_flipped(1), "column kind are not those that the footer names"),
    "a column far behind the file": (_footer_says(9, 1 << 41), "kind stands beyond the file"),
    "a column before the file": (_footer_says(9, -5), "kind stands beyond the file"),
    "a column larger than memory": (_footer_says(7, 1 << 35), "kind stands beyond the file"),
    "another number of rows": (_miscounted, "holds 4 rows, and its commit says 5"),
    "no Bloom filter": (_without_footer(bloom.FILTER.encode()), "no Bloom filter"),
    "bounds too narrow": (_narrow, "beyond the least and greatest"),
    "a row without key": (_with("_hoodie_record_key", None), "rows without _hoodie_record_key"),
    "another partition": (_with("_hoodie_partition_path", "region=west"), "_hoodie_partition_path is not 'region=south'"),
    "another file's name": (_with("_hoodie_file_name", "x.parquet"), "_hoodie_file_name is not"),
    "a later instant": (_with("_hoodie_commit_time", "20990101000000000"), "rows of instant 20990101000000000"),
    "a key twice": (_with("_hoodie_record_key", "9"), "a record key that is in"),
    "a key that is another": (_with("id", 77), "not that of their key columns"),
    "a row of another partition": (_with("region", "north"), "belong into another partition by region"),
    "no partition metadata": (_without_partition_metadata, "Spark reads no row"),
    "damaged partition metadata": (_damaged_partition_metadata, "does not say partitionDepth=1"),
    "a cut archive": (_damaged_archive, "LW-404"),
    "a cut commit": (_cut_commit, "LW-404"),
    "a changed checkpoint": (_changed_checkpoint, "LW-404"),
    "a stale metadata table": (_stale, "does not know instant"),
    "an instant in the future": (_ahead, "ahead of this machine's clock"),
}
LEFTOVERS: dict[str, tuple[Spoil, str]] = {
    "an orphan": (_orphan, "belongs to no completed commit"),
    "a marker": (_marker, "which has ended"),
}


def _flaws(world: World, found: Verification, kind: str) -> list[Flaw]:
    assert all(flaw.mend for flaw in found.flaws)
    return [flaw for flaw in found.flaws if flaw.kind == kind]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(world: World, name: str) -> None:
    spoil, words = FAULTS[name]
    assert world.open().verify().is_sound
    path = spoil(world)
    found = world.open().verify()
    assert not found.is_sound
    assert (str(world.root / path), True) in [(flaw.path, words in flaw.detail) for flaw in _flaws(world, found, "fault")]


@pytest.mark.parametrize(("field", "value"), [(9, 1 << 41), (9, -5), (7, 1 << 35)])
def test_a_merge_into_a_file_whose_footer_is_damaged_names_it(world: World, field: int, value: int) -> None:
    path = _footer_says(field, value)(world)
    with pytest.raises(FormatError, match="kind stands beyond the file") as caught:
        world.upsert([row(5, 9, region="south")])
    assert (caught.value.code, path in caught.value.message) == ("LW-405", True)


@pytest.mark.parametrize("name", LEFTOVERS)
def test_a_leftover_is_found_and_is_no_fault(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, words = LEFTOVERS[name]
    monkeypatch.setattr(rollback, "ALIVE_FOR", datetime.timedelta(0))
    path = spoil(world)
    found = world.open().verify()
    assert found.is_sound
    assert (str(world.root / path), True) in [(flaw.path, words in flaw.detail) for flaw in _flaws(world, found, "leftover")]


@pytest.mark.parametrize("spec", [BY_REGION, TWO_KEYS_BY_REGION], ids=["", "two keys"])
def test_what_we_write_has_no_flaw(tmp_path: Path, spec: TableSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_AT_ONCE", 5)
    world = World(tmp_path, spec)
    assert world.open().verify() == Verification("orders")
    regions = ("north", "été & co", None)
    world.replace([row(i, region=regions[i % 3], kind="\U0001f600" * (i % 2) + "b" * (i % 5)) for i in range(30)])
    for version in range(6):
        wider = TableSpec("orders", (*COLUMNS, ("extra", "int")), spec.key, spec.partition)
        changed = [row(i, version, region=regions[i % 3], kind="b" * (i % 5), extra=version) for i in range(version, 30, 7)]
        world.upsert(changed, spec=wider)
        world.clean()
        found = world.open().verify()
        assert (found.flaws, found.rows) == ((), len(world.rows))
    world.replace([], spec=wider)
    assert world.open().verify().flaws == ()


class _CountingStore(LocalStore):
    """One that counts the bytes that are read of base files."""

    count = 0

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        data = super().read_range(name, offset, length)
        self.count += len(data) if name.endswith(".parquet") else 0
        return data


def test_pages_are_read_once_and_those_of_record_keys_again(tmp_path: Path) -> None:
    world, store = World(tmp_path, TWO_KEYS), _CountingStore(tmp_path)
    world.replace([row(number, kind=os.urandom(100).hex()) for number in range(999)])
    (path,) = (tmp_path / PATH).glob("*.parquet")
    assert world.open(store).verify().flaws == ()
    assert path.stat().st_size < store.count < 2.3 * path.stat().st_size


class _BusyStore(LocalStore):
    """One in which something happens before each read of an archive file."""

    happens: Callable[[], object]

    def read(self, name: str) -> bytes:
        if "/archived/" in name:
            self.happens()
        return super().read(name)


def test_an_archive_that_another_engine_merges_meanwhile_is_no_flaw(world: World) -> None:
    path, store = _archive(world), _BusyStore(world.root)
    merged = path.with_name(path.name.replace("archive.1_", "archive.10_"))
    assert merged != path
    store.happens = lambda: merged.exists() or path.rename(merged)
    assert world.open(store).verify().flaws == ()
    assert merged.exists()


def test_an_archive_that_the_store_does_not_give_now_is_not_called_damaged(world: World) -> None:
    def throttled() -> None:
        raise StorageUnreachable("LW-316", "slow down")

    _archive(world)
    store = _BusyStore(world.root)
    store.happens = throttled
    with pytest.raises(StorageUnreachable):
        world.open(store).verify()


def test_a_write_that_goes_on_is_no_flaw_and_one_that_died_is_a_leftover(world: World) -> None:
    write = HudiWrite(Folder(world.store, PATH))
    write.upsert(table_of([row(2, 5, region="north")]), keys_of([], world.spec))
    assert world.open().verify().flaws == ()
    write._heartbeat.stop()  # as the death of the process would
    beat = world.root / PATH / ".hoodie/.heartbeat" / write.instant
    os.utime(beat, (OLD.timestamp(), OLD.timestamp()))
    found = world.open().verify()
    assert {flaw.kind for flaw in found.flaws} == {"leftover"}
    assert {"is in flight, and nobody is at it", "belongs to no completed commit"} == {flaw.detail for flaw in found.flaws}
    world.upsert([row(2, 6, region="north")])
    assert world.open().verify().flaws == ()
