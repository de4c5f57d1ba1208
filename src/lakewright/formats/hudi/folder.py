"""A table's folder in a store: what stands where, and one listing of each half (``.hoodie`` and the data)."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

from lakewright.errors import AlreadyExists, NotFound
from lakewright.formats.hudi import avro, log_block
from lakewright.formats.hudi import properties as props
from lakewright.formats.hudi.file_names import BaseFile, Log, base_file_named, log_named
from lakewright.formats.hudi.metadata import CommitMetadata, damaged_commit
from lakewright.formats.hudi.partitions import HIVE, PathStyle
from lakewright.formats.hudi.properties import Properties
from lakewright.formats.hudi.timeline import COMPLETED, SAVEPOINT, Instant, Timeline, file_name
from lakewright.model.contracts import Entry, Store
from lakewright.model.times import utc_now

PARTITION_METADATA = ".hoodie_partition_metadata"
_HOODIE = ".hoodie"
_KEYS = ".keys"
_REMEMBERED, _REMEMBERED_LOGS = 8, 1 << 12
_HEAD = 1 << 16
_MARKER = re.compile(r"(?:(.*)/)?([^/]+)\.marker\.[A-Z]+")


@dataclasses.dataclass(frozen=True)
class Hoodie:
    """What a listing of ``.hoodie`` shows.

    ``markers`` maps an instant to the names of its marker files, ``heartbeats`` to when it last gave a sign of life; ``archive``
    are the names of the archive's files, ``metadata_table`` those of one that another engine made, ``keys`` those of key indexes.
    """

    timeline: Timeline
    markers: dict[str, list[str]]
    heartbeats: dict[str, datetime.datetime]
    archive: tuple[str, ...]
    metadata_table: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether somebody deleted the commits that came after the archived ones: an archive always leaves the newest."""
        return bool(self.archive) and self.timeline.begins is None

    def is_completed(self, time: str) -> bool:
        """Whether files of the instant `time` count: a completed write's, and older ones where the beginning was archived.

        Without an archive no older file counts: it is of a writer that lost against the first commit, and may come at any time.
        Where the archive was deleted the newest inventory does not hold, and the table is refused.
        """
        timeline = self.timeline
        is_before = bool(time and self.archive and timeline.begins and time < timeline.begins)
        return time in timeline.write_times or (is_before and time not in timeline.pending_writes)


