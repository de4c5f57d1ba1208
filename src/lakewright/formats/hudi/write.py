"""An instant of our own: opened, filled, completed in one atomic step, or undone."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from lakewright.errors import AlreadyExists, CommitConflict, FormatError, StorageError
from lakewright.formats.hudi import (
    avro,
    clustering,
    clustering_plans,
    commits,
    copied,
    delta,
    inventory,
    properties,
    replace,
    rollback,
    schema,
    slices,
    upsert,
)
from lakewright.formats.hudi.folder import Folder, Hoodie
from lakewright.formats.hudi.heartbeat import Heartbeat
from lakewright.formats.hudi.metadata import CHECKPOINT, INVENTORY, LAKEWRIGHT, MOVED, SCHEMA, WRITER, CommitMetadata, WriteStat
from lakewright.formats.hudi.timeline import COMMIT, COMPACTION, COMPLETED, DELTA, INFLIGHT, REPLACE, REQUESTED, ROLLBACK, Instant
from lakewright.formats.hudi.upsert import Changes
from lakewright.model.table import MOR, Checkpoint, Commit, EncodedRows, TableSpec
from lakewright.model.times import utc_now
from lakewright.storage.lease import Lease

_LOCK_WAIT = 60.0
"""Seconds to wait for the commit lock, which is held for moments: longer than a dead holder elsewhere keeps it."""


def lock(folder: Folder) -> Lease:
    """The table's commit lock; raises `LeaseHeld`."""
    return Lease.take(folder.store, folder.lock_name, purpose="commit", wait=_LOCK_WAIT)


def prepare(folder: Folder) -> tuple[Hoodie, properties.Properties]:
    """Check that the table is still one of ours and take it for writing; the caller has the lock.

    A metadata table that another engine made would be stale after our commit, and that engine would lose our rows: it is dropped,
    the property that announces it first. The other engine makes it anew. The time zone, which Spark's SQL drops, is put back.
    """
    found = folder.read_properties()
    if found is None:
        raise FormatError("LW-401", f"{folder.path} is not a Hudi table any more", hint="create it again")
    if not folder.store.exists(folder.hoodie_name(properties.NAME)):  # another engine crashed while it replaced the file
        folder.write_properties(found)
    hoodie = folder.hoodie()
    kept = {name: value for name, value in found.items() if name not in properties.METADATA_PARTITIONS}
    ours = kept | {properties.TIMEZONE: "UTC"}
    if ours != found:
        folder.write_properties(ours)
    for name in hoodie.metadata_table:
        folder.store.delete(name)
    return hoodie, ours


