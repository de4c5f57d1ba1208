"""Rows in Avro's binary encoding, made of Arrow's columns and back, a whole column at once.

A row is its fields one after the other. To encode, each column becomes an array of bytes, and the arrays are joined row by row.
To decode, all rows are walked together, field by field, each at its own place. Fields are what Hudi writes for lake types: plain
values, or unions of one and null.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import schema
from lakewright.formats.hudi.arrays import Numbers
from lakewright.model import types

Bytes = npt.NDArray[np.uint8]

_NULL, _VALUE = 0x00, 0x02
"""The branches of ``["null", value]``."""
_MOST_VARINT = 10


def encode(rows: pa.Table) -> pa.BinaryArray:
    """Each row behind its length in four bytes, under the schema that `schema.avro_schema` gives for its columns: nullable-first
    unions.
    """
    parts: list[pa.Array] = []
    for column in rows.combine_chunks().columns:
        parts += _encoded(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))
    lengths = sum(pc.binary_length(part).to_numpy() for part in parts).astype(">i4").view(np.uint8)
    return pc.binary_join_element_wise(binary(lengths, 4 * np.arange(1, rows.num_rows + 1)), *parts, b"")


def _encoded(column: pa.Array) -> list[pa.Array]:
    """A column as arrays of bytes whose row-wise join is its field."""
    kind, is_null = column.type, column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        values = pc.fill_null(column.cast(pa.binary()), b"")
        return [varints(pc.binary_length(values).to_numpy().astype(np.int64), is_null), values]
    if pa.types.is_boolean(kind):
        return [_joined(_narrow(pc.fill_null(column, False).cast(pa.uint8())).view(np.uint8).reshape(-1, 1), is_null)]
    if pa.types.is_floating(kind):
        return [_joined(_narrow(pc.fill_null(column, 0.0)).view(np.uint8).reshape(len(column), -1), is_null)]
    if pa.types.is_decimal(kind):
        width = types.decimal_bytes(kind.precision)
        plain = pa.concat_arrays([column])  # without an offset
        little = np.frombuffer(plain.buffers()[1], np.uint8)[: 16 * len(column)].reshape(-1, 16)
        return [_joined(little[:, :width][:, ::-1], is_null)]
    whole = column.cast(pa.int32()) if pa.types.is_date32(kind) else column
    return [varints(_narrow(pc.fill_null(whole.cast(pa.int64()), 0)), is_null)]


def _narrow(column: pa.Array) -> Any:
    return np.ascontiguousarray(column.to_numpy(zero_copy_only=False))


def varints(values: Numbers, is_null: npt.NDArray[np.bool_]) -> pa.BinaryArray:
    """The branch and the zigzag number of each value."""
    rest = ((values << 1) ^ (values >> 63)).view(np.uint64)
    columns, kept = [], []
    for index in range(_MOST_VARINT):
        more = rest >> np.uint64(7)
        columns.append(((rest & np.uint64(0x7F)) | np.where(more > 0, np.uint64(0x80), np.uint64(0))).astype(np.uint8))
        kept.append((rest > 0) if index else np.ones(len(values), np.bool_))
        rest = more
        if not rest.any():
            break
    return _joined(np.stack(columns, 1), is_null, np.stack(kept, 1))


def _joined(matrix: Bytes, is_null: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_] | None = None) -> pa.BinaryArray:
    """The branch and, where the value is not null, the bytes of its line that are `kept` (default: all)."""
    branch = np.where(is_null, _NULL, _VALUE).astype(np.uint8)
    stays = np.broadcast_to(~is_null[:, None], matrix.shape) if kept is None else kept & ~is_null[:, None]
    lines = np.concatenate([branch[:, None], matrix], 1)
    stays = np.concatenate([np.ones((len(branch), 1), np.bool_), stays], 1)
    ends = np.cumsum(stays.sum(1), dtype=np.int64)
    return binary(lines[stays], ends)


def binary(data: Bytes, ends: Numbers) -> pa.Array:
    """An array of bytes whose values stand one behind the other in `data` and end at `ends`."""
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


class _Field(NamedTuple):
    """A field of a row: ``kind`` is a lake type, ``null`` the number of the union's null branch; None for a plain value."""

    name: str
    kind: str
    null: int | None


def _fields(avro: str) -> list[_Field]:
    found = []
    for field in json.loads(avro)["fields"]:
        union = field["type"] if isinstance(field["type"], list) else None
        null = union.index("null") if union and "null" in union else None
        if union is not None and (null is None or len(union) != 2):
            raise ValueError(f"field {field['name']} is a union of other than a value and null")
        kind = schema.lake_type_of(field["type"])
        whole = union[1 - null] if union and null is not None else field["type"]
        if types.decimal_parts(kind) and whole["type"] != "fixed":
            raise ValueError(f"field {field['name']} is a decimal of varying length")
        found.append(_Field(field["name"], kind, null))
    return found


