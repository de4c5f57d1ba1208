"""Parquet files whose row groups are put together: columns that are encoded here beside others copied as another file has them.

To read and write them would decode and encode again what is the same in the end, and that is most of the work. The pages of a
column tell nothing of their file: the footer says where they stand. Ours is that of an empty file with the row groups put in.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.formats.hudi import thrift
from lakewright.formats.hudi.footer import TAIL, SealedFile
from lakewright.formats.hudi.thrift import BINARY, I16, I64, LIST, STRUCT, Struct
from lakewright.storage.reading import StoredFile

_MAGIC = b"PAR1"

# The fields of the footer's structs, by parquet.thrift.
_FILE_SCHEMA, _FILE_ROWS, _FILE_GROUPS = 2, 3, 4
_ELEMENT_NAME, _ELEMENT_CHILDREN = 4, 5
_GROUP_CHUNKS, _GROUP_BYTES, _GROUP_ROWS, _GROUP_OFFSET, _GROUP_COMPRESSED, _GROUP_ORDINAL = 1, 2, 3, 5, 6, 7
_CHUNK_OFFSET, _CHUNK_META = 2, 3
_META_ENCODINGS, _META_PATH, _META_BYTES, _META_COMPRESSED, _META_DATA, _META_DICTIONARY = 2, 3, 6, 7, 9, 11
_META_ELSEWHERE = (10, 14, 15)
"""Where an index and a Bloom filter stand, which are not copied."""
_META_VALUES, _META_STATISTICS = 5, 12
_GREATEST, _LEAST = 5, 6
_PAGE_KIND, _PAGE_BYTES, _PAGE_COMPRESSED, _PAGE_CRC = 1, 2, 3, 4
_PAGE_KINDS = {0: 5, 2: 7, 3: 8}
"""For each kind of page, of data, a dictionary or data of version 2, the field of its head that tells of it."""
_PAGE_VALUES, _PAGE_ENCODINGS = 1, {5: (2, 3, 4), 8: (4,)}
"""Fields of the heads of data pages, of either version."""
_DICTIONARIES = {2, 8}
"""The encodings PLAIN_DICTIONARY and RLE_DICTIONARY."""


class Chunk(NamedTuple):
    """One column of a row group: what the footer says of it, its pages, and where these begin."""

    meta: Struct
    pages: memoryview
    offset: int


_Page = tuple[Struct, memoryview]
"""The head of a page, and its body."""


class Part(NamedTuple):
    """Columns of a row group of so many rows, as they are encoded."""

    chunks: dict[str, Chunk]
    rows: int


class Encoded:
    """The columns of a Parquet file as they are encoded; not those within others. Read from several threads if `file` may be.

    ``elements`` describe how each column's values are to be understood. Raises ValueError or IndexError where it is none, and
    where the footer says that a column stands beyond the file.
    """

    def __init__(self, file: StoredFile | pa.BufferReader, size: int) -> None:
        self._file, self._end = file, size - TAIL
        length = int.from_bytes(self._read(self._end, 4), "little")
        footer = thrift.decode(self._read(self._end - length, length))
        self.elements = _elements(footer)
        self._groups: list[Struct] = footer[_FILE_GROUPS][1][1]

    def chunks(self, group: int, names: Collection[str]) -> dict[str, Chunk]:
        """Some columns of a row group, read in one go."""
        found = {path: (meta, *self._extent(path, meta)) for path, meta in self._columns(group) if path in names}
        if not found:
            return {}
        start, end = min(begin for _, begin, _ in found.values()), max(end for _, _, end in found.values())
        data = memoryview(self._read(start, end - start))
        return {name: Chunk(meta, data[begin - start : end - start], begin) for name, (meta, begin, end) in found.items()}

    def extent(self, group: int) -> tuple[int, int]:
        """Where the row group begins, and its bytes."""
        begin, end = sys.maxsize, 0
        for path, meta in self._columns(group):
            first, last = self._extent(path, meta)
            begin, end = min(begin, first), max(end, last)
        return begin, end - begin

    def by_dictionary(self, group: int) -> list[str]:
        """The columns of a row group whose values, or some of them, go by a dictionary."""
        return [path for path, meta in self._columns(group) if _DICTIONARIES.intersection(meta[_META_ENCODINGS][1][1])]

    def bounds(self, group: int, name: str) -> tuple[bytes, bytes] | None:
        """The least and the greatest value of a column of texts in a row group, or None where its statistics lack them."""
        meta = dict(self._columns(group))[name]
        kind, said = meta.get(_META_STATISTICS, (STRUCT, {}))
        if kind != STRUCT or not said.keys() >= {_LEAST, _GREATEST}:
            return None
        (least, low), (greatest, high) = said[_LEAST], said[_GREATEST]
        if (least, greatest) != (BINARY, BINARY):
            raise ValueError(f"the statistics of column {name} are no texts")
        return low, high

    def _columns(self, group: int) -> Iterator[tuple[str, Struct]]:
        """The path of each column of a row group, and what the footer says of it."""
        for chunk in self._groups[group][_GROUP_CHUNKS][1][1]:
            meta: Struct = chunk[_CHUNK_META][1]
            yield b".".join(meta[_META_PATH][1][1]).decode(), meta

    def _extent(self, path: str, meta: Struct) -> tuple[int, int]:
        """Where a column's pages begin and end. Old writers say 0 of a dictionary that there is not."""
        begin = min(filter(None, (thrift.integer(meta, field) for field in (_META_DATA, _META_DICTIONARY) if field in meta)))
        end = begin + thrift.integer(meta, _META_COMPRESSED)
        if not 0 <= begin <= end <= self._end:
            raise ValueError(f"the footer says that column {path} stands beyond the file")
        return begin, end

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


