"""Table references: which are real tables, and what stands in their place.

A name is a real table unless a WITH that is visible from it defines it. Visibility goes by position in the tree, never by the
name alone: a table that shares the name of a common table expression elsewhere stays a table.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator

from sqlglot import exp

from lakewright.engines.athena_sql.place import fault, placed
from lakewright.engines.relation import Relation, Relations, TableRef
from lakewright.errors import QueryError
from lakewright.model.names import did_you_mean


@dataclasses.dataclass(frozen=True)
class Placed:
    """A relation under the name that stands for it in the rewritten statement."""

    name: str
    ref: TableRef
    relation: Relation


def bind_tables(
    tree: exp.Query, text: str, relations: Relations, moment: Callable[[exp.Expr], datetime.datetime]
) -> list[Placed]:
    """Replace every real table in `tree` by a name that occurs nowhere else in it; one name for equal references.

    `moment` evaluates the expression of ``FOR TIMESTAMP AS OF``. Raises `QueryError` LW-503 for an unknown table and LW-507 for
    time travel that cannot be.
    """
    fresh = _fresh_names(tree)
    placed_by_ref: dict[TableRef, Placed] = {}
    for table in list(tree.find_all(exp.Table)):
        if common_table_expression(table) is not None:
            if table.args.get("version"):
                raise fault("LW-507", f"{table.name} is not a table of the lake and has no history", text, table)
            continue
        ref = _reference(table, text, moment)
        if ref not in placed_by_ref:
            placed_by_ref[ref] = Placed(next(fresh), ref, resolve(ref, table.this, text, relations))
        _replace(table, placed_by_ref[ref].name)
    return list(placed_by_ref.values())


def resolve(ref: TableRef, node: exp.Expr, text: str, relations: Relations) -> Relation:
    """The relation of `ref`; raises `QueryError` LW-503 at `node` where there is none."""
    try:
        relation = relations.resolve(ref)
    except QueryError as error:
        raise placed(error, text, node) from error.__cause__
    if relation is not None:
        return relation
    names = relations.names()
    known = [f"{schema}.{name}" for schema, name in names] if ref.schema else [name for _, name in names]
    hint = did_you_mean(str(ref), known) or "`lakewright tables` lists the tables"
    raise fault("LW-503", f"there is no table {ref}", text, node, hint=hint)


def _reference(table: exp.Table, text: str, moment: Callable[[exp.Expr], datetime.datetime]) -> TableRef:
    version = table.args.get("version")
    as_of = None
    if version is not None:
        if version.name.upper() not in ("TIMESTAMP", "SYSTEM_TIME") or version.args.get("kind") != "AS OF":
            hint = "write FOR TIMESTAMP AS OF TIMESTAMP '2026-03-01 12:00:00'"
            raise fault("LW-507", "tables are read as of a time, not of a version", text, table, hint=hint)
        try:
            as_of = moment(version.expression)
        except QueryError as error:
            raise placed(error, text, version.expression) from None
    return TableRef(table.name.lower(), (table.db or "").lower() or None, (table.catalog or "").lower() or None, as_of)


def _replace(table: exp.Table, name: str) -> None:
    """Let `table` stand for `name` under the alias it had."""
    alias = table.args.get("alias")
    if alias is None or not alias.this:
        written = exp.Identifier(this=table.name, quoted=True)
        written.meta.update(table.this.meta)
        table.set("alias", exp.TableAlias(this=written, columns=alias.args.get("columns") if alias else None))
    for part in ("db", "catalog", "version"):
        table.set(part, None)
    identifier = exp.Identifier(this=name, quoted=True)
    identifier.meta.update(table.this.meta)
    table.set("this", identifier)


def _fresh_names(tree: exp.Query) -> Iterator[str]:
    taken = {node.name.lower() for node in tree.find_all(exp.Identifier)}
    number = 0
    while True:
        number += 1
        name = f"relation_{number}"
        if name not in taken:
            yield name


def common_table_expression(table: exp.Table) -> exp.CTE | None:
    """The common table expression that an unqualified name means at its place, or None."""
    if table.db:
        return None
    name = table.name.lower()
    below: exp.Expr = table
    above = table.parent
    while above is not None:
        with_ = above if isinstance(above, exp.With) else above.args.get("with_")
        if isinstance(with_, exp.With):
            for cte in _visible(with_, below):
                if cte.alias.lower() == name:
                    return cte
        below, above = above, above.parent
    return None


def _visible(with_: exp.With, below: exp.Expr) -> list[exp.CTE]:
    """The expressions of a WITH that can be seen from `below`, nearest first.

    From the query they all can; from one of them only those before it, and itself where the WITH is recursive.
    """
    ctes: list[exp.CTE] = list(with_.expressions)
    if below is with_:
        return []
    for index, cte in enumerate(ctes):
        if cte is below:
            return list(reversed(ctes[: index + 1 if with_.args.get("recursive") else index]))
    return list(reversed(ctes))
