"""Three small tables to query."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from lakewright.engines.relation import Relation, TableRef
from lakewright.errors import QueryError

_ORDERS = """SELECT * FROM (VALUES
  (1, 'anna', CAST(10.00 AS DECIMAL(10,2)), DATE '2026-01-31', TIMESTAMP '2026-01-31 10:00:00', 1.5::DOUBLE, true,
   '{"a": {"b": 1}, "c": [1, 2]}'),
  (2, 'ben', CAST(20.55 AS DECIMAL(10,2)), DATE '2026-02-01', TIMESTAMP '2026-02-01 23:30:00.5', -2.5::DOUBLE, false, NULL),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, 'broken')) AS t(id, name, amount, day, "at", factor, paid, document)"""
_EARLIER = f"SELECT * FROM ({_ORDERS}) WHERE id = 1"


class Shop:
    """`Relations` that counts how often each reference was resolved."""

    def __init__(self) -> None:
        self.resolved: list[TableRef] = []

    def names(self) -> Sequence[tuple[str, str]]:
        return [("shop", "orders"), ("shop", "lines"), ("shop", "mixed")]

    def resolve(self, ref: TableRef) -> Relation | None:
        self.resolved.append(ref)
        if ref.schema not in (None, "shop"):
            return None
        if ref.name == "orders":
            sql = _EARLIER if ref.as_of and ref.as_of < datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) else _ORDERS
            kinds = ("int", "string", "decimal(10,2)", "date", "timestamp", "double", "boolean", "string")
            names = ("id", "name", "amount", "day", "at", "factor", "paid", "document")
            return Relation(sql, tuple(zip(names, kinds, strict=True)))
        if ref.name == "lines":
            sql = "SELECT * FROM (VALUES (1, 1, 3::BIGINT), (1, 2, 4), (2, 1, 5)) AS t(id, line, quantity)"
            return Relation(sql, (("id", "int"), ("line", "int"), ("quantity", "bigint")))
        if ref.name == "mixed":
            return Relation('SELECT 7 AS "OrderId"', (("OrderId", "int"),))
        if ref.name == "gone":
            raise QueryError("LW-520", "table gone has no rows at this time")
        return None
