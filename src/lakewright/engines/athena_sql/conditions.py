"""Comparisons and branches: Trino compares values of one kind only, where DuckDB would make text of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from lakewright.engines.athena_sql import types
from lakewright.engines.athena_sql.build import call, paren
from lakewright.engines.athena_sql.context import Call, Context, Form, Rule


def check_alike(values: Sequence[exp.Expr], context: Context) -> None:
    """Raises `QueryError` LW-506 at a value that cannot be of one type with the ones before it; DuckDB would make all text."""
    first: exp.Expr | None = None
    for value in values:
        if types.group(value) is None:
            continue
        if first is not None and types.group(value) != types.group(first):
            message = f"{types.text(value.type)} does not go together with {types.text(first.type)}"
            raise context.error(message, value, "CAST one of them")
        first = first or value


def _comparable(first: exp.Expr, others: list[exp.Expr], context: Context) -> None:
    for other in others:
        groups = types.group(first), types.group(other)
        if groups[0] and groups[1] and groups[0] != groups[1]:
            message = f"{types.text(first.type)} cannot be compared with {types.text(other.type)}"
            raise context.error(message, other, f"CAST one side, or write {_as_literal(groups[0])}")


def _as_literal(group: str) -> str:
    examples = {"time": "DATE '2026-03-01' or TIMESTAMP '2026-03-01 12:00:00'", "number": "the number without quotes"}
    return examples.get(group, "'text'")


def _compare(node: exp.Binary, context: Context) -> exp.Expr:
    _comparable(node.left, [node.right], context)
    return node


def _between(node: exp.Between, context: Context) -> exp.Expr:
    _comparable(node.this, [node.args["low"], node.args["high"]], context)
    return node


def _in(node: exp.In, context: Context) -> exp.Expr:
    _comparable(node.this, node.expressions, context)
    return node


def _case(node: exp.Case | exp.If, context: Context) -> exp.Expr:
    branches = node.args.get("ifs") or ([] if isinstance(node.parent, exp.Case) else [node])
    values = [*(branch.args["true"] for branch in branches), node.args.get("default") or node.args.get("false")]
    check_alike([value for value in values if value is not None], context)
    if node.this is not None:
        tests = [branch.this for branch in branches]
        if isinstance(node, exp.Case):
            _comparable(node.this, tests, context)
    return node


def _condition(node: exp.Expr, context: Context) -> exp.Expr:
    if types.group(node.this) not in ("boolean", None):
        raise context.error(f"{types.text(node.this.type)} is no condition", node.this, "compare it with something")
    return node


def _set_operation(node: exp.SetOperation, context: Context) -> exp.Expr:
    sides = [side.unnest() for side in (node.left, node.right)]
    for pair in zip(*(side.selects for side in sides if isinstance(side, exp.Query)), strict=False):
        check_alike(pair, context)
    return node


def _like(node: exp.Like, context: Context) -> exp.Expr:
    pattern = node.expression.this if isinstance(node.expression, exp.Escape) else node.expression
    for side in (node.this, pattern):
        if types.group(side) not in ("varchar", None):
            raise context.error(f"LIKE does not take {types.text(side.type)}", side, "CAST it to varchar")
    return node


def _alike(made: Call) -> exp.Expr:
    check_alike(made.arguments, made.context)
    return _extreme(made) if made.name in ("greatest", "least") else call(made.name, *made.arguments)


def _extreme(made: Call) -> exp.Expr:
    """NULL if one argument is NULL, which DuckDB leaves out."""
    missing: exp.Expr = exp.Is(this=paren(made.arguments[0].copy()), expression=exp.Null())
    for argument in made.arguments[1:]:
        missing = exp.Or(this=missing, expression=exp.Is(this=paren(argument.copy()), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=call(made.name, *made.arguments))


RULES: dict[type[exp.Expr], Rule] = {
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ), _compare),
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    **dict.fromkeys((exp.Case, exp.If), _case),
    **dict.fromkeys((exp.Where, exp.Having, exp.Not), _condition),
    **dict.fromkeys((exp.Union, exp.Except, exp.Intersect), _set_operation),
}
FORMS: dict[str, Form] = {
    "coalesce": (range(1, 100), _alike),
    "nullif": ((2,), _alike),
    "greatest": (range(1, 100), _alike),
    "least": (range(1, 100), _alike),
}
