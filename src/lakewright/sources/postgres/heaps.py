"""Where the rows of a table lie, and whether rows came or went there in a way that the stream does not tell.

A partitioned table is published by its root. The server sends no row of a partition that is attached, detached or dropped, and
nothing of one that is truncated by itself. What a transaction wrote carries its number (``xmin``), and a rewrite such as VACUUM
FULL keeps it: so a row from before the last look proves that the rows of that time were not truncated since.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Session

from lakewright.model.names import quote_identifier
from lakewright.model.schema import Column, Heap, TableSchema
from lakewright.sources.postgres.connection import fetch

_LOOKED_AT = 10_000
"""Rows of a rewritten partition that are looked at for an old one: those that a rewrite kept stand first."""

_HEAPS = """
SELECT c.oid, l.oid, l.relfilenode::bigint, l.xmin::text::bigint
FROM pg_class c CROSS JOIN LATERAL (
    SELECT c.oid AS relid WHERE c.relkind = 'r'
    UNION ALL SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE c.relkind = 'p' AND t.isleaf
) AS leaf JOIN pg_class l ON l.oid = leaf.relid
WHERE c.oid = ANY(%s) ORDER BY c.oid, l.oid
"""

# The system columns of a table are entered into the catalog by the transaction that creates it, and never changed.
_ATTACHED = """
SELECT bool_and(a.xmin = i.xmin), array_agg(i.xmin::text), max(i.cmin::text::bigint)
FROM pg_partition_ancestors(%(oid)s) AS p JOIN pg_inherits i ON i.inhrelid = p.relid
    JOIN pg_attribute a ON a.attrelid = p.relid AND a.attnum = -1
