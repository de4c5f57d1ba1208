"""The key index of a base file: which row has a record key, told without reading the others.

It stands in ``.hoodie/.keys`` under the base file's name, where no engine looks, and is made of that file's keys alone. So it may
be lost at any time: who misses it, or finds it damaged, reads the base file, and makes it again.

Its bytes are eight-byte words, little-endian: a head of `_HEAD` words; the first entry of each page of entries; the sum of each
page; then pages of `_PAGE` words. These hold an entry for each row, ascending, with the hash of its key in the upper half and its
number in the lower; then the keys in the order of rows as Arrow keeps text, where each begins and their bytes. Each of the three
begins with a page. A hash finds candidates, and the key itself decides.

The head's checksum covers what precedes the pages, and a page is compared with its sum before it counts. So a lookup reads some
pages for each key, however many rows there are.
"""

from __future__ import annotations

import contextlib
import functools
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import StorageError
from lakewright.formats.hudi import bloom
from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.storage.reading import mapped

LEAST_BYTES = 1 << 20
"""Base files below this size have none: their keys are read as fast."""
_MAGIC = 0x3230_5359_454B_574C  # "LWKEYS02"
_HEAD = 4
"""What it is, the checksum of what follows the first two words before the pages, the rows, the bytes of the base file."""
_PAGE = 128
_LAST = np.uint64(0xFFFF_FFFF)
_MOST_TEXT = (1 << 31) - 1

Words = npt.NDArray[np.uint64]


class Wanted:
    """Keys to look up in the indexes of many files, for which they are prepared once: when the first index is there."""

    def __init__(self, keys: pa.Array) -> None:
        self._given = keys

    @functools.cached_property
    def hashes(self) -> Words:
        """Those of the keys, ascending."""
        return self._hashed[self.numbers]

    @functools.cached_property
    def numbers(self) -> Numbers:
        """For each hash, which of the keys given it is of."""
        return np.argsort(self._hashed, kind="stable")

    @functools.cached_property
    def keys(self) -> pa.Array:
        """The keys in the order of their hashes."""
        return self._given.take(pa.array(self.numbers))

    @functools.cached_property
    def _hashed(self) -> Words:
        return bloom.hash32(pa.chunked_array([self._given])).astype(np.uint64)


class Found(NamedTuple):
    """Of a base file with ``total`` rows: those, ascending, that have one of the keys, and for each the number of that key."""

    total: int
    rows: Numbers
    numbers: Numbers


def find(folder: Folder, file: BaseFile, wanted: Wanted) -> Found | None:
    """The rows of a base file that have one of the keys; None where it has no index, or one that is damaged or another file's."""
    if file.size >= LEAST_BYTES:
        with contextlib.suppress(StorageError, _Damaged):
            return _Index(mapped(folder.store, folder.keys_name(file)), file.size).find(wanted)
    return None


class _Damaged(Exception):
    """The bytes are not those of the index of this file."""


