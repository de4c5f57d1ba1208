"""Lanes: threads that fill base files of new file groups, each its own."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import itertools
import queue
import uuid
from collections.abc import Callable
from typing import Generic, TypeVar

from lakewright.formats.hudi.base_file import MAX_BYTES, ROW_GROUP_BYTES, BaseFileWriter
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.threads import THREADS
from lakewright.model.table import TableSpec

_OPEN_FILES = 32
"""Base files that one thread keeps open at most; for a further one it closes the one that it did not use for longest."""
Writer = TypeVar("Writer", bound=BaseFileWriter)


def new_files(kind: type[Writer], folder: Folder, instant: str, spec: TableSpec) -> Callable[[str], Writer]:
    """What makes the writer of the next base file of an instant, in the partition of that path."""
    group, ordinals = uuid.uuid4(), itertools.count()

    def new(partition: str) -> Writer:
        ordinal = next(ordinals)
        return kind(folder, instant, spec, partition, f"{group}-{ordinal}", ordinal)

    return new


class _Lane(Generic[Writer]):
    """One thread's open files, at most one per partition."""

    def __init__(self, stack: contextlib.ExitStack, new_writer: Callable[[str], Writer]) -> None:
        self.stats: list[WriteStat] = []
        self.last: concurrent.futures.Future[None] | None = None
        self._new_writer = new_writer
        self._open: collections.OrderedDict[str, tuple[contextlib.ExitStack, Writer]] = collections.OrderedDict()
        stack.push(self._abandon)

    def write(self, partition: str, fill: Callable[[Writer], None]) -> None:
        """Let `fill` write into the open file of the partition, which is closed when it is full."""
        if partition not in self._open:
            if len(self._open) >= _OPEN_FILES:
                self._close(next(iter(self._open)))
            stack, opened = contextlib.ExitStack(), self._new_writer(partition)
            stack.enter_context(opened)
            self._open[partition] = stack, opened
        self._open.move_to_end(partition)
        writer = self._open[partition][1]
        fill(writer)
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


class Lanes(Generic[Writer]):
    """Threads that each take the next rows of a partition when they are free; the caller waits while all are busy."""

    def __init__(self, stack: contextlib.ExitStack, new_writer: Callable[[str], Writer]) -> None:
        self._lanes = [_Lane(stack, new_writer) for _ in range(THREADS)]
        self._pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(THREADS))
        self._free: queue.SimpleQueue[_Lane[Writer]] = queue.SimpleQueue()
        for lane in self._lanes:
            self._free.put(lane)

    def write(self, partition: str, fill: Callable[[Writer], None]) -> None:
        """Let a free thread fill its file of the partition."""
        self._submit(self._next(), partition, fill)

    def _next(self) -> _Lane[Writer]:
        lane = self._free.get()
        if lane.last is not None:
            lane.last.result()
        return lane

    def _submit(self, lane: _Lane[Writer], partition: str, fill: Callable[[Writer], None]) -> None:
        lane.last = self._pool.submit(lane.write, partition, fill)
        lane.last.add_done_callback(lambda _: self._free.put(lane))

    def finish(self) -> list[WriteStat]:
        """Complete all files, those of a thread as soon as it is free."""
        for closed in [self._pool.submit(self._next().close_all) for _ in self._lanes]:
            closed.result()
        return [stat for lane in self._lanes for stat in lane.stats]
