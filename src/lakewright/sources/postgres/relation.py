"""What a Relation message says: a table's identity and columns as of the changes that follow it."""

from __future__ import annotations

import dataclasses
import struct

from lakewright.model.names import TableName
from lakewright.sources.postgres.messages import malformed


@dataclasses.dataclass(frozen=True)
class RelationColumn:
    """A published column; ``key`` says whether it belongs to the replica identity."""

    name: str
    type_oid: int
    modifier: int
    key: bool


@dataclasses.dataclass(frozen=True)
class Relation:
    """A table in the stream; ``identity`` is its replica identity as in ``pg_class.relreplident``."""

    oid: int
    name: TableName
    identity: str
    columns: tuple[RelationColumn, ...]

    def key(self, of_catalog: tuple[str, ...]) -> tuple[str, ...]:
        """The columns that tell a former row: those of the catalog, unless the message marks others.

        Under FULL a former row is told whole, and the message marks every column.
        """
        marked = tuple(column.name for column in self.columns if column.key)
        return of_catalog if self.identity == "f" or set(marked) == set(of_catalog) else marked

    @classmethod
    def parse(cls, message: bytes) -> Relation:
        """The relation of a Relation message; raises `SourceError` where it is malformed."""
        try:
            return cls._parse(message)
        except (struct.error, ValueError):
            raise malformed("a Relation message cannot be read") from None

    @classmethod
    def _parse(cls, message: bytes) -> Relation:
        (oid,) = struct.unpack_from(">I", message, 1)
        schema, at = _string(message, 5)
        table, at = _string(message, at)
        identity, count = struct.unpack_from(">cH", message, at)
        at, columns = at + 3, []
        for _ in range(count):
            (flags,) = struct.unpack_from(">B", message, at)
            name, at = _string(message, at + 1)
            type_oid, modifier = struct.unpack_from(">Ii", message, at)
            columns.append(RelationColumn(name, type_oid, modifier, bool(flags & 1)))
            at += 8
        if at != len(message):
            raise ValueError("bytes are left over")
        # The protocol writes pg_catalog as an empty name.
        return cls(oid, TableName(schema or "pg_catalog", table), identity.decode("ascii"), tuple(columns))


def _string(message: bytes, at: int) -> tuple[str, int]:
    """The null-terminated text at `at`, and where what follows it begins."""
    end = message.index(0, at)
    return message[at:end].decode(), end + 1
