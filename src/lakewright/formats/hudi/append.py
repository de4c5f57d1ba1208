"""Append: one more log for each of some file slices, with the rows and deletes that an upsert has for it.

The rows of many logs are encoded together, and each log takes its part of the bytes: small logs cost little more than one large.
"""

from __future__ import annotations

import concurrent.futures
import functools
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import avro_rows, log_block, schema
from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.batches import batched
from lakewright.formats.hudi.file_names import log_file_name
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import AppendedTo, WriteStat
from lakewright.formats.hudi.upsert import Changes
from lakewright.model.table import TableSpec

_BLOCK_BYTES = 64 << 20
"""In Arrow's memory: rows of so many bytes make a block, and so many are encoded at once."""


class Addition(NamedTuple):
    """What a log is to hold: the numbers of its rows, and the record keys to remove.

    ``ordinal`` tells the instant's files apart.
    """

    to: AppendedTo
    ordinal: int
    rows: Numbers
    removed: pa.Array


def append(
    folder: Folder,
    instant: str,
    spec: TableSpec,
    additions: Sequence[Addition],
    changes: Changes,
    pool: concurrent.futures.ThreadPoolExecutor,
) -> list[WriteStat]:
    """Write the logs, with rows and keys of `changes`, and return their stats.

    The inserts among the rows are for the caller to tell.
    """
    header = {log_block.SCHEMA: schema.avro_schema(spec.name, spec.columns, meta=True), log_block.INSTANT: instant}
    step = max(1, int(_BLOCK_BYTES / max(1, changes.rows.width)))
    write = functools.partial(_write, folder, instant, header)
    stats: list[WriteStat] = []
    for batch in batched(additions, lambda addition: len(addition.rows), step):
        contents = _contents(batch, instant, changes, step)
        stats += pool.map(write, batch, contents)
    return stats


def _write(folder: Folder, instant: str, header: dict[int, str], addition: Addition, contents: list[bytes]) -> WriteStat:
    """Write one log, with a data block of each of `contents`; the marker stands before it, so that a rollback finds it."""
    start, to = time.monotonic(), addition.to
    blocks = [log_block.encode(log_block.AVRO_DATA, header, content) for content in contents]
    if len(addition.removed):
        content = log_block.deletes_content(addition.removed, to.partition)
        blocks.append(log_block.encode(log_block.DELETE, header, content))
    data = b"".join(blocks)
    file = log_file_name(to.file_id, to.base, to.number, instant, data)
    folder.store.create(folder.marker_name(instant, to.partition, file, "APPEND"), b"")
    folder.store.create(folder.data_name(to.partition, file), data)
    return WriteStat(
        partition=to.partition,
        file_id=to.file_id,
        path=f"{to.partition}/{file}" if to.partition else file,
        previous=to.base,
        rows=len(addition.rows),
        inserts=0,
        updates=len(addition.rows),
        deletes=len(addition.removed),
        size=len(data),
        took=int((time.monotonic() - start) * 1000),
        appended=to,
    )


def _contents(batch: list[Addition], instant: str, changes: Changes, step: int) -> list[list[bytes]]:
    """The contents of the data blocks of each addition's log."""
    ends = np.cumsum([len(each.rows) for each in batch])
    numbers = np.concatenate([each.rows for each in batch])
    contents: list[list[bytes]] = [[] for _ in batch]
    for first in range(0, len(numbers), step):
        here = np.arange(first, min(first + step, len(numbers)))
        which = np.searchsorted(ends, here, side="right")
        some = numbers[here]
        within = here - (ends - [len(each.rows) for each in batch])[which]
        encoded = avro_rows.encode(
            _stamped(changes.rows.taken(some), changes.keys.take(pa.array(some)), batch, which, within, instant)
        )
        for index in np.unique(which).tolist():
            begin, end = np.searchsorted(which, [index, index + 1]).tolist()
            contents[index].append(log_block.rows_content(encoded.slice(begin, end - begin)))
    return contents


def _stamped(
    rows: pa.Table, record_keys: pa.Array, batch: list[Addition], which: Numbers, within: Numbers, instant: str
) -> pa.Table:
    """The rows with all five meta columns; ``which`` is the addition of each, ``within`` its place in that.

    In a log the file's name is the file group's.
    """
    of = pa.array(which)
    ordinals = pa.array([f"{instant}_{each.ordinal}" for each in batch]).take(of)
    seqno = pc.binary_join_element_wise(ordinals, pa.array(within).cast(pa.string()), "_")
    partitions = pa.array([each.to.partition for each in batch]).take(of)
    groups = pa.array([each.to.file_id for each in batch]).take(of)
    meta = [pa.repeat(pa.scalar(instant), len(of)), seqno, record_keys, partitions, groups]
    return pa.table([*meta, *rows.columns], names=[*schema.META_COLUMNS, *rows.column_names])
