"""The source's tables as its catalog has them: columns, lake types, key, and what rows older than a column hold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg2.extensions import connection as Session

from lakewright.errors import SourceError
from lakewright.model import types
from lakewright.model.batch import RESERVED
from lakewright.model.names import TableName, chosen, did_you_mean, quote_identifier
from lakewright.model.schema import Column, Identity, TableSchema
from lakewright.sources.postgres import heaps
from lakewright.sources.postgres.connection import fetch
from lakewright.sources.postgres.relation import Relation

Types = Mapping[TableName, Mapping[str, str]]
"""Lake types that the user gives to columns, by table and column; one that its column cannot have counts for nothing."""

_IDENTITY: dict[str, Identity] = {"d": "default", "i": "index", "f": "full", "n": "nothing"}
_KEY_TYPES = {types.BOOLEAN, types.INT, types.BIGINT, types.STRING, types.DATE}
_AVRO_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")

# Leaf partitions are left out: they are published under their root.
_TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relnatts,
    CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
    WHEN 'f' THEN 'a foreign table' WHEN 'S' THEN 'a sequence' ELSE CASE c.relpersistence WHEN 'u' THEN 'unlogged' END END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY n.nspname, c.relname
"""
_UNLOGGED = "unlogged"

# A domain's modifier is that of its innermost domain. attmissingval is an array of one element, whatever the type;
# the text of an array whose type has another delimiter than a comma (box) is not read.
_DOMAINS = """
WITH RECURSIVE resolved AS (
    SELECT oid AS domain, typbasetype AS type, typtypmod AS modifier FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT r.domain, t.typbasetype, t.typtypmod FROM resolved r JOIN pg_type t ON t.oid = r.type WHERE t.typtype = 'd'
), domains AS (
    SELECT r.* FROM resolved r JOIN pg_type t ON t.oid = r.type WHERE t.typtype <> 'd'
)
"""
_COLUMNS = f"""{_DOMAINS}
SELECT a.attrelid, a.attname, format_type(coalesce(d.type, a.atttypid), coalesce(d.modifier, a.atttypmod)), a.attnotnull,
    CASE WHEN a.atthasmissing AND t.typdelim = ',' THEN (a.attmissingval::text::text[])[1] END,
    CASE WHEN a.atthasmissing THEN t.typdelim = ',' ELSE NOT a.atthasdef AND NOT a.attnotnull END, a.attnum,
    (SELECT json_agg(json_build_array(e.oid::bigint, e.enumlabel) ORDER BY e.oid) FROM pg_enum e
        WHERE e.enumtypid IN (b.oid, b.typelem))
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN domains d ON d.domain = a.atttypid
    JOIN pg_type b ON b.oid = coalesce(d.type, a.atttypid)
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attrelid, a.attnum
"""

# The types of a Relation message, as _COLUMNS says them.
_TYPES = f"""{_DOMAINS}
SELECT coalesce(nullif(format_type(coalesce(d.type, told.type), coalesce(d.modifier, told.modifier)), '???'),
    'a type that was dropped since')
FROM unnest(%s::oid[], %s::int[]) WITH ORDINALITY AS told(type, modifier, ordinal)
    LEFT JOIN domains d ON d.domain = told.type
ORDER BY told.ordinal
"""

# A deferrable index identifies no row within a transaction, and the server does not take it as replica identity either.
_KEYS = """
SELECT i.indrelid, array_agg(a.attname::text ORDER BY k.ordinal)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ordinal)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = ANY(%s) AND i.indisvalid AND i.indimmediate AND k.ordinal <= i.indnkeyatts
  AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'n' THEN false ELSE i.indisprimary END
GROUP BY i.indrelid
"""


_SEEN = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

# Publishing by the root, the old key of a row is still what its leaf's replica identity says.
_LEAVES = """
SELECT root.oid, min(leaf.oid::regclass::text) FILTER (WHERE replace(root.relreplident::text, 'f', 'd')
        <> replace(leaf.relreplident::text, 'f', 'd')),
    min(leaf.oid::regclass::text) FILTER (WHERE leaf.relpersistence <> 'p' OR leaf.relkind <> 'r')
FROM pg_class root CROSS JOIN LATERAL pg_partition_tree(root.oid) AS part JOIN pg_class leaf ON leaf.oid = part.relid
WHERE root.oid = ANY(%s) AND root.relkind = 'p' AND part.isleaf GROUP BY root.oid
"""


class Absent(SourceError):
    """A table that the settings name is not in the database."""


