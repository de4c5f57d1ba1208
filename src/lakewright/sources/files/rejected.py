"""A rejected row as text and as values: taken apart for people to correct, and written again in the dialect of its dataset."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from lakewright.sources.files.dataset import Dialect


def row_text(values: Sequence[str | None], names: Sequence[str], dialect: Dialect) -> str:
    """The text of a row whose columns have these names in its file: a line without its end, or a JSON object."""
    if dialect.format == "json":
        found = {name: value for name, value in zip(names, values, strict=False) if value}
        return json.dumps(found, ensure_ascii=False)
    null, out = dialect.nulls[0] if dialect.nulls else "", io.StringIO()
    csv.writer(out, **_form(dialect)).writerow([null if value is None else value for value in values])
    return out.getvalue().removesuffix("\r\n")


def row_values(text: str, names: Sequence[str], dialect: Dialect) -> list[str]:
    """What `row_text` was made of, as far as a text goes that does not fit: one value for each name.

    What is missing is an empty text. More values than names stand together in the last, parted as they were.
    """
    if dialect.format == "json":
        return _of_object(text, names)
    last = len(names) - 1
    try:
        found = next(csv.reader(io.StringIO(text, newline=""), **_form(dialect)), [])
    except csv.Error:
        found = text.split(dialect.delimiter)
    if len(found) > len(names):
        found = [*found[:last], dialect.delimiter.join(found[last:])]
    return [*found, *[""] * (len(names) - len(found))]


def _form(dialect: Dialect) -> dict[str, Any]:
    doubled = dialect.escape == dialect.quote
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote or None,
        "quoting": csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        "doublequote": doubled,
        "escapechar": None if doubled and dialect.quote else "\\",
    }


def _of_object(text: str, names: Sequence[str]) -> list[str]:
    """The values of a JSON object; a text that is none stands in the first column."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return [text, *[""] * (len(names) - 1)]
    values = [found.get(name) for name in names]
    return ["" if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]