class Folder:
    """The folder `path` of a store; ``style`` is how its partition paths are written.

    `hidden` is a file in ``.hoodie`` that counts as gone.
    """

    def __init__(self, store: Store, path: str, style: PathStyle = HIVE, hidden: str | None = None) -> None:
        self.store = store
        self.path = path.rstrip("/")
        self.style = style
        self._hidden = hidden
        # One read of a table asks its newest commits for several things, and a completed instant never changes.
        self.read_commit = functools.lru_cache(_REMEMBERED)(self._read_commit)
        self._log_head = functools.lru_cache(_REMEMBERED_LOGS)(self._read_log_head)

    @property
    def lock_name(self) -> str:
        """Where the commit lock stands: beside the folder, because engines would take it for a part of the table."""
        parent, slash, name = self.path.rpartition("/")
        return f"{parent}{slash}_locks/{name}.json"

    def data_name(self, partition: str, file: str) -> str:
        """The store's name of a file in a partition."""
        return f"{self.path}/{partition}/{file}" if partition else f"{self.path}/{file}"

    def hoodie_name(self, file: str) -> str:
        """The store's name of a file in ``.hoodie``."""
        return f"{self.path}/{_HOODIE}/{file}"

    def instant_name(self, time: str, action: str, state: str) -> str:
        """The store's name of an instant's file."""
        return self.hoodie_name(file_name(time, action, state))

    def marker_name(self, time: str, partition: str, file: str, kind: str) -> str:
        """The store's name of a direct marker; `kind` is CREATE, MERGE or APPEND."""
        return self.hoodie_name(f".temp/{time}/{partition}{'/' if partition else ''}{file}.marker.{kind}")

    def keys_name(self, file: BaseFile) -> str:
        """The store's name of a base file's key index."""
        return self.hoodie_name(f"{_KEYS}/{file.name.removeprefix(f'{self.path}/')}.keys")

    def heartbeat_name(self, time: str) -> str:
        """The store's name of an instant's heartbeat, whose modification time is the sign of life."""
        return self.hoodie_name(f".heartbeat/{time}")

    def marked_file(self, time: str, marker: str) -> tuple[str, str] | None:
        """Partition path and name of the file that a direct marker announces; None for another file."""
        match = _MARKER.fullmatch(marker.removeprefix(self.hoodie_name(f".temp/{time}/")))
        return (match[1] or "", match[2]) if match else None

    def markers_of(self, time: str) -> list[str]:
        """The names of an instant's marker files."""
        return [entry.name for entry in self.store.list(self.hoodie_name(f".temp/{time}/"))]

    def is_empty(self) -> bool:
        """Whether there is nothing at all."""
        return next(self.store.list(f"{self.path}/"), None) is None

    def hiding(self, file: str) -> Folder:
        """The same folder as if a file were not in ``.hoodie``."""
        return Folder(self.store, self.path, self.style, file)

    def timeline(self) -> Timeline:
        """What the names in ``.hoodie`` say, whatever the files hold."""
        prefix = self.hoodie_name("")
        names = (entry.name.removeprefix(prefix) for entry in self.public())
        return Timeline(name for name in names if "/" not in name)

    def public(self) -> Iterator[Entry]:
        """List ``.hoodie`` but for markers, heartbeats and key indexes, in folders that begin with a dot: writers need them."""
        prefix = self.hoodie_name("")
        return self.store.list(prefix, after=f"{prefix}/")  # the character after "."

    def hoodie(self, listed: Iterable[Entry] | None = None) -> Hoodie:
        """What a listing of ``.hoodie`` shows (default: one of all of it).

        Raises `FormatError` LW-404 for a completed commit without a byte, which Spark takes for empty.
        """
        prefix = self.hoodie_name("")
        sizes: dict[str, int] = {}
        markers: dict[str, list[str]] = {}
        heartbeats: dict[str, datetime.datetime] = {}
        archive: list[str] = []
        metadata_table: list[str] = []
        keys: list[str] = []
        for entry in self.store.list(prefix) if listed is None else listed:
            folder, _, rest = entry.name.removeprefix(prefix).rpartition("/")
            top, _, below = folder.partition("/")
            if not folder and rest != self._hidden:
                sizes[rest] = entry.size
            elif top == ".temp":
                markers.setdefault(below.partition("/")[0], []).append(entry.name)
            elif top == ".heartbeat":
                heartbeats[rest] = entry.modified
            elif top == "archived" and rest.startswith(".commits_"):
                archive.append(entry.name)
            elif top == "metadata":
                metadata_table.append(entry.name)
            elif top == _KEYS:
                keys.append(entry.name)
        timeline = Timeline(sizes)
        for instant in timeline.writes:
            if sizes.get(file_name(*instant)) == 0:
                name = self.instant_name(*instant)
                raise damaged_commit(name, "it is empty")
        return Hoodie(timeline, markers, heartbeats, tuple(archive), tuple(metadata_table), tuple(keys))

    def data(self, listed: Iterable[Entry] | None = None) -> tuple[list[BaseFile], list[Log]]:
        """The base files and logs, completed or not, that a listing of the data shows (default: one of now)."""
        skipped = len(self.path) + 1
        files, logs = [], []
        for entry in self.entries() if listed is None else listed:
            partition = entry.name[skipped:].rpartition("/")[0]
            if file := base_file_named(entry.name, partition, entry.size):
                files.append(file)
            elif log := log_named(entry.name, partition, entry.size):
                if not log.instant:
                    instant, undoes = self._log_head(entry.name)
                    log = dataclasses.replace(log, instant=instant, undoes=undoes)
                logs.append(log)
        return files, logs

    def _read_log_head(self, name: str) -> tuple[str, str | None]:
        """The instant that wrote a log, "" for one that ends within its head, and the one that it takes back."""
        found = log_block.head(self.store.read_range(name, 0, _HEAD)) or log_block.head(self.store.read(name))
        kind, header = found or (log_block.AVRO_DATA, {})
        return header.get(log_block.INSTANT, ""), header.get(log_block.TARGET) if kind == log_block.COMMAND else None

    def entries(self, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
        """List the data, which is all but ``.hoodie``: bare values of a partition may sort before that, and logs do.

        `known` tells of files that nobody writes any more.
        """
        prefix = f"{self.path}/"
        own = f"{prefix}{_HOODIE}/"
        yield from itertools.takewhile(lambda entry: entry.name < own, self.store.list(prefix, None, known))
        # "0" is the character after "/".
        yield from self.store.list(prefix, f"{own[:-1]}0", known)

    def _read_commit(self, instant: Instant) -> CommitMetadata:
        """The metadata of a completed write, from its savepoint where it was archived; raises `FormatError` LW-404."""
        name = self.instant_name(*instant)
        try:
            data = self.store.read(name)
        except NotFound:
            told = self.read_saved(instant.time)
            if told is None:
                raise
            data = told.encode()
        return CommitMetadata.decode(data, name)

    def read_saved(self, time: str) -> str | None:
        """What a savepoint of ours tells of its commit; None of another engine's. Raises `NotFound` and `FormatError` LW-404."""
        name = self.instant_name(time, SAVEPOINT, COMPLETED)
        told = avro.decode(self.store.read(name), name).get(avro.SAVEPOINT_COMMIT)
        return None if told is None else str(told)

    def add_partition(self, partition: str, time: str) -> None:
        """Write the partition's metadata file if it is not there; without it Spark reads no row of the partition."""
        with contextlib.suppress(AlreadyExists):
            self.store.create(self.data_name(partition, PARTITION_METADATA), _partition_metadata(partition, time))

    def put_partition(self, partition: str, time: str) -> None:
        """Write the partition's metadata file over what is there, in one step: in between there is never none."""
        self.store.put(self.data_name(partition, PARTITION_METADATA), _partition_metadata(partition, time))

    # ---- properties ------------------------------------------------------------------------------------------------------

    def read_properties(self) -> Properties | None:
        """``hoodie.properties``, or its backup where a crashed engine left only that, checked; None where there is neither.

        Raises `FormatError` LW-402 or LW-403.
        """
        for file in (props.NAME, props.BACKUP):
            name = self.hoodie_name(file)
            with contextlib.suppress(NotFound):
                found = props.parse(self.store.read(name), name)
                props.check(found, name)
                return found
        return None

    def create_properties(self, properties: Properties) -> None:
        """Write ``hoodie.properties`` of a new table, which makes it one; raises `AlreadyExists`."""
        self.store.create(self.hoodie_name(props.NAME), props.render(properties, utc_now()))

    def write_properties(self, properties: Properties) -> None:
        """Replace ``hoodie.properties``, and first remove the checksum file that another engine may have left beside it."""
        self.store.delete(self.hoodie_name(f".{props.NAME}.crc"))
        self.store.put(self.hoodie_name(props.NAME), props.render(properties, utc_now()))


def partition_depth(partition: str) -> str:
    """The line of a partition's metadata file by which Spark finds the table's folder from the partition's."""
    return f"partitionDepth={partition.count('/') + 1 if partition else 0}"


def _partition_metadata(partition: str, time: str) -> bytes:
    return f"#partition metadata\ncommitTime={time}\n{partition_depth(partition)}\n".encode()
