"""Diff: how a table differs between two moments - rows that came, rows that went, and what changed in the others.

Both moments are read as everything else reads them, and compared by key in DuckDB, which takes to files what does not fit into
memory. A column that was renamed between them is one column; one that only one moment has is null at the other.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Literal

import duckdb

from lakewright.engines.failures import known_errors
from lakewright.engines.relation import Relation
from lakewright.engines.result import rows as values_of
from lakewright.errors import QueryError
from lakewright.model import types
from lakewright.model.names import quote_identifier as quote
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.model.table import Checkpoint
from lakewright.model.times import utc_now
from lakewright.pipeline import damage
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.moment import parse_time, position_at, require_kept, require_loaded
from lakewright.pipeline.relations import LakeRelations
from lakewright.pipeline.scan import common_type
from lakewright.pipeline.wiring import Wiring
from lakewright.raw.log import RawLog
from lakewright.raw.view import LogView

_DIFF = "_diff"
_CHANGE, _TIMES = '"diff change"', '"diff times"'
_POSITION = re.compile(r"[0-9A-Fa-f]{16}\.\d{10}")
_INSTANT = re.compile(r"\d{17}")


@dataclasses.dataclass(frozen=True)
class RowDiff:
    """A row that differs: its key, and its values ``before`` and ``after``.

    Of a changed row these are the columns that differ; of one that was added or removed all that are not null. A row of a table
    without key has no key, and may be there several ``times``.
    """

    change: Literal["added", "removed", "changed"]
    key: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    times: int = 1


@dataclasses.dataclass(frozen=True)
class Diff:
    """How many rows differ, in how many each column does, and the first of them by key.

    ``start`` and ``end`` are where the two moments are: an instant of the table, or a position of its source.
    """

    table: str
    start: str
    end: str
    added: int
    removed: int
    changed: int
    columns: dict[str, int]
    rows: tuple[RowDiff, ...]


@dataclasses.dataclass(frozen=True)
class _Side:
    """A table at one moment; ``schema`` is its source's, None where that of a commit's rows is not known."""

    place: str
    relation: Relation
    key: tuple[str, ...]
    schema: TableSchema | None = None


def diff(lake: Wiring, mirror: Mirror, start: str, end: str | None, limit: int) -> Diff:
    """Compare a table between two moments: times as people write them, instants of it, positions; `end` is now where it is None.

    At most `limit` rows are told. Raises `QueryError` for what is no moment, and where the table had no rows then.
    """

    def compared() -> Diff:
        relations, connection = LakeRelations(lake), lake.connection()
        try:
            sides = [_side(lake, mirror, relations, moment) for moment in (start, end)]
            with known_errors():
                return _told(connection, mirror, sides[0], sides[1], limit)
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {_DIFF}")
            relations.close()

    return damage.repeated(compared)


def _side(lake: Wiring, mirror: Mirror, relations: LakeRelations, moment: str | None) -> _Side:
    """The table at a moment; a table that is paused stands where it is by now."""
    log, instants = lake.log(mirror.source), lake.instants(mirror)
    view, newest = log.view(), instants.newest_marked()
    mark = newest.mark() if newest else None
    found = next(iter(instants), None) if moment is None and mark and mark.paused else instants.find(moment) if moment else None
    if found is not None:
        schema = _schema_of(mirror, log, view, found.commit.checkpoint)
        return _Side(found.commit.instant, relations.rows_of(mirror, found.commit.instant), found.table.spec.key, schema)
    if moment is None:
        position = view.watermark
    elif _POSITION.fullmatch(moment):
        position = Position.parse(moment.upper())
        if position > view.watermark:
            message = f"position {moment} is not in the log, which ends at {view.watermark}"
            raise QueryError("LW-520", message, hint="`lakewright capture` takes what the source committed since")
    else:
        time = parse_time(moment, utc_now())
        require_loaded(mirror, view, time)
        require_kept(mirror, view, time)
        position = position_at(log, view, time)
    schema, relation = relations.rows_at(mirror, position)
    return _Side(str(position), relation, schema.key, schema)


def _schema_of(mirror: Mirror, log: RawLog, view: LogView, mark: Checkpoint | None) -> TableSchema | None:
    """The schema that the source had where a commit stands, as far as the log tells."""
    if mark is None or mark.feed != view.feed or mark.origin not in (None, mirror.origin):
        return None
    load = view.load_of(mirror.origin, mark.position)
    return log.schema(mirror.origin, view.schema_upto(mirror.origin, load, mark.position)) if load else None


# ---- the comparison


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column of the comparison: its name, and the SQL that gives it at both moments."""

    name: str
    before: str
    after: str


def _columns(mirror: Mirror, before: _Side, after: _Side) -> list[_Column]:
    """The columns of both moments, under the names that they have at the later one; days are told by what they are made of."""
    former, now = dict(before.relation.columns), dict(after.relation.columns)
    called = {name: name for name in now}
    for column in after.schema.columns if before.schema and after.schema else ():
        known = before.schema.counterpart(column) if before.schema else None
        if known is not None and known.name != column.name and known.name in former and column.name in now:
            called[column.name] = known.name
            called.pop(known.name, None)
    found = []
    derived = {day.stored for day in mirror.days}
    for name, old in [*called.items(), *((name, name) for name in former if name not in called.values())]:
        kinds = [kind for kind in (former.get(old), now.get(name)) if kind is not None]
        common = common_type(set(kinds))
        type_ = "TIMESTAMP" if common == types.TIMESTAMP else types.to_duckdb(common)  # as SQL shows it
        one, other = (
            f"CAST({quote(each)} AS {type_})" if each in there else f"CAST(NULL AS {type_})"
            for each, there in ((old, former), (name, now))
        )
        if name not in derived:
            found.append(_Column(name, one, other))
    return found


