"""A source's table schemas, kept as numbered files that never change."""

from __future__ import annotations

import contextlib
import dataclasses

from lakewright.errors import AlreadyExists, LogError, NotFound
from lakewright.model import fields, sealed
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.model.schema import TableSchema
from lakewright.raw import layout


class Schemas:
    """The schemas below a source's `folder`; each table's count from 1. Safe from several threads and processes."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._known: dict[tuple[TableName, int], TableSchema] = {}
        self._newest: dict[TableName, int] = {}

    def newest(self, table: TableName) -> int:
        """The table's highest number; 0 where it has no schema. Costs one look-up where it is the one that was seen before."""
        number = self._newest.get(table, 0)
        if number == 0:
            entries = self._store.list(self._folder + layout.schema_folder(table))
            number = max((layout.number_in(entry.name) or 0 for entry in entries), default=0)
        while number and self._store.exists(self._name(table, number + 1)):
            number += 1
        self._newest[table] = number
        return number

    def store(self, schema: TableSchema, used: int) -> TableSchema:
        """The schema with its number: that of the table's newest schema where they are equal, else the next one.

        `used` is the highest number that rows are under: one that was lost is not given again.
        """
        while True:
            newest = max(used, self.newest(schema.name))
            with contextlib.suppress(LogError):
                if newest and (stored := self.read(schema.name, newest)) == dataclasses.replace(schema, number=newest):
                    return stored
            numbered = dataclasses.replace(schema, number=newest + 1)
            with contextlib.suppress(AlreadyExists):
                content = sealed.dump({"version": 1, **numbered.to_json()})
                self._store.create(self._name(schema.name, numbered.number), content)
                return numbered

    def read(self, table: TableName, number: int) -> TableSchema:
        """The table's schema of that number; raises `LogError` where it is missing or damaged."""
        known = self._known.get((table, number))
        if known is None:
            known = self._known[table, number] = self._read(table, number)
        return known

    def _name(self, table: TableName, number: int) -> str:
        return self._folder + layout.schema_name(table, number)

    def _read(self, table: TableName, number: int) -> TableSchema:
        name = self._name(table, number)
        try:
            data = sealed.load(self._store.read(name))
            if data["version"] != 1:
                raise ValueError(f"its version is {data['version']}, this program reads 1")
            if (data["name"], data["number"]) != (str(table), number):
                raise ValueError(f"it is {data['name']}'s number {data['number']}")
            # The text form of a name is ambiguous where a schema's has a dot; the folder is not.
            return dataclasses.replace(TableSchema.from_json(data), name=table)
        except NotFound:
            reason = "it is missing"
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = fields.damage(error)
        hint = f"`lakewright resync {table}` loads the table anew"
        raise LogError("LW-356", f"schema {name} cannot be read: {reason}", hint=hint)
