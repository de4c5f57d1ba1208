"""Bloom filters over record keys, byte for byte as Hudi's ``InternalDynamicBloomFilter`` writes them, for whole columns at once.

Spark's BLOOM index reads them from the footers of base files, and fails where there is none. A dynamic filter is a list of plain
ones, and a key may be in any of them, so that each row group adds its own, of a size that fits it, and none is held back.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

FILTER, TYPE = "org.apache.hudi.bloomfilter", "hoodie_bloom_filter_type_code"
"""Footer keys."""
_FALSE_POSITIVES = 0.01
"""Share of the keys of other files for which Spark reads a file in vain; with 10 bits a key it costs little space."""
_MURMUR = 1
_M = np.uint32(0x5BD1E995)

Words = npt.NDArray[np.uint32]


class BloomFilter:
    """The keys of one base file; ``footer`` is what its footer says of them."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._header = b""

    def add(self, keys: pa.ChunkedArray) -> None:
        """Add the keys of a row group."""
        count = max(1, len(keys))
        bits = math.ceil(count * -math.log(_FALSE_POSITIVES) / math.log(2) ** 2)
        hashes = math.ceil(math.log(2) * bits / count)
        plain = struct.pack(">iibi", -1, hashes, _MURMUR, bits)
        self._rows.append(plain + _vector(keys, hashes, bits))
        self._header = self._header or plain + struct.pack(">i", count)
        self._last = len(keys)

    def footer(self) -> dict[str, str]:
        """Key-value metadata."""
        if not self._rows:
            self.add(pa.chunked_array([], pa.string()))
        data = self._header + struct.pack(">ii", self._last, len(self._rows)) + b"".join(self._rows)
        return {FILTER: base64.b64encode(data).decode(), TYPE: "DYNAMIC_V0"}


def _vector(keys: pa.ChunkedArray, hashes: int, bits: int) -> bytes:
    """The filter's bits, the first one lowest in its byte."""
    vector = np.zeros(bits, np.bool_)
    for _, same in _by_length(keys):
        hashed = np.zeros(len(same), np.uint32)
        blocks, tail = _mixed(same)
        for _ in range(hashes):
            hashed = _murmur(hashed, same.shape[1], blocks, tail)
            vector[_remainder(np.minimum(hashed, -hashed), bits)] = True
    return np.packbits(vector, bitorder="little").tobytes()


def hash64(keys: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """A number for each key, in their order: equal keys have equal ones."""
    high, low = _hashed(keys, 0), _hashed(keys, int(_M))
    return high.astype(np.uint64) << np.uint64(32) | low


def hash32(keys: pa.ChunkedArray) -> Words:
    """A smaller number for each key."""
    return _hashed(keys, 0)


def _hashed(keys: pa.ChunkedArray, seed: int) -> Words:
    hashed = np.zeros(len(keys), np.uint32)
    for at, same in _by_length(keys):
        hashed[at] = _murmur(np.full(len(same), seed, np.uint32), same.shape[1], *_mixed(same))
    return hashed


def _by_length(keys: pa.ChunkedArray) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    """The keys of equal length: where they stand, and their bytes, one key a row."""
    first = 0
    for chunk in filter(len, keys.chunks):
        lengths = pc.binary_length(chunk).to_numpy(zero_copy_only=False)
        order = np.argsort(lengths, kind="stable")
        lengths = lengths[order]
        data = np.frombuffer(chunk.take(pa.array(order)).buffers()[2] or b"", np.uint8)
        start = row = 0
        for at in np.split(order, np.flatnonzero(np.diff(lengths)) + 1):
            length = int(lengths[row])
            end = start + len(at) * length
            yield at + first, data[start:end].reshape(len(at), length)
            start, row = end, row + len(at)
        first += len(chunk)


def _mixed(keys: npt.NDArray[np.uint8]) -> tuple[list[Words], Words | None]:
    """What Hadoop's MurmurHash mixes into the hash: four bytes at a time, then the last ones, whose order it reads backwards."""
    whole, length = keys.shape[1] // 4 * 4, keys.shape[1]
    blocks = []
    for word in np.ascontiguousarray(keys[:, :whole]).view("<u4").T:
        block = word * _M
        block ^= block >> np.uint32(24)
        blocks.append(block * _M)
    if whole == length:
        return blocks, None
    tail = np.zeros(len(keys), np.uint32)
    for index in range(length - whole):
        signed = keys[:, length - 1 - index].view(np.int8).astype(np.int32)
        tail ^= (signed << (8 * index)).view(np.uint32)
    return blocks, tail


def _murmur(seed: Words, length: int, blocks: list[Words], tail: Words | None) -> Words:
    hashed = seed ^ np.uint32(length)
    for block in blocks:
        hashed *= _M
        hashed ^= block
    if tail is not None:
        hashed ^= tail
        hashed *= _M
    hashed ^= hashed >> np.uint32(13)
    hashed *= _M
    hashed ^= hashed >> np.uint32(15)
    return hashed


def _remainder(numbers: Words, bits: int) -> Words:
    # NumPy divides by one number faster than it takes remainders.
    return numbers - numbers // np.uint32(bits) * np.uint32(bits)
