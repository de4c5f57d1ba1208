"""Names of things and how they are written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

DATASETS, QUARANTINE = "datasets", "quarantine"
"""The schemas of a source of files: its datasets, and the rows of their files that do not fit."""


class TableName(NamedTuple):
    """A table in a source; the text form is ``schema.table``. A source refuses a schema whose name has a dot (LW-211)."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    @classmethod
    def parse(cls, text: str) -> TableName:
        """``schema.table`` back to a name; raises ValueError where there is no dot."""
        schema, dot, table = text.partition(".")
        if not (schema and dot and table):
            raise ValueError(f"{text!r} is not schema.table")
        return cls(schema, table)


def chosen(names: Iterable[TableName], patterns: Iterable[str]) -> list[TableName]:
    """The names that a pattern takes and none with a leading ``-`` leaves out; the order of the patterns does not count.

    A pattern is ``schema.table``, parted at its first dot. In either of them ``*`` stands for any characters and ``?`` for one;
    every other character stands for itself.
    """
    given = list(patterns)
    taken = [pattern for pattern in given if not pattern.startswith("-")]
    left = [pattern[1:] for pattern in given if pattern.startswith("-")]
    return [name for name in names if _any(taken, name) and not _any(left, name)]


def _any(patterns: Iterable[str], name: TableName) -> bool:
    pairs = (pattern.partition(".")[::2] for pattern in patterns)
    return any(_fits(schema, name.schema) and _fits(table, name.table) for schema, table in pairs)


def _fits(pattern: str, name: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name, re.DOTALL) is not None


def did_you_mean(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The hint ``did you mean tables?`` where a known word is like the word, whatever their case; `likeness` is from 0 to 1."""
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    close = difflib.get_close_matches(word.lower(), sorted(by_lower), n=1, cutoff=likeness)
    return f"did you mean {by_lower[close[0]]}?" if close else None


def quote_identifier(name: str) -> str:
    """A name as a double-quoted SQL identifier (PostgreSQL, DuckDB, Trino)."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """A text as a single-quoted SQL literal (standard conforming strings)."""
    return "'" + text.replace("'", "''") + "'"
