"""What an engine is given instead of a format: references to tables, and the SQL text that yields their rows."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Protocol


@dataclasses.dataclass(frozen=True)
class TableRef:
    """A table as a statement names it, in lower case; ``as_of`` is the UTC time of ``FOR TIMESTAMP AS OF``, or None."""

    name: str
    schema: str | None = None
    catalog: str | None = None
    as_of: datetime.datetime | None = None

    def __str__(self) -> str:
        return ".".join(part for part in (self.catalog, self.schema, self.name) if part)


@dataclasses.dataclass(frozen=True)
class Relation:
    """A table's rows for one query.

    ``sql`` is a DuckDB SELECT that yields exactly ``columns``, in this order and under these names; a ``timestamp`` comes out as
    TIMESTAMP. ``columns`` are (name, lake type); names that differ only in case are one name, as in Athena.
    """

    sql: str
    columns: tuple[tuple[str, str], ...]


class Relations(Protocol):
    """The tables a statement may read."""

    def resolve(self, ref: TableRef) -> Relation | None:
        """The rows of the table, or None where there is no such table; called once for each distinct reference of a statement.

        Raises `QueryError` for a table that is there but cannot be read as asked; the engine adds the place to it.
        """
        ...

    def names(self) -> Sequence[tuple[str, str]]:
        """All tables as (schema, name), in the order SHOW TABLES prints them."""
        ...