@dataclasses.dataclass(frozen=True)
class Refused:
    """A table that was chosen and cannot be taken; the others go on."""

    table: TableName
    error: SourceError


def choose(names: Sequence[TableName], patterns: Sequence[str]) -> list[TableName]:
    """`names.chosen`, but raises `SourceError` for a pattern that is not ``schema.table``."""
    for pattern in patterns:
        if not all(pattern.removeprefix("-").partition(".")):
            raise SourceError("LW-210", f"the pattern {pattern!r} does not say schema.table", hint="write for example public.*")
    return chosen(names, patterns)


def discover(session: Session, patterns: Sequence[str], overrides: Types) -> tuple[list[TableSchema], list[Refused]]:
    """The chosen tables, ``number`` 0, in name order, and those that were chosen but cannot be taken.

    Ordinary and partitioned tables, without generated columns; a partition is part of its root. An unlogged table is refused, and
    so is what is no table, a view for example, or is not there, where a pattern without wildcard names it; other patterns choose
    tables alone.
    """
    tables: dict[TableName, _Found] = {}
    refused: list[Refused] = []
    found = {TableName(schema, table): _Found(oid, *facts) for oid, schema, table, *facts in fetch(session, _TABLES)}
    for name in choose(list(found), patterns):
        other = found[name].other
        if other is None:
            tables[name] = found[name]
        elif other == _UNLOGGED or name in _named(patterns):
            refused.append(Refused(name, _kind_refusal(name, other)))
    refused += [Refused(name, _absence(name, found)) for name in _named(patterns) if name not in found]
    examined = _examine(session, tables, overrides)
    refused += [table for table in examined if isinstance(table, Refused)]
    return [t for t in examined if isinstance(t, TableSchema)], sorted(refused, key=lambda each: each.table)


def schema_of(session: Session, relation: Relation, overrides: Types) -> TableSchema:
    """The table of a Relation message as the catalog has it now, but with the types of the message; ``number`` is 0.

    Raises `SourceError` where it was dropped or has become one that cannot be taken.
    """
    oid = relation.oid
    found = {TableName(row[1], row[2]): _Found(oid, *row[3:]) for row in fetch(session, _TABLES) if row[0] == oid}
    tables = {name: table for name, table in found.items() if table.other is None}
    for table in _examine(session, tables, overrides):
        if isinstance(table, Refused):
            raise table.error
        return _typed(session, table, relation, overrides.get(table.name, {}))
    message = f"the table with oid {oid} was dropped or made unlogged"
    raise SourceError("LW-213", message, hint="`lakewright plan` shows what the source has now")


def _typed(session: Session, table: TableSchema, relation: Relation, given: Mapping[str, str]) -> TableSchema:
    """The table with the types that its columns have in a Relation message: they may be of another time than the catalog."""
    asked = ([column.type_oid for column in relation.columns], [column.modifier for column in relation.columns])
    told = {column.name: text for column, (text,) in zip(relation.columns, fetch(session, _TYPES, asked), strict=True)}
    columns = []
    for column in table.columns:
        source_type = told.get(column.name, column.source_type)
        columns.append(dataclasses.replace(column, source_type=source_type, type=_lake_type(column.name, source_type, given)))
    return dataclasses.replace(table, columns=tuple(columns))


@dataclasses.dataclass(frozen=True)
class _Found:
    """A table's row in ``pg_class``; ``other`` is what it is instead of a table with changes, or None."""

    oid: int
    identity: str
    attributes: int
    other: str | None


def _examine(session: Session, tables: Mapping[TableName, _Found], overrides: Types) -> list[TableSchema | Refused]:
    """The tables, in the order given."""
    # Before all else: what is true of the transactions before this one is in all that is read next.
    ((seen,),) = fetch(session, _SEEN)
    oids = [table.oid for table in tables.values()]
    keys = {oid: tuple(columns) for oid, columns in fetch(session, _KEYS, (oids,))}
    leaves = {oid: of_leaves for oid, *of_leaves in fetch(session, _LEAVES, (oids,))}
    columns: dict[int, list[tuple[Any, ...]]] = {oid: [] for oid in oids}
    for oid, *column in fetch(session, _COLUMNS, (oids,)):
        columns[oid].append(tuple(column))
    places = heaps.heaps(session, oids)  # after the columns: a rewrite for one of them shows
    examined: list[TableSchema | Refused] = []
    for name, table in tables.items():
        given = overrides.get(name, {})
        schema = TableSchema(
            name,
            tuple(_column(row, given) for row in columns[table.oid]),
            keys.get(table.oid, ()),
            _IDENTITY[table.identity],
            oid=table.oid,
            attributes=table.attributes,
            seen=seen,
            heaps=places[table.oid],
        )
        error = _name_refusal(schema) or _key_refusal(schema) or _leaf_refusal(schema, *leaves.get(table.oid, (None, None)))
        examined.append(Refused(name, error) if error else schema)
    return examined


