"""What a text file's bytes say before anybody parses them: the check on whoever does."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lakewright.sources.files.aside import check
from lakewright.sources.files.dataset import Dialect
from lakewright.sources.files.plain import CHUNK


class Tally(NamedTuple):
    """The lines of a file, the last one too where it has no line end; ``utf8`` is false where some bytes are no UTF-8, and
    ``cut`` true where one of the places at which the file is parted may be inside of a value with line ends.
    """

    lines: int
    utf8: bool
    cut: bool


def tally(path: Path, dialect: Dialect, step: int) -> Tally:
    """Count the lines of a file in plain bytes; they end with LF or CRLF, or all with CR. It is parted each `step` bytes, a
    multiple of `CHUNK`.
    """
    feeds = returns = read = 0
    decoder, utf8, last = codecs.getincrementaldecoder("utf-8")(), True, b"\n"
    quotes = _Quotes(dialect)
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            check()
            feeds += _count(piece, b"\n")
            returns += piece.count(b"\r") if not feeds else 0
            utf8 = utf8 and _decodes(decoder, piece)
            last = piece[-1:]
            quotes.see(piece, parted=read > 0 and read % step == 0)
            read += len(piece)
    utf8 = utf8 and _decodes(decoder, b"", final=True)
    return Tally((feeds or returns) + (last not in (b"\n", b"\r")), utf8, quotes.cut)


class _Quotes:
    """Whether a line in which the file is parted begins or ends inside of quotes: where their number before is odd."""

    def __init__(self, dialect: Dialect) -> None:
        self.cut = False
        self._quote = dialect.quote.encode() if dialect.format == "csv" else b""
        self._doubled = dialect.escape in (dialect.quote, "")
        self._all = self._in_line = 0
        self._is_parted = False

    def see(self, piece: bytes, *, parted: bool) -> None:
        """Look at the next bytes; `parted` where the file is parted before them."""
        if self.cut or not self._quote:
            return
        count, first, last = _count(piece, self._quote), piece.find(b"\n"), piece.rfind(b"\n")
        if parted:
            self._is_parted = True
            self.cut = (self._all - self._in_line) % 2 == 1
        if self._is_parted and first >= 0:
            self._is_parted = False
            self.cut = self.cut or (self._all + piece.count(self._quote, 0, first)) % 2 == 1
        # Where quotes are not doubled their number tells nothing.
        self.cut = self.cut or (count > 0 and not self._doubled)
        self._in_line = piece.count(self._quote, last + 1) + (self._in_line if last < 0 else 0)
        self._all += count


def blank_lines(path: Path) -> int:
    """How many lines are empty."""
    found, before = 0, np.frombuffer(b"\n\n", np.uint8)
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            check()
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
            check()
            head = piece.find(b"\n")
            if length + (len(piece) if head < 0 else head) > most:
                return number
            number += piece.count(b"\n")
            length = len(piece) - piece.rfind(b"\n") - 1 if head >= 0 else length + len(piece)
    return None


def line_at(path: Path, place: int) -> int:
    """The number of the line that has that byte, the first byte of the file being 1."""
    number, left = 1, place - 1
    with path.open("rb") as file:
        while left and (piece := file.read(min(CHUNK, left))):
            number += piece.count(b"\n")
            left -= len(piece)
    return number


def _count(piece: bytes, byte: bytes) -> int:
    """As `bytes.count`, several times faster where there are many."""
    return int(np.count_nonzero(np.frombuffer(piece, np.uint8) == byte[0]))


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    pending, _ = decoder.getstate()
    if piece.isascii() and not pending:
        return True
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True
