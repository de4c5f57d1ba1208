"""Texts of rejected rows taken apart, and written again."""

from __future__ import annotations

import pytest

from lakewright.sources.files.dataset import Dialect
from lakewright.sources.files.rejected import row_text, row_values

NAMES = ["a", "b", "c"]


@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(),
        Dialect(delimiter=";", nulls=("NULL",)),
        Dialect(delimiter="\t", escape="\\"),
        Dialect(quote="", escape="", delimiter="|"),
        Dialect(format="json"),
    ],
    ids=str,
)
def test_values_read_back(dialect: Dialect) -> None:
    values = ["1", "" if dialect.format == "json" else "two, |; words", 'it "is"']
    assert row_values(row_text(values, NAMES, dialect), NAMES, dialect) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1", ["1", "", ""]),
        ("", ["", "", ""]),
        ("1,2,3,4,5", ["1", "2", "3,4,5"]),
        ('1,"2,3', ["1", "2,3", ""]),
        ("1,2\n3,4", ["1", "2", ""]),
    ],
)
def test_a_text_that_does_not_fit_goes_as_far_as_it_can(text: str, values: list[str]) -> None:
    assert row_values(text, NAMES, Dialect()) == values


@pytest.mark.parametrize("text", ["[1]", '{"a": ', "", "nan"])
def test_a_text_that_is_no_object_stands_in_the_first_column(text: str) -> None:
    assert row_values(text, NAMES, Dialect(format="json")) == [text, "", ""]