def decode(data: bytes | memoryview, starts: Numbers, ends: Numbers, avro: str, columns: Sequence[str]) -> pa.Table:
    """The rows of `data` that stand between `starts` and `ends`, written under the schema `avro`; those of `columns` it has.

    Raises ValueError, KeyError or TypeError for bytes or a schema that are none.
    """
    rows = _Rows(np.frombuffer(data, np.uint8), starts.copy(), ends)
    found = {field.name: rows.take(field, field.name in columns) for field in _fields(avro)}
    if (rows.at != ends).any():
        raise ValueError("a row has more bytes than its fields take")
    return pa.table({name: column for name in columns if (column := found.get(name)) is not None})


class _Rows:
    """Rows that are walked together; ``at`` is where each of them stands."""

    def __init__(self, data: Bytes, at: Numbers, ends: Numbers) -> None:
        self._data, self.at, self._ends = data, at, ends

    def take(self, field: _Field, wanted: bool) -> pa.Array | None:
        """The field's value in each row; all pass it. None unless it is wanted."""
        count = len(self.at)
        is_null = np.zeros(count, np.bool_)
        if field.null is not None:
            branch = self._varint(np.arange(count))
            if ((branch != 0) & (branch != 1)).any():
                raise ValueError(f"field {field.name} is of a branch that there is not")
            is_null = branch == field.null
        return self._value(field.kind, is_null, np.flatnonzero(~is_null), wanted)

    def _value(self, kind: str, is_null: npt.NDArray[np.bool_], of: Numbers, wanted: bool) -> pa.Array | None:
        arrow, parts = types.to_arrow(kind), types.decimal_parts(kind)
        if kind in (types.STRING, types.BINARY):
            return self._bytes(arrow, is_null, of, wanted)
        if parts:
            big = self._fixed(of, types.decimal_bytes(parts[0]))
            return _decimals(arrow, is_null, of, big) if wanted else None
        if kind in (types.FLOAT, types.DOUBLE, types.BOOLEAN):
            width = {types.FLOAT: 4, types.DOUBLE: 8, types.BOOLEAN: 1}[kind]
            found: Any = self._fixed(of, width)
            if not wanted:
                return None
            stored = np.dtype({types.FLOAT: "<f4", types.DOUBLE: "<f8", types.BOOLEAN: "?"}[kind])
            numbers = np.zeros(len(is_null), stored)
            numbers[of] = found.view(stored)[:, 0]
            return pa.array(numbers, mask=is_null)
        whole = np.zeros(len(is_null), np.int64)
        whole[of] = self._varint(of)
        if not wanted:
            return None
        return pa.array(whole, mask=is_null).cast(pa.int32() if kind == types.DATE else arrow).cast(arrow)

    def _varint(self, of: Numbers) -> Numbers:
        """The zigzag number at which each of the rows `of` stands."""
        found, active = np.zeros(len(of), np.uint64), np.arange(len(of))
        for index in range(_MOST_VARINT):
            rows = of[active]
            if (self.at[rows] >= self._ends[rows]).any():
                raise ValueError("a row ends within a number")
            byte = self._data[self.at[rows]]
            self.at[rows] += 1
            found[active] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * index)
            active = active[byte >= 0x80]
            if not len(active):
                return (found >> np.uint64(1)).view(np.int64) ^ -(found & np.uint64(1)).view(np.int64)
        raise ValueError("a number has too many bytes")

    def _skip(self, of: Numbers, lengths: Any) -> Numbers:
        """Let the rows `of` pass so many bytes; return where they stood."""
        start = self.at[of]
        if np.any(np.asarray(lengths) < 0) or (lengths > self._ends[of] - start).any():
            raise ValueError("a row ends within a value")
        self.at[of] = start + lengths
        return start

    def _fixed(self, of: Numbers, width: int) -> Bytes:
        return np.ascontiguousarray(self._data[self._skip(of, width)[:, None] + np.arange(width)])

    def _bytes(self, arrow: pa.DataType, is_null: npt.NDArray[np.bool_], of: Numbers, wanted: bool) -> pa.Array | None:
        lengths = self._varint(of)
        start = self._skip(of, lengths)
        if not wanted:
            return None
        # The data as values and what lies between them, in turn: Arrow takes the values out of it.
        offsets = np.zeros(2 * len(of) + 1, np.int64)
        offsets[1::2], offsets[2::2] = start, start + lengths
        spans = pa.Array.from_buffers(pa.large_binary(), 2 * len(of), [None, pa.py_buffer(offsets), pa.py_buffer(self._data)])
        which = np.zeros(len(is_null), np.int64)
        which[of] = 1 + 2 * np.arange(len(of))
        return spans.take(pa.array(which, mask=is_null)).cast(arrow)


def _decimals(arrow: pa.DataType, is_null: npt.NDArray[np.bool_], of: Numbers, big: Bytes) -> pa.Array:
    little = np.zeros((len(is_null), 16), np.uint8)
    width = big.shape[1]
    little[of, :width] = big[:, ::-1]
    little[of, width:] = np.where(big[:, :1] >= 0x80, 0xFF, 0)
    valid = pa.py_buffer(np.packbits(~is_null, bitorder="little"))
    return pa.Array.from_buffers(arrow, len(is_null), [valid, pa.py_buffer(little)])