class HudiWrite:
    """Fulfils `lakewright.model.contracts.Write`."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._metadata: CommitMetadata | None = None
        self.is_committed = False
        with lock(folder):
            hoodie, found = prepare(folder)
            self._properties = found
            self._plain = self._action = DELTA if properties.type_of(found) == MOR else COMMIT
            self.instant = self._request(hoodie)
            self._heartbeat = Heartbeat(folder.store, folder.heartbeat_name(self.instant))
            try:
                hoodie = rollback.roll_back_others(folder, self.instant)
                self._seen = _state(hoodie, self.instant)
                self._hoodie = hoodie
                commits.require_here(folder, hoodie.timeline)
                self.spec = commits.spec_as_of(folder, hoodie.timeline, found)
            except BaseException:
                with contextlib.suppress(StorageError):
                    folder.store.delete(folder.instant_name(self.instant, self._plain, REQUESTED))
                raise

    def _request(self, hoodie: Hoodie) -> str:
        while True:
            time = hoodie.timeline.next_time(utc_now())
            try:
                self._folder.store.create(self._folder.instant_name(time, self._plain, REQUESTED), b"")
            except AlreadyExists:  # an engine that does not know our lock was faster
                hoodie = self._folder.hoodie()
            else:
                return time

    @functools.cached_property
    def base(self) -> Commit | None:
        """The newest commit with a checkpoint as of the opening; raises `FormatError` LW-404 where that is damaged."""
        return commits.newest_with_checkpoint(self._folder, self._hoodie)

    def upsert(self, rows: pa.Table, deletes: pa.Table) -> None:
        """Insert or replace `rows` by key, remove the keys of `deletes`."""
        spec, changes = self._changes(rows, deletes)
        self._begin(self._plain, "UPSERT" if rows.num_rows or not deletes.num_rows else "DELETE")
        view = self._checked_view()
        self._fill(spec, view, self._merged(spec, view, changes))

    def overwrite(self, rows: pa.Table) -> None:
        """An upsert of `rows` over what is left without the file groups of their partitions, which end with it."""
        spec, changes = self._changes(rows, None)
        view = self._checked_view()
        taken = set(changes.paths) if rows.num_rows else set()
        old = _by_partition(file.group for file in inventory.of_view(view) if file.partition in taken)
        self._begin(*((REPLACE, "INSERT_OVERWRITE") if old else (self._plain, "UPSERT")))
        self._fill(spec, view, self._merged(spec, view.without(old), changes), old or None)

    def _changes(self, rows: pa.Table, deletes: pa.Table | None) -> tuple[TableSpec, Changes]:
        """What is to be done, and the table's spec with the columns that it adds."""
        spec = schema.extended(self.spec, rows.schema)
        rows = schema.fitted(rows, schema.arrow_schema(spec.columns), spec.name)
        keys_only = schema.arrow_schema(tuple((name, kind) for name, kind in spec.columns if name in spec.key))
        removed = keys_only.empty_table() if deletes is None else schema.fitted(deletes, keys_only, spec.name)
        return spec, Changes(spec, rows, removed, self._folder.style)

    def _merged(self, spec: TableSpec, view: slices.View, changes: Changes) -> list[WriteStat]:
        """Write what `changes` make of the slices of `view`."""
        if spec.type == MOR:
            order = properties.ordering(self._properties, spec)
            return delta.upsert_into(self._folder, self.instant, spec, order, view, changes)
        if view.logs_as_of():
            where = self._folder.store.location(self._folder.hoodie_name(properties.NAME))
            message = f"{where} says that the table is copy-on-write, and it has logs, which would be lost"
            raise FormatError("LW-403", message, hint="restore the file from a backup")
        return upsert.upsert(self._folder, self.instant, spec, view.as_of(), changes)

    def replace(self, spec: TableSpec, batches: Iterator[pa.RecordBatch]) -> None:
        """Make `batches` the table's only rows, under `spec`; a file that is missing ends too, should it come back."""
        stored = schema.arrow_schema(spec.columns)
        conformed = (_conformed(batch, stored, spec) for batch in batches)
        self._replace(spec, lambda: replace.write_all(self._folder, self.instant, spec, conformed))

    def adopt(self, spec: TableSpec, parts: Iterator[EncodedRows]) -> None:
        """As `replace`."""
        self._replace(spec, lambda: copied.copy_all(self._folder, self.instant, spec, parts))

    def _replace(self, spec: TableSpec, write: Callable[[], list[WriteStat]]) -> None:
        """Let what `write` writes take the place of all files."""
        schema.check_spec(spec)
        if (spec.name, spec.layout) != (self.spec.name, self.spec.layout):
            raise FormatError(
                "LW-407",
                f"table {self.spec.name} has the key ({', '.join(self.spec.key)}), the partition"
                f" ({', '.join(self.spec.partition)}) and the type {self.spec.type}, not ({', '.join(spec.key)}),"
                f" ({', '.join(spec.partition)}) and {spec.type}",
                hint="such rows need a folder of their own: `lakewright merge` writes them into one",
            )
        view = slices.load(self._folder)
        unknown = view.everything() if view.hoodie.is_cut else ()  # which would count as archived after this commit
        old = _by_partition(file.group for file in (*inventory.of_view(view), *inventory.lost(self._folder, view), *unknown))
        self._begin(*((REPLACE, "INSERT_OVERWRITE_TABLE") if old else (self._plain, "BULK_INSERT")))
        self._fill(spec, None, write(), old or None)

    def gather(self, below: int, fewest: int) -> int:
        """Write small base files of a partition into larger ones; those that a log or a compaction goes on from are left."""
        view = self._checked_view()
        held = view.logs_as_of().keys() | view.compacting.keys()
        wanted = clustering.plan((file for file in view.as_of() if file.group not in held), below, fewest)
        old = _by_partition(file.group for file in itertools.chain.from_iterable(wanted))
        if old:
            self._begin(REPLACE, "CLUSTER")
            self._fill(self.spec, view, clustering.write(self._folder, self.instant, self.spec, wanted), old)
        return sum(map(len, old.values()))

    def commit(self, checkpoint: Checkpoint) -> Commit:
        """Complete the instant with its checkpoint, in one atomic step; raises LW-416 and LW-414."""
        if self._metadata is None:
            self._begin(self._plain, "UPSERT")
            self._fill(self.spec, self._checked_view(), [])
        return self._complete({CHECKPOINT: checkpoint.to_json()})

    def leave(self, path: str) -> Commit:
        """Complete the instant as the last one here; the files may be damaged, and no inventory is given."""
        self._begin(self._plain, "UPSERT")
        return self._complete({SCHEMA: schema.avro_schema(self.spec.name, self.spec.columns), MOVED: path})

    def _complete(self, extra: dict[str, str]) -> Commit:
        """Complete the instant with what its commit says beside its files."""
        assert self._metadata is not None
        self._metadata.extra.update(extra)
        with lock(self._folder) as lease:
            hoodie, _ = prepare(self._folder)
            if hoodie.timeline.states(self.instant, self._action) != {REQUESTED, INFLIGHT}:
                raise _conflict(f"instant {self.instant} of {self._folder.path} was rolled back by another writer")
            if _state(hoodie, self.instant) != self._seen:
                raise _conflict(f"another commit or a rollback came before instant {self.instant} of {self._folder.path}")
            clustering_plans.take_back(self._folder, hoodie, self._metadata.groups)
            name = self._folder.instant_name(self.instant, self._action, COMPLETED)
            lease.check()
            try:
                self._folder.store.create(name, self._metadata.encode())
            except AlreadyExists:
                raise _conflict(f"instant {self.instant} of {self._folder.path} was completed by another writer") from None
        self.is_committed = True
        self._heartbeat.stop()
        with contextlib.suppress(StorageError):  # the commit stands; the next writer sweeps up what is left
            rollback.tidy(self._folder, self.instant)
        return commits.of_metadata(self.instant, self._action, self._metadata)

    def undo(self) -> None:
        """Remove everything the instant wrote, unless it completed."""
        self._heartbeat.stop()
        with lock(self._folder):
            rollback.undo(self._folder, self.instant)

    def _begin(self, action: str, operation: str) -> None:
        """Put the instant in flight; from here on there may be data files."""
        if self._metadata is not None:
            raise RuntimeError("an instant takes rows once")
        folder, store = self._folder, self._folder.store
        if action == REPLACE:
            # Never both at once: Spark can roll back neither of two pending instants of one time. Nobody else takes the time.
            with lock(folder):
                store.delete(folder.instant_name(self.instant, self._plain, REQUESTED))
                store.create(folder.instant_name(self.instant, REPLACE, REQUESTED), avro.encode(avro.REPLACE_REQUEST, {}))
        self._action = action
        self._metadata = CommitMetadata(operation, extra={WRITER: LAKEWRIGHT})
        store.create(folder.instant_name(self.instant, action, INFLIGHT), self._metadata.encode())
        self._heartbeat.start()

    def _checked_view(self) -> slices.View:
        view = slices.load(self._folder)
        inventory.check(self._folder, view)
        return view

    def _fill(
        self,
        spec: TableSpec,
        view: slices.View | None,
        stats: list[WriteStat],
        replaced: dict[str, list[str]] | None = None,
    ) -> None:
        """What the commit says: `stats` were written over the newest slices of `view` without those `replaced`, or over none.

        While a compaction is pending no inventory is given: what the slices consist of changes once it is complete.
        """
        assert self._metadata is not None
        self.spec = spec
        extra = {SCHEMA: schema.avro_schema(spec.name, spec.columns)}
        if view is None or not view.compacting:
            ended = {(partition, group) for partition, groups in (replaced or {}).items() for group in groups}
            base = [file for file in (inventory.of_view(view) if view else []) if file.group not in ended]
            extra[INVENTORY] = inventory.after(self._folder, base, self.instant, stats)
        self._metadata = CommitMetadata(self._metadata.operation, tuple(stats), extra, replaced)


def _state(hoodie: Hoodie, own: str) -> tuple[list[Instant], list[Instant], list[str]]:
    """What must not have changed while an instant was open: the newest write, which compactions logs are to go on under, and the
    rollbacks since. Who died in one of this instant may have deleted its files and left it pending.
    """
    timeline = hoodie.timeline
    rollbacks = [instant.time for instant in timeline.instants if instant.action == ROLLBACK and instant.time > own]
    return timeline.writes[-1:], [instant for instant in timeline.pending if instant.action == COMPACTION], rollbacks


def _by_partition(groups: Iterable[slices.Group]) -> dict[str, list[str]]:
    """The ids of file groups by partition, as a replacement names them."""
    found: dict[str, list[str]] = {}
    for partition, group in sorted(set(groups)):
        found.setdefault(partition, []).append(group)
    return found


def _conformed(batch: pa.RecordBatch, stored: pa.Schema, spec: TableSpec) -> pa.RecordBatch:
    if set(batch.schema.names) != set(stored.names):
        raise FormatError("LW-412", f"rows for table {spec.name} have other columns than it")
    return schema.fitted(batch, stored, spec.name)


def _conflict(message: str) -> CommitConflict:
    return CommitConflict("LW-416", message, hint="read the table again and repeat")