class SplicedWriter:
    """Writes a Parquet file with these columns; `settings` are those of pyarrow's writer, for the columns that are encoded."""

    def __init__(self, file: BinaryIO | SealedFile, schema: pa.Schema, settings: Mapping[str, Any]) -> None:
        self._file, self._schema, self._settings = file, schema, settings
        self._metadata: dict[str, str] = {}
        self._groups: list[Struct] = []
        self._rows = 0
        file.write(_MAGIC)

    def write(self, group: Part) -> None:
        """Add a row group of all columns."""
        found, start, columns = group.chunks, self._file.tell(), []
        for name in self._schema.names:
            columns.append(_moved(found[name], self._file.tell()))
            self._file.write(found[name].pages)
        sizes = {field: sum(chunk.meta[field][1] for chunk in found.values()) for field in (_META_BYTES, _META_COMPRESSED)}
        self._groups.append(
            {
                _GROUP_CHUNKS: (LIST, (STRUCT, columns)),
                _GROUP_BYTES: (I64, sizes[_META_BYTES]),
                _GROUP_ROWS: (I64, group.rows),
                _GROUP_OFFSET: (I64, start),
                _GROUP_COMPRESSED: (I64, sizes[_META_COMPRESSED]),
                _GROUP_ORDINAL: (I16, len(self._groups)),
            }
        )
        self._rows += group.rows

    def add_key_value_metadata(self, metadata: Mapping[str, str]) -> None:
        """What the footer is to say besides."""
        self._metadata |= metadata

    def close(self) -> None:
        """Write the footer."""
        file, size = _written(self._schema, None, self._settings, self._metadata)
        data = file.read(size)
        footer = thrift.decode(data[-TAIL - int.from_bytes(data[-TAIL:-4], "little") : -TAIL])
        footer |= {_FILE_ROWS: (I64, self._rows), _FILE_GROUPS: (LIST, (STRUCT, self._groups))}
        text = thrift.encode(footer)
        self._file.write(text + len(text).to_bytes(4, "little") + _MAGIC)


def encoded(rows: pa.Table, options: Mapping[str, Any]) -> Part:
    """Columns of a row group, as pyarrow's writer encodes them with these options."""
    made = Encoded(*_written(rows.schema, rows, options))
    return Part(made.chunks(0, rows.column_names), rows.num_rows)


def may_copy(chunk: Chunk, rows: int) -> bool:
    """Whether each page of a column has a checksum, and its heads, which none covers, agree with the footer and `rows`.

    Java's writer gives none to pages of version 2. Who decodes the column finds out what is wrong. Raises as `require_sound`.
    """
    pages = list(_pages(chunk.pages))
    return all(_PAGE_CRC in head for head, _ in pages) and _heads_agree(chunk, pages, rows)


