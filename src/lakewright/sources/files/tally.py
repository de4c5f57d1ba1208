"""What a text file's bytes say before anybody parses them: the check on whoever does."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lakewright.sources.files.plain import CHUNK


class Tally(NamedTuple):
    """The lines of a file, the last one too where it has no line end; ``utf8`` is false where some bytes are no UTF-8."""

    lines: int
    utf8: bool


def tally(path: Path) -> Tally:
    """Count the lines of a file in plain bytes; they end with LF or CRLF, or all with CR."""
    feeds = returns = 0
    decoder, utf8, last = codecs.getincrementaldecoder("utf-8")(), True, b"\n"
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            feeds += piece.count(b"\n")
            returns += piece.count(b"\r") if not feeds else 0
            utf8 = utf8 and _decodes(decoder, piece)
            last = piece[-1:]
    utf8 = utf8 and _decodes(decoder, b"", final=True)
    return Tally((feeds or returns) + (last not in (b"\n", b"\r")), utf8)


def blank_lines(path: Path) -> int:
    """How many lines are empty."""
    found, before = 0, np.frombuffer(b"\n\n", np.uint8)
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            data = np.concatenate([before, np.frombuffer(piece, np.uint8)])
            two, one, this = data[:-2], data[1:-1], data[2:]
            lone = (this == 10) & ((one == 10) | ((one == 13) & (two == 10)))
            found += int(np.count_nonzero(lone | ((this == 13) & (one == 13))))
            before = data[-2:]
    return found


def long_line(path: Path, most: int) -> int | None:
    """The number of the first line of more than `most` bytes, or None."""
    number, length = 1, 0
    with path.open("rb") as file:
        while piece := file.read(most):
            head = piece.find(b"\n")
            if length + (len(piece) if head < 0 else head) > most:
                return number
            number += piece.count(b"\n")
            length = len(piece) - piece.rfind(b"\n") - 1 if head >= 0 else length + len(piece)
    return None


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    pending, _ = decoder.getstate()
    if piece.isascii() and not pending:
        return True
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True
