"""Log files: blocks of rows in Avro, of deleted keys, and of commands, as Hudi's ``HoodieLogFormatWriter`` writes them."""

from __future__ import annotations

import io
import itertools
import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakewright.errors import FormatError
from lakewright.formats.hudi import avro_rows

COMMAND, DELETE, AVRO_DATA, PARQUET_DATA = 0, 1, 3, 5
"""Kinds of block."""
INSTANT, TARGET, SCHEMA = 0, 1, 2
"""Keys of a block's header: the instant that wrote it, the instant that a rollback undoes, the Avro schema of its rows."""

_MAGIC = b"#HUDI#"
_FORMAT_VERSION, _CONTENT_VERSION = 1, 3
_ALWAYS = b"\x04\x00"
"""The ordering value of a delete that counts in any case: the wrapper of an int, and 0. Spark refuses a null."""

_WRAPPED = ("boolean", "int", "long", "float", "double", "bytes", "string")
_DELETES = fastavro.parse_schema(
    {
        "type": "record",
        "name": "HoodieDeleteRecordList",
        "fields": [
            {
                "name": "deleteRecordList",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "HoodieDeleteRecord",
                        "fields": [
                            {"name": "recordKey", "type": ["null", "string"]},
                            {"name": "partitionPath", "type": ["null", "string"]},
                            {
                                "name": "orderingVal",
                                "type": [
                                    "null",
                                    *(
                                        {
                                            "type": "record",
                                            "name": f"{kind.capitalize()}Wrapper",
                                            "fields": [{"name": "value", "type": kind}],
                                        }
                                        for kind in _WRAPPED
                                    ),
                                    *(
                                        {
                                            "type": "record",
                                            "name": f"{name}Wrapper",
                                            "fields": [{"name": "value", "type": {"type": kind, "logicalType": logical}}],
                                        }
                                        for name, kind, logical in (
                                            ("Date", "int", "date"),
                                            ("Decimal", "bytes", "not-decoded"),
                                            ("TimeMicros", "long", "time-micros"),
                                            ("TimestampMicros", "long", "timestamp-micros"),
                                        )
                                    ),
                                ],
                            },
                        ],
                    },
                },
            }
        ],
    }
)


class Block(NamedTuple):
    """A block of a log file."""

    kind: int
    header: dict[int, str]
    content: bytes


def encode(kind: int, header: dict[int, str], content: bytes) -> bytes:
    """A block's bytes."""
    texts = b"".join(struct.pack(">ii", key, len(data)) + data for key, data in ((k, t.encode()) for k, t in header.items()))
    body = struct.pack(">iii", _FORMAT_VERSION, kind, len(header)) + texts + struct.pack(">q", len(content)) + content
    size = len(body) + 12
    return _MAGIC + struct.pack(">q", size) + body + struct.pack(">iq", 0, size + len(_MAGIC))


def decode(data: bytes, where: str, *, whole: bool = False) -> Iterator[Block]:
    """The blocks of a log file; a last one that was not written to its end is left out, as by every engine.

    Raises `FormatError` LW-405 for one that is damaged, and for that last one too if the file has to be `whole`.
    """
    at = 0
    while at < len(data):
        start = at + len(_MAGIC) + 8
        size = struct.unpack_from(">q", data, at + len(_MAGIC))[0] if start <= len(data) else 0
        if not _MAGIC.startswith(data[at : at + len(_MAGIC)]) or size < 0:
            raise damaged(where, f"there is no block at byte {at}")
        end = start + size
        if end > len(data):
            if whole:
                raise damaged(where, "it ends within a block")
            return
        try:
            yield _block(data, start, end, size)
        except (ValueError, struct.error) as error:
            raise damaged(where, f"the block at byte {at} is none ({error})") from error
        at = end


def damaged(where: str, why: str) -> FormatError:
    """The error of a log file whose content is not what a writer left."""
    return FormatError("LW-405", f"{where} is damaged: {why}", hint="restore the file from a backup")


def head(data: bytes) -> tuple[int, dict[int, str]] | None:
    """Kind and header of the first block in the beginning of a log file; None where that is too short, or no block."""
    try:
        if data[: len(_MAGIC)] != _MAGIC:
            return None
        return _head(data, len(_MAGIC) + 8, len(data))[:2]
    except (ValueError, struct.error):
        return None


def _head(data: bytes, at: int, end: int) -> tuple[int, dict[int, str], int]:
    version, kind, count = struct.unpack_from(">iii", data, at)
    if version != _FORMAT_VERSION:
        raise ValueError(f"version {version}")
    at += 12
    header: dict[int, str] = {}
    for _ in range(count):
        key, length = struct.unpack_from(">ii", data, at)
        at += 8
        if not 0 <= length <= end - at:
            raise ValueError("a header of no length")
        header[key] = data[at : at + length].decode()
        at += length
    return kind, header, at


def _block(data: bytes, at: int, end: int, size: int) -> Block:
    kind, header, at = _head(data, at, end)
    (length,) = struct.unpack_from(">q", data, at)
    at += 8
    (pointer,) = struct.unpack_from(">q", data, end - 8)
    if not 0 <= length <= end - at - 12 or pointer != size + len(_MAGIC):
        raise ValueError("its lengths do not fit")
    return Block(kind, header, data[at : at + length])


# ---- rows ------------------------------------------------------------------------------------------------------------------


def rows_content(encoded: pa.BinaryArray) -> bytes:
    """The content of a data block with these rows, meta columns included, which `avro_rows.encode` gave."""
    _, offsets, data = encoded.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[encoded.offset, encoded.offset + len(encoded)]].tolist()
    return struct.pack(">ii", _CONTENT_VERSION, len(encoded)) + (data.slice(first, last - first).to_pybytes() if data else b"")


