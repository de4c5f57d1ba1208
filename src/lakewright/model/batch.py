"""Changes of one table under one schema, as Arrow: the rows of a raw file."""

from __future__ import annotations

import dataclasses
import datetime

import pyarrow as pa

from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.model.table import HIDDEN_COLUMNS

OP = "Op"
COMMIT_TIME = "_commit_time"
POSITION = "_position"
UNAVAILABLE = "_unavailable"
OLD_KEY = "_old_key"
EXACT = "_exact"

INSERT, UPDATE, DELETE, TRUNCATE = "I", "U", "D", "T"

DELETED = "_deleted"
"""Not in raw files: true in a row that tells of a key that is gone, of a fold or of the changes since a moment."""

RESERVED = frozenset({OP.lower(), COMMIT_TIME, POSITION, UNAVAILABLE, OLD_KEY, EXACT, DELETED}) | HIDDEN_COLUMNS
"""Names that a source column may not have, in lower case: SQL engines do not tell ``op`` from ``Op``."""


def raw_schema(schema: TableSchema) -> pa.Schema:
    """The columns of a raw file of this table: DMS's first, then the table's, then ours.

    ``Op`` is I, U, D or T; ``_commit_time`` the transaction's commit time in UTC; ``_position`` the text form of `Position`.
    Ours are null almost always: ``_unavailable`` lists the columns the server did not send (unchanged TOAST); ``_old_key`` holds
    the former key on the insert half of a key change that has such columns; ``_exact`` is a JSON object from column name to
    the server's text, for values that the column's type cannot hold. A delete has its key columns only; a truncate no column.
    """
    fields = [
        pa.field(OP, pa.string()),
        pa.field(COMMIT_TIME, pa.timestamp("us", tz="UTC")),
        pa.field(POSITION, pa.string()),
        *schema.arrow(),
        pa.field(UNAVAILABLE, pa.list_(pa.string())),
    ]
    if schema.key:
        fields.append(pa.field(OLD_KEY, pa.struct([schema.arrow().field(name) for name in schema.key])))
    return pa.schema([*fields, pa.field(EXACT, pa.string())])


@dataclasses.dataclass(frozen=True)
class ChangeBatch:
    """Changes of one table in change order; ``rows`` has exactly the columns of `raw_schema`.

    A key change is a delete of the old key and an insert of the new one with the same position. ``first`` and ``last`` are the
    positions of the first and last row, the times their transactions' commit times (UTC).

    With ``load`` the rows are inserts that belong to a full load of the table as of that one position: together with the other
    batches that have it they replace all rows that the table had.
    """

    schema: TableSchema
    rows: pa.Table
    first: Position
    last: Position
    first_time: datetime.datetime
    last_time: datetime.datetime
    load: bool = False
