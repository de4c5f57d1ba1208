"""Base files and logs as listings show them: what their names say, and how ours are named."""

from __future__ import annotations

import dataclasses
import re
import zlib

_BASE_FILE = re.compile(r"([^_/]+)_([^_/]+)_(\d{14}|\d{17})\.parquet")
_LOG_FILE = re.compile(r"\.([^/]+)_(\d{14}|\d{17})\.log\.(\d+)_(\d+)-(\d+)-(\d+)")


@dataclasses.dataclass(frozen=True)
class BaseFile:
    """A base file in a listing: its name in the store, what its name says, its size in bytes. Its instant may have failed."""

    name: str
    partition: str
    file_id: str
    instant: str
    size: int

    @property
    def group(self) -> tuple[str, str]:
        """The file group: partition path and file id."""
        return self.partition, self.file_id


@dataclasses.dataclass(frozen=True)
class Log:
    """A log file in a listing: its name in the store, what its name says, and its size in bytes. Its instant may have failed.

    ``base`` is the instant of the base file that it changes, ``number`` its place among the logs of that. ``instant`` wrote it;
    ``undoes`` is the instant whose logs it takes back, where it holds nothing but that. ``checksum`` is that of its bytes, of
    ours, which was written whole or not at all; None of another engine's.
    """

    name: str
    partition: str
    file_id: str
    base: str
    number: int
    instant: str
    size: int
    undoes: str | None = None
    checksum: int | None = None

    def place(self) -> tuple[str, int, str]:
        """What sorts the logs of a file group as they were written."""
        return self.base, self.number, self.name

    @property
    def group(self) -> tuple[str, str]:
        """The file group: partition path and file id."""
        return self.partition, self.file_id


def base_file_named(name: str, partition: str, size: int) -> BaseFile | None:
    """The base file of that name; None for what is none."""
    match = _BASE_FILE.fullmatch(name.rpartition("/")[2])
    return BaseFile(name, partition, match[1], match[3], size) if match else None


def log_file_name(file_id: str, base: str, number: int, instant: str, data: bytes) -> str:
    """The name of a log of ours that holds `data`.

    A log's name has no instant, and a log no checksum: its token, which says nothing else, has both as three numbers.
    """
    return f".{file_id}_{base}.log.{number}_{checksum(data)}-{instant[:8]}-{instant[8:]}"


def checksum(data: bytes) -> int:
    """A CRC-32 without its highest bit: Hudi reads the numbers of a token as signed."""
    return zlib.crc32(data) & 0x7FFFFFFF


def log_named(name: str, partition: str, size: int) -> Log | None:
    """The log of that name, as far as the name says: that of another engine's says no instant. None for what is no log."""
    match = _LOG_FILE.fullmatch(name.rpartition("/")[2])
    if match is None:
        return None
    is_ours = (len(match[5]), len(match[6])) == (8, 9)
    instant, said = (match[5] + match[6], int(match[4])) if is_ours else ("", None)
    return Log(name, partition, match[1], match[2], int(match[3]), instant, size, checksum=said)