def rows_of(blocks: Sequence[tuple[Block, str]], columns: Sequence[str]) -> list[pa.Table]:
    """Of each data block, given with its file's name, those of `columns` that it has; raises `FormatError` LW-405.

    Those that were written under one schema, one after the other, are decoded together.
    """
    found: list[pa.Table] = []
    for _, run in itertools.groupby(blocks, key=lambda each: each[0].header.get(SCHEMA)):
        same = list(run)
        try:
            found += _rows_of([block for block, _ in same], columns)
        except _NO_BLOCK as error:
            if len(same) == 1:
                raise damaged(same[0][1], f"a data block is none ({error})") from error
            for one in same:  # one of them is damaged: which
                found += rows_of([one], columns)
    return found


_NO_BLOCK = (ValueError, KeyError, TypeError, struct.error, pa.ArrowException)


def _rows_of(blocks: Sequence[Block], columns: Sequence[str]) -> list[pa.Table]:
    """The rows of data blocks of one schema."""
    starts: list[int] = []
    counts, offset = [], 0
    data = blocks[0].content if len(blocks) == 1 else b"".join(block.content for block in blocks)
    for block in blocks:
        counts.append(_find_rows(data, offset, offset + len(block.content), starts))
        offset += len(block.content)
    begin = np.array(starts, np.int64)
    lengths = np.frombuffer(data, np.uint8)[begin[:, None] + np.arange(-4, 0)].copy().view(">i4")[:, 0].astype(np.int64)
    rows = avro_rows.decode(data, begin, begin + lengths, blocks[0].header[SCHEMA], columns)
    ends = np.cumsum(counts).tolist()
    return [rows.slice(end - count, count) for end, count in zip(ends, counts, strict=True)]


def _find_rows(data: bytes, at: int, end: int, starts: list[int]) -> int:
    """Add to `starts` where the rows of the data block between `at` and `end` stand, each behind its length; return how many."""
    version, count = struct.unpack_from(">ii", data, at)
    if version != _CONTENT_VERSION or not 0 <= count <= end - at:
        raise ValueError(f"version {version}, {count} rows")
    at += 8
    length_at, add = struct.Struct(">i").unpack_from, starts.append
    for _ in range(count):
        (length,) = length_at(data, at)
        at += 4
        add(at)
        at += length
        if length < 0 or at > end:
            raise ValueError("a row of no length")
    if at != end:
        raise ValueError("its rows do not fill it")
    return int(count)


def parquet_rows_of(block: Block, where: str) -> pa.Table:
    """The rows of a data block that is a Parquet file; raises `FormatError` LW-405."""
    try:
        return pq.read_table(pa.BufferReader(block.content))
    except (pa.ArrowException, OSError) as error:
        raise damaged(where, f"a data block is none ({str(error).partition(chr(10))[0]})") from error


# ---- deleted keys ----------------------------------------------------------------------------------------------------------


def deletes_content(record_keys: pa.Array, partition: str) -> bytes:
    """The content of a delete block that removes these keys, whatever the order of changes."""
    keys = record_keys.cast(pa.binary())
    nothing = np.zeros(len(keys), np.bool_)
    lengths = avro_rows.varints(pc.binary_length(keys).to_numpy().astype(np.int64), nothing)
    path = partition.encode()
    rest = bytes([2]) + _number(len(path)) + path + _ALWAYS
    items = pc.binary_join_element_wise(lengths, keys, pa.scalar(rest), b"")
    body = (_number(len(keys)) + items.buffers()[2].to_pybytes() if len(keys) else b"") + b"\x00"
    return struct.pack(">ii", _CONTENT_VERSION, len(body)) + body


def deletes_of(block: Block, where: str) -> tuple[pa.Array, list[Any]]:
    """The keys that a delete block removes, each with its ordering value; None for one that counts in any case.

    Raises `FormatError` LW-405.
    """
    try:
        version, length = struct.unpack_from(">ii", block.content)
        if version != _CONTENT_VERSION or length != len(block.content) - 8:
            raise ValueError(f"version {version}")
        found: Any = fastavro.schemaless_reader(io.BytesIO(block.content[8:]), _DELETES, None)
        records = found["deleteRecordList"]
        wrapped = [record["orderingVal"] for record in records]
        ordering = [None if value is None or value["value"] == 0 else value["value"] for value in wrapped]
        return pa.array([record["recordKey"] for record in records], pa.string()), ordering
    except Exception as error:  # fastavro raises what its decoder stumbles over: struct, key, index and value errors
        raise damaged(where, f"a delete block is none ({error})") from error


def _number(value: int) -> bytes:
    """A number that is not negative, as Avro writes it."""
    rest, data = value << 1, b""
    while rest >= 0x80:
        data += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return data + bytes([rest])


def record_content(avro: dict[str, Any], records: Sequence[dict[str, Any]]) -> bytes:
    """The content of a data block with records of any schema."""
    parsed = fastavro.parse_schema(avro)
    content = struct.pack(">ii", _CONTENT_VERSION, len(records))
    for record in records:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, record)
        content += struct.pack(">i", buffer.tell()) + buffer.getvalue()
    return content


def records_of(block: Block) -> Iterator[dict[str, Any]]:
    """The records of a data block of any schema; raises what fastavro stumbles over."""
    parsed = fastavro.parse_schema(json.loads(block.header[SCHEMA]))
    (count,) = struct.unpack_from(">i", block.content, 4)
    at = 8
    for _ in range(count):
        (length,) = struct.unpack_from(">i", block.content, at)
        record = fastavro.schemaless_reader(io.BytesIO(block.content[at + 4 : at + 4 + length]), parsed, None)
        assert isinstance(record, dict)
        yield record
        at += 4 + length
