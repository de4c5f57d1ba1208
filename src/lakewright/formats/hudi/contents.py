"""What base files hold, read as a whole: footers, meta columns, and record keys, of which the table may have each once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import bloom, keys, partitions, schema
from lakewright.formats.hudi.base_file import GREATEST_KEY, LEAST_KEY
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.partitions import PathStyle
from lakewright.model.table import TableSpec

_AT_ONCE = 1 << 24
"""So many record keys are compared in one go, as numbers of 8 bytes; of more, the files are read as often as it takes."""
_CONFIRMED = 1 << 10

Hashes = npt.NDArray[np.uint64]


def flaws_of(file: BaseFile, reader: BaseFileReader, spec: TableSpec, style: PathStyle, stat: WriteStat | None) -> Iterator[str]:
    """What is wrong in a base file, of which its commit says `stat`; raises `FormatError` LW-405 where it cannot be read."""
    columns = dict.fromkeys([*schema.META_COLUMNS, *spec.key, *spec.partition])
    if stat is not None and stat.rows != reader.rows:
        yield f"holds {reader.rows} rows, and its commit says {stat.rows}"
    footer, found = reader.footer, dict[str, None]()
    if bloom.FILTER not in footer:
        yield "has no Bloom filter, without which Spark's BLOOM indexes fail"
    groups = reader.row_groups(list(columns))
    for index in range(len(reader.group_rows)):
        reader.require_sound_pages(index)  # first: only sound pages are decoded, from the bytes that this has read
        rows = next(groups)
        found |= dict.fromkeys(_wrong(rows, file, spec, style))
        present = rows.column(schema.RECORD_KEY).drop_null()
        if len(present) and LEAST_KEY in footer and GREATEST_KEY in footer:
            least, greatest = map(keys.java_order, keys.bounds(present))
            if least < keys.java_order(footer[LEAST_KEY]) or greatest > keys.java_order(footer[GREATEST_KEY]):
                found["has record keys beyond the least and greatest that its footer names: indexes miss them"] = None
    yield from found


def _wrong(rows: pa.Table, file: BaseFile, spec: TableSpec, style: PathStyle) -> Iterator[str]:
    """What is wrong in the meta columns of a row group, by themselves and beside the columns that they are made of."""
    name = file.name.rpartition("/")[2]
    for column in schema.META_COLUMNS:
        if rows.column(column).null_count:
            yield f"has rows without {column}"
    for column, expected in ((schema.PARTITION_PATH, file.partition), (schema.FILE_NAME, name)):
        if set(pc.unique(rows.column(column)).to_pylist()) - {expected, None}:
            yield f"has rows whose {column} is not {expected!r}"
    yield from misplaced(rows, file.partition, spec, style)
    newest = pc.max(rows.column(schema.COMMIT_TIME)).as_py()
    if newest is not None and newest > file.instant:
        yield f"has rows of instant {newest}, which is after its own"


def misplaced(rows: pa.Table, partition: str, spec: TableSpec, style: PathStyle) -> Iterator[str]:
    """What is wrong in rows with their record keys: keys and partition beside the columns that these are made of."""
    if not rows.num_rows:
        return
    if not pc.all(pc.equal(rows.column(schema.RECORD_KEY), keys.record_keys(rows, spec.key, spec.name))).as_py():
        yield f"has rows whose {schema.RECORD_KEY} is not that of their key columns: changes do not find them"
    paths = partitions.paths(rows, spec.partition, style, spec.name).combine_chunks().dictionary.to_pylist()
    if paths != [partition]:
        columns = ", ".join(spec.partition)
        yield f"has rows that belong into another partition by {columns}: readers that skip partitions miss them"


def held(folder: Folder, file: BaseFile, record_keys: pa.Array) -> int:
    """How many of these record keys a base file has."""
    return sum(pc.sum(pc.is_in(column, record_keys)).as_py() or 0 for column in _keys(folder, file)) if len(record_keys) else 0


Gone = Mapping[tuple[str, str], pa.Array]
"""The record keys of rows that logs removed from the base files of a file group."""


def repeated_keys(folder: Folder, files: Sequence[BaseFile], rows: int, gone: Gone) -> tuple[int, str, str] | None:
    """How many record keys more than one of the `rows` rows has, and the names of two files with one; None where none."""
    shares = rows // _AT_ONCE + 1
    twice = np.concatenate([_twice(folder, files, gone, share, shares) for share in range(shares)])
    seen: dict[str, str] = {}
    for file in files if len(twice) else ():
        for column in _keys(folder, file, gone):
            for key in column.filter(pa.array(np.isin(bloom.hash64(column), twice[:_CONFIRMED]))).to_pylist():
                if key in seen:
                    return len(twice), seen[key], file.name
                seen[key] = file.name
    return None


def _twice(folder: Folder, files: Sequence[BaseFile], gone: Gone, share: int, shares: int) -> Hashes:
    """The hashes that more than one key of this share of all keys has."""
    parts = [np.empty(0, np.uint64)]
    for file in files:
        for column in _keys(folder, file, gone):
            hashed = bloom.hash64(column)
            parts.append(hashed[hashed % np.uint64(shares) == share])
    hashed = np.sort(np.concatenate(parts))
    return np.unique(hashed[1:][hashed[1:] == hashed[:-1]])


def _keys(folder: Folder, file: BaseFile, gone: Gone | None = None) -> Iterator[pa.ChunkedArray]:
    removed = gone.get(file.group) if gone else None
    for rows in BaseFileReader(folder.store, file.name, file.size).row_groups([schema.RECORD_KEY]):
        column = rows.column(0).drop_null()
        yield column if removed is None else column.filter(pc.invert(pc.is_in(column, removed)))
