"""The key index of a base file: which row has a record key, told without reading the others.

It stands in ``.hoodie/.keys`` under the base file's name, where no engine looks, and is made of that file's keys alone. So it may
be lost at any time: who misses it, or finds it damaged, reads the base file, and makes it again.

Its bytes are eight-byte words, little-endian: a head of `_HEAD` words; an entry for each row, ascending, with the hash of its key
in the upper half and its number in the lower; then the keys in the order of rows as Arrow keeps text, where each begins and their
bytes. A hash finds candidates, and the key itself decides.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import StorageError
from lakewright.formats.hudi import bloom
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.storage.reading import mapped

LEAST_BYTES = 1 << 20
"""Base files below this size have none: their keys are read as fast."""
_MAGIC = 0x3130_5359_454B_574C  # "LWKEYS01"
_HEAD = 4
"""What it is, the checksum of what follows the first two words, the rows, the bytes of the base file."""
_PAGE = 512
_MOST_TEXT = (1 << 31) - 1

Numbers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class Wanted(NamedTuple):
    """Keys to look up, in the order of their hashes: ``numbers`` says which of the keys given each one is."""

    keys: pa.Array
    hashes: Words
    numbers: Numbers

    @classmethod
    def of(cls, keys: pa.Array) -> Wanted:
        """All of `keys`, prepared once for the indexes of many files."""
        hashed = bloom.hash32(pa.chunked_array([keys])).astype(np.uint64)
        order = np.argsort(hashed, kind="stable")
        return cls(keys.take(pa.array(order)), hashed[order], order)


class KeyIndex:
    """An index that was read, or mapped from its file; ``rows`` is how many rows the base file has."""

    def __init__(self, words: Words) -> None:
        self.rows = int(words[2])
        self._entries = words[_HEAD : _HEAD + self.rows]
        ends = _HEAD + self.rows + _words(4 * (self.rows + 1))
        offsets, text = (pa.py_buffer(part) for part in (words[_HEAD + self.rows : ends], words[ends:]))
        self._keys = pa.StringArray.from_buffers(self.rows, offsets, text)

    def find(self, wanted: Wanted) -> tuple[Numbers, Numbers]:
        """The rows, ascending, that have one of the keys, and the number of that key."""
        left = np.arange(len(wanted.hashes))
        at = np.searchsorted(self._entries, wanted.hashes << np.uint64(32))
        rows, numbers = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        while len(left):
            inside = at < self.rows
            left, at = left[inside], at[inside]
            entries = self._entries[at]
            same = entries >> np.uint64(32) == wanted.hashes[left]
            left, at = left[same], at[same] + 1
            row = (entries[same] & np.uint64(0xFFFF_FFFF)).astype(np.int64)
            is_it = pc.equal(self._keys.take(pa.array(row)), wanted.keys.take(pa.array(left))).to_numpy(zero_copy_only=False)
            rows.append(row[is_it])
            numbers.append(wanted.numbers[left[is_it]])
        found, of = np.concatenate(rows), np.concatenate(numbers)
        order = np.argsort(found)
        return found[order], of[order]


def read(folder: Folder, file: BaseFile) -> KeyIndex | None:
    """The index of a base file; None where there is none that is whole and of that file."""
    if file.size < LEAST_BYTES:
        return None
    with contextlib.suppress(StorageError):
        data = mapped(folder.store, folder.keys_name(file))
        if len(data) >= 8 * _HEAD and len(data) % 8 == 0:
            words = np.frombuffer(data, "<u8")
            if (int(words[0]), int(words[1]), int(words[3])) == (_MAGIC, _checksum(words[2:]), file.size):
                return KeyIndex(words)
    return None


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
    split = _HEAD + count + _words(4 * (count + 1))
    words: Words = np.zeros(split + _words(size), np.uint64)
    words[_HEAD : _HEAD + count] = np.sort(hashed)
    words[_HEAD + count : split].view(np.int32)[: count + 1] = begins
    words[split:].view(np.uint8)[:size] = np.frombuffer(text or b"", np.uint8)[:size]
    words[0], words[2], words[3] = _MAGIC, count, base_bytes
    words[1] = _checksum(words[2:])
    return words


def _words(size: int) -> int:
    """How many words so many bytes take."""
    return -(-size // 8)


def _checksum(words: Any) -> int:
    """The CRC-32 of the sums of pages: a word that changed changes its page's, and pages have an order. Fast as memory is."""
    whole = len(words) // _PAGE * _PAGE
    sums = words[:whole].reshape(-1, _PAGE).sum(1)
    return zlib.crc32(words[whole:].tobytes(), zlib.crc32(sums.tobytes()))
