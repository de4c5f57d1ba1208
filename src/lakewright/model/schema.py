"""What a source table looks like at one moment; how two such moments differ is in `evolution`."""

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

    ``dropped`` are columns that the source has no longer: rows that did not change since keep what they had. ``vacated`` are the
    former names of renamed columns, in which every row is null. The lake's table has both beside ``columns``.
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
    dropped: tuple[Column, ...] = ()
    vacated: tuple[Column, ...] = ()

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
    def stored(self) -> tuple[Column, ...]:
        """The columns of the lake's table: one keeps its place when it is dropped, and a new name stands after the former."""
        return tuple(sorted((*self.vacated, *self.columns, *self.dropped), key=lambda column: column.number))

    def held(self, column: Column, own: TableSchema) -> Column | None:
        """The column of another version `own` of the table that holds the values of one of `stored`; None where none does."""
        return None if column in self.vacated else own.counterpart(column)

    def counterpart(self, column: Column, *, gone: bool = False) -> Column | None:
        """The column that is `column` of another version of the table, whatever its name; None where there is none.

        With `gone` one that was dropped counts too.
        """
        for own in (*self.columns, *(self.dropped if gone else ())):
            if own.number == column.number if own.number and column.number else own.name == column.name:
                return own
        return None

    @property
    def is_partitioned(self) -> bool:
        """Whether its rows lie in partitions."""
        return any(heap.oid != self.oid for heap in self.heaps)

    def typed_as(self, former: TableSchema) -> TableSchema:
        """The same with the lake types that the columns have in `former`, where the source's types are still the same.

        A type that lake.yaml gives anew counts from the next load on, not in the middle of a log.
        """
        columns = []
        for column in self.columns:
            known = former.counterpart(column)
            is_same = known is not None and known.source_type == column.source_type
            columns.append(dataclasses.replace(column, type=known.type) if known and is_same else column)
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
            dropped=tuple(Column.from_json(column) for column in data.get("dropped", ())),
            vacated=tuple(Column.from_json(column) for column in data.get("vacated", ())),
        )
