"""What the tests of Hudi tables share: rows, a dict as model, hudi-rs as independent reader, the checklist, a store that dies."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import decimal
import io
import json
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import hudi
import pyarrow as pa
import pyarrow.parquet as pq
from tests.formats.logs_world import assert_log, merged_rows

from lakewright.errors import AlreadyExists
from lakewright.formats.hudi import HudiFormat, partitions
from lakewright.formats.hudi.metadata import CHECKSUM
from lakewright.formats.hudi.partitions import PathStyle
from lakewright.formats.hudi.table import HudiTable
from lakewright.model.contracts import Entry, Store, Write
from lakewright.model.position import Feed, Position
from lakewright.model.table import HIDDEN_COLUMNS, Checkpoint, Commit, EncodedRows, Snapshot, TableSpec
from lakewright.storage.local import LocalStore

PATH = "curated/orders"
LOCK = "curated/_locks/orders.json"
META = ["_hoodie_commit_time", "_hoodie_commit_seqno", "_hoodie_record_key", "_hoodie_partition_path", "_hoodie_file_name"]
STAT_FIELDS = {
    *("fileId", "path", "cdcStats", "prevCommit", "numWrites", "numDeletes", "numUpdateWrites", "numInserts", "totalWriteBytes"),
    *("totalWriteErrors", "tempPath", "partitionPath", "totalLogRecords", "totalLogFilesCompacted", "totalLogSizeCompacted"),
    *("totalUpdatedRecordsCompacted", "totalLogBlocks", "totalCorruptLogBlock", "totalRollbackBlocks", "fileSizeInBytes"),
    *("minEventTime", "maxEventTime", "runtimeStats"),
}
LOG_FIELDS = {"logVersion", "logOffset", "baseFile", "logFiles", "recordsStats"}
COLUMNS = (
    ("id", "bigint"),
    ("kind", "string"),
    ("region", "string"),
    ("amount", "decimal(10,2)"),
    ("at", "timestamp"),
    ("day", "date"),
    ("paid", "boolean"),
    ("score", "double"),
    ("blob", "binary"),
    ("_position", "string"),
    ("_hoodie_is_deleted", "boolean"),
)
PLAIN = TableSpec("orders", COLUMNS, ("id",))
BY_REGION = TableSpec("orders", COLUMNS, ("id",), ("region",))
TWO_KEYS = TableSpec("orders", COLUMNS, ("id", "kind"))
TWO_KEYS_BY_REGION = TableSpec("orders", COLUMNS, ("id", "kind"), ("region",))
LOGGED = dataclasses.replace(PLAIN, type="mor")
LOGGED_BY_REGION = dataclasses.replace(TWO_KEYS_BY_REGION, type="mor")
TWO_KEYS_BY_REGION_AND_DAY = TableSpec("orders", COLUMNS, ("id", "kind"), ("region", "day"))

Row = dict[str, Any]
Key = tuple[Any, ...]


def row(number: int, version: int = 0, kind: str = "a", region: str | None = "north", **more: Any) -> Row:
    """A row with a value of every type, which says which version of it this is."""
    return {
        "id": number,
        "kind": kind,
        "region": region,
        "amount": decimal.Decimal(number * 100 + version) / 100,
        "at": datetime.datetime(1999, 12, 31, 23, 59, 59, number * 1000 + version, datetime.UTC),
        "day": None if version % 3 == 2 else datetime.date(2020, 2, 28) + datetime.timedelta(number),
        "paid": bool(version % 2),
        "score": number / 7 + version,
        "blob": bytes([number % 256, version % 256]),
        "_position": f"0001.{Position(version)}",
        "_hoodie_is_deleted": None,
        **more,
    }


def table_of(rows: Iterable[Row], columns: Sequence[tuple[str, str]] = COLUMNS) -> pa.Table:
    """Rows as Arrow, with exactly `columns`."""
    return pa.Table.from_pylist(list(rows), schema=TableSpec("x", tuple(columns), ()).arrow())


def keys_of(keys: Iterable[Key], spec: TableSpec) -> pa.Table:
    """Keys as the table of deletes."""
    fields = pa.schema([spec.arrow().field(name) for name in spec.key])
    return pa.Table.from_pylist([dict(zip(spec.key, key, strict=True)) for key in keys], schema=fields)


def checkpoint(number: int) -> Checkpoint:
    """The checkpoint of the n-th commit."""
    return Checkpoint(Feed("native", "7", 1), 1, Position(number))


def encoded(store: Store, name: str, rows: pa.Table) -> Iterator[EncodedRows]:
    """Rows of a new Parquet file in a store that has all of their columns but the hidden ones, in row groups of three."""
    others = [column for column in rows.column_names if column in HIDDEN_COLUMNS]
    file = io.BytesIO()
    pq.write_table(rows.drop_columns(others), file, row_group_size=3, compression="snappy", write_page_checksum=True)
    with contextlib.suppress(AlreadyExists):
        store.create(name, file.getvalue())
    for start in range(0, len(rows), 3):
        yield EncodedRows(name, len(file.getvalue()), start // 3, rows.slice(start, 3).select(others))


class World:
    """A table in a directory, beside the dict that it should equal."""

    def __init__(self, root: Path, spec: TableSpec) -> None:
        self.root = root
        self.spec = spec
        self.store = LocalStore(root)
        self.rows: dict[Key, Row] = {}
        self.commits: list[tuple[Commit, dict[Key, Row], TableSpec]] = []

    @property
    def location(self) -> str:
        return str(self.root / PATH)

    def open(self, store: Store | None = None) -> HudiTable:
        table = HudiFormat(store or self.store).open(PATH)
        return table or HudiFormat(store or self.store).create(PATH, self.spec)

    def key(self, row: Row) -> Key:
        return tuple(row[name] for name in self.spec.key)

    def upsert(
        self, rows: Sequence[Row] = (), deletes: Sequence[Key] = (), spec: TableSpec | None = None, store: Store | None = None
    ) -> Commit:
        """Commit an upsert, in the table and in the dict."""
        spec = spec or self.spec
        after = {key: value for key, value in self.rows.items() if key not in deletes} | {self.key(r): r for r in rows}
        return self._write(lambda w: w.upsert(table_of(rows, spec.columns), keys_of(deletes, spec)), after, spec, store)

    def replace(self, rows: Sequence[Row], spec: TableSpec | None = None, store: Store | None = None) -> Commit:
        """Commit a replacement, in the table and in the dict; some by rows that stand in a file already, where that may be."""
        spec, number = spec or self.spec, len(self.commits) + 1
        table, after = table_of(rows, spec.columns), {self.key(r): r for r in rows}
        if number % 2 == 0 and not spec.partition:
            parts = list(encoded(self.store, f"raw/{number}.parquet", table))
            return self._write(lambda w: w.adopt(spec, iter(parts)), after, spec, store)
        return self._write(lambda w: w.replace(spec, iter(table.to_batches(3))), after, spec, store)

    def overwrite(self, rows: Sequence[Row], store: Store | None = None) -> Commit:
        """Commit rows as the only ones of their partitions, in the table and in the dict."""
        taken, given = set(self._partitions(rows)), {self.key(r): r for r in rows}
        left = zip(self.rows.items(), self._partitions(list(self.rows.values())), strict=True)
        after = dict(item for item, partition in left if partition not in taken) | given
        return self._write(lambda w: w.overwrite(table_of(rows, self.spec.columns)), after, self.spec, store)

    def _partitions(self, rows: Sequence[Row]) -> list[str]:
        found: list[str] = partitions.paths(table_of(rows, self.spec.columns), self.spec.partition, PathStyle(), "").to_pylist()
        return found

    def _write(self, work: Callable[[Write], None], after: dict[Key, Row], spec: TableSpec, store: Store | None) -> Commit:
        number = len(self.commits) + 1
        try:
            with self.open(store).write() as write:
                work(write)
                return write.commit(checkpoint(number))
        finally:
            # What counts is what is on disk, also where the writer died before it could tell.
            newest = [commit for commit in self.open().history() if commit.checkpoint == checkpoint(number)]
            if newest:
                self.rows, self.spec = after, spec
                self.commits.append((newest[-1], after, spec))

    def clean(self, keep: Sequence[str] = (), store: Store | None = None, *, newest: int = 2, least: int = 3) -> int:
        """Clean the table and archive what may go, as `maintain` does; return how many files went."""
        table = self.open(store)
        files = table.clean(keep)
        table.archive(keep, newest, least)
        return files

    def check(self) -> None:
        """The newest state equals the dict for hudi-rs and for us, and the folder fulfils the checklist."""
        snapshot = self.check_rows()
        if self.commits:
            assert snapshot is not None
            assert (snapshot.instant, snapshot.rows) == (self.commits[-1][0].instant, len(self.rows))
            assert snapshot.checkpoint == checkpoint(len(self.commits))
        assert_checklist(self.root / PATH, self.spec)

    def check_rows(self) -> Snapshot | None:
        """The newest state equals the dict for hudi-rs and for us; returns it."""
        assert_rows(rust_rows(self.location), self.rows, self.spec)
        snapshot = self.open().snapshot()
        assert_rows(own_rows(snapshot), self.rows, self.spec)
        return snapshot


def assert_rows(found: list[Row], rows: dict[Key, Row], spec: TableSpec) -> None:
    """Both hold the same rows, a column that a row does not have counting as null."""
    names = [name for name, _ in spec.columns]
    expected = table_of(rows.values(), spec.columns).to_pylist()
    assert sorted([repr(r.get(name)) for name in names] for r in found) == sorted(
        [repr(r[name]) for name in names] for r in expected
    )


def own_rows(snapshot: Snapshot | None) -> list[Row]:
    """The rows of a snapshot's files, and that its metadata is right about them."""
    rows: list[Row] = []
    for file in snapshot.files if snapshot else ():
        found = pq.ParquetFile(file.location).read()
        assert (file.rows, file.size) == (found.num_rows, Path(file.location).stat().st_size)
        assert {*file.columns, *META} == set(found.column_names)
        rows += [row | {"_base": file.location} for row in found.to_pylist()]
    if snapshot is not None and snapshot.logs:
        rows = merged_rows(snapshot, rows)
    return [{name: value for name, value in row.items() if name != "_base"} for row in rows]


