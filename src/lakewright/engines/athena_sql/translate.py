"""The whole way of a query: from the user's text to one SELECT of DuckDB."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from lakewright.engines.athena_sql import allowed, types
from lakewright.engines.athena_sql.columns import resolve_columns, schema_of
from lakewright.engines.athena_sql.dialect import to_duckdb
from lakewright.engines.athena_sql.rewrite import rewrite
from lakewright.engines.athena_sql.statement import Query
from lakewright.engines.athena_sql.tables import Placed, bind_tables
from lakewright.engines.relation import Relations
from lakewright.errors import QueryError
from lakewright.model.names import quote_identifier


def translate(query: Query, relations: Relations, moment: Callable[[str], datetime.datetime]) -> str:
    """DuckDB's SQL for `query` over `relations`.

    `moment` evaluates a timestamp expression of DuckDB. The macros that it and the answer call are to be
    made before (see `macros.needed`). Raises `QueryError` with the place in the user's text.
    """
    try:
        return _translate(query, relations, moment)
    except RecursionError:
        raise QueryError("LW-500", "the statement is nested too deeply") from None


def _translate(query: Query, relations: Relations, moment: Callable[[str], datetime.datetime]) -> str:
    text = query.text
    tree = query.tree.copy()
    allowed.check(tree, text)

    def as_of(expression: exp.Expr) -> datetime.datetime:
        return moment(_constant(expression.copy(), text))

    placed = bind_tables(tree, text, relations, as_of)
    schema = schema_of(placed)
    resolved = resolve_columns(tree, text, schema)
    types.annotate(resolved, schema)
    try:
        return _with_relations(rewrite(resolved, text), placed)
    except UnsupportedError as error:
        raise QueryError("LW-502", f"this cannot be written for DuckDB: {str(error).rstrip('.')}") from None


def _constant(expression: exp.Expr, text: str) -> str:
    """The SQL of an expression without tables."""
    select = exp.Select(expressions=[exp.alias_(expression, "moment", copy=False)])
    allowed.check(select, text)
    schema = schema_of(())
    resolved = resolve_columns(select, text, schema)
    types.annotate(resolved, schema)
    return to_duckdb(rewrite(resolved, text))


def _with_relations(tree: exp.Query, placed: list[Placed]) -> str:
    """The query with its relations as the first entries of its WITH, where no name of the user's can reach into them."""
    given = tree.args.get("with_")
    ctes = [f"{quote_identifier(table.name)} AS NOT MATERIALIZED ({_lower_case(table)})" for table in placed]
    recursive = ""
    if isinstance(given, exp.With):
        recursive = "RECURSIVE " if given.args.get("recursive") else ""
        ctes += [to_duckdb(cte) for cte in given.expressions]
        tree.set("with_", None)
    body = to_duckdb(tree)
    return f"WITH {recursive}{', '.join(ctes)} {body}" if ctes else body


def _lower_case(table: Placed) -> str:
    """The relation with its names in lower case, as a statement writes them."""
    if all(name == name.lower() for name, _ in table.relation.columns):
        return table.relation.sql
    named = ", ".join(f"{quote_identifier(name)} AS {quote_identifier(name.lower())}" for name, _ in table.relation.columns)
    return f"SELECT {named} FROM ({table.relation.sql})"
