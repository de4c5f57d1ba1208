"""A table of the lake that mirrors a table of a source: its name, its place, its stored columns."""

from __future__ import annotations

import dataclasses
import datetime

from lakewright.errors import ConfigError, FormatError, QueryError
from lakewright.model import types
from lakewright.model.names import TableName
from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import TableSchema
from lakewright.model.table import DELETED_COLUMN, POSITION_COLUMN, ROW_COLUMN, TableSpec


@dataclasses.dataclass(frozen=True)
class Mirror:
    """What lake.yaml says of one table.

    ``path`` is its folder in the store. ``day_of`` is the column whose day in UTC partitions it, or None. ``recent`` is how far
    back every moment stays readable, ``savepoints`` for each span of time how long its newest commit is kept after that.
    """

    name: str
    source: str
    origin: TableName
    path: str
    day_of: str | None = None
    recent: datetime.timedelta = datetime.timedelta(hours=1)
    savepoints: tuple[tuple[datetime.timedelta, datetime.timedelta], ...] = ()

    @property
    def partition(self) -> str | None:
        """The name of the stored text column that holds the day."""
        return f"{self.day_of}_day" if self.day_of else None

    def day_sql(self) -> str:
        """The day, made of its column, under the partition column's name; the session is in UTC."""
        return f"CAST(CAST({quote(self.day_of or '')} AS DATE) AS VARCHAR) AS {quote(self.partition or '')}"

    def partition_mismatch(self, stored: TableSpec) -> FormatError | None:
        """What is wrong with the stored table where lake.yaml asks for another partition, LW-407."""
        if stored.partition == self.partition:
            return None
        before, asked = (
            f"day({name.removesuffix('_day')})" if name else "nothing" for name in (stored.partition, self.partition)
        )
        return FormatError(
            "LW-407",
            f"table {self.name} is partitioned by {before}, and lake.yaml asks for {asked}",
            hint=f"move {self.path} away, and the next `lakewright merge` makes the table anew from the captured log; or put"
            f" `partition` of {self.name} in lake.yaml back",
        )

    def no_instant(self) -> QueryError:
        """The error LW-522 of who needs a commit of the table where there is none."""
        return QueryError("LW-522", f"table {self.name} has no instant to read", hint=f"`lakewright merge {self.name}`")

    def spec(self, schema: TableSchema) -> TableSpec:
        """The table as a format keeps it; raises `ConfigError` where the partition column cannot be."""
        columns = [(column.name, column.type) for column in schema.columns]
        if self.day_of and self.partition:
            if self.partition in dict(columns):
                raise ConfigError(
                    "LW-122", f"table {self.name} has a column {self.partition} already; it cannot hold the day too"
                )
            columns.append((self.partition, types.STRING))
        if not schema.key:
            columns.append((ROW_COLUMN, types.STRING))
        columns += [(POSITION_COLUMN, types.STRING), (DELETED_COLUMN, types.BOOLEAN)]
        return TableSpec(self.name, tuple(columns), schema.key or (ROW_COLUMN,), self.partition)

    def stored(self, schema: TableSchema, generation: int) -> str:
        """The select list that makes the table's columns of a relation with the source's columns, ``_position`` and, without key,
        the row's identity.
        """
        parts = [quote(column.name) for column in schema.columns]
        if self.partition:
            parts.append(self.day_sql())
        if not schema.key:
            parts.append(f"'{generation:04d}.' || {ROW_COLUMN} AS {ROW_COLUMN}")
        parts.append(f"'{generation:04d}.' || {POSITION_COLUMN} AS {POSITION_COLUMN}")
        parts.append(f"CAST(NULL AS BOOLEAN) AS {DELETED_COLUMN}")
        return ", ".join(parts)