def rust_rows(location: str, as_of: str | None = None) -> list[Row]:
    """The rows that hudi-rs reads."""
    options = hudi.HudiReadOptions()
    table = hudi.HudiTableBuilder.from_base_uri(location).build()
    return _rows(table.read(options.with_as_of_timestamp(as_of) if as_of else options))


def rust_changes(location: str, start: str, end: str) -> list[Row]:
    """The rows that hudi-rs reads incrementally, after `start` and up to `end`."""
    options = hudi.HudiReadOptions().with_query_type(hudi.HudiQueryType.Incremental)
    table = hudi.HudiTableBuilder.from_base_uri(location).build()
    return _rows(table.read(options.with_start_timestamp(start).with_end_timestamp(end)))


def _rows(batches: list[pa.RecordBatch]) -> list[Row]:
    return [row for batch in batches for row in pa.Table.from_batches([batch]).to_pylist()]


# ---- other engines' writing -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def edited(path: Path) -> Iterator[dict[str, Any]]:
    """A commit's JSON to change, which then has no checksum, as another engine's."""
    data = json.loads(path.read_bytes())
    data["extraMetadata"].pop(CHECKSUM, None)
    yield data
    path.write_text(json.dumps(data))


def bare_paths(world: World, *, encoded: bool = False) -> None:
    """Make an empty table one whose partition paths are bare values, as Spark makes them by default."""
    path = world.root / PATH / ".hoodie/hoodie.properties"
    text = path.read_text().replace("hive_style_partitioning=true", "hive_style_partitioning=false")
    text = re.sub("lakewright.settings=.*\n", "", text)
    path.write_text(text.replace("urlencode=false", f"urlencode={str(encoded).lower()}"))


