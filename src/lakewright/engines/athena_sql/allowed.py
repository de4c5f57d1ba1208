"""The syntax that may pass: whatever is not listed is refused by name, so a construct that nobody checked never runs."""

from __future__ import annotations

from sqlglot import exp

from lakewright.engines.athena_sql.place import fault

_NODES: frozenset[type[exp.Expr]] = frozenset(
    {
        # queries
        *(exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Subquery, exp.Values, exp.With, exp.CTE, exp.From, exp.Join),
        *(exp.Lateral, exp.Unnest, exp.Table, exp.TableAlias, exp.Version, exp.Where, exp.Group, exp.GroupingSets, exp.Cube),
        *(exp.Rollup, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Fetch, exp.LimitOptions, exp.Distinct),
        *(exp.Star, exp.Alias, exp.Column, exp.Identifier, exp.Tuple, exp.Dot),
        # predicates
        *(exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ),
        *(exp.NullSafeNEQ, exp.Is, exp.In, exp.Between, exp.Like, exp.Escape, exp.Exists, exp.Any, exp.All),
        # values
        *(exp.Literal, exp.Null, exp.Boolean, exp.HexString, exp.Interval, exp.Var, exp.Array, exp.Bracket, exp.Lambda),
        *(exp.Case, exp.If, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Cast, exp.TryCast),
        *(exp.DataType, exp.DataTypeParam, exp.ColumnDef, exp.Extract, exp.AtTimeZone, exp.Trim, exp.StrPosition, exp.Substring),
        *(exp.CurrentDate, exp.CurrentTimestamp, exp.Localtimestamp, exp.Coalesce),
        # calls
        *(
            exp.Anonymous,
            exp.AnonymousAggFunc,
            exp.GroupConcat,
            exp.Window,
            exp.WindowSpec,
            exp.Filter,
            exp.IgnoreNulls,
            exp.RespectNulls,
        ),
    }
)

_PARTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        {"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "windows", "order", "offset", "limit"}
    ),
    exp.Join: frozenset({"this", "on", "using", "side", "kind"}),
    exp.Table: frozenset({"this", "db", "catalog", "alias", "version", "joins"}),
    exp.Star: frozenset(),
    exp.Group: frozenset({"expressions", "grouping_sets", "cube", "rollup"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Union: frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    exp.Intersect: frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    exp.Except: frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    exp.Subquery: frozenset({"with_", "this", "alias", "order", "limit", "offset", "joins"}),
    exp.Lateral: frozenset({"this", "alias"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.LimitOptions: frozenset({"rows"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.CurrentDate: frozenset(),
}

_JOIN_KINDS = frozenset({"", "INNER", "CROSS", "OUTER"})


def check(tree: exp.Query, text: str) -> None:
    """Raises `QueryError` LW-502 for the first construct that is not on the list."""
    for node in tree.walk(bfs=False):
        if type(node) not in _NODES:
            raise fault("LW-502", f"{_name(node)} is not supported", text, node)
        allowed = _PARTS.get(type(node))
        if allowed is not None:
            for part, value in node.args.items():
                if value and part not in allowed:
                    raise fault("LW-502", f"{part.strip('_').upper()} of {_name(node)} is not supported", text, node)
        if isinstance(node, exp.Join) and node.kind not in _JOIN_KINDS:
            raise fault("LW-502", f"{node.kind} JOIN is not SQL of Athena", text, node)
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
            name = node.this.name or "this"
            raise fault("LW-502", f"{name} is no table of the lake", text, node, hint="`lakewright tables` lists the tables")
        if isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Identifier):
            raise fault("LW-502", "a function has no schema", text, node)


def _name(node: exp.Expr) -> str:
    """The construct as SQL people know it."""
    return "the -> operator" if isinstance(node, exp.JSONExtract) else node.key.upper()
