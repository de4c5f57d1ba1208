"""What the bytes of a file say of its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakewright.sources.files import tally as module
from lakewright.sources.files.dataset import Dialect
from lakewright.sources.files.tally import blank_lines, line_at, long_line, tally


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)


def of(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "lines", "utf8"),
    [(b"", 0, True), (b"a", 1, True), (b"a\n", 1, True), (b"a\r\nb", 2, True), (b"a\rb\r", 2, True), (b"abc\xc3\xa4\n", 1, True),
     (b"abc\xc3\n", 1, False), (b"\n\n", 2, True)],
)  # fmt: skip
def test_lines_and_encoding(tmp_path: Path, content: bytes, lines: int, utf8: bool) -> None:
    assert tally(of(tmp_path, content), Dialect(), step=8)[:2] == (lines, utf8)


@pytest.mark.parametrize(
    ("content", "cut"),
    [
        (b'a,"b\nc"\nd,e,f\n', False),  # the place, byte 8, is in a line that begins and ends outside of quotes
        (b'a,"b\nc",d\ne,f\n', True),  # it begins inside
        (b'a,b,c,"d\ne",f\n', True),  # the line of byte 8 ends inside
        (b'a,b,"d\nefghi\n",f\n', True),  # it begins and ends inside
        (b'a,b,"defg",hi\n', False),  # inside of quotes, and of one line
        (b'a\n"",""",",a\n', False),
        (b'a,b,c,d\n"e\nf"', True),
        (b"a,b,c,d,e,f\n", False),
        (b'a"b,c,d,e,f\ng\n', True),  # it cannot be told
    ],
)
def test_where_a_file_may_be_parted_inside_of_a_value(tmp_path: Path, content: bytes, cut: bool) -> None:
    assert tally(of(tmp_path, content), Dialect(), step=8).cut is cut
    assert tally(of(tmp_path, content), Dialect(quote=""), step=8).cut is False
    assert tally(of(tmp_path, content), Dialect(format="json"), step=8).cut is False
    assert tally(of(tmp_path, content), Dialect(escape="\\"), step=8).cut is (b'"' in content)


def test_lines_by_their_places(tmp_path: Path) -> None:
    path = of(tmp_path, b"a\n\nlong line\r\n\r\nb\n")
    assert [line_at(path, place) for place in (1, 2, 3, 4, 12, 15, 17)] == [1, 1, 2, 3, 3, 4, 5]
    assert blank_lines(path) == 2
    assert (long_line(path, 5), long_line(path, 20)) == (3, None)
