"""The snapshot of an instant: which files its rows are in, with what the commits that wrote these tell of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from lakewright.errors import NotFound
from lakewright.formats.hudi import commits
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import CommitMetadata
from lakewright.formats.hudi.properties import Properties
from lakewright.formats.hudi.slices import View
from lakewright.model.table import DataFile, LogFile, Snapshot, TableSpec


def snapshot_of(folder: Folder, properties: Properties, view: View, time: str) -> Snapshot:
    """The table as of the completed write at `time`, whose files are all in `view`.

    Raises `FormatError` LW-402 or LW-404 for a commit that does not tell what it should, and LW-405 for a damaged base file.
    """
    base = commits.newest_with_checkpoint(folder, view.hoodie, time)
    spec = commits.spec_as_of(folder, view.hoodie.timeline, properties, time)
    bases = view.as_of(time)
    return Snapshot(
        instant=time,
        checkpoint=base.checkpoint if base else None,
        spec=spec,
        files=tuple(_data_files(folder, view, bases, spec)),
        logs=tuple(_log_files(folder, view, bases, time)),
    )


def _data_files(folder: Folder, view: View, bases: Sequence[BaseFile], spec: TableSpec) -> Iterator[DataFile]:
    """Rows and columns come from the commits that wrote the files, from the footer where those are archived."""
    store = folder.store
    rows: dict[str, int] = {}
    columns: dict[str, tuple[str, ...] | None] = {}
    for time, metadata in _metadata_of(folder, view, {base.instant for base in bases}):
        columns[time] = commits.columns_of(metadata)
        rows |= {folder.data_name("", stat.path): stat.rows for stat in metadata.stats}
    values = {path: folder.style.values(path, spec.partition) for path in {base.partition for base in bases}}
    for base in bases:
        known, names = rows.get(base.name), columns.get(base.instant)
        if known is None or names is None:
            reader = BaseFileReader(store, base.name, base.size)
            known, names = reader.rows, reader.columns
        yield DataFile(base.name, store.location(base.name), known, base.size, values[base.partition], names)


def _log_files(folder: Folder, view: View, bases: Sequence[BaseFile], time: str) -> Iterator[LogFile]:
    """What a log adds to the rows comes from the commit that wrote it; nothing where that is archived."""
    found = view.logs_as_of(time)
    if not found:
        return
    locations = {base.group: folder.store.location(base.name) for base in bases}
    gains = {
        folder.data_name("", stat.path): stat.inserts - stat.deletes
        for _, metadata in _metadata_of(folder, view, {log.instant for logs in found.values() for log in logs})
        for stat in metadata.stats
    }
    for group, logs in found.items():
        for log in logs:
            location = folder.store.location(log.name)
            yield LogFile(log.name, location, log.size, locations.get(group), gains.get(log.name, 0))


def _metadata_of(folder: Folder, view: View, times: set[str]) -> Iterator[tuple[str, CommitMetadata]]:
    """What the writes at `times` say, but for those that are archived."""
    for instant in view.hoodie.timeline.writes:
        if instant.time in times:
            with contextlib.suppress(NotFound):  # archived meanwhile
                yield instant.time, folder.read_commit(instant)
