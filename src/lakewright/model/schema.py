"""What a source table looks like at one moment, and how two such moments differ."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pyarrow as pa

from lakewright.model import types
from lakewright.model.names import TableName

_SEEN_TOO_LONG_AGO = 1_000_000_000
"""Transactions; the server compares their numbers only where they are less than twice as many apart."""

Identity = Literal["default", "index", "full", "nothing"]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column. ``source_type`` is PostgreSQL's spelling, ``type`` the lake's (see `types`).

    ``missing`` is the server's text of the value that rows older than the column have: the constant default of an
    ``ADD COLUMN``, or None for NULL. It is only right where ``missing_known``: after a volatile default or a rewrite of the
    table older rows may hold anything.

    ``number`` is the server's own number of the column, which it never gives twice (0: unknown): a name alone may pass to another
    column. ``labels`` are the number and the label of each value of its enum type, or of its elements'.
    """

    name: str
    source_type: str
    type: str
    nullable: bool = True
    missing: str | None = None
    missing_known: bool = True
    number: int = 0
    labels: tuple[tuple[int, str], ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Column:
        """The column in the JSON of a schema; one that was written before ``number`` and ``labels`` were kept has none."""
        return cls(**{**data, "labels": tuple((number, label) for number, label in data.get("labels", ()))})


@dataclasses.dataclass(frozen=True)
class Heap:
    """Where rows of a table lie: the table itself, or one of its partitions.

    ``oid`` is its own, ``file`` the number of its file, which TRUNCATE and every rewrite change; ``transaction`` the last one
    that changed its entry in the server's catalog, such as those do.
    """

    oid: int
    file: int
    transaction: int


@dataclasses.dataclass(frozen=True)
class TableSchema:
    """A source table's columns and key; ``number`` counts its versions from 1 (0: not stored yet).

    ``key`` is the columns of the replica identity: the primary key under DEFAULT and FULL, the index's otherwise. An empty key
    makes the table an append log: only its inserts and truncates are captured. ``oid`` is the server's own number of the table,
    which tells it from one that was made anew under its name (0: unknown).

    ``attributes`` is the highest number of a column so far, of generated and dropped ones too (0: unknown). ``seen`` is the
    server's number of a transaction before which all others had ended when the catalog was read (0: unknown): whatever in the
    source is of an earlier one was so then. ``heaps`` is where the rows lay, and ``emptied`` the transaction of the last
    TRUNCATE of the whole table that is in the log (0: none).

    ``definition`` stands for what decided how the bytes of files became rows, where the source has files ("" for a database).
    """

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    identity: Identity = "default"
    number: int = 0
    oid: int = 0
    attributes: int = 0
    seen: int = 0
    heaps: tuple[Heap, ...] = ()
    emptied: int = 0
    definition: str = ""

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

    @property
    def is_partitioned(self) -> bool:
        """Whether its rows lie in partitions."""
        return any(heap.oid != self.oid for heap in self.heaps)

    def typed_as(self, former: TableSchema) -> TableSchema:
        """The same with the lake types that the columns have in `former`, where the source's types are still the same.

        A type that lake.yaml gives anew counts from the next load on, not in the middle of a log.
        """
        known = {(column.name, column.source_type): column.type for column in former.columns}
        columns = (dataclasses.replace(c, type=known.get((c.name, c.source_type), c.type)) for c in self.columns)
        return dataclasses.replace(self, columns=tuple(columns))

    def arrow(self) -> pa.Schema:
        """The table's own columns as Arrow fields, all nullable."""
        return pa.schema([pa.field(column.name, types.to_arrow(column.type)) for column in self.columns])

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {**dataclasses.asdict(self), "name": str(self.name)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TableSchema:
        """The schema that `to_json` wrote."""
        return cls(
            name=TableName.parse(data["name"]),
            columns=tuple(Column.from_json(column) for column in data["columns"]),
            key=tuple(data["key"]),
            identity=data["identity"],
            number=data["number"],
            oid=data["oid"],
            attributes=data.get("attributes", 0),
            seen=data.get("seen", 0),
            heaps=tuple(Heap(**heap) for heap in data.get("heaps", ())),
            emptied=data.get("emptied", 0),
            definition=data.get("definition", ""),
        )


@dataclasses.dataclass(frozen=True)
class SchemaChange:
    """What has to happen to go from one schema to another.

    ``added`` columns can be taken up as they come; ``refusal`` is why the table cannot go on without a new load, or None.
    ``news`` says that the new one has facts, other than columns, which the next comparison needs.
    """

    added: tuple[Column, ...] = ()
    refusal: str | None = None
    news: bool = False


def compare(old: TableSchema, new: TableSchema) -> SchemaChange:
    """How `new` differs from `old`: columns that were added, or the first reason why a new load is needed.

    An added column goes on when older rows hold NULL or one constant in it. A dropped, renamed, retyped or exchanged column,
    another key, a renamed value of an enum, and an added column whose older rows may hold anything stop the table. Nullability
    and order alone change nothing.
    """
    if old.oid and new.oid and old.oid != new.oid:
        return SchemaChange(refusal="it was dropped and created again")
    if old.key != new.key:
        return SchemaChange(refusal=f"its key changed from ({', '.join(old.key)}) to ({', '.join(new.key)})")
    if {heap.oid for heap in old.heaps} - {heap.oid for heap in new.heaps}:
        return SchemaChange(refusal="a partition of it was dropped or detached, with the rows that it had")
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name, column in before.items():
        if name not in after:
            return SchemaChange(refusal=f"its column {name} was dropped or renamed")
        if (refusal := _column_refusal(column, after[name])) is not None:
            return SchemaChange(refusal=f"its column {name} {refusal}")
    added = tuple(column for name, column in after.items() if name not in before)
    for column in added:
        untold = not column.missing_known or (not column.nullable and column.missing is None)
        # It was there before, as a generated column: its values stayed.
        if untold or 0 < column.number <= old.attributes:
            return SchemaChange(refusal=f"its new column {column.name} has values in older rows that the stream does not tell")
    labelled = new.seen - old.seen > _SEEN_TOO_LONG_AGO or any(
        column.labels != after[name].labels for name, column in before.items()
    )
    return SchemaChange(added=added, news=labelled or (not old.attributes and new.attributes > 0) or _leaves(old) != _leaves(new))


def _leaves(table: TableSchema) -> set[tuple[int, int]]:
    """The partitions' oids and files."""
    return {(heap.oid, heap.file) for heap in table.heaps if heap.oid != table.oid}


def _column_refusal(old: Column, new: Column) -> str | None:
    """Why the column of the same name is not the one from before, or None."""
    if (old.type, old.source_type) != (new.type, new.source_type):
        return f"changed from {old.source_type} to {new.source_type}"
    if old.number and new.number and old.number != new.number:
        return "is another one than before: it was dropped and added again, or took the name of another"
    labels = dict(new.labels)
    if any(labels.get(number) != label for number, label in old.labels):
        return "has other values in older rows: a value of its enum was renamed, or the enum was made anew"
    return None
