"""History: a table's commits, or the life of one row from the raw log."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from lakewright.engines.failures import known_errors
from lakewright.engines.result import rows
from lakewright.errors import QueryError
from lakewright.model import types
from lakewright.model.batch import COMMIT_TIME, OLD_KEY, OP, POSITION, TRUNCATE, UNAVAILABLE
from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import TableSchema
from lakewright.pipeline import damage, scan
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile

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


def row_history(lake: Wiring, mirror: Mirror, key: str) -> list[RowChange]:
    """Every change of one row that the raw log still has, oldest first; truncates that ended it are in it too.

    `key` is ``5`` or ``order_id=5,line=2``; raises `QueryError` LW-530 where it does not name the table's key, or
    has a value that its column cannot hold.
    """
    log, connection = lake.log(mirror.source), lake.connection()
    newest = log.newest_schema(mirror.origin)
    values = _parse_key(newest, key)
    _check_key(mirror, newest, connection, values)
    files = log.view().files_of(mirror.origin)
    loads = [file for file in files if file.kind == "load"]
    changes: list[tuple[str, RowChange]] = []
    for name, some in (("load", loads), ("", [file for file in files if file.kind != "load"])):
        for schema, group in scan.by_schema(log, newest, some):
            if not values.keys() - set(schema.column_names):
                changes += [(row[1], _change(schema, name, *row)) for row in _rows(log, schema, group, connection, values)]
    return [change for _, change in sorted(changes, key=lambda pair: pair[0])]


def _parse_key(schema: TableSchema, text: str) -> dict[str, str]:
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


def _check_key(mirror: Mirror, schema: TableSchema, connection: duckdb.DuckDBPyConnection, key: Mapping[str, str]) -> None:
    casts = ", ".join(f"CAST(? AS {types.to_duckdb(schema.column(name).type)})" for name in key)
    try:
        with known_errors():
            connection.execute(f"SELECT {casts}", list(key.values())).fetchall()
    except QueryError as error:
        message = f"the key's value does not fit its column in {mirror.name}"
        raise QueryError("LW-530", message, hint=f"`lakewright schema {mirror.name}` shows the key's type") from error


def _rows(
    log: RawLog, schema: TableSchema, files: Sequence[RawFile], connection: duckdb.DuckDBPyConnection, key: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    """What files of one schema say of the row, and their truncates, in log order."""
    # The key of an older schema may be of a type that cannot hold the value: no row of it is meant.
    where = " AND ".join(f"{quote(name)} = TRY_CAST(? AS {types.to_duckdb(schema.column(name).type)})" for name in key)
    extra = f"{UNAVAILABLE}, {OLD_KEY}" if schema.key else "NULL, NULL"
    columns = ", ".join(map(quote, schema.column_names))
    text = (
        f"SELECT {COMMIT_TIME}, {POSITION}, {OP}, {extra}, {columns} FROM {scan.raw_files(log, files)}"
        f" WHERE ({where}) OR {OP} = '{TRUNCATE}' ORDER BY {POSITION}"
    )
    with damage.named(log, files):
        found = connection.sql(text, params=list(key.values())).to_arrow_table()
    return rows(found)


def _change(
    schema: TableSchema,
    name: str,
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
    change = name or NAMES[op] + (f" (key was {old_key})" if old_key else "")
    return RowChange(moment, position, change, sent)
