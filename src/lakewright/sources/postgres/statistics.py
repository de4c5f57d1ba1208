"""What the server counts of the rows of tables."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import connection as Session

from lakewright.model import types
from lakewright.model.names import TableName, quote_identifier
from lakewright.sources.postgres.catalog import qualified
from lakewright.sources.postgres.connection import fetch


def estimated_rows(session: Session, tables: Sequence[TableName]) -> dict[TableName, int]:
    """Rows of each table as of its last ANALYZE or VACUUM, partitions together; 0 where there was none."""
    query = """
    SELECT sum(greatest(c.reltuples, 0))::bigint FROM pg_class c WHERE c.relkind = 'r'
      AND (c.oid = to_regclass(%(table)s) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass(%(table)s))))
    """
    return {table: fetch(session, query, {"table": qualified(table)})[0][0] or 0 for table in tables}


def updated_rows(session: Session) -> dict[TableName, int]:
    """How many rows of each table were updated or deleted since the server's statistics began; tables without are left out."""
    query = """
    SELECT n.nspname, c.relname, sum(s.n_tup_upd + s.n_tup_del)::bigint FROM pg_stat_user_tables s
      JOIN pg_class c ON c.oid = coalesce(pg_partition_root(s.relid), s.relid) JOIN pg_namespace n ON n.oid = c.relnamespace
      GROUP BY 1, 2 HAVING sum(s.n_tup_upd + s.n_tup_del) > 0
    """
    return {TableName(schema, table): count for schema, table, count in fetch(session, query)}


def proposed_decimal(session: Session, table: TableName, column: str) -> str | None:
    """The least ``decimal(p,s)`` that all values of a numeric column fit as they are now; reads the whole table.

    None for a column without values, with NaN or an infinity, or with more than 38 digits.
    """
    query = """
    SELECT max(CASE WHEN {0} IN ('NaN', 'Infinity', '-Infinity') THEN 1000 ELSE length(trunc(abs({0}))::text) END),
        max(min_scale({0})) FROM {1} WHERE {0} IS NOT NULL
    """
    ((whole, scale),) = fetch(session, query.format(quote_identifier(column), qualified(table)))
    if whole is None or whole + (scale or 0) > types.MAX_DECIMAL_PRECISION:
        return None
    return types.decimal_type(whole + scale, scale)
