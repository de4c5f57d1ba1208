"""The snapshot of an instant: which files its rows are in, with what the commits that wrote these tell of them."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from lakewright.errors import NotFound
from lakewright.formats.hudi import commits
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.file_names import BaseFile, Log
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.logs import Newest, newest_of
from lakewright.formats.hudi.metadata import CommitMetadata
from lakewright.formats.hudi.places import places_of
from lakewright.formats.hudi.properties import Properties, ordering
from lakewright.formats.hudi.slices import Group, View
from lakewright.formats.hudi.threads import THREADS
from lakewright.model.table import DataFile, LogFile, Snapshot, TableSpec


def snapshot_of(folder: Folder, found: Properties, view: View, time: str) -> Snapshot:
    """The table as of the completed write at `time`, whose files are all in `view`.

    Raises `FormatError` LW-402 or LW-404 for a commit that does not tell what it should, and LW-405 for a damaged file.
    """
    base = commits.newest_with_checkpoint(folder, view.hoodie, time)
    spec = commits.spec_as_of(folder, view.hoodie.timeline, found, time)
    bases = view.as_of(time)
    return Snapshot(
        instant=time,
        checkpoint=base.checkpoint if base else None,
        spec=spec,
        files=tuple(_data_files(folder, view, bases, spec)),
        logs=tuple(_log_files(folder, view, bases, spec, ordering(found, spec), time)),
    )


def _data_files(folder: Folder, view: View, bases: Sequence[BaseFile], spec: TableSpec) -> Iterator[DataFile]:
    """Rows and columns come from the commits that wrote the files, from the footer where those are archived."""
    store = folder.store
    rows: dict[str, int] = {}
    columns: dict[str, tuple[str, ...] | None] = {}
    for time, metadata in _metadata_of(folder, view, {base.instant for base in bases}):
        columns[time] = commits.written_columns(metadata)
        rows |= {folder.data_name("", stat.path): stat.rows for stat in metadata.stats}
    values = {path: folder.style.values(path, spec.partition) for path in {base.partition for base in bases}}
    for base in bases:
        known, names = rows.get(base.name), columns.get(base.instant)
        if known is None or names is None:
            reader = BaseFileReader(store, base.name, base.size)
            known, names = reader.rows, reader.columns
        yield DataFile(base.name, store.location(base.name), known, base.size, values[base.partition], names)


def _log_files(
    folder: Folder, view: View, bases: Sequence[BaseFile], spec: TableSpec, ordering: str | None, time: str
) -> Iterator[LogFile]:
    """What a log adds to the rows comes from the commit that wrote it; where that is archived, from the slice itself."""
    found = view.logs_as_of(time)
    if not found:
        return
    of_group = {base.group: base for base in bases}
    told = {
        folder.data_name("", stat.path): stat.inserts - stat.deletes
        for _, metadata in _metadata_of(folder, view, {log.instant for logs in found.values() for log in logs})
        for stat in metadata.stats
    }
    silent = {group: logs for group, logs in found.items() if any(log.name not in told for log in logs)}
    for group, gain in _gains(folder, silent, of_group, spec, ordering):
        told |= {log.name: 0 for log in found[group]} | {found[group][-1].name: gain}
    for group, logs in found.items():
        location = folder.store.location(of_group[group].name) if group in of_group else None
        for log in logs:
            yield LogFile(log.name, folder.store.location(log.name), log.size, location, told[log.name])


def _gains(
    folder: Folder, slices: dict[Group, list[Log]], bases: dict[Group, BaseFile], spec: TableSpec, ordering: str | None
) -> Iterator[tuple[Group, int]]:
    """How many rows the logs of each slice add to its base file, counted by key."""

    def gain(one: tuple[Group, Newest]) -> tuple[Group, int]:
        group, newest = one
        changed = pa.concat_arrays([newest.keys, newest.gone])
        replaced = int((places_of(folder, bases[group], changed) >= 0).sum()) if group in bases else 0
        return group, len(newest.keys) - replaced

    if slices:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            yield from pool.map(gain, newest_of(folder, slices, spec, ordering, columns=()))


def _metadata_of(folder: Folder, view: View, times: set[str]) -> Iterator[tuple[str, CommitMetadata]]:
    """What the writes at `times` say, but for those that are archived."""
    for instant in view.hoodie.timeline.writes:
        if instant.time in times:
            with contextlib.suppress(NotFound):  # archived meanwhile
                yield instant.time, folder.read_commit(instant)
