"""Names of things and how they are written."""

from __future__ import annotations

from typing import NamedTuple


class TableName(NamedTuple):
    """A table in a source database; the text form is ``schema.table``."""

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


def quote_identifier(name: str) -> str:
    """A name as a double-quoted SQL identifier (PostgreSQL, DuckDB, Trino)."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """A text as a single-quoted SQL literal (standard conforming strings)."""
    return "'" + text.replace("'", "''") + "'"