# ---- the checklist ---------------------------------------------------------------------------------------------------------


def assert_checklist(folder: Path, spec: TableSpec) -> None:
    """What real Spark needs from a foreign writer, on disk, after a completed write."""
    hoodie = folder / ".hoodie"
    _assert_properties(hoodie, spec)
    files = [path for path in hoodie.iterdir() if path.is_file()]
    leftovers = [str(p) for below in (".temp", ".heartbeat", "metadata") for p in (hoodie / below).rglob("*") if p.is_file()]
    assert leftovers == []
    assert list(folder.rglob("*.crc")) == []
    names = {path.name for path in files}
    suffixes = (".commit", ".deltacommit", ".replacecommit", ".clean", ".rollback")
    completed = {path.name for path in files if path.suffix in suffixes}
    times = sorted(name.split(".")[0] for name in completed)
    assert len(set(times)) == len(times)
    for name in completed:
        if f"{name[:17]}.compaction.requested" in names:
            continue
        inflight = name.replace(".commit", ".inflight") if name.endswith(".commit") else f"{name}.inflight"
        assert {f"{name}.requested", inflight} <= names
    assert {name for name in names if name[:17].isdigit() and name[:17] not in times} == set()
    stats = {}
    for name in sorted(completed):
        if name.endswith("commit"):
            stats |= _assert_commit(hoodie / name, spec)
    for path in folder.rglob("*.parquet"):
        is_archived = (hoodie / "archived").exists() and path.stem.rpartition("_")[2] < times[0]
        # A file that no commit names is an orphan.
        stat = None if is_archived else stats[str(path.relative_to(folder))]
        _assert_base_file(path, path.relative_to(folder), stat, spec)
    for path in folder.rglob(".*.log.*"):
        if path.parent != hoodie / "archived" and (stat := stats.get(str(path.relative_to(folder)))):
            assert_log(path, stat)


