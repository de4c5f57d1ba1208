"""Upsert: find the changed keys in the table's files, then write new versions of the file groups that hold them.

The lookup is global, over the record keys of all slices, by their key indexes where they have one. A replaced row keeps its place
in the file, an unchanged one its meta columns. Rows that are new go into file groups with room, and into new groups beyond that.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import itertools
import uuid
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import key_index, keys, partitions, rewritten
from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.base_file import MAX_BYTES, SplicedFileWriter
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.batches import batched
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.key_index import Wanted
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.numbered_rows import NumberedRows
from lakewright.formats.hudi.partitions import PathStyle
from lakewright.formats.hudi.threads import THREADS
from lakewright.model.table import TableSpec

_SMALL_BYTES = 100 << 20
"""Below this size a base file takes new rows: Hudi's ``hoodie.parquet.small.file.limit``."""
_LOOKUP_BYTES = 16 << 20

_NONE: Numbers = np.empty(0, np.int64)


class Changes:
    """What an upsert is to do: `rows` of the table's columns, and the record keys of rows to remove.

    A change has a number: first the rows', in order, then the deletes'. ``paths`` are the distinct partition paths of the rows,
    ``path_of`` the index of each row's. ``least`` and ``greatest`` bound the record keys.
    """

    def __init__(self, spec: TableSpec, rows: pa.Table, deletes: pa.Table, style: PathStyle) -> None:
        self.rows = NumberedRows(rows)
        own = keys.record_keys(rows, spec.key, spec.name)
        removed = keys.record_keys(deletes, spec.key, spec.name)
        keys.check_distinct([own, removed], spec.name)
        self.keys: pa.Array = pa.chunked_array([*own.chunks, *removed.chunks], pa.string()).combine_chunks()
        bounds = pc.min_max(self.keys).as_py()
        self.least: str = bounds["min"] or ""
        self.greatest: str = bounds["max"] or ""
        encoded = partitions.paths(rows, spec.partition, style, spec.name).combine_chunks()
        self.paths: list[str] = encoded.dictionary.to_pylist()
        self.path_of: Numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)

    def stay(self, numbers: Numbers, partition: str) -> npt.NDArray[np.bool_]:
        """Which of the changes with these numbers are rows of a partition."""
        is_row = numbers < len(self.rows)
        stays: npt.NDArray[np.bool_] = is_row.copy()
        index = self.paths.index(partition) if partition in self.paths else -1
        stays[is_row] = self.path_of[numbers[is_row]] == index
        return stays


@dataclasses.dataclass
class Rewrite:
    """A file group's next version: ``source`` is its last one with ``rows`` rows, None for a new group.

    ``at`` are row numbers in the source, ascending, ``change`` what happens to each: the number of the row that replaces it,
    or -1 where it leaves. ``inserts`` are the numbers of the rows that come in.
    """

    partition: str
    source: BaseFile | None
    rows: int = 0
    at: Numbers = dataclasses.field(default_factory=lambda: _NONE)
    change: Numbers = dataclasses.field(default_factory=lambda: _NONE)
    inserts: Numbers = dataclasses.field(default_factory=lambda: _NONE)

    @property
    def touched(self) -> bool:
        """Whether there is anything to write."""
        return bool(len(self.at) or len(self.inserts))


def upsert(folder: Folder, instant: str, spec: TableSpec, slices: Sequence[BaseFile], changes: Changes) -> list[WriteStat]:
    """Write the base files of the instant, several at a time, and return their stats."""
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        groups = find(folder, slices, changes, pool, are_kept=False)
        placed = np.zeros(len(changes.rows), bool)
        for group in groups:
            stays = changes.stay(group.change, group.partition)
            placed[group.change[stays]] = True
            group.change = np.where(stays, group.change, -1)
        groups += place(np.flatnonzero(~placed), changes, groups, bytes_per_row(groups, changes.rows), _SMALL_BYTES)
        return write(folder, instant, spec, changes, [group for group in groups if group.touched], pool)


def find(
    folder: Folder, slices: Sequence[BaseFile], changes: Changes, pool: concurrent.futures.ThreadPoolExecutor, *, are_kept: bool
) -> list[Rewrite]:
    """Every file group of `slices`, each with the rows that a change is for, and the number of that change.

    A base file whose keys have to be read gets its index, unless it has such rows and is not kept.
    """
    if not len(changes.keys):
        return []
    wanted = Wanted(changes.keys)
    known = list(pool.map(lambda file: _indexed(folder, file, wanted), slices))
    unindexed = [file for file, found in zip(slices, known, strict=True) if found is None]
    # One hash table of the changed keys serves many small files.
    batches = batched(unindexed, lambda file: file.size, _LOOKUP_BYTES)
    read = pool.map(lambda files: list(_lookup(folder, files, changes, are_kept)), batches)
    return [*(found for found in known if found), *itertools.chain.from_iterable(read)]


