"""History: a table's commits, or the life of one row from the raw log."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import duckdb

from lakewright.errors import QueryError
from lakewright.model import types
from lakewright.model.batch import COMMIT_TIME, OLD_KEY, OP, POSITION, UNAVAILABLE
from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import TableSchema
from lakewright.pipeline import damage
from lakewright.pipeline.mirror import Mirror
from lakewright.raw.log import RawLog

NAMES = {"I": "insert", "U": "update", "D": "delete", "T": "truncate"}


@dataclasses.dataclass(frozen=True)
class RowChange:
    """One change of a row: when it was committed in the source, where in the log, what it was, and the values it sent.

    A load shows as ``load``. Values that the server did not send (unchanged TOAST) are left out of ``values``.
    """

    time: datetime.datetime
    position: str
    change: str
    values: dict[str, Any]


def parse_key(schema: TableSchema, text: str) -> dict[str, str]:
    """``5`` or ``order_id=5,line=2`` as column values; raises `QueryError` where it does not name the key."""
    if not schema.key:
        raise QueryError(
            "LW-530", f"table {schema.name} has no key, so its rows have no history", hint="read its raw rows with SQL"
        )
    if len(schema.key) == 1 and not text.startswith(f"{schema.key[0]}="):
        return {schema.key[0]: text}
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    if set(parts) != set(schema.key):
        raise QueryError(
            "LW-530",
            f"{text!r} does not name the key of {schema.name}",
            hint="write " + ",".join(f"{k}=VALUE" for k in schema.key),
        )
    return parts


def row_history(mirror: Mirror, log: RawLog, connection: duckdb.DuckDBPyConnection, key: Mapping[str, str]) -> list[RowChange]:
    """Every change of one row that the raw log still has, oldest first; truncates that ended it are in it too."""
    view = log.view()
    changes: list[tuple[str, RowChange]] = []
    for file in view.files_of(mirror.origin):
        schema = log.schema(mirror.origin, file.schema)
        if set(key) - set(schema.column_names):
            continue
        where = " AND ".join(f"{quote(name)} = CAST(? AS {types.to_duckdb(schema.column(name).type)})" for name in key)
        extra = f", {UNAVAILABLE}, {OLD_KEY}" if schema.key else ", NULL, NULL"
        columns = ", ".join(map(quote, schema.column_names))
        text = (
            f"SELECT {COMMIT_TIME}, {POSITION}, {OP}{extra}, {columns} FROM read_parquet(?) WHERE ({where}) OR {OP} = 'T'"
            f" ORDER BY {POSITION}"
        )
        try:
            with damage.named(log, [file]):
                found = connection.sql(text, params=[log.location(file), *key.values()]).to_arrow_table()
        except duckdb.ConversionException as error:
            message = f"the key's value does not fit its column in {mirror.name}"
            raise QueryError("LW-530", message, hint=f"`lakewright schema {mirror.name}` shows the key's type") from error
        for row in zip(*(column.to_pylist() for column in found.columns), strict=True):
            changes.append((row[1], _change(schema, file.kind, *row)))
    return [change for _, change in sorted(changes, key=lambda pair: pair[0])]


def _change(
    schema: TableSchema,
    kind: str,
    moment: datetime.datetime,
    position: str,
    op: str,
    unavailable: list[str] | None,
    old_key: dict[str, Any] | None,
    *values: Any,
) -> RowChange:
    sent = {n: v for n, v in zip(schema.column_names, values, strict=True) if n not in (unavailable or ())}
    if op in "DT":
        sent = {name: value for name, value in sent.items() if name in schema.key and op == "D"}
    name = "load" if kind == "load" else NAMES[op] + (f" (key was {old_key})" if old_key else "")
    return RowChange(moment, position, name, sent)
