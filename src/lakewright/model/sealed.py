"""JSON objects that carry a checksum of themselves, so that a change of one byte is seen where the JSON is valid still.

It is the last field, the CRC-32 of all bytes before it: ``{"version":1,...,"checksum":"0c4e1d2a"}``. What it has to find is what
disks and hands do to small objects, and it finds every change within four bytes; who wants to forge an object can, as with any
checksum that lies beside its content.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

_LENGTH = len(',"checksum":"00000000"}')


def dump(content: Mapping[str, Any]) -> bytes:
    """An object, which has some field, with its checksum."""
    body = json.dumps(content, separators=(",", ":")).encode()[:-1]
    return body + _seal(body)


def load(data: bytes) -> dict[str, Any]:
    """The object that `dump` was given; raises ValueError for what it did not make."""
    body = data[:-_LENGTH]
    if data[-_LENGTH:] != _seal(body):
        raise ValueError("it is not what was written: its checksum differs")
    content: dict[str, Any] = json.loads(body + b"}")
    return content


def _seal(body: bytes) -> bytes:
    return b',"checksum":"%08x"}' % zlib.crc32(body)
