"""Aggregates and window functions."""

from __future__ import annotations

from sqlglot import exp

from lakewright.engines.athena_sql import types
from lakewright.engines.athena_sql.arithmetic import exact_quotient
from lakewright.engines.athena_sql.build import call, cast, paren, string, translation, wrap
from lakewright.engines.athena_sql.context import Call, Context, Rule
from lakewright.engines.athena_sql.signatures import AGGREGATES, WINDOWS


def _aggregate(node: exp.AnonymousAggFunc, context: Context) -> exp.Expr:
    made = Call(node, context)
    node.set("this", AGGREGATES[made.name])
    if not made.arguments:
        raise made.error("takes an argument")
    argument = types.unwrapped(made.arguments[0])
    if made.name in ("approx_percentile", "approx_distinct", "max_by", "min_by", "map_agg"):
        _check_arguments(made)
    if (made.name == "sum" and types.is_integer(argument)) or made.name == "count_if":
        wrap(_outermost(node), lambda whole: cast(whole, "BIGINT"))
    elif made.name in ("sum", "avg") and argument.is_type(exp.DType.FLOAT):
        wrap(_outermost(node), lambda whole: cast(whole, "FLOAT"))
    elif made.name == "avg" and types.is_decimal(argument):
        _exact_average(node, argument)
    elif made.name == "avg" and not types.is_known(argument):
        argument.replace(translation("not_decimal", argument.copy()))
    elif made.name == "map_agg":
        return _map_aggregate(made)
    return node


def _check_arguments(made: Call) -> None:
    wanted = 1 if made.name == "approx_distinct" else 2
    if len(made.arguments) != wanted:
        raise made.error(f"only the form with {wanted} argument{'s' * (wanted > 1)} is supported")
    if made.name == "approx_percentile" and not isinstance(made.arguments[1], exp.Literal | exp.Array):
        raise made.error("the percentage must be a constant")


def _outermost(node: exp.Expr) -> exp.Expr:
    """The aggregate with its FILTER and OVER."""
    while isinstance(node.parent, exp.Filter | exp.Window | exp.IgnoreNulls | exp.RespectNulls) and node.arg_key == "this":
        node = node.parent
    return node


def _exact_average(node: exp.AnonymousAggFunc, argument: exp.Expr) -> None:
    """A decimal's average has its scale: sum / count in whole numbers."""
    precision, scale = types.decimal_size(argument.type) or (38, 0)

    def make(whole: exp.Expr) -> exp.Expr:
        node.set("this", "sum")
        total = whole.copy()
        node.set("this", "count")
        return exact_quotient(total, (38, scale), whole, (19, 0), (precision, scale))

    wrap(_outermost(node), make)


def _map_aggregate(made: Call) -> exp.Expr:
    if _outermost(made.node) is not made.node:
        raise made.error("FILTER and OVER are not supported")
    key, value = made.arguments
    lists = []
    for part in (key, value):
        given = exp.Not(this=exp.Is(this=paren(key.copy()), expression=exp.Null()))
        lists.append(exp.Filter(this=call("list", part.copy()), expression=exp.Where(this=given)))
    return call("map", *lists)


def _listagg(node: exp.GroupConcat, context: Context) -> exp.Expr:
    value, separator = node.this, node.args.get("separator") or string("")
    if isinstance(value, exp.Order):
        return call("string_agg", value.this, exp.Order(this=separator, expressions=value.expressions))
    return call("string_agg", value, separator)


def _ignore_nulls(node: exp.IgnoreNulls, context: Context) -> exp.Expr:
    function = node.this
    if not (isinstance(function, exp.Anonymous) and function.name.lower() in WINDOWS and function.expressions):
        raise context.error("IGNORE NULLS is supported for window functions only", function, code="LW-502")
    function.set("expressions", [*function.expressions[:-1], exp.IgnoreNulls(this=function.expressions[-1])])
    return function


RULES: dict[type[exp.Expr], Rule] = {
    exp.AnonymousAggFunc: _aggregate,
    exp.GroupConcat: _listagg,
    exp.IgnoreNulls: _ignore_nulls,
    exp.RespectNulls: lambda node, context: node.this,
}