def _assert_properties(hoodie: Path, spec: TableSpec) -> None:
    lines = (hoodie / "hoodie.properties").read_text("ascii").splitlines()
    found = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    kind = "Complex" if len(spec.key) > 1 else "Simple" if len(spec.partition) == 1 else "Custom"
    generator = kind if spec.partition else "Nonpartitioned"
    assert found["hoodie.table.name"] == spec.name
    assert found["hoodie.table.type"] == {"cow": "COPY_ON_WRITE", "mor": "MERGE_ON_READ"}[spec.type]
    assert ("hoodie.compaction.payload.class" in found) == (spec.type == "mor")
    assert (found["hoodie.table.version"], found["hoodie.timeline.layout.version"]) == ("6", "1")
    assert found["hoodie.table.recordkey.fields"] == ",".join(spec.key)
    assert found.get("hoodie.table.partition.fields", "") == ",".join(spec.partition)
    assert found["hoodie.table.precombine.field"] == "_position"
    assert found["hoodie.table.timeline.timezone"] == "UTC"
    assert found["hoodie.table.checksum"] == str(zlib.crc32(f".{spec.name}".encode()))
    assert found["hoodie.table.keygenerator.class"] == f"org.apache.hudi.keygen.{generator}KeyGenerator"
    assert "hoodie.table.create.schema" in found
    assert not [name for name in found if name.startswith("hoodie.table.metadata")]


def _assert_commit(path: Path, spec: TableSpec) -> dict[str, dict[str, Any]]:
    """Check a commit's JSON; return its stats by path."""
    data = json.loads(path.read_bytes())
    schema = json.loads(data["extraMetadata"]["schema"])
    assert (schema["name"], schema["namespace"]) == (f"{spec.name}_record", f"hoodie.{spec.name}")
    assert all(field["type"][0] == "null" and field["default"] is None for field in schema["fields"])
    assert "lakewright.checkpoint" in data["extraMetadata"]
    stats = {stat["path"]: stat for stats in data["partitionToWriteStats"].values() for stat in stats}
    for name, stat in stats.items():
        assert stat["fileId"] == Path(name).name.removeprefix(".").split("_")[0]
        if ".log." in name:
            assert set(stat) == STAT_FIELDS | LOG_FIELDS
            continue
        assert name.endswith(f"_{path.name.split('.')[0]}.parquet")
        assert stat["prevCommit"] == "null" or stat["prevCommit"] < path.name
        assert set(stat) == STAT_FIELDS
    return stats


