"""A table of the lake that mirrors a table of a source: its name, its place, its stored columns."""

from __future__ import annotations

import dataclasses
import datetime

from lakewright.errors import ConfigError, QueryError
from lakewright.model import types
from lakewright.model.names import TableName
from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import TableSchema
from lakewright.model.table import COW, DELETED_COLUMN, POSITION_COLUMN, ROW_COLUMN, TableSpec
from lakewright.project.names import Partition


@dataclasses.dataclass(frozen=True)
class Mirror:
    """What lake.yaml says of one table.

    ``path`` is its first folder in the store (`folders` knows in which one it is), ``divided_by`` what partitions it, ``type``
    `COW` or `MOR`. ``recent`` is how far back every moment stays readable, ``savepoints`` for each span of time how long its
    newest commit is kept after that.
    ``raw`` is how long its raw changes are kept at least, for ever if it is None.
    ``small_files`` is the size in bytes below which base files are to become larger ones, if at all. A merge writes a base file
    anew that has ``compact_after`` logs. The newest ``timeline_keep`` writes stay on the timeline; of others ``archive_after``
    go to the archive together.
    """

    name: str
    source: str
    origin: TableName
    path: str
    divided_by: tuple[Partition, ...] = ()
    recent: datetime.timedelta = datetime.timedelta(hours=1)
    savepoints: tuple[tuple[datetime.timedelta, datetime.timedelta], ...] = ()
    raw: datetime.timedelta | None = None
    small_files: int | None = None
    type: str = COW
    compact_after: int = 5
    timeline_keep: int = 20
    archive_after: int = 100

    @property
    def partition(self) -> tuple[str, ...]:
        """The names of the stored columns that partition it."""
        return tuple(each.stored for each in self.divided_by)

    @property
    def days(self) -> tuple[Partition, ...]:
        """Those that have a stored column of text of their own."""
        return tuple(each for each in self.divided_by if each.is_day)

    def days_sql(self) -> list[str]:
        """Each day, made of its column, under the stored column's name; the session is in UTC."""
        return [f"CAST(CAST({quote(each.column)} AS DATE) AS STRING) AS {quote(each.stored)}" for each in self.days]

    def mismatch(self, stored: TableSpec) -> str | None:
        """How the stored table is kept otherwise than lake.yaml asks for: its type, its partition; None where it is not."""
        found = [f"is of type {stored.type}, and lake.yaml asks for {self.type}"] if stored.type != self.type else []
        if stored.partition != self.partition:
            names = dict(stored.columns)
            days = (Partition(name.removesuffix("_day"), is_day=True) for name in stored.partition)
            before = ", ".join(
                str(day) if day.stored == name and day.column in names else name
                for day, name in zip(days, stored.partition, strict=True)
            )
            asked = ", ".join(map(str, self.divided_by))
            found.append(f"is partitioned by {before or 'nothing'}, and lake.yaml asks for {asked or 'nothing'}")
        return "; it ".join(found) or None

    def no_instant(self) -> QueryError:
        """The error LW-522 of who needs a commit of the table where there is none."""
        return QueryError("LW-522", f"table {self.name} has no instant to read", hint=f"`lakewright merge {self.name}`")

    def spec(self, schema: TableSchema) -> TableSpec:
        """The table as a format keeps it; raises `ConfigError` where the partition column cannot be."""
        columns = [(column.name, column.type) for column in schema.stored]
        for day in self.days:
            if day.stored in dict(columns):
                raise ConfigError("LW-122", f"table {self.name} has a column {day.stored} already; it cannot hold the day too")
            columns.append((day.stored, types.STRING))
        if not schema.key:
            columns.append((ROW_COLUMN, types.STRING))
        columns += [(POSITION_COLUMN, types.STRING), (DELETED_COLUMN, types.BOOLEAN)]
        return TableSpec(self.name, tuple(columns), schema.key or (ROW_COLUMN,), self.partition, self.type)

    def stored(self, schema: TableSchema, generation: int, deleted: str = "CAST(NULL AS BOOLEAN)") -> str:
        """The select list that makes the table's columns of a relation with the schema's stored columns, ``_position`` and,
        without key, the row's identity; `deleted` says whether the row goes, where the engine's writer takes that from a column.
        """
        parts = [quote(column.name) for column in schema.stored]
        parts += self.days_sql()
        if not schema.key:
            parts.append(f"'{generation:04d}.' || {ROW_COLUMN} AS {ROW_COLUMN}")
        parts.append(f"'{generation:04d}.' || {POSITION_COLUMN} AS {POSITION_COLUMN}")
        parts.append(f"{deleted} AS {DELETED_COLUMN}")
        return ", ".join(parts)
