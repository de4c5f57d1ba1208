"""What pages show of `lakewright cost` is what it prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakewright.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*/*.md")), *sorted((ROOT / "examples").glob("*/*.md"))]


def _shown() -> Iterator[tuple[str, str, list[str]]]:
    """Page, command, and the lines shown below it."""
    for page in PAGES:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for command, output in re.findall(r"^\$ (lakewright .*\bcost\b.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
                yield page.name, command, [line for line in output.splitlines() if line not in ("", "…")]


@pytest.mark.parametrize(("page", "command", "lines"), list(_shown()))
def test_the_command_prints_what_a_page_shows(page, command, lines, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)[1:]) in (0, 3)
    printed = capsys.readouterr()
    assert lines
    assert [line for line in lines if line not in [*printed.out.splitlines(), *printed.err.splitlines()]] == []
