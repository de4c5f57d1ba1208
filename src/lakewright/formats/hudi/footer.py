"""The checksum of a base file's footer, which Parquet has none for, unlike pages: it stands in the footer, beside other words.

It is the CRC-32 of the footer's bytes with zeros in its own place, as eight hexadecimal digits. Files of other engines lack it.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from lakewright.formats.hudi.metadata import CHECKSUM

_UNSET = "00000000"
PLACE = {CHECKSUM: _UNSET}
"""What the footer is to say, last of all its words, where the checksum goes."""
TAIL = 8
"""Bytes behind the footer: its length and Parquet's own mark."""
_MARK = CHECKSUM.encode() + bytes([0x18, len(_UNSET)])
"""What stands before the digits: the key, then the head of a text in Thrift's compact protocol."""


class SealedFile:
    """Passes on what a library writes to `file`, up to the footer, which gets its checksum."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end: bytearray | None = None

    def write(self, data: bytes | memoryview) -> int:
        """Write bytes, or keep them back after `withhold`."""
        if self._end is None:
            return self._file.write(data)
        self._end += data
        return len(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._file.tell() + len(self._end or b"")

    def flush(self) -> None:
        """Nothing: the store's file is written at its end."""

    def withhold(self) -> None:
        """Keep back what is written from now on: the end of the file, with the footer in it."""
        self._end = bytearray()

    def seal(self) -> None:
        """Write what was kept back, with the checksum."""
        end = self._end or bytearray()
        begin = len(end) - TAIL - int.from_bytes(end[-TAIL:-4], "little")
        place = end.rindex(_MARK + _UNSET.encode()) + len(_MARK)
        end[place : place + len(_UNSET)] = _checksum(end[begin:-TAIL], place - begin)
        self._end = None
        self._file.write(end)


def is_sound(footer: bytes) -> bool:
    """Whether a footer has a checksum; raises ValueError where it is not what that says."""
    place = footer.rfind(_MARK) + len(_MARK)
    if place < len(_MARK):
        return False
    if footer[place : place + len(_UNSET)] != _checksum(footer, place):
        raise ValueError("its footer is not what its checksum says")
    return True


def _checksum(footer: bytes | bytearray, place: int) -> bytes:
    """The digits, which are to stand at `place`."""
    zeros = footer[:place] + _UNSET.encode() + footer[place + len(_UNSET) :]
    return f"{zlib.crc32(zeros):08x}".encode()