def require_agreeing(name: str, chunk: Chunk, rows: int) -> None:
    """Raise as `require_sound`, where a page has a checksum, and where the heads do not agree with the footer and `rows`."""
    pages = list(_pages(chunk.pages))
    if not _heads_agree(chunk, pages, rows):
        raise ValueError(f"the pages of column {name} are not those that the footer names")
    _require_sound(name, (page for page in pages if _PAGE_CRC in page[0]))


def require_sound(name: str, pages: memoryview) -> None:
    """Raise ValueError or IndexError where a page of a column is not what its checksum says: who copies it does not decode it."""
    _require_sound(name, _pages(pages))


def _heads_agree(chunk: Chunk, pages: Iterable[_Page], rows: int) -> bool:
    """Whether the heads of a column's pages agree with what the footer says of it, and with `rows`."""
    known = set(chunk.meta[_META_ENCODINGS][1][1])
    values, unpacked = 0, len(chunk.pages)
    for head, body in pages:
        unpacked += thrift.integer(head, _PAGE_BYTES) - len(body)
        if _PAGE_KINDS.get(thrift.integer(head, _PAGE_KIND)) not in head:
            return False
        data = [(head[field], encodings) for field, encodings in _PAGE_ENCODINGS.items() if field in head]
        for (kind, inner), encodings in data:
            if kind != STRUCT or not known.issuperset(thrift.integer(inner, field) for field in encodings):
                return False
            values += thrift.integer(inner, _PAGE_VALUES)
    said = thrift.integer(chunk.meta, _META_VALUES), thrift.integer(chunk.meta, _META_BYTES)
    return (values, unpacked) == said and values == rows


def _require_sound(name: str, pages: Iterable[_Page]) -> None:
    for head, body in pages:
        if zlib.crc32(body) != thrift.integer(head, _PAGE_CRC) & 0xFFFF_FFFF:
            raise ValueError(f"a page of column {name} is not what its checksum says")


def _pages(pages: memoryview) -> Iterator[_Page]:
    """The head and the body of each page of a column."""
    at = 0
    while at < len(pages):
        head, size = thrift.decode_head(pages[at:])
        start = at + size
        at = start + thrift.integer(head, _PAGE_COMPRESSED)
        if not start <= at <= len(pages):
            raise ValueError("a page is longer than its column")
        yield head, pages[start:at]


def elements(schema: pa.Schema) -> dict[str, Struct]:
    """`Encoded.elements` of files that pyarrow writes with these columns."""
    return Encoded(*_written(schema, None, {})).elements


def _written(
    schema: pa.Schema, rows: pa.Table | None, options: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> tuple[pa.BufferReader, int]:
    """A file of `rows`, as one row group, or of none, and its size."""
    out = pa.BufferOutputStream()
    with pq.ParquetWriter(out, schema, **options) as writer:
        if rows is not None:
            writer.write_table(rows, row_group_size=rows.num_rows)
        writer.add_key_value_metadata(metadata or {})
    data = out.getvalue()
    return pa.BufferReader(data), data.size


def _elements(footer: Struct) -> dict[str, Struct]:
    """What the schema says of each column, those within others left out. It lists all in depth: each, then its children."""
    listed: list[Struct] = footer[_FILE_SCHEMA][1][1]

    def skipped(place: int) -> int:
        """The place behind an element and all that is in it."""
        inner = listed[place].get(_ELEMENT_CHILDREN, (0, 0))[1]
        place += 1
        for _ in range(inner):
            place = skipped(place)
        return place

    found, place = {}, 1
    while place < len(listed):
        if _ELEMENT_CHILDREN not in listed[place]:
            found[listed[place][_ELEMENT_NAME][1].decode()] = listed[place]
        place = skipped(place)
    return found


def _moved(chunk: Chunk, offset: int) -> Struct:
    """What the footer says of a column whose pages begin at `offset`."""
    meta = {field: held for field, held in chunk.meta.items() if field not in _META_ELSEWHERE}
    for field in (_META_DATA, _META_DICTIONARY):
        _, before = meta.pop(field, (I64, 0))
        if before:
            meta[field] = I64, before + offset - chunk.offset
    return {_CHUNK_OFFSET: (I64, 0), _CHUNK_META: (STRUCT, meta)}
