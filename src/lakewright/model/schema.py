"""What a source table looks like at one moment, and how two such moments differ."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pyarrow as pa

from lakewright.model import types
from lakewright.model.names import TableName

Identity = Literal["default", "index", "full", "nothing"]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column. ``source_type`` is PostgreSQL's spelling, ``type`` the lake's (see `types`).

    ``missing`` is the server's text of the value that rows older than the column have: the constant default of an
    ``ADD COLUMN``, or None for NULL. It is only right where ``missing_known``: after a volatile default or a rewrite of the
    table older rows may hold anything.
    """

    name: str
    source_type: str
    type: str
    nullable: bool = True
    missing: str | None = None
    missing_known: bool = True


@dataclasses.dataclass(frozen=True)
class TableSchema:
    """A source table's columns and key; ``number`` counts its versions from 1 (0: not stored yet).

    ``key`` is the columns of the replica identity: the primary key under DEFAULT and FULL, the index's otherwise. An empty key
    makes the table an append log: only its inserts and truncates are captured. ``oid`` is the server's own number of the table,
    which tells it from one that was made anew under its name (0: unknown).
    """

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    identity: Identity = "default"
    number: int = 0
    oid: int = 0

    def column(self, name: str) -> Column:
        """The column of that name; raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names in the source's order."""
        return tuple(column.name for column in self.columns)

    def arrow(self) -> pa.Schema:
        """The table's own columns as Arrow fields, all nullable."""
        return pa.schema([pa.field(column.name, types.to_arrow(column.type)) for column in self.columns])

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {**dataclasses.asdict(self), "name": str(self.name), "columns": [dataclasses.asdict(c) for c in self.columns]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TableSchema:
        """The schema that `to_json` wrote."""
        return cls(
            name=TableName.parse(data["name"]),
            columns=tuple(Column(**column) for column in data["columns"]),
            key=tuple(data["key"]),
            identity=data["identity"],
            number=data["number"],
            oid=data["oid"],
        )


@dataclasses.dataclass(frozen=True)
class SchemaChange:
    """What has to happen to go from one schema to another.

    ``added`` columns can be taken up as they come; ``refusal`` is why the table cannot go on without a new load, or None.
    """

    added: tuple[Column, ...] = ()
    refusal: str | None = None


def compare(old: TableSchema, new: TableSchema) -> SchemaChange:
    """How `new` differs from `old`: columns that were added, or the first reason why a new load is needed.

    An added column goes on when older rows hold NULL or one constant in it. A dropped, renamed or retyped column, another
    key, and an added column whose older rows may hold anything stop the table. Nullability and order alone change nothing.
    """
    if old.oid and new.oid and old.oid != new.oid:
        return SchemaChange(refusal="it was dropped and created again")
    if old.key != new.key:
        return SchemaChange(refusal=f"its key changed from ({', '.join(old.key)}) to ({', '.join(new.key)})")
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name, column in before.items():
        if name not in after:
            return SchemaChange(refusal=f"its column {name} was dropped or renamed")
        if (column.type, column.source_type) != (after[name].type, after[name].source_type):
            return SchemaChange(refusal=f"its column {name} changed from {column.source_type} to {after[name].source_type}")
    added = tuple(column for name, column in after.items() if name not in before)
    for column in added:
        if not column.missing_known or (not column.nullable and column.missing is None):
            return SchemaChange(refusal=f"its new column {column.name} has values in older rows that the stream does not tell")
    return SchemaChange(added=added)
