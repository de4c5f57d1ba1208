"""Column names: every one is resolved against what the statement reads, before DuckDB sees it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from lakewright.engines.athena_sql.dialect import AthenaSelect
from lakewright.engines.athena_sql.place import fault
from lakewright.engines.athena_sql.tables import Placed
from lakewright.errors import QueryError
from lakewright.model.names import did_you_mean


def schema_of(tables: Iterable[Placed]) -> MappingSchema:
    """The columns of the relations, in lower case, with their types as Athena has them."""
    mapping: dict[str, object] = {
        table.name: {name.lower(): _athena_type(kind).copy() for name, kind in table.relation.columns} for table in tables
    }
    return MappingSchema(mapping, dialect=AthenaSelect, normalize=False)


def resolve_columns(tree: exp.Query, text: str, schema: MappingSchema) -> exp.Query:
    """The tree with every column qualified, stars expanded, outputs named and identifiers in lower case and quoted.

    Raises `QueryError` LW-504 for a name that is unknown, ambiguous, or an alias where none can be used.
    """
    for select in tree.find_all(exp.Select):
        _name_outputs(select)
    _name_values(tree)
    try:
        resolved = qualify(
            tree,
            dialect=AthenaSelect,
            schema=schema,
            expand_alias_refs=False,
            validate_qualify_columns=False,
            allow_partial_qualification=True,
        )
        scopes = traverse_scope(resolved)
    except (OptimizeError, SchemaError) as error:
        raise _from_sqlglot(error, tree, text) from None
    for scope in scopes:
        _check(scope, schema, text)
    if not isinstance(resolved, exp.Query):
        raise TypeError(f"a query became {type(resolved).__name__}")
    return resolved


@functools.cache
def _athena_type(lake_type: str) -> exp.DataType:
    name = {"string": "varchar", "binary": "varbinary", "float": "real", "timestamp": "timestamp(3)"}.get(lake_type, lake_type)
    return exp.DataType.build(name, dialect=AthenaSelect)


def _name_outputs(select: exp.Select) -> None:
    """Trino's names for outputs that have none: ``_col`` and the place in the list, from 0."""
    named: list[exp.Expr] = []
    for index, output in enumerate(select.expressions):
        plain = isinstance(output, exp.Alias | exp.Column | exp.Star | exp.Dot) or (
            isinstance(output, exp.Subquery) and output.alias
        )
        named.append(output if plain else exp.alias_(output, f"_col{index}", copy=False))
    select.set("expressions", named)


def _name_values(tree: exp.Query) -> None:
    """The same names for VALUES that nobody named."""
    for values in tree.find_all(exp.Values):
        first = values.expressions[0]
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        alias = values.args.get("alias")
        if alias is None or not alias.columns:
            named = [exp.to_identifier(f"_col{index}") for index in range(width)]
            values.set("alias", exp.TableAlias(this=alias.this if alias else exp.to_identifier("_values"), columns=named))


def _check(scope: Scope, schema: MappingSchema, text: str) -> None:
    for column in scope.columns:
        if isinstance(column.this, exp.Star):
            continue
        if not column.table:
            if not _names_output(column, scope):
                raise _unresolved(column, scope, schema, text)
            continue
        source = _source(scope, column.table)
        if source is None:
            hint = did_you_mean(column.table, _reachable(scope))
            raise fault("LW-504", f"there is no table or alias {column.table} here", text, column.args["table"], hint=hint)
        known = _columns(source, schema)
        if known is not None and column.name not in known:
            hint = did_you_mean(column.name, known)
            raise fault("LW-504", f"{column.table} has no column {column.name}", text, column.this, hint=hint)


def _names_output(column: exp.Column, scope: Scope) -> bool:
    """Whether an unqualified name is an output's in ORDER BY, the only place where Trino allows that."""
    order = column.find_ancestor(exp.Order, exp.Select, exp.SetOperation)
    query = scope.expression
    return isinstance(order, exp.Order) and order.parent is query and column.name in _outputs(query)


def _unresolved(column: exp.Column, scope: Scope, schema: MappingSchema, text: str) -> QueryError:
    name = column.name
    candidates: list[str] = []
    for alias, source in _visible(scope):
        known = _columns(source, schema) or ()
        candidates.extend(known)
        if name in known:
            return fault("LW-504", f"column {name} is ambiguous", text, column, hint=f"write {alias}.{name}, or another table's")
    if _renamed(scope.expression, name):
        hint = "repeat the expression; only ORDER BY can use an output's name"
        return fault("LW-504", f"{name} is the name of an output and cannot be used here", text, column, hint=hint)
    return fault("LW-504", f"there is no column {name}", text, column, hint=did_you_mean(name, candidates))


def _renamed(query: exp.Expr, name: str) -> bool:
    """Whether the query gives something else that name."""
    outputs = query.selects if isinstance(query, exp.Query) else []
    return any(output.alias == name and output.unalias().name != name for output in outputs)


def _outputs(query: exp.Expr) -> Sequence[str]:
    return query.named_selects if isinstance(query, exp.Query) else ()


def _visible(scope: Scope | None) -> Iterator[tuple[str, exp.Expr | Scope]]:
    """The sources a name can refer to, nearest scope first."""
    while scope is not None:
        for alias, (_, source) in scope.selected_sources.items():
            yield alias, source
        scope = scope.parent


def _reachable(scope: Scope) -> list[str]:
    return [alias for alias, _ in _visible(scope)]


def _source(scope: Scope, alias: str) -> exp.Expr | Scope | None:
    return next((source for name, source in _visible(scope) if name == alias), None)


def _columns(source: exp.Expr | Scope, schema: MappingSchema) -> Sequence[str] | None:
    """The columns of a source, or None where only DuckDB can tell."""
    if isinstance(source, Scope):
        query = source.expression
        if isinstance(query, exp.Unnest):
            offset = query.args.get("offset")
            return [*query.alias_column_names, *([offset.name] if isinstance(offset, exp.Identifier) else [])] or None
        if isinstance(query, exp.Values):
            return query.alias_column_names or None
        return _outputs(query) or None
    return source.alias_column_names or schema.column_names(source) if isinstance(source, exp.Table) else None


def _from_sqlglot(error: Exception, tree: exp.Expr, text: str) -> QueryError:
    """An error of sqlglot at the first word of the statement that it names."""
    said = str(error).splitlines()[0].rstrip(".")
    quoted = said.rpartition(":")[2].strip(" '\"") or said.partition("'")[2].partition("'")[0]
    node = next((one for one in tree.find_all(exp.Identifier) if one.name == quoted), None)
    return fault("LW-504", said[:1].lower() + said[1:], text, node)
