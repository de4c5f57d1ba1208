"""Replace: stream rows into new file groups, in bounded memory and on several threads."""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import keys, partitions
from lakewright.formats.hudi.base_file import ROW_GROUP_BYTES, ROW_GROUP_ROWS, BaseFileWriter
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.lanes import Lanes, new_files
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.partitions import PathStyle
from lakewright.model.table import TableSpec

_GATHERED_BYTES = 4 * ROW_GROUP_BYTES
"""Rows of all partitions, in Arrow's memory, that wait for their row group to fill."""


def write_all(folder: Folder, instant: str, spec: TableSpec, batches: Iterator[pa.RecordBatch]) -> list[WriteStat]:
    """Write `batches`, which have the columns of `spec`, into new file groups; return their stats.

    Raises `FormatError` LW-409 or LW-411 for a key or partition value that cannot be. Keys are taken to be distinct.
    """
    known: set[str] = set()
    with contextlib.ExitStack() as stack:
        lanes = Lanes(stack, new_files(BaseFileWriter, folder, instant, spec))
        for partition, rows in _row_groups(batches, spec, folder.style):
            if partition not in known:
                folder.add_partition(partition, instant)
                known.add(partition)
            lanes.write(partition, functools.partial(_append, rows, spec))
        return lanes.finish()


def _append(rows: pa.Table, spec: TableSpec, writer: BaseFileWriter) -> None:
    record_keys = keys.record_keys(rows, spec.key, spec.name)
    writer.inserts += rows.num_rows
    writer.write(writer.stamped(rows, record_keys))


def _row_groups(batches: Iterator[pa.RecordBatch], spec: TableSpec, style: PathStyle) -> Iterator[tuple[str, pa.Table]]:
    """The rows by partition path, gathered until they are a row group or until too much waits.

    Row groups are of one size, as those who share the work would wait for each other otherwise.
    """
    waiting: dict[str, list[pa.Table]] = collections.defaultdict(list)
    rows: collections.Counter[str] = collections.Counter()
    size: collections.Counter[str] = collections.Counter()

    def wait(partition: str, part: pa.Table) -> None:
        waiting[partition].append(part)
        rows[partition] += part.num_rows
        size[partition] += part.nbytes

    def take(partition: str) -> tuple[str, pa.Table]:
        del rows[partition], size[partition]
        return partition, pa.concat_tables(waiting.pop(partition))

    for batch in batches:
        for partition, part in _by_partition(pa.Table.from_batches([batch]), spec, style):
            wait(partition, part)
            if rows[partition] >= ROW_GROUP_ROWS:
                _, gathered = take(partition)
                whole = gathered.num_rows // ROW_GROUP_ROWS * ROW_GROUP_ROWS
                for start in range(0, whole, ROW_GROUP_ROWS):
                    yield partition, gathered.slice(start, ROW_GROUP_ROWS)
                if whole < gathered.num_rows:
                    wait(partition, gathered.slice(whole))
            if size[partition] >= ROW_GROUP_BYTES:
                yield take(partition)
        while size.total() >= _GATHERED_BYTES:
            yield take(size.most_common(1)[0][0])
    for partition in list(waiting):
        yield take(partition)


def _by_partition(rows: pa.Table, spec: TableSpec, style: PathStyle) -> Iterator[tuple[str, pa.Table]]:
    if rows.num_rows == 0:
        return
    paths = partitions.paths(rows, spec.partition, style, spec.name).combine_chunks()
    if len(paths.dictionary) == 1:
        yield paths.dictionary[0].as_py(), rows
        return
    order = pc.sort_indices(paths.indices)
    ends = pc.value_counts(paths.indices.take(order))
    ordered, start = rows.take(order), 0
    for index, count in zip(ends.field("values").to_pylist(), ends.field("counts").to_pylist(), strict=True):
        yield paths.dictionary[index].as_py(), ordered.slice(start, count)
        start += count
