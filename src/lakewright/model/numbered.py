"""Texts that end in a running number, for whole columns at once: several times faster than to print, to join and to cast."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def numbered(prefix: str, start: int, count: int) -> pa.StringArray:
    """``<prefix><number>`` for `count` numbers from `start` (0 or more) on."""
    head, end = np.frombuffer(prefix.encode(), np.uint8), start + count
    data, lengths = [np.empty(0, np.uint8)], [np.empty(0, np.int32)]
    while start < end:
        digits = len(str(start))
        left = np.arange(start, min(end, 10**digits))
        rows = np.empty((len(left), len(head) + digits), np.uint8)
        rows[:, : len(head)] = head
        for place in reversed(range(len(head), len(head) + digits)):
            tens = left // 10
            rows[:, place] = left - tens * 10 + ord("0")
            left = tens
        data.append(rows.ravel())
        lengths.append(np.full(len(rows), rows.shape[1], np.int32))
        start += len(rows)
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(np.concatenate(data)))