class _Index:
    """An index that was read, or mapped from its file."""

    def __init__(self, data: Any, base_bytes: int) -> None:
        words: Words = np.frombuffer(data, "<u8", len(data) // 8)
        if len(data) % 8 or len(words) < _HEAD or (int(words[0]), int(words[3])) != (_MAGIC, base_bytes):
            raise _Damaged
        self.rows = int(words[2])
        fences = _pages(self.rows)
        pages, rest = divmod(len(words) - _HEAD - fences, _PAGE + 1)
        body = _HEAD + fences + pages
        if pages < fences or rest or int(words[1]) != zlib.crc32(words[2:body].tobytes()):
            raise _Damaged
        self._fences, self._sums = words[_HEAD : _HEAD + fences], words[_HEAD + fences : body]
        self._body = words[body:].reshape(-1, _PAGE)
        self._begins = fences
        self._text = fences + _pages(_begin_words(self.rows))

    def find(self, wanted: Wanted) -> Found:
        """See the function; raises `_Damaged`."""
        hashes = wanted.hashes << np.uint64(32)
        entries = self._entries(hashes)
        left, at = np.arange(len(hashes)), np.searchsorted(entries, hashes)
        rows, numbers = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        while len(left):
            inside = at < len(entries)
            left, at = left[inside], at[inside]
            entry = entries[at]
            same = (entry >> np.uint64(32) == wanted.hashes[left]) & (entry & _LAST < self.rows)
            left, at = left[same], at[same] + 1
            row = (entry[same] & _LAST).astype(np.int64)
            is_it = pc.equal(self._keys(row), wanted.keys.take(pa.array(left))).to_numpy(zero_copy_only=False)
            rows.append(row[is_it])
            numbers.append(wanted.numbers[left[is_it]])
        found, of = np.concatenate(rows), np.concatenate(numbers)
        order = np.argsort(found)
        return Found(self.rows, found[order], of[order])

    def _entries(self, hashes: Words) -> Words:
        """The pages where there may be entries with one of these hashes, one behind the other."""
        first, last = (np.searchsorted(self._fences, each, "right") - 1 for each in (hashes, hashes | _LAST))
        return self._sound(np.maximum(first, 0), last).ravel()

    def _keys(self, rows: Numbers) -> pa.Array:
        """The keys of some rows."""
        self._sound(self._begins + rows // (2 * _PAGE), self._begins + (rows + 1) // (2 * _PAGE))
        begins = self._body[self._begins : self._text].ravel().view(np.uint32)
        first, last = (begins[rows + one].astype(np.int64) for one in (0, 1))
        some = last > first
        self._sound(self._text + first[some] // (8 * _PAGE), self._text + (last[some] - 1) // (8 * _PAGE))
        offsets, text = pa.py_buffer(begins), pa.py_buffer(self._body[self._text :].ravel())
        return pa.StringArray.from_buffers(self.rows, offsets, text).take(pa.array(rows))

    def _sound(self, first: Numbers, last: Numbers) -> Words:
        """The pages from each of `first` to that of `last`, each once; raises `_Damaged` where one is not what its sum says."""
        turns = np.zeros(len(self._body) + 1, np.int64)
        np.add.at(turns, first, 1)
        np.add.at(turns, last + 1, -1)
        pages = np.flatnonzero(turns.cumsum()[:-1] > 0)
        words = self._body[pages]
        if not np.array_equal(words.sum(1), self._sums[pages]):
            raise _Damaged
        return words


def write(folder: Folder, file: BaseFile, record_keys: Sequence[pa.ChunkedArray]) -> None:
    """Write the index of a base file whose rows have these keys, in place of one that is damaged.

    A base file does without where it is small, where its keys are too long, or where the store fails: nobody depends on it.
    """
    together = pa.chunked_array([chunk for column in record_keys for chunk in column.chunks], pa.string())
    if file.size < LEAST_BYTES or together.nbytes > _MOST_TEXT or together.null_count:
        return
    words = _built(together, file.size)
    name = folder.keys_name(file)
    with contextlib.suppress(StorageError):
        folder.store.delete(name)
        with folder.store.upload(name) as out:
            out.write(words.data.cast("B"))


def _built(record_keys: pa.ChunkedArray, base_bytes: int) -> Words:
    count = len(record_keys)
    hashed = bloom.hash32(record_keys).astype(np.uint64) << np.uint64(32)
    hashed |= np.arange(count, dtype=np.uint64)
    _, offsets, text = pa.concat_arrays([*record_keys.chunks, pa.array([], pa.string())]).buffers()
    begins = np.frombuffer(offsets, np.int32)[: count + 1]
    size = int(begins[-1])
    fences = _pages(count)
    start = fences + _pages(_begin_words(count))
    body: Words = np.zeros((start + _pages(-(-size // 8)), _PAGE), np.uint64)
    body[:fences] = ~np.uint64(0)  # what fills the last page stays behind the entries
    body[:fences].ravel()[:count] = np.sort(hashed)
    body[fences:start].ravel().view(np.int32)[: count + 1] = begins
    body[start:].ravel().view(np.uint8)[:size] = np.frombuffer(text or b"", np.uint8)[:size]
    told = np.concatenate([np.array([count, base_bytes], np.uint64), body[:fences, 0], body.sum(1)])
    return np.concatenate([np.array([_MAGIC, zlib.crc32(told.tobytes())], np.uint64), told, body.ravel()])


def _pages(words: int) -> int:
    """How many pages so many words take."""
    return -(-words // _PAGE)


def _begin_words(rows: int) -> int:
    """How many words say where the keys begin, and where the last one ends."""
    return -(-(rows + 1) // 2)