def _told(connection: duckdb.DuckDBPyConnection, mirror: Mirror, before: _Side, after: _Side, limit: int) -> Diff:
    key = after.key if before.key == after.key and set(after.key) <= dict(after.relation.columns).keys() else ()
    columns = _columns(mirror, before, after)
    rest = [column.name for column in columns if column.name not in key]
    one, other = (
        f"SELECT {', '.join(f'{sql} AS {quote(name)}' for name, sql in listed)} FROM ({side.relation.sql})"
        for side, listed in ((before, [(c.name, c.before) for c in columns]), (after, [(c.name, c.after) for c in columns]))
    )
    text = _keyed(key, rest, one, other) if key else _unkeyed(rest, one, other)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_DIFF} AS {text}")
    differs = f"{_CHANGE} = 'changed' AND {{}} IS DISTINCT FROM {{}}"
    sums = [f"{_CHANGE} = '{change}'" for change in ("added", "removed", "changed")]
    sums += [differs.format(quote(f"before {name}"), quote(f"after {name}")) for name in rest]
    counted = ", ".join(f"CAST(coalesce(sum(CASE WHEN {each} THEN {_TIMES} END), 0) AS BIGINT)" for each in sums)
    added, removed, changed, *by_column = connection.execute(f"SELECT {counted} FROM {_DIFF}").fetchall()[0]
    order = ", ".join(quote(f"key {name}") for name in key) or "ALL"
    first = connection.sql(f"SELECT * FROM {_DIFF} ORDER BY {order} LIMIT {limit}").to_arrow_table()
    told = tuple(_row(dict(zip(first.column_names, values, strict=True)), key, rest) for values in values_of(first))
    counts = {name: count for name, count in zip(rest, by_column, strict=True) if count}
    return Diff(mirror.name, before.place, after.place, added, removed, changed, counts, told)


def _keyed(key: Sequence[str], rest: Sequence[str], one: str, other: str) -> str:
    """A SELECT of the rows that differ, by key; ``one`` and ``other`` are the rows of the two moments."""
    same = " AND ".join(f"a.{quote(name)} = b.{quote(name)}" for name in key)
    keys = ", ".join(f"coalesce(a.{quote(name)}, b.{quote(name)}) AS {quote(f'key {name}')}" for name in key)
    both = "".join(f", a.{quote(n)} AS {quote(f'before {n}')}, b.{quote(n)} AS {quote(f'after {n}')}" for n in rest)
    differs = "".join(f" OR a.{quote(name)} IS DISTINCT FROM b.{quote(name)}" for name in rest)
    gone, new = (f"{side}.{quote(key[0])} IS NULL" for side in ("b", "a"))
    change = f"CASE WHEN {new} THEN 'added' WHEN {gone} THEN 'removed' ELSE 'changed' END AS {_CHANGE}"
    rows = f"SELECT {change}, 1 AS {_TIMES}, {keys}{both} FROM ({one}) AS a FULL JOIN ({other}) AS b ON {same}"
    return f"{rows} WHERE {gone} OR {new}{differs}"


def _unkeyed(rest: Sequence[str], one: str, other: str) -> str:
    """The same for rows without key: how often each row is there at one moment more than at the other."""
    listed, more = ", ".join(map(quote, rest)), '"diff more"'
    every = f"SELECT {listed}, -1 AS {more} FROM ({one}) UNION ALL SELECT {listed}, 1 AS {more} FROM ({other})"
    counted = f"SELECT {listed}, sum({more}) AS {more} FROM ({every}) GROUP BY {listed} HAVING sum({more}) <> 0"
    moments = (("before", "<"), ("after", ">"))
    both = [
        f"CASE WHEN {more} {sign} 0 THEN {quote(n)} END AS {quote(f'{moment} {n}')}" for n in rest for moment, sign in moments
    ]
    change = f"CASE WHEN {more} > 0 THEN 'added' ELSE 'removed' END AS {_CHANGE}, abs({more}) AS {_TIMES}"
    return f"SELECT {change}, {', '.join(both)} FROM ({counted})"


def _row(found: dict[str, Any], key: Sequence[str], rest: Sequence[str]) -> RowDiff:
    before, after = ({name: found[f"{moment} {name}"] for name in rest} for moment in ("before", "after"))
    change = found[_CHANGE.strip('"')]
    if change == "changed":
        differing = [name for name in rest if not _same(before[name], after[name])]
        before, after = ({name: side[name] for name in differing} for side in (before, after))
    else:
        before, after = ({name: value for name, value in side.items() if value is not None} for side in (before, after))
    named = {name: found[f"key {name}"] for name in key}
    return RowDiff(change, named, before, after, int(found[_TIMES.strip('"')]))


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one; NaN is NaN, as in SQL."""
    return bool(one == other or (one != one and other != other))
