"""Replace: stream rows into new file groups, in bounded memory and on several threads."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import itertools
import queue
import uuid
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import keys, partitions
from lakewright.formats.hudi.base_file import MAX_BYTES, ROW_GROUP_BYTES, ROW_GROUP_ROWS, BaseFileWriter
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.partitions import PathStyle
from lakewright.formats.hudi.upsert import THREADS
from lakewright.model.table import TableSpec

_GATHERED_BYTES = 4 * ROW_GROUP_BYTES
"""Rows of all partitions, in Arrow's memory, that wait for their row group to fill."""
_OPEN_FILES = 32
"""Base files that one thread keeps open; the one it used last is closed for a further one."""


def write_all(folder: Folder, instant: str, spec: TableSpec, batches: Iterator[pa.RecordBatch]) -> list[WriteStat]:
    """Write `batches`, which have the columns of `spec`, into new file groups; return their stats.

    Raises `FormatError` LW-409 or LW-411 for a key or partition value that cannot be. Keys are taken to be distinct.
    """
    group, ordinals = uuid.uuid4(), itertools.count()

    def new_writer(partition: str) -> BaseFileWriter:
        ordinal = next(ordinals)
        return BaseFileWriter(folder, instant, spec, partition, f"{group}-{ordinal}", ordinal)

    known: set[str] = set()
    with contextlib.ExitStack() as stack:
        lanes = _Lanes(stack, new_writer, spec)
        for partition, rows in _row_groups(batches, spec, folder.style):
            if partition not in known:
                folder.add_partition(partition, instant)
                known.add(partition)
            lanes.write(partition, rows)
        return lanes.finish()


def _row_groups(batches: Iterator[pa.RecordBatch], spec: TableSpec, style: PathStyle) -> Iterator[tuple[str, pa.Table]]:
    """The rows by partition path, gathered until they fill a row group or until too much waits."""
    waiting: dict[str, list[pa.Table]] = collections.defaultdict(list)
    rows: collections.Counter[str] = collections.Counter()
    size: collections.Counter[str] = collections.Counter()

    def take(partition: str) -> tuple[str, pa.Table]:
        del rows[partition], size[partition]
        return partition, pa.concat_tables(waiting.pop(partition))

    for batch in batches:
        for partition, part in _by_partition(pa.Table.from_batches([batch]), spec, style):
            waiting[partition].append(part)
            rows[partition] += part.num_rows
            size[partition] += part.nbytes
            if rows[partition] >= ROW_GROUP_ROWS or size[partition] >= ROW_GROUP_BYTES:
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


class _Lane:
    """One thread's open files, at most one per partition."""

    def __init__(self, stack: contextlib.ExitStack, new_writer: Callable[[str], BaseFileWriter], spec: TableSpec) -> None:
        self.stats: list[WriteStat] = []
        self.last: concurrent.futures.Future[None] | None = None
        self._new_writer, self._spec = new_writer, spec
        self._open: collections.OrderedDict[str, tuple[contextlib.ExitStack, BaseFileWriter]] = collections.OrderedDict()
        stack.push(self._abandon)

    def write(self, partition: str, rows: pa.Table) -> None:
        if partition not in self._open:
            if len(self._open) >= _OPEN_FILES:
                self._close(next(iter(self._open)))
            stack = contextlib.ExitStack()
            self._open[partition] = stack, stack.enter_context(self._new_writer(partition))
        self._open.move_to_end(partition)
        writer = self._open[partition][1]
        record_keys = keys.record_keys(rows, self._spec.key, self._spec.name)
        writer.inserts += rows.num_rows
        writer.write(writer.stamped(rows, record_keys))
        if writer.size >= MAX_BYTES - ROW_GROUP_BYTES // 4:
            self._close(partition)

    def close_all(self) -> None:
        for partition in list(self._open):
            self._close(partition)

    def _close(self, partition: str) -> None:
        stack, writer = self._open.pop(partition)
        stack.close()
        self.stats.append(writer.stat)

    def _abandon(self, kind: object, error: object, trace: object) -> None:
        """Close what is open after a failure, as failed."""
        for stack, _ in self._open.values():
            stack.__exit__(kind, error, trace)  # type: ignore[arg-type]


class _Lanes:
    """Threads that each take the next row group when they are free; the caller waits while all are busy."""

    def __init__(self, stack: contextlib.ExitStack, new_writer: Callable[[str], BaseFileWriter], spec: TableSpec) -> None:
        self._lanes = [_Lane(stack, new_writer, spec) for _ in range(THREADS)]
        self._pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(THREADS))
        self._free: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for lane in self._lanes:
            self._free.put(lane)

    def write(self, partition: str, rows: pa.Table) -> None:
        self._submit(self._next(), partition, rows)

    def _next(self) -> _Lane:
        lane = self._free.get()
        if lane.last is not None:
            lane.last.result()
        return lane

    def _submit(self, lane: _Lane, partition: str, rows: pa.Table) -> None:
        lane.last = self._pool.submit(lane.write, partition, rows)
        lane.last.add_done_callback(lambda _: self._free.put(lane))

    def finish(self) -> list[WriteStat]:
        """Complete all files."""
        for _ in self._lanes:
            self._next()
        list(self._pool.map(_Lane.close_all, self._lanes))
        return [stat for lane in self._lanes for stat in lane.stats]
