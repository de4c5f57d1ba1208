"""The pages: generated ones are current, links resolve, and every `lakewright` line is one that the command line takes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lakewright.cli.main import lakewright

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "tutorial").glob("*.md")), *sorted((ROOT / "docs" / "howto").glob("*.md"))]
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _lines(page: Path) -> list[str]:
    text = "\n".join(_BLOCK.findall(page.read_text(encoding="utf-8")))
    return re.findall(r"^(?:\$ )?(lakewright .+)$", text, re.MULTILINE)


def _parse(line: str) -> None:
    """Raises `click.ClickException` where the command line would be refused."""
    command: click.Command = lakewright
    arguments = shlex.split(line, comments=True)[1:]
    context = command.make_context("lakewright", arguments)
    while isinstance(command, click.Group) and (words := [*context._protected_args, *context.args]):
        name, found, rest = command.resolve_command(context, words)
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("page", "line"), [(page.name, line) for page in PAGES for line in _lines(page)])
def test_the_command_line_takes_what_a_page_shows(page: str, line: str):
    _parse(line)


def test_a_wrong_line_is_seen():
    with pytest.raises(click.ClickException):
        _parse("lakewright sql --no-such-option 'SELECT 1'")
    with pytest.raises(click.ClickException):
        _parse("lakewright no-such-command")
    with pytest.raises(click.ClickException):
        _parse("lakewright deploy no-such-command")


def test_pages_links_commands_and_codes_are_current():
    command = [sys.executable, str(ROOT / "tools" / "docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
