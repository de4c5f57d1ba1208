"""Compressed files are unpacked whole and within limits, or refused."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from lakewright.errors import SourceError
from lakewright.sources.files.dataset import Compression, Dialect
from lakewright.sources.files.plain import compression, plain

CONTENT = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n * n) for n in range(200_000))
COMPRESSIONS: tuple[Compression, ...] = ("gzip", "zstd", "zip")


def pack(path: Path, how: Compression, content: bytes = CONTENT) -> None:
    if how == "zip":
        zipped(path, {"data/orders.csv": content})
    else:
        path.write_bytes(gzip.compress(content) if how == "gzip" else pa.compress(content, codec="zstd", asbytes=True))


def zipped(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def refused(path: Path, how: Compression, tmp_path: Path, **limits: int) -> SourceError:
    with pytest.raises(SourceError) as caught, plain(path, Dialect(compression=how), tmp_path / "temp", **limits):
        pass
    assert list((tmp_path / "temp").iterdir()) == []
    assert caught.value.where == path.name
    return caught.value


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_what_is_unpacked_is_gone_afterwards(tmp_path: Path, how: Compression) -> None:
    path = tmp_path / "orders"
    pack(path, how)
    assert compression(path) == how
    with plain(path, Dialect(compression=how), tmp_path / "temp") as text:
        assert text.read_bytes() == CONTENT
    assert list((tmp_path / "temp").iterdir()) == []


def test_several_gzip_files_behind_each_other_are_one(tmp_path: Path) -> None:
    path = tmp_path / "orders.gz"
    path.write_bytes(gzip.compress(b"a\n1\n") + gzip.compress(b"2\n"))
    with plain(path, Dialect(compression="gzip"), tmp_path / "temp") as text:
        assert text.read_bytes() == b"a\n1\n2\n"


@pytest.mark.parametrize("how", ["gzip", "zip"])
@pytest.mark.parametrize("padding", [1, 512, 65_000])
def test_zeros_behind_the_end_are_padding_as_tools_for_tapes_leave_it(tmp_path: Path, how: Compression, padding: int) -> None:
    """Zstandard knows no padding: its own tool refuses it."""
    path = tmp_path / "orders"
    pack(path, how)
    path.write_bytes(path.read_bytes() + bytes(padding))
    with plain(path, Dialect(compression=how), tmp_path / "temp") as text:
        assert text.read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["gzip", "zstd"])
@pytest.mark.parametrize("behind", [b"x", bytes(512) + b"x", b"id,name\n1,a\n"])
def test_what_stands_behind_the_end_and_is_no_padding_is_told(tmp_path: Path, how: Compression, behind: bytes) -> None:
    path = tmp_path / "orders"
    pack(path, how)
    path.write_bytes(path.read_bytes() + behind)
    assert refused(path, how, tmp_path).code == "LW-263"


@pytest.mark.parametrize("how", COMPRESSIONS)
@pytest.mark.parametrize("share", [0.0001, 0.5, 0.9999])
def test_a_file_cut_short_is_refused(tmp_path: Path, how: Compression, share: float) -> None:
    path = tmp_path / "orders"
    pack(path, how)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert refused(path, how, tmp_path).code == "LW-263"


@pytest.mark.parametrize("how", ["gzip", "zip"])
def test_a_damaged_file_is_refused(tmp_path: Path, how: Compression) -> None:
    path = tmp_path / "orders"
    pack(path, how)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 100] = b"\xaa" * 100
    path.write_bytes(content)
    assert refused(path, how, tmp_path).code == "LW-263"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_whatever_a_library_raises_at_damaged_bytes_the_file_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "orders.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("orders.csv", CONTENT[:2000])
    whole = path.read_bytes()
    name = whole.rindex(b"orders.csv")
    path.write_bytes(whole[:name] + b"\0" + whole[name + 1 :])
    assert refused(path, "zip", tmp_path).code == "LW-263"
    path.write_bytes(whole[:60] + b"\xaa" * 9 + whole[69:])
    assert refused(path, "zip", tmp_path).code == "LW-263"


def test_an_encrypted_file_in_a_zip_file_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "orders.zip"
    zipped(path, {"orders.csv": CONTENT[:2000]})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # in the member's own header, and in the one at the end
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    error = refused(path, "zip", tmp_path)
    assert (error.code, error.message) == ("LW-265", "the file in the zip file is encrypted")


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_a_bomb_is_stopped(tmp_path: Path, how: Compression) -> None:
    path = tmp_path / "orders"
    pack(path, how, b"\n" * (80 << 20))
    assert refused(path, how, tmp_path).code == "LW-264"
    assert refused(path, how, tmp_path, most=1 << 20).code == "LW-264"


def test_a_zip_file_holds_one_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.zip"
    zipped(path, {"a.csv": b"a\n", "b.csv": b"b\n"})
    assert refused(path, "zip", tmp_path).code == "LW-265"
    zipped(path, {})
    assert refused(path, "zip", tmp_path).code == "LW-265"
    zipped(path, {"folder/": b"", "folder/a.csv": b"a\n", "__MACOSX/a.csv": b"x"})
    with plain(path, Dialect(compression="zip"), tmp_path / "temp") as text:
        assert text.read_bytes() == b"a\n"


def test_bytes_that_the_encoding_does_not_have_refuse_the_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes("a,b\n".encode("utf-16") + b"\x00")
    with pytest.raises(SourceError) as caught, plain(path, Dialect(encoding="utf-16"), tmp_path / "temp"):
        pass
    assert caught.value.code == "LW-266"


def test_utf_8_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes("name\nMüller\n".encode())
    with pytest.raises(SourceError, match="is in UTF-8"), plain(path, Dialect(encoding="latin-1"), tmp_path / "temp"):
        pass
    path.write_bytes("name\nMüller\n".encode("latin-1"))
    with plain(path, Dialect(encoding="latin-1"), tmp_path / "temp") as text:
        assert text.read_text(encoding="utf-8") == "name\nMüller\n"
