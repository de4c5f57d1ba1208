"""YAML with places: values, lines, references, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakewright.errors import ConfigError, hide_password
from lakewright.project.document import read


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "lake.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_values_know_the_lines_of_their_keys(tmp_path):
    document = read(write(tmp_path, "a: 1\nb:\n  c:\n    - x\n    - y\n  d: [p,\n    q]\n"))
    assert document.data == {"a": 1, "b": {"c": ["x", "y"], "d": ["p", "q"]}}
    lines = {path: document.lines[path] for path in [("a",), ("b", "c"), ("b", "c", 1), ("b", "d", 1)]}
    assert lines == {("a",): 1, ("b", "c"): 3, ("b", "c", 1): 5, ("b", "d", 1): 7}


def test_words_that_yaml_1_1_would_turn_are_text(tmp_path):
    document = read(write(tmp_path, "a: no\nb: 12:30\nc: 2026-01-31\nd: 1_000\ne: true\nf: 1.5\ng: ~\nh: 'true'\n"))
    expected = {"a": "no", "b": "12:30", "c": "2026-01-31", "d": "1_000", "e": True, "f": 1.5, "g": None, "h": "true"}
    assert document.data == expected


@pytest.mark.parametrize(
    ("text", "code", "line", "word"),
    [
        ("a: 1\nb: [1,\n", "LW-101", 3, "YAML"),
        ("a: 1\n\tb: 2\n", "LW-101", 2, "YAML"),
        ("a: &x 1\nb: *x\n", "LW-101", 2, "alias"),
        ("a: 1\nb: 2\na: 3\n", "LW-105", 3, "twice"),
        ("a:\n  b: 1\n  b: 2\n", "LW-105", 3, "a.b"),
        ("? [a]\n: 1\n", "LW-101", 1, "key"),
        (b"a: 1\nb: \xff\n", "LW-101", 2, "UTF-8"),
        ("a: " + "[" * 60 + "]" * 60, "LW-101", 1, "deeper"),
        ("a: ${env:MISSING}\n", "LW-106", 1, "MISSING"),
        ("a: 1\nb: ${file:missing.txt}\n", "LW-106", 2, "missing.txt"),
        ("a: ${oops:x}\n", "LW-106", 1, "oops"),
        ("a: ${env:X\n", "LW-106", 1, "reference"),
    ],
)
def test_faults_have_a_place_and_a_code(tmp_path, text, code, line, word):
    with pytest.raises(ConfigError) as caught:
        read(write(tmp_path, text), environment={})
    assert (caught.value.code, caught.value.where) == (code, f"{tmp_path}/lake.yaml:{line}")
    assert word in caught.value.message


def test_a_huge_file_and_deep_brackets_are_refused_without_a_trace(tmp_path):
    for text in ("a: " + "x" * (1 << 20), "[" * 5000):
        with pytest.raises(ConfigError, match=r"larger than|YAML") as caught:
            read(write(tmp_path, text))
        assert caught.value.code == "LW-101"


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError) as caught:
            read(path)
        assert caught.value.code == "LW-107"
        assert str(path) in caught.value.message


def test_references_are_replaced_and_their_text_is_kept(tmp_path):
    (tmp_path / "password").write_text("s3cret\n")
    path = write(tmp_path, "a: x-${env:ONE}-${env:TWO:-two:-2}\nb: ${file:password}\nc: ${env:EMPTY:-full}\n")
    document = read(path, environment={"ONE": "1", "EMPTY": ""})
    assert document.data == {"a": "x-1-two:-2", "b": "s3cret", "c": "full"}
    assert document.written(("b",)) == "${file:password}"
    assert document.replaced == {("a",), ("b",), ("c",)}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:pw@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://ann:p@w:x@host/db?sslmode=require", "postgresql://ann:***@host/db?sslmode=require"),
        (
            "postgresql://host/db?user=ann&password=pw&sslmode=require",
            "postgresql://host/db?user=ann&password=***&sslmode=require",
        ),
        ("host=h password='a b' dbname=d", "host=h password=*** dbname=d"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
        ("embedded", "embedded"),
    ],
)
def test_passwords_are_hidden(text, shown):
    assert hide_password(text) == shown