"""

_OLDER = "age(r.xmin) > age(%(seen)s::text::xid8::xid)"
COMPARABLE = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint - {seen} < 2000000000"
"""SQL: whether age() tells a transaction from the one numbered `seen`: their last 32 bits are compared, in a circle."""
_UNTOLD = f"{_OLDER} AND {COMPARABLE.format(seen='%(seen)s')}"


def heaps(session: Session, oids: Sequence[int]) -> dict[int, tuple[Heap, ...]]:
    """Where the rows of the tables with these oids lie now."""
    found: dict[int, list[Heap]] = {oid: [] for oid in oids}
    for oid, *heap in fetch(session, _HEAPS, (list(oids),)):
        found[oid].append(Heap(*heap))
    return {oid: tuple(each) for oid, each in found.items()}


def filled(session: Session, known: TableSchema, now: TableSchema) -> str | None:
    """The first partition that is new in `now` and may have rows from before it was attached, or None.

    What a partition got after that is in the stream. That is known of one that was created and attached in one transaction,
    from then on, and of one that is empty.
    """
    before = {heap.oid for heap in known.heaps}
    for heap in now.heaps if known.attributes else ():
        if heap.oid in before or heap.oid == now.oid:
            continue
        ((born, transactions, command),) = fetch(session, _ATTACHED, {"oid": heap.oid})
        untold = "true" if not born else "r.xmin::text = ANY(%(transactions)s) AND r.cmin::text::bigint < %(command)s"
        if _any(session, now, heap, untold, {"transactions": transactions, "command": command}):
            return _name(session, heap)
    return None


def emptied(session: Session, known: TableSchema, now: TableSchema) -> str | None:
    """The first partition that may have been truncated by itself since `known`, or None."""
    before = {heap.oid: heap.file for heap in known.heaps}
    for heap in now.heaps:
        if heap.oid == now.oid or before.get(heap.oid, heap.file) == heap.file or heap.transaction == known.emptied:
            continue
        if not _any(session, now, heap, _UNTOLD, {"seen": known.seen}, most=_LOOKED_AT):
            return _name(session, heap)
    return None


# Of a partitioned table the partitions know the value that older rows have; as in the catalog's own query. One that was created
# with the column has no older row.
_MISSING = """
SELECT a.atthasmissing, CASE WHEN t.typdelim = ',' THEN (a.attmissingval::text::text[])[1] END
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_attribute system ON system.attrelid = a.attrelid AND system.attnum = -1
WHERE a.attrelid = ANY(%(leaves)s) AND a.attname = %(column)s AND (a.atthasmissing OR a.xmin <> system.xmin)
GROUP BY 1, 2
"""


def trusted(session: Session, known: TableSchema, now: TableSchema) -> TableSchema:
    """`now`, with what older rows have in new columns as far as the partitions and the rows tell it.

    The one constant of all partitions is ``missing``. A rewrite fills a default in, and the catalog does not tell of one that was
    dropped after that: where the table was rewritten since `known`, the rows tell whether something was filled in.
    """
    files = {heap.oid: heap.file for heap in known.heaps}
    rewritten = any(files.get(heap.oid, heap.file) != heap.file for heap in now.heaps)
    columns = []
    for column in now.columns:
        if known.attributes and column.name not in known.column_names and column.missing is None:
            constants = _constants(session, now, column)
            if len(constants) == 1 and constants[0] is not None:
                column = dataclasses.replace(column, missing=constants[0], missing_known=True)
            elif constants or (rewritten and _was_filled(session, known, now, column)):
                column = dataclasses.replace(column, missing_known=False)
        columns.append(column)
    return dataclasses.replace(now, columns=tuple(columns))


def _constants(session: Session, table: TableSchema, column: Column) -> list[str | None]:
    """What older rows of the partitions have in a new column: each constant once, and None for what is not known; none where no
    partition has one."""
    leaves = [heap.oid for heap in table.heaps if heap.oid != table.oid]
    found = fetch(session, _MISSING, {"leaves": leaves, "column": column.name})
    return [value for _, value in found] if any(has for has, _ in found) else []


def _was_filled(session: Session, known: TableSchema, now: TableSchema, column: Column) -> bool:
    """Whether rows that the stream does not tell of hold something in a new column, and none of them NULL.

    These are rows from before `known`, which a rewrite such as VACUUM FULL keeps, and those of the transaction that changed the
    table last: an ALTER TABLE that rewrites enters all rows anew. All others came after `known`, and with them their values.
    """
    ((table,),) = fetch(session, "SELECT %s::oid::regclass::text", (now.oid,))
    rows = f"SELECT xmin, {quote_identifier(column.name)} AS value FROM {'' if now.is_partitioned else 'ONLY '}{table}"
    untold = f"(({_UNTOLD}) OR r.xmin::text::bigint = ANY(%(changed)s))"
    query = f"SELECT bool_and(r.value IS NOT NULL) FROM ({{}} LIMIT %(most)s) AS r WHERE {untold}"
    text = query.format(rows.replace("%", "%%"))
    changed = [heap.transaction for heap in now.heaps]
    return bool(fetch(session, text, {"seen": known.seen, "most": _LOOKED_AT, "changed": changed})[0][0])


def _any(
    session: Session, table: TableSchema, heap: Heap, condition: str, arguments: dict[str, Any], most: int | None = None
) -> bool:
    """Whether one of the first `most` rows of a partition fulfils the condition. It is read through its root, by whose right it
    is captured."""
    ((bounds, root),) = fetch(
        session, "SELECT pg_get_partition_constraintdef(%s), %s::oid::regclass::text", (heap.oid, table.oid)
    )
    rows = sql.SQL("SELECT xmin, cmin FROM {} WHERE tableoid = {} AND ({}) LIMIT {}").format(
        sql.SQL(root), sql.Literal(heap.oid), sql.SQL(bounds or "true"), sql.Literal(most)
    )
    text = rows.as_string(session).replace("%", "%%")
    return bool(fetch(session, f"SELECT EXISTS (SELECT FROM ({text}) AS r WHERE {condition})", arguments)[0][0])


def _name(session: Session, heap: Heap) -> str:
    return str(fetch(session, "SELECT %s::oid::regclass::text", (heap.oid,))[0][0])
