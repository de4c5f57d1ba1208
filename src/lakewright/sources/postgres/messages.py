"""Many pgoutput messages at once: laid end to end as one array of bytes and read column by column, without I/O.

Layout: PostgreSQL documentation, "Logical Replication Message Formats", protocol version 1, values as text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakewright.errors import RESYNC, NeedsLoad, SourceError
from lakewright.model.evolution import SchemaChange
from lakewright.model.names import TableName

Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

TEXT, NULL, UNCHANGED = b"tnu"
_VALUES = np.isin(np.arange(256), [TEXT, NULL, UNCHANGED])
# A read starts before its message's end, and so ends before the last message's end plus this.
_PADDING = bytes(8)


class CannotGoOn(SourceError):
    """The log of a table lacks what its rows need from here on, as `reason` says; all else can go on."""

    def __init__(self, table: TableName, reason: str) -> None:
        super().__init__("LW-242", f"table {table} cannot go on: {reason}", hint=f"`lakewright resync {table}` loads it anew")


def refused(table: TableName, change: SchemaChange) -> SourceError:
    """The error for a change of a table's shape that its log cannot follow."""
    if not change.by_itself:
        return CannotGoOn(table, str(change.refusal))
    return NeedsLoad("LW-242", f"table {table} has to be loaded anew: {change.refusal}", hint="capture loads it by itself")


def malformed(what: str) -> SourceError:
    """The error for bytes that are not what the protocol says; `what` never quotes them."""
    hint = f"the server or something between has a fault; {RESYNC}"
    return SourceError("LW-240", f"the replication stream is malformed: {what}", hint=hint)


@dataclasses.dataclass(frozen=True)
class Values:
    """One column of many tuples: per row what was sent (`TEXT`, `NULL`, `UNCHANGED`) and where its text lies."""

    kinds: Bytes
    starts: Integers
    sizes: Integers

    def rows(self, index: Integers) -> Values:
        """The values of some rows."""
        return Values(self.kinds[index], self.starts[index], self.sizes[index])


class Messages:
    """Messages in the order they came; ``kinds`` has the first byte of each, ``starts`` and ``ends`` where it lies.

    Every method raises `SourceError` where a message ends too early or holds what it must not.
    """

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self._joined = b"".join([*payloads, _PADDING])
        self._data: Bytes = np.frombuffer(self._joined, np.uint8)
        lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
        self.ends: Integers = np.cumsum(lengths)
        self.starts: Integers = self.ends - lengths
        if not lengths.all():
            raise malformed("a message is empty")
        self.kinds: Bytes = self._data[self.starts]

    def integers(self, rows: Integers, at: Integers | int, kind: str) -> Integers:
        """Big-endian integers, such as kind ``>u4``, of the messages `rows`, `at` bytes after their starts."""
        return self._read(self.starts[rows] + at, self.ends[rows], kind)

    def payload(self, row: int) -> bytes:
        """One message."""
        return self._joined[self.starts[row] : self.ends[row]]

    def tuples(self, rows: Integers, at: Integers, columns: int) -> tuple[list[Values], Integers]:
        """The TupleData of the messages `rows`, `at` bytes after their starts: its columns, and where it ends likewise."""
        starts, ends = self.starts[rows], self.ends[rows]
        at = starts + at
        if (self._read(at, ends, ">u2") != columns).any():
            raise malformed("a row has another number of columns than its relation")
        at, found = at + 2, []
        for _ in range(columns):
            kinds = self._read(at, ends, "u1")
            if not _VALUES[kinds].all():
                raise malformed("a value is neither text, NULL nor unchanged")
            sent = kinds == TEXT
            at = at + 1
            if sent.all():
                sizes, at = self._read(at, ends, ">u4"), at + 4
            else:
                # A value without text has no length: what stands there instead is read and not used.
                sizes, at = np.where(sent, self._at(at, ">u4"), 0), at + 4 * sent
            found.append(Values(kinds.astype(np.uint8), at, sizes))
            at = at + sizes
            if (at > ends).any():
                raise malformed("a value is longer than its message")
        return found, at - starts

    def texts(self, values: Values) -> pa.StringArray:
        """The texts of a column whose rows are in message order; null where none was sent.

        Raises `UnicodeError` where one is not UTF-8, which a server does not send unless its encoding is SQL_ASCII.
        """
        count = len(values.kinds)
        # One Arrow array over the whole memory, in which every second element is a value and the others lie between.
        offsets = np.zeros(2 * count + 1, np.int64)
        offsets[1::2], offsets[2::2] = values.starts, values.starts + values.sizes
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._joined)]
        whole = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2 * count, buffers)
        try:
            texts = whole.take(pa.array(np.arange(1, 2 * count, 2))).cast(pa.string())
        except pa.ArrowInvalid:
            raise UnicodeError("a text is not UTF-8") from None
        sent = values.kinds == TEXT
        if sent.all():
            return texts
        valid = pa.py_buffer(np.packbits(sent, bitorder="little"))
        return pa.StringArray.from_buffers(count, *texts.buffers()[1:], valid)

    def _read(self, at: Integers, ends: Integers, kind: str) -> Integers:
        if (at + np.dtype(kind).itemsize > ends).any():
            raise malformed("a message ends too early")
        return self._at(at, kind)

    def _at(self, at: Integers, kind: str) -> Integers:
        """Integers that begin at any byte of the memory."""
        view = np.ndarray((len(self._data) - np.dtype(kind).itemsize + 1,), kind, self._data, strides=(1,))
        read: Integers = view[at].astype(np.int64)
        return read
