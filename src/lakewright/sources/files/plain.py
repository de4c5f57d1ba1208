"""A file as plain UTF-8 text on disk: decompressed and decoded within limits, or itself where it is that already."""

from __future__ import annotations

import codecs
import contextlib
import errno
import gzip
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from lakewright.errors import SourceError
from lakewright.sources.files.aside import Interrupted, check
from lakewright.sources.files.dataset import Compression, Dialect

CHUNK = 1 << 20
MAX_RATIO = 200
MAX_UNPACKED = 200 << 30
_RATIO_FROM = 64 << 20
_ENCRYPTED = 1
_MAGIC: dict[Compression, bytes] = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "zip": b"PK\x03\x04"}


def compression(path: Path) -> Compression:
    """How the file is compressed, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for name, magic in _MAGIC.items() if start.startswith(magic)), "none")


@contextlib.contextmanager
def plain(path: Path, dialect: Dialect, temp: Path, *, most: int = MAX_UNPACKED, ratio: int = MAX_RATIO) -> Iterator[Path]:
    """The path of the file's text in UTF-8, or of the file itself if it is that (or Parquet); gone when left.

    What is unpacked may have `most` bytes, and `ratio` times the packed ones once it is large. Raises `SourceError`: LW-263
    damaged or cut short, LW-264 over a limit, LW-265 a zip file without exactly one file in it, or with an
    encrypted one, LW-266 not in the encoding.
    """
    if dialect.compression == "none" and (dialect.encoding == "utf-8" or dialect.format == "parquet"):
        yield path
        return
    temp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=temp, prefix="plain-") as folder:
        target = Path(folder) / "plain"
        with target.open("wb") as out:
            for chunk in decoded(path, dialect, most=most, ratio=ratio):
                out.write(chunk)
        yield target


def decoded(path: Path, dialect: Dialect, *, most: int = MAX_UNPACKED, ratio: int = MAX_RATIO) -> Iterator[bytes]:
    """The file's text in UTF-8, or its bytes if it is Parquet, piece by piece; raises as `plain` does."""
    pieces = unpacked(path, dialect.compression, most=most, ratio=ratio)
    if dialect.encoding == "utf-8" or dialect.format == "parquet":
        yield from pieces
        return
    decoder, other = codecs.getincrementaldecoder(dialect.encoding)(), _Utf8()
    try:
        for piece in pieces:
            other.see(piece)
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
        if other.is_certain():
            raise SourceError("LW-266", f"the file is in UTF-8, not in {dialect.encoding}", where=path.name, hint=_RECODE)
    except UnicodeError as error:
        raise SourceError(
            "LW-266", f"the file is not in the encoding {dialect.encoding}: {_reason(error)}", where=path.name, hint=_RECODE
        ) from None


def unpacked(path: Path, how: Compression, *, most: int = MAX_UNPACKED, ratio: int = MAX_RATIO) -> Iterator[bytes]:
    """The file's bytes, decompressed, in pieces of `CHUNK`; raises as `plain` does."""
    packed, total = path.stat().st_size, 0
    with contextlib.ExitStack() as stack:
        try:
            stream = _opened(path, how, stack)
            while piece := stream.read(CHUNK):
                check()
                total += len(piece)
                if total > most or (total > _RATIO_FROM and total > packed * ratio and how != "none"):
                    raise SourceError(
                        "LW-264",
                        f"the {how} file of {packed:,} bytes unpacks to more than {total:,}",
                        where=path.name,
                        hint="unpack it yourself if it is to be trusted",
                    )
                yield bytes(piece)
        except (SourceError, Interrupted):
            raise
        except Exception as error:  # a library raises anything at damaged bytes
            if how == "none" or getattr(error, "errno", None) not in (None, errno.EINVAL):
                raise
            raise SourceError(
                "LW-263", f"the {how} file is damaged or cut short: {_reason(error)}", where=path.name, hint="send the file again"
            ) from None


class _Utf8:
    """Whether bytes are UTF-8 beyond ASCII, which hardly any text in another encoding is by chance."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_ascii = self._fits = True

    def see(self, piece: bytes) -> None:
        """Look at the next bytes."""
        self._is_ascii = self._is_ascii and piece.isascii()
        with contextlib.suppress(UnicodeError):
            if self._fits:
                self._fits = False
                self._decoder.decode(piece)
                self._fits = True

    def is_certain(self) -> bool:
        """Whether all that was seen is UTF-8, and not ASCII alone."""
        return self._fits and not self._is_ascii


_RECODE = "correct `encoding` in the dataset's file, or export the file as UTF-8"


def _opened(path: Path, how: Compression, stack: contextlib.ExitStack) -> IO[bytes] | Any:
    if how == "none":
        return stack.enter_context(path.open("rb"))
    if how == "gzip":  # Python's own, which goes over zeros behind the end as gzip itself does
        return stack.enter_context(gzip.open(path))
    if how == "zstd":
        return stack.enter_context(pa.input_stream(str(path), compression=how, buffer_size=CHUNK))
    archive = stack.enter_context(zipfile.ZipFile(path))
    members = [member for member in archive.infolist() if not member.is_dir() and not member.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise SourceError(
            "LW-265",
            f"the zip file holds {len(members)} files, not one",
            where=path.name,
            hint="send each file in a zip file of its own",
        )
    if members[0].flag_bits & _ENCRYPTED:
        raise SourceError("LW-265", "the file in the zip file is encrypted", where=path.name, hint="send it without a password")
    return stack.enter_context(archive.open(members[0]))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