def _assert_base_file(path: Path, name: Path, stat: dict[str, Any] | None, spec: TableSpec) -> None:
    partition = "" if str(name.parent) == "." else str(name.parent)
    metadata = (path.parent / ".hoodie_partition_metadata").read_text().splitlines()
    assert f"partitionDepth={len(spec.partition)}" in metadata
    assert any(line.startswith("commitTime=") for line in metadata)
    file = pq.ParquetFile(path)
    table = file.read()
    if stat is not None:
        assert (stat["partitionPath"], stat["numWrites"]) == (partition, table.num_rows)
        assert stat["fileSizeInBytes"] == stat["totalWriteBytes"] == path.stat().st_size
    assert table.column_names[:5] == META
    assert all(table.column(name).null_count == 0 for name in META)
    assert table.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert b"ARROW:schema" not in file.metadata.metadata
    fields = json.loads(file.metadata.metadata[b"parquet.avro.schema"])["fields"]
    assert [field["name"] for field in fields] == table.column_names
    rows = table.to_pylist()
    assert {row["_hoodie_file_name"] for row in rows} <= {name.name}
    assert {row["_hoodie_partition_path"] for row in rows} <= {partition}
    assert [row["_hoodie_record_key"] for row in rows] == [record_key(row, spec) for row in rows]
    assert len({row["_hoodie_commit_seqno"] for row in rows}) == len(rows)
    for found in rows:
        assert found["_hoodie_commit_seqno"].startswith(f"{found['_hoodie_commit_time']}_")
        assert partition == "/".join(f"{name}={found[name] or '__HIVE_DEFAULT_PARTITION__'}" for name in spec.partition)
    assert {b"org.apache.hudi.bloomfilter", b"hoodie_bloom_filter_type_code"} <= set(file.metadata.metadata)
    if rows:
        keys = sorted((row["_hoodie_record_key"] for row in rows), key=lambda key: key.encode("utf-16-be"))
        bounds = [file.metadata.metadata[f"hoodie_{end}_record_key".encode()].decode() for end in ("min", "max")]
        assert bounds == [keys[0], keys[-1]]


def record_key(row: Row, spec: TableSpec) -> str:
    """A row's key as Hudi writes it, in plain Python."""
    if len(spec.key) == 1:
        return str(row[spec.key[0]])
    return ",".join(f"{name}:{'__empty__' if row[name] == '' else row[name]}" for name in spec.key)


# ---- a store that dies -----------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process is dead: nothing may catch this and go on."""


_WRITES = ("create", "replace", "put", "upload", "delete")


class Overtaken:
    """Passes calls on to a store; does something once, before the `nth` call of a name that ends with `end`."""

    def __init__(self, store: Store, call: str, end: str, meanwhile: Callable[[], object], nth: int = 1) -> None:
        self._store, self._call, self._end, self._meanwhile, self._left = store, call, end, meanwhile, nth

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name == self._call and args[0].endswith(self._end):
                self._left -= 1
                if self._left == 0:
                    self._meanwhile()
            return method(*args, **kwargs)

        return call


class DyingStore:
    """Passes calls on to a store until the n-th one, which raises `fault` without taking effect; a dead one stays dead.

    If `writes`, reads do not count, nor what is done to a lock: between two other writes a death leaves the same files.
    """

    def __init__(
        self, store: Store, calls: int, fault: Callable[[], BaseException] = Crash, once: bool = False, writes: bool = False
    ) -> None:
        self._store, self._last, self._fault, self._once, self._writes = store, calls, fault, once, writes
        self._guard = threading.Lock()
        self.has_died = False
        self.calls = 0

    def _live(self, call: str, name: str) -> None:
        with self._guard:
            counts = not self._writes or (call in _WRITES and name != LOCK)
            self.calls += counts
            if (counts and self.calls == self._last) or (self.has_died and not self._once):
                self.has_died = True
                raise self._fault()

    @contextlib.contextmanager
    def upload(self, name: str, resume: str | None = None) -> Iterator[BinaryIO]:
        self._live("upload", name)
        with self._store.upload(name, resume) as file:
            yield file
            self._live("upload's end", name)

    def list(self, prefix: str, after: str | None = None, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
        self._live("list", prefix)
        return self._store.list(prefix, after, known)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name != "location":
                self._live(name, args[0])
            return method(*args, **kwargs)

        return call
