"""Error codes: each one that is raised has its page, and each page is raised."""

from __future__ import annotations

import re
from pathlib import Path

import lakewright
from lakewright.cli.codes import pages

SOURCE = Path(lakewright.__file__).parent


def raised() -> set[str]:
    """Every code in the code, docstrings left out."""
    return {code for path in SOURCE.rglob("*.py") for code in re.findall(r'"(LW-\d{3})"', path.read_text())}


def test_every_code_that_is_raised_has_a_page():
    assert raised() - set(pages()) == set()


def test_every_page_is_of_a_code_that_is_raised():
    assert set(pages()) - raised() == set()


def test_pages_are_in_order_and_complete():
    assert list(pages()) == sorted(pages())
    assert [page.code for page in pages().values() if not (page.title and page.meaning and page.mend)] == []


def test_a_code_has_one_title():
    titles = [page.title for page in pages().values()]
    assert len(titles) == len(set(titles))
