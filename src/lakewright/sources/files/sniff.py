"""How an unknown file is written: its dialect, from its bytes."""

from __future__ import annotations

import codecs
import collections
import csv
import itertools
from pathlib import Path

from lakewright.errors import SourceError
from lakewright.sources.files.dataset import Compression, Dialect, Encoding, Format
from lakewright.sources.files.plain import CHUNK, compression, decoded, unpacked

_DELIMITERS = (",", ";", "\t", "|")
_COMMENT = "#"
_PARQUET = b"PAR1"
_RECORDS = 1_000
_BOMS: dict[bytes, Encoding] = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def sniff(path: Path) -> Dialect:
    """The dialect of the file: the encoding from all of its bytes, the separator and the header from the first megabyte.

    Raises `SourceError`: LW-260 an empty file, LW-266 no text, and what `unpacked` raises.
    """
    packed = compression(path)
    start = next(unpacked(path, packed), b"")
    if not start.strip():
        raise SourceError("LW-260", "the file is empty", where=path.name, hint="send the file again, with its header")
    if start.startswith(_PARQUET):
        return Dialect(format="parquet", compression=packed)
    encoding = _encoding(path, packed, start)
    found = Dialect(compression=packed, encoding=encoding)
    text = next(decoded(path, found), b"").decode(errors="replace").removeprefix("\ufeff")
    kind: Format = "json" if text.lstrip().startswith("{") else "csv"
    if kind == "json":
        return Dialect(format=kind, compression=packed, encoding=encoding)
    return _csv(text, packed, encoding)


def unlike(path: Path, dialect: Dialect) -> str | None:
    """In which way the file is written otherwise than the dialect says, as far as its first bytes tell; else None."""
    packed = compression(path)
    if packed not in ("none", dialect.compression):
        usual = "not packed" if dialect.compression == "none" else f"packed with {dialect.compression}"
        return f"it is packed with {packed}, and the dataset's files are {usual}"
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET and dialect.format != "parquet":
        return f"it is Parquet, and the dataset's files are {dialect.format}"
    encoding = next((name for mark, name in _BOMS.items() if start.startswith(mark)), "utf-8")
    if encoding == "utf-16" and not dialect.encoding.startswith("utf-16"):
        return f"it is in utf-16, and the dataset's files are in {dialect.encoding}"
    return None


def _encoding(path: Path, packed: Compression, start: bytes) -> Encoding:
    for mark, name in _BOMS.items():
        if start.startswith(mark):
            return name
    sample = start[:4096]
    odd, even = sample[1::2].count(0), sample[::2].count(0)
    if odd + even > len(sample) // 4:
        if min(odd, even) * 10 > max(odd, even):
            raise SourceError(
                "LW-266", "the file is no text: it is full of NUL bytes", where=path.name, hint="send the file again"
            )
        return "utf-16-le" if odd > even else "utf-16-be"
    decoder, wrong, right, high = codecs.getincrementaldecoder("utf-8")(errors="replace"), 0, 0, False
    for piece in itertools.chain(unpacked(path, packed), [b""]):
        text = decoder.decode(piece, final=not piece)
        if not text.isascii():
            bad = text.count("\ufffd")
            wrong, right = wrong + bad, right + len(text) - len(text.encode("ascii", "ignore")) - bad
            high = high or any(byte in piece for byte in range(0x80, 0xA0))
    if wrong * 10 <= right:
        return "utf-8"  # A few broken bytes among many that are right: their rows are rejected.
    return "cp1252" if high else "latin-1"


def _csv(text: str, packed: Compression, encoding: Encoding) -> Dialect:
    lines = text.splitlines(keepends=True)
    if len(text) >= CHUNK // 2 and len(lines) > 1:
        lines.pop()  # It may be cut.
    comment = _COMMENT if any(line.startswith(_COMMENT) for line in lines) else None
    escape = "\\" if '\\"' in text and '""' not in text.replace(',""', "") else '"'
    best, score, usual = _DELIMITERS[0], 0.0, 1
    for delimiter in _DELIMITERS:
        widths = collections.Counter(len(record) for record in _records(lines, delimiter, comment))
        width, count = max(widths.items(), key=lambda found: (found[1] * (found[0] > 1), found[0])) if widths else (1, 0)
        if width > 1 and (found := count / widths.total()) * width**0.25 > score:
            best, score, usual = delimiter, found * width**0.25, width
    if comment and (usual == 1 or any(len(record) == usual for record in _parsed(_marked(lines), best))):
        comment = None  # such lines may as well be rows: colours begin so, and headers
    skip = _skip(lines, best, comment, usual)
    return Dialect(
        compression=packed, encoding=encoding, delimiter=best, escape=escape, comment=comment, skip=skip,
        header=_is_header(next(_records(lines[skip:], best, None), [])),
    )  # fmt: skip


def _marked(lines: list[str]) -> collections.abc.Iterator[str]:
    return (line for line in lines if line.startswith(_COMMENT))


def _records(lines: list[str], delimiter: str, comment: str | None) -> itertools.islice[list[str]]:
    taken = (line for line in lines if comment is None or not line.startswith(comment))
    return itertools.islice((record for record in _parsed(taken, delimiter) if record), _RECORDS)


def _parsed(lines: collections.abc.Iterator[str], delimiter: str) -> collections.abc.Iterator[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue


def _skip(lines: list[str], delimiter: str, comment: str | None, width: int) -> int:
    """The lines before the first record of the usual width: titles, comments, blank ones.

    A line of several values is no title, whatever its width: rather no record fits than that a header is taken for nothing.
    Spreadsheets fill a title and a blank line up with separators.
    """
    for number, line in enumerate(lines):
        if comment is not None and line.startswith(comment):
            continue
        record = next(_parsed(iter(lines[number:]), delimiter), [])
        values = sum(bool(value.strip()) for value in record)
        if len(record) in (width, *range(2, width)) and values > (len(record) > 2):
            return number
    return 0


def _is_header(record: list[str]) -> bool:
    """Whether a record is names and not values: most of them differ, and are neither empty nor a number."""
    names = [name.strip() for name in record]
    odd = sum(not name or name[0].isdigit() or name[0] in "+-." or name in names[:at] for at, name in enumerate(names))
    return 2 * odd < len(names)
