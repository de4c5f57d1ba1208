"""Thrift's compact protocol, as far as the footers of Parquet files have it: bytes to values and back.

A struct is a dict from field number to (type, value), and a list is (type of its items, items).
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, _, BINARY, LIST, SET, _, STRUCT = range(1, 13)
"""Types, by the numbers that stand in the bytes."""
_INTEGERS = (I16, I32, I64)
_LONG_LIST = 15
_DEEPEST = 16
"""Structs and lists within each other: Parquet has about ten."""
_BITS = 64

Struct = dict[int, tuple[int, Any]]


def decode(data: bytes | memoryview) -> Struct:
    """The struct that the bytes begin with; raises ValueError for what Parquet has not, IndexError where they end too early."""
    return _Reader(data).struct()


def decode_head(data: bytes | memoryview) -> tuple[Struct, int]:
    """The same, and how many bytes it takes."""
    reader = _Reader(data)
    return reader.struct(), reader.at


def integer(struct: Struct, field: int) -> int:
    """An integer of a struct; raises ValueError where it has none there."""
    kind, value = struct.get(field, (STRUCT, None))
    if kind not in _INTEGERS:
        raise ValueError(f"field {field} is no integer")
    return int(value)


def encode(struct: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    _write(out, STRUCT, struct)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self.at = data, 0
        self._depth = 0

    def struct(self) -> Struct:
        found: Struct = {}
        field = 0
        while head := self._byte():
            kind = head & 15
            field = field + (head >> 4) if head >> 4 else self._integer()
            found[field] = kind, self._value(kind)
        return found

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self._byte()
        if kind in _INTEGERS:
            return self._integer()
        if kind == BINARY:
            size = self._varint()
            self.at += size
            return bytes(self._data[self.at - size : self.at])
        if kind in (LIST, SET, STRUCT):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise ValueError("no footer is so deep")
            held = self.struct() if kind == STRUCT else self._list()
            self._depth -= 1
            return held
        raise ValueError(f"no footer has the type {kind}")

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        count = self._varint() if head >> 4 == _LONG_LIST else head >> 4
        if head & 15 in (TRUE, FALSE):
            raise ValueError("no footer has a list of booleans")
        return head & 15, [self._value(head & 15) for _ in range(count)]

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > _BITS:
                raise ValueError("no footer has so long a number")

    def _integer(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)


def _write(out: bytearray, kind: int, value: Any) -> None:
    if kind == BYTE:
        out.append(value)
    elif kind in _INTEGERS:
        _write_varint(out, value << 1 if value >= 0 else ~value << 1 | 1)
    elif kind == BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind in (LIST, SET):
        item, items = value
        out.append(min(len(items), _LONG_LIST) << 4 | item)
        if len(items) >= _LONG_LIST:
            _write_varint(out, len(items))
        for each in items:
            _write(out, item, each)
    elif kind == STRUCT:
        before = 0
        for field, (inner, held) in sorted(value.items()):
            head = (TRUE if held else FALSE) if inner in (TRUE, FALSE) else inner
            if 0 < field - before < 16:
                out.append(field - before << 4 | head)
            else:
                out.append(head)
                _write(out, I16, field)
            _write(out, inner, held)
            before = field
        out.append(0)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