def place(new: Numbers, changes: Changes, groups: list[Rewrite], width: float, small: int) -> list[Rewrite]:
    """Give the rows `new` to those of `groups` that are smaller than `small` bytes; return the new groups for the rest.

    ``width`` is what a row takes in a file.
    """
    more: list[Rewrite] = []
    order = new[np.argsort(changes.path_of[new], kind="stable")]
    for index in np.unique(changes.path_of[order]):
        numbers, path = order[changes.path_of[order] == index], changes.paths[index]
        more += _place(numbers, path, [g for g in groups if g.partition == path], width, small)
    return more


def write(
    folder: Folder,
    instant: str,
    spec: TableSpec,
    changes: Changes,
    work: list[Rewrite],
    pool: concurrent.futures.ThreadPoolExecutor,
) -> list[WriteStat]:
    """Write the base files of some rewrites."""
    group = uuid.uuid4()
    for partition in {rewrite.partition for rewrite in work if rewrite.source is None}:
        folder.add_partition(partition, instant)
    with concurrent.futures.ThreadPoolExecutor(THREADS) as encoders:
        return list(pool.map(lambda job: _write(folder, instant, spec, changes, group, encoders, *job), enumerate(work)))


def _indexed(folder: Folder, file: BaseFile, wanted: Wanted) -> Rewrite | None:
    """The file group of a base file that has a key index; None for another."""
    found = key_index.find(folder, file, wanted)
    return Rewrite(file.partition, file, *found) if found else None


def _lookup(folder: Folder, files: list[BaseFile], changes: Changes, are_kept: bool) -> Iterator[Rewrite]:
    """The file groups of `files`, each with the rows that a change is for."""
    readers = [BaseFileReader(folder.store, file.name, file.size) for file in files]
    parts = [list(reader.keys(changes.least, changes.greatest)) for reader in readers]
    together = pa.chunked_array([chunk for part in parts for _, column in part for chunk in column.chunks], pa.string())
    numbers = pc.fill_null(pc.index_in(together, value_set=changes.keys), -1).to_numpy().astype(np.int64)
    offset = 0
    for file, reader, part in zip(files, readers, parts, strict=True):
        at, change = [_NONE], [_NONE]
        for start, column in part:
            own = numbers[offset : offset + len(column)]
            offset += len(column)
            found = np.flatnonzero(own >= 0)
            at.append(found + start)
            change.append(own[found])
        rewrite = Rewrite(file.partition, file, reader.rows, np.concatenate(at), np.concatenate(change))
        if (are_kept or not rewrite.touched) and sum(len(column) for _, column in part) == reader.rows:
            key_index.write(folder, file, [column for _, column in part])
        yield rewrite


def bytes_per_row(groups: list[Rewrite], rows: NumberedRows) -> float:
    """What a row takes in a file: measured where there are any, else guessed from Arrow's size."""
    stored = sum(group.rows for group in groups)
    if not len(rows):
        return 1.0
    if stored:
        return max(1.0, sum(group.source.size for group in groups if group.source) / stored)
    return max(1.0, rows.width / 2)


def _place(numbers: Numbers, partition: str, groups: list[Rewrite], width: float, most: int) -> list[Rewrite]:
    """Give new rows to file groups with room, those that are rewritten anyway first; return the new groups for the rest."""
    small = [group for group in groups if group.source is not None and group.source.size < most]
    for group in sorted(small, key=lambda g: (not g.touched, g.source.size if g.source else 0)):
        if not len(numbers):
            return []
        room = int((MAX_BYTES - (group.source.size if group.source else 0)) / width)
        group.inserts, numbers = numbers[:room], numbers[room:]
    step = max(1, int(MAX_BYTES / width))
    return [Rewrite(partition, None, inserts=numbers[start : start + step]) for start in range(0, len(numbers), step)]


def _write(
    folder: Folder,
    instant: str,
    spec: TableSpec,
    changes: Changes,
    group: uuid.UUID,
    encoders: concurrent.futures.Executor,
    ordinal: int,
    rewrite: Rewrite,
) -> WriteStat:
    source = rewrite.source
    file_id, previous = (source.file_id, source.instant) if source else (f"{group}-{ordinal}", None)
    with SplicedFileWriter(folder, instant, spec, rewrite.partition, file_id, ordinal, previous) as writer:
        if source is not None:
            stays = rewrite.change >= 0
            fresh = functools.partial(_fresh, changes, writer, rewrite.change[stays])
            edit = rewritten.Edit(rewrite.at[stays], rewrite.at[~stays], fresh, changes.rows.width, bool(len(rewrite.inserts)))
            rewritten.rewrite(BaseFileReader(folder.store, source.name, source.size), spec, edit, writer, encoders)
        step = changes.rows.step
        for first in range(0, len(rewrite.inserts), step):
            writer.write(_fresh(changes, writer, rewrite.inserts, slice(first, first + step)))
        writer.inserts = len(rewrite.inserts)
    return writer.stat


def _fresh(changes: Changes, writer: SplicedFileWriter, numbers: Numbers, part: slice) -> pa.Table:
    """The rows of some changes, stamped."""
    return writer.stamped(changes.rows.taken(numbers[part]), changes.keys.take(pa.array(numbers[part])))
