"""The next version of a base file, in which some rows are replaced and some are left out.

A column in which no row of a row group changes is copied as it is encoded: to decode and encode again what stays the same is most
of the work of a change. So are the footer's words on record keys while the keys are the same. A replaced row keeps its place.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import schema, spliced
from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.base_file import ROW_GROUP_BYTES, ROW_GROUP_ROWS, SplicedFileWriter
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.spliced import Chunk, Part
from lakewright.model.table import TableSpec

_AHEAD_BYTES = ROW_GROUP_BYTES
"""Unpacked: row groups of one file that are begun while those before them are written."""
_GLANCE = 64
"""Rows of a column that are compared first: where a column changes, it mostly shows there."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """What is to become of a file's rows: those in the places ``at`` are replaced, those in the places ``gone`` left out.

    Both ascend, and have nothing in common. ``fresh`` gives the new rows for a slice of ``at``, with commit time, sequence number
    and the same record keys; slices are asked for in order, each once. Such a row takes ``width`` bytes in Arrow's memory, on
    average. ``grows``: further rows come behind those of the file.
    """

    at: Numbers
    gone: Numbers
    fresh: Callable[[slice], pa.Table]
    width: float
    grows: bool


def rewrite(
    reader: BaseFileReader, spec: TableSpec, edit: Edit, writer: SplicedFileWriter, pool: concurrent.futures.Executor
) -> None:
    """Write the rows of a file after an edit; `pool` encodes. Raises as `BaseFileReader.batches`.

    Memory is bounded by some row groups. Small ones become larger ones, together with what comes behind them.
    """
    writer.updates += len(edit.at)
    writer.deletes += len(edit.gone)
    groups, start = _Groups(reader, spec, edit, writer, pool), 0
    sizes = reader.group_rows
    step = max(1, min(ROW_GROUP_ROWS, int(ROW_GROUP_BYTES / max(1, edit.width))))
    for index, rows in enumerate(sizes):
        here, gone = (slice(*np.searchsorted(each, [start, start + rows])) for each in (edit.at, edit.gone))
        is_small = rows < ROW_GROUP_ROWS // 2 and (edit.grows or len(sizes) > 1)
        size = max(reader.group_bytes(index), (here.stop - here.start) * edit.width)
        if is_small or gone.start < gone.stop or size > 2 * ROW_GROUP_BYTES:
            groups.finish()
            for batch in reader.batches(spec, [index], step):
                ends = [start, start + batch.num_rows]
                here, gone = (slice(*np.searchsorted(each, ends)) for each in (edit.at, edit.gone))
                writer.write(_after(batch, edit.at[here] - start, edit.fresh(here), edit.gone[gone] - start))
                start += batch.num_rows
        else:
            groups.start(index, edit.at[here] - start, edit.fresh(here))
            start += rows
    groups.finish()


class _Groups:
    """Row groups of which what does not change is copied: several are encoded at a time, and written in order."""

    def __init__(
        self, reader: BaseFileReader, spec: TableSpec, edit: Edit, writer: SplicedFileWriter, pool: concurrent.futures.Executor
    ) -> None:
        self._reader, self._writer, self._pool = reader, writer, pool
        self._columns, self._source = reader.wanted(spec), reader.encoded
        usual = spliced.elements(self._columns)
        # Columns that are encoded as ours are may be copied.
        self._fit = {name for name in self._columns.names if self._source.elements.get(name) == usual[name]}
        self._keeps_keys = not edit.grows and not len(edit.gone) and writer.keep_keys(reader.footer)
        self._begun = collections.deque[tuple[concurrent.futures.Future[tuple[Part, pa.ChunkedArray | None]], int]]()

    def start(self, index: int, at: Numbers, fresh: pa.Table) -> None:
        """Read a row group, whose rows in the places `at` become `fresh`; wait where those that are begun take much memory."""
        size = self._reader.group_bytes(index)
        while self._begun and size + sum(begun for _, begun in self._begun) > _AHEAD_BYTES:
            self._write()
        count = self._reader.group_rows[index]
        with self._reader.translated():
            self._reader.hold(*self._source.extent(index))
            found = self._source.chunks(index, self._fit)
            chunks = {name: chunk for name, chunk in found.items() if spliced.may_copy(chunk, count)}
        read = self._columns.names if len(at) else [name for name in self._columns.names if name not in chunks]
        read = [name for name in read if name != schema.RECORD_KEY or name not in chunks]
        read += [] if self._keeps_keys or schema.RECORD_KEY in read else [schema.RECORD_KEY]
        rows = self._reader.group(index, pa.schema([self._columns.field(name) for name in read]))
        made = self._pool.submit(self._encoded, rows, count, at, fresh, chunks)
        self._begun.append((made, size))

    def finish(self) -> None:
        """Write those that are begun."""
        while self._begun:
            self._write()

    def _write(self) -> None:
        made, _ = self._begun.popleft()
        self._writer.splice(*made.result())

    def _encoded(
        self, rows: pa.Table, count: int, at: Numbers, fresh: pa.Table, chunks: dict[str, Chunk]
    ) -> tuple[Part, pa.ChunkedArray | None]:
        """The row group, and its record keys where they are to be told."""
        own, order = {}, pa.array(_order(count, at))
        for name in rows.column_names:
            old, new = rows.column(name), fresh.column(name)
            if name not in chunks or not (name == schema.RECORD_KEY or _is_same(old, at, new)):
                own[name] = _taken(old, new, order) if len(at) else old
        kept = {name: chunk for name, chunk in chunks.items() if name not in own}
        with self._reader.translated():
            for name, chunk in kept.items():
                spliced.require_sound(name, chunk.pages)
        encoded = self._writer.encoded(pa.table(own), count)
        keys = None if self._keeps_keys else rows.column(schema.RECORD_KEY)
        return Part(kept | encoded.chunks, count), keys


def _is_same(old: pa.ChunkedArray, at: Numbers, new: pa.ChunkedArray) -> bool:
    """Whether the new values are those that the column has in these places."""
    for places, values in ((at[:_GLANCE], new[:_GLANCE]), (at[_GLANCE:], new[_GLANCE:])):
        if len(places):
            near = old.slice(places[0], places[-1] - places[0] + 1)  # what is taken from is copied first
            if not _equal(near.take(pa.array(places - places[0])), values):
                return False
    return True


def _equal(old: pa.ChunkedArray, new: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(new.type):  # as they are written: 0.0 and -0.0 are not the same, and NaN is
        width = pa.int64() if new.type == pa.float64() else pa.int32()
        return bool(old.combine_chunks().view(width).equals(new.combine_chunks().view(width)))
    if pa.types.is_dictionary(old.type):
        old, new = old.cast(pa.string()), new.cast(pa.string())
    return bool(old.equals(new))


def _order(count: int, at: Numbers) -> Numbers:
    """Where each of `count` rows is to be taken from: those in the places `at` from the rows that come behind these."""
    order = np.arange(count)
    order[at] = count + np.arange(len(at))
    return order


def _after(batch: pa.Table, at: Numbers, fresh: pa.Table, gone: Numbers) -> pa.Table:
    """The rows of `batch` with `fresh` ones in the places `at`, and without those in the places `gone`."""
    if not (len(at) or len(gone)):
        return batch
    order = pa.array(np.delete(_order(batch.num_rows, at), gone))
    columns = [_taken(old, new, order) for old, new in zip(batch.columns, fresh.columns, strict=True)]
    return pa.table(columns, schema=batch.schema)


def _taken(old: pa.ChunkedArray, new: pa.ChunkedArray, order: pa.Array) -> pa.Array:
    """The values of both, one behind the other, in an order, in which each place is there."""
    return pc.take(pa.concat_arrays([*old.chunks, *new.cast(old.type).chunks]), order, boundscheck=False)