def _column(row: tuple[Any, ...], given: Mapping[str, str]) -> Column:
    name, source_type, not_null, missing, known, number, labels = row
    lake_type = _lake_type(name, source_type, given)
    told = tuple((oid, label) for oid, label in labels or ())
    return Column(name, source_type, lake_type, not not_null, missing, known, number, told)


def _lake_type(column: str, source_type: str, given: Mapping[str, str]) -> str:
    lake_type = given.get(column, "")
    return lake_type if types.can_hold(lake_type, source_type) else types.from_postgres(source_type)


def _named(patterns: Sequence[str]) -> list[TableName]:
    """The tables that patterns without wildcard name and no pattern leaves out."""
    names = [TableName.parse(p) for p in patterns if not p.startswith("-") and not set(p) & set("*?")]
    return chosen(names, patterns)


def _absence(name: TableName, found: Collection[TableName]) -> Absent:
    hint = did_you_mean(str(name), map(str, found)) or "create it, or take it out of the source's `tables`"
    return Absent("LW-227", f"there is no table {name}", hint=hint)


def _kind_refusal(name: TableName, kind: str) -> SourceError:
    if kind == _UNLOGGED:
        message = f"table {name} is unlogged: the server writes no changes of it"
        return SourceError("LW-228", message, hint=f"ALTER TABLE {qualified(name)} SET LOGGED, or leave it out: -{name}")
    hint = f"take {name} out of the source's `tables`; name the tables that it shows"
    return SourceError("LW-228", f"{name} is {kind}, and only the changes of tables can be captured", hint=hint)


def _name_refusal(schema: TableSchema) -> SourceError | None:
    name = schema.name
    if any(part.startswith(".") or "/" in part for part in name) or "." in name.schema:
        left_out = TableName(name.schema.replace(".", "?"), name.table)  # a pattern is parted at its first dot
        return SourceError("LW-211", f"table {name} has a name that cannot be a folder's", hint=f"leave it out: -{left_out}")
    if not schema.columns:
        return SourceError("LW-217", f"table {name} has no columns", hint=f"leave it out: -{name}")
    lowered = [column.lower() for column in schema.column_names]
    for column in schema.column_names:
        if column.lower() in RESERVED or column.lower().startswith("_hoodie_"):
            return SourceError(
                "LW-211", f"column {column} of {name} has a name that lakewright uses itself", hint="rename the column"
            )
        if not _AVRO_NAME.fullmatch(column):
            return SourceError(
                "LW-211",
                f"column {column!r} of {name} has a name that a Hudi table cannot have",
                hint="use letters, digits and _",
            )
        if lowered.count(column.lower()) > 1:
            return SourceError(
                "LW-211", f"column {column} of {name} differs from another by case alone", hint="rename the column"
            )
    return None


def _key_refusal(schema: TableSchema) -> SourceError | None:
    kinds = {column.name: (column.source_type, column.type) for column in schema.columns}
    for name in schema.key:
        source_type, lake_type = kinds.get(name, ("a generated column", ""))
        if lake_type not in _KEY_TYPES and types.decimal_parts(lake_type) is None:
            return SourceError(
                "LW-212",
                f"key column {name} of {schema.name} is {source_type}, which cannot be a record key",
                hint=f"ALTER TABLE {qualified(schema.name)} REPLICA IDENTITY USING INDEX another_unique_index",
            )
    return None


def _leaf_refusal(schema: TableSchema, leaf: str | None, silent: str | None) -> SourceError | None:
    """For a partition with another replica identity than the table, and one whose changes the server does not write."""
    if silent is not None:
        hint = f"ALTER TABLE {silent} SET LOGGED, or leave the table out: -{schema.name}"
        return SourceError("LW-228", f"partition {silent} of {schema.name} is unlogged or foreign: it has no changes", hint=hint)
    if leaf is not None:
        hint = f"ALTER TABLE {leaf} REPLICA IDENTITY, the same as for {schema.name}"
        return SourceError("LW-216", f"partition {leaf} of {schema.name} has another replica identity than the table", hint=hint)
    return None


def qualified(name: TableName) -> str:
    """The quoted ``"schema"."table"``."""
    return f"{quote_identifier(name.schema)}.{quote_identifier(name.table)}"
