"""What lake.yaml names: tables, where they come from, and the columns that divide them."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from lakewright.model.names import TableName

MAX_NAME = 255
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_PARTITION = re.compile(r"\s*(?:day\(\s*([^()\s]+)\s*\)|([^()\s]+))\s*")


class Origin(NamedTuple):
    """Where a table of the lake comes from."""

    source: str
    table: TableName

    @classmethod
    def parse(cls, text: str) -> Self:
        """``source.schema.table``; raises ValueError for anything else."""
        source, _, table = text.partition(".")
        return cls(source, TableName.parse(table))

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"


class Partition(NamedTuple):
    """What a table is divided into folders by: the values of a column, or the UTC days of a date or timestamp column."""

    column: str
    is_day: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """``column`` or ``day(column)``; raises ValueError for anything else."""
        match = _PARTITION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text} is neither a column nor day(column)")
        return cls(match[1] or match[2], is_day=bool(match[1]))

    def __str__(self) -> str:
        return f"day({self.column})" if self.is_day else self.column

    @property
    def stored(self) -> str:
        """The stored column that holds it: for days one of its own, of text."""
        return f"{self.column}_day" if self.is_day else self.column


def is_name(text: str) -> bool:
    """Whether the Glue Data Catalog, Avro and Hudi all take the text as the name of a table or column."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None
