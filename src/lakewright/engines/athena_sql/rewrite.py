"""Operators, casts and aggregates: the places where DuckDB's meaning is not Trino's."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping

from sqlglot import exp

from lakewright.engines.athena_sql import types
from lakewright.engines.athena_sql.aggregates import AGGREGATES, WINDOWS
from lakewright.engines.athena_sql.build import call, cast, number, paren, string, translation, wrap
from lakewright.engines.athena_sql.functions import Call, at_time_zone, translate_call, translate_concatenation
from lakewright.engines.athena_sql.place import fault
from lakewright.errors import QueryError

_D = exp.DType
_INTEGERS = {_D.TINYINT: "to_tinyint", _D.SMALLINT: "to_smallint", _D.INT: "to_int", _D.BIGINT: "to_bigint"}
_FIELDS = {
    **dict.fromkeys(("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")),
    **{"DAY_OF_MONTH": "day", "DAY_OF_WEEK": "day_of_week", "DOW": "day_of_week", "DAY_OF_YEAR": "day_of_year"},
    **{"DOY": "day_of_year", "YEAR_OF_WEEK": "year_of_week", "YOW": "year_of_week"},
}
_INTERVAL_UNITS = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"})
_UTC = re.compile(r"(UTC|GMT|Z|[+-]00:?00)\s*$", re.I)


@dataclasses.dataclass(frozen=True)
class _Context:
    text: str
    macros: Mapping[str, frozenset[int]]

    def error(self, message: str, node: exp.Expr, hint: str | None = None, code: str = "LW-506") -> QueryError:
        return fault(code, message, self.text, node, hint=hint)


def rewrite(tree: exp.Query, text: str, macros: Mapping[str, frozenset[int]]) -> exp.Query:
    """The annotated tree in DuckDB's terms.

    Raises `QueryError` LW-502, LW-505 or LW-506 at what cannot be translated to the same meaning.
    """
    context = _Context(text, macros)
    root = exp.Subquery(this=tree)
    for node in reversed(list(tree.walk(bfs=True))):
        rule = _RULES.get(type(node))
        made = rule(node, context) if rule else node
        if made is not node:
            made.type = node.type
            for key in ("start", "end"):
                made.meta.setdefault(key, node.meta.get(key))
            node.replace(made)
    if not isinstance(root.this, exp.Query):
        raise TypeError(f"a query became {type(root.this).__name__}")
    return root.this


# ---- literals and arithmetic


def _literal(node: exp.Literal, context: _Context) -> exp.Expr:
    """Athena reads 1.5 as double."""
    if node.is_string or node.this.isdigit() or isinstance(node.parent, exp.DataTypeParam):
        if not node.is_string and int(node.this) >= 2**63:
            raise context.error(f"the number {node.this} is larger than a bigint", node)
        return node
    return node if "e" in node.this.lower() else exp.Literal(this=f"{node.this}e0", is_string=False)


def _divide(node: exp.Div, context: _Context) -> exp.Expr:
    left, right = node.left, node.right
    sizes = types.decimal_size(left.type), types.decimal_size(right.type)
    if types.is_integer(left) and types.is_integer(right):
        return exp.IntDiv(this=left, expression=right)
    if sizes[0] and sizes[1]:
        return _exact_quotient(left, sizes[0], right, sizes[1], types.quotient_size(sizes[0], sizes[1]))
    if types.is_floating(left) and types.group(right) == "number" or types.is_floating(right) and types.group(left) == "number":
        return exp.Div(this=left, expression=right, typed=False, safe=False)
    return translation("divide", translation("not_decimal", left), translation("not_decimal", right))


def _exact_quotient(
    left: exp.Expr, left_size: tuple[int, int], right: exp.Expr, right_size: tuple[int, int], size: tuple[int, int]
) -> exp.Expr:
    """left / right in whole numbers, rounded half up to the scale of `size`."""
    scale = size[1]
    shift = scale - left_size[1] + right_size[1]
    numerator: exp.Expr = translation("unscaled", left, number(left_size[1]))
    if shift:
        numerator = exp.Mul(this=numerator, expression=cast(string("1" + "0" * shift), "HUGEINT"))
    whole = translation("round_quotient", numerator, translation("unscaled", right, number(right_size[1])))
    return _scaled(whole, size)


def _scaled(whole: exp.Expr, size: tuple[int, int]) -> exp.Expr:
    """A whole number of units of 10 to the power of minus the scale, as a decimal."""
    precision, scale = size
    if not scale:
        return cast(whole, types.decimal_type(precision, 0))
    unit = cast(string("0." + "0" * (scale - 1) + "1"), types.decimal_type(scale, scale))
    product = exp.Mul(this=cast(whole, types.decimal_type(38, 0)), expression=unit)
    return cast(product, types.decimal_type(precision, scale))


def _is_interval(node: exp.Expr) -> bool:
    return node.is_type(_D.INTERVAL)


def _add(node: exp.Add, context: _Context) -> exp.Expr:
    left, right = node.left, node.right
    if _is_interval(right) and not _is_interval(left):
        return translation("plus", left, right)
    if _is_interval(left) and not _is_interval(right):
        return translation("plus", right, left)
    return _numbers(node, context)


def _subtract(node: exp.Sub, context: _Context) -> exp.Expr:
    left, right = node.left, node.right
    if _is_interval(right) and not _is_interval(left):
        return translation("plus", left, exp.Neg(this=paren(right)))
    if types.group(left) == "time" or types.group(right) == "time":
        raise context.error("times are not subtracted here", node, "use date_diff('day', a, b)")
    if types.group(left) != "number" and types.group(right) != "number":
        return exp.Sub(this=translation("not_time", left), expression=right)
    return _numbers(node, context)


def _numbers(node: exp.Binary, context: _Context) -> exp.Expr:
    for side in (node.left, node.right):
        if types.group(side) not in ("number", None):
            raise context.error(f"{types.text(side.type)} is no number", side, "CAST it")
    return node


def _interval(node: exp.Interval, context: _Context) -> exp.Expr:
    if node.unit is None or node.unit.name.upper() not in _INTERVAL_UNITS:
        raise context.error("this interval is not supported", node, "write INTERVAL '3' DAY", code="LW-502")
    return node


# ---- comparisons


def _comparable(first: exp.Expr, others: list[exp.Expr], context: _Context) -> None:
    for other in others:
        groups = types.group(first), types.group(other)
        if groups[0] and groups[1] and groups[0] != groups[1]:
            message = f"{types.text(first.type)} cannot be compared with {types.text(other.type)}"
            raise context.error(message, other, f"CAST one side, or write {_as_literal(groups[0])}")


def _as_literal(group: str) -> str:
    return {"time": "DATE '2026-03-01' or TIMESTAMP '2026-03-01 12:00:00'", "number": "the number without quotes"}.get(group, "'text'")


def _compare(node: exp.Binary, context: _Context) -> exp.Expr:
    _comparable(node.left, [node.right], context)
    return node


def _between(node: exp.Between, context: _Context) -> exp.Expr:
    _comparable(node.this, [node.args["low"], node.args["high"]], context)
    return node


def _in(node: exp.In, context: _Context) -> exp.Expr:
    _comparable(node.this, node.expressions, context)
    return node


def _like(node: exp.Like, context: _Context) -> exp.Expr:
    pattern = node.expression.this if isinstance(node.expression, exp.Escape) else node.expression
    for side in (node.this, pattern):
        if types.group(side) not in ("varchar", None):
            raise context.error(f"LIKE does not take {types.text(side.type)}", side, "CAST it to varchar")
    return node


# ---- casts


def _cast(node: exp.Cast, context: _Context) -> exp.Expr:
    made = _cast_to(node, context)
    if isinstance(node, exp.TryCast):
        return call("TRY", made)
    return made


def _cast_to(node: exp.Cast, context: _Context) -> exp.Expr:
    value, kind = node.this, node.to
    target, sizes = kind.this, [int(size.name) for size in kind.expressions if isinstance(size, exp.DataTypeParam)]
    if target in _INTEGERS:
        return translation(_INTEGERS[target], value)
    if target in (_D.VARCHAR, _D.TEXT):
        return _cast_to_varchar(value, sizes)
    if target == _D.DECIMAL:
        return cast(value, types.decimal_type(*(sizes or [38])[:1], *(sizes[1:] or [0])))
    if target in (_D.TIMESTAMP, _D.TIMESTAMPTZ):
        return _cast_to_time(value, kind, sizes, context)
    if target == _D.TIME:
        return cast(value, "TIME")
    if target == _D.VARBINARY:
        return call("encode", value) if types.group(value) == "varchar" else cast(value, "BLOB")
    if target == _D.JSON:
        return cast(call("to_json", value), "JSON")
    if target in (_D.ARRAY, _D.MAP):
        return cast(translation("plain", value), kind.copy())
    if target in (_D.BOOLEAN, _D.DATE, _D.DOUBLE, _D.FLOAT):
        return cast(value, kind.copy())
    raise context.error(f"a cast to {types.text(kind)} is not supported", node, code="LW-502")


def _cast_to_varchar(value: exp.Expr, sizes: list[int]) -> exp.Expr:
    kind = value.type
    if kind is not None and kind.this == _D.TIMESTAMP and kind.expressions and kind.expressions[0].name == "0":
        text: exp.Expr = call("strftime", value, string("%Y-%m-%d %H:%M:%S"))
        return call("left", text, number(sizes[0])) if sizes else text
    return translation("to_varchar_of", value, number(sizes[0])) if sizes else translation("to_varchar", value)


def _cast_to_time(value: exp.Expr, kind: exp.DataType, sizes: list[int], context: _Context) -> exp.Expr:
    zoned = kind.this == _D.TIMESTAMPTZ
    literal = isinstance(value, exp.Literal)
    if zoned and literal and not _UTC.search(value.name):
        raise context.error("a time in a zone other than UTC cannot be kept", value, "write it in UTC", code="LW-502")
    made = cast(value, "TIMESTAMPTZ" if zoned else "TIMESTAMP")
    digits = sizes[0] if sizes else 3
    exact = literal or zoned or types.group(value) == "time" and not (sizes and _digits(value) > digits)
    return made if exact or digits >= 6 else translation("round_timestamp", made, number(10 ** (6 - digits)))


def _digits(value: exp.Expr) -> int:
    """Digits of a second that the value can have."""
    kind = value.type
    if kind is None or kind.this == _D.DATE:
        return 0
    return int(kind.expressions[0].name) if kind.expressions and kind.this == _D.TIMESTAMP and kind.expressions[0].name != "3" else 6


# ---- calls


def _call(node: exp.Anonymous, context: _Context) -> exp.Expr:
    return translate_call(node, context.text, context.macros)


def _aggregate(node: exp.AnonymousAggFunc, context: _Context) -> exp.Expr:
    made = Call(node, context.text)
    node.set("this", AGGREGATES[made.name])
    if not made.arguments:
        raise made.error("takes an argument")
    argument = types._unwrapped(made.arguments[0])
    if made.name in ("approx_percentile", "approx_distinct", "max_by", "min_by", "map_agg"):
        _check_arguments(made)
    if made.name == "sum" and types.is_integer(argument) or made.name == "count_if":
        wrap(_outermost(node), lambda whole: cast(whole, "BIGINT"))
    elif made.name in ("sum", "avg") and argument.is_type(_D.FLOAT):
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
        return _exact_quotient(total, (38, scale), whole, (19, 0), (precision, scale))

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


def _ignore_nulls(node: exp.IgnoreNulls, context: _Context) -> exp.Expr:
    function = node.this
    if not (isinstance(function, exp.Anonymous) and function.name.lower() in WINDOWS and function.expressions):
        raise context.error("IGNORE NULLS is supported for window functions only", function, code="LW-502")
    function.set("expressions", [*function.expressions[:-1], exp.IgnoreNulls(this=function.expressions[-1])])
    return function


def _extract(node: exp.Extract, context: _Context) -> exp.Expr:
    field = node.name.upper()
    if field not in _FIELDS:
        raise context.error(f"EXTRACT({field} ...) is not supported", node, code="LW-502")
    return call(f"athena.{_FIELDS[field] or field.lower()}", node.expression)


def _at_time_zone(node: exp.AtTimeZone, context: _Context) -> exp.Expr:
    return at_time_zone(node, node.this, node.args["zone"], context.text)


def _concatenate(node: exp.DPipe, context: _Context) -> exp.Expr:
    return translate_concatenation(node, context.text)


def _trim(node: exp.Trim, context: _Context) -> exp.Expr:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
    return call(f"athena.{name}", node.this, *([node.expression] if node.expression else []))


def _substring(node: exp.Substring, context: _Context) -> exp.Expr:
    parts = [node.this, node.args.get("start") or number(1), node.args.get("length")]
    return call("athena.substr", *(part for part in parts if part is not None))


def _position(node: exp.StrPosition, context: _Context) -> exp.Expr:
    return call("athena.strpos", node.this, node.args["substr"])


def _subscript(node: exp.Bracket, context: _Context) -> exp.Expr:
    if len(node.expressions) == 1 and node.this.type is not None:
        if node.this.type.this == _D.ARRAY:
            return translation("array_element", node.this, node.expressions[0])
        if node.this.type.this == _D.MAP:
            return translation("map_element", node.this, node.expressions[0])
    raise context.error("whether this is an array or a map cannot be told", node, "use element_at", code="LW-502")


def _now(node: exp.Expr, context: _Context) -> exp.Expr:
    moment = call("date_trunc", string("millisecond"), call("now"))
    return cast(moment, "TIMESTAMP") if isinstance(node, exp.Localtimestamp) else moment


def _listagg(node: exp.GroupConcat, context: _Context) -> exp.Expr:
    value, separator = node.this, node.args.get("separator") or string("")
    if isinstance(value, exp.Order):
        return call("string_agg", value.this, exp.Order(this=separator, expressions=value.expressions))
    return call("string_agg", value, separator)


def _unnest(node: exp.Unnest, context: _Context) -> exp.Expr:
    """UNNEST as a lateral SELECT, in which DuckDB zips arrays and pads with NULL as Trino does."""
    alias = node.args.get("alias")
    columns = [column.name for column in alias.columns] if alias else []
    offset = node.args.get("offset")
    outputs: list[exp.Expr] = []
    lengths: list[exp.Expr] = []
    is_map = len(node.expressions) == 1 and len(columns) == 2
    for value in node.expressions:
        parts = [call("map_keys", value), call("map_values", value.copy())] if is_map else [value]
        outputs.extend(call("unnest", part) for part in parts)
        lengths.append(call("coalesce", call("len", parts[0].copy()), number(0)))
    if columns and len(columns) != len(outputs):
        raise context.error(f"UNNEST gives {len(outputs)} columns, {len(columns)} are named", node)
    if offset:
        longest = call("greatest", *lengths)
        outputs.append(call("unnest", call("range", number(1), exp.Add(this=longest, expression=number(1)))))
        columns.append(offset.name if isinstance(offset, exp.Identifier) else "ordinality")
    named = exp.TableAlias(this=alias.this if alias else exp.to_identifier("_unnest"), columns=[*map(_quoted, columns)])
    return exp.Lateral(this=exp.Subquery(this=exp.Select(expressions=outputs)), alias=named)


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


_RULES: dict[type[exp.Expr], Callable[..., exp.Expr]] = {
    exp.Literal: _literal,
    exp.Div: _divide,
    exp.Add: _add,
    exp.Sub: _subtract,
    exp.Mul: lambda node, context: node if _is_interval(node.left) or _is_interval(node.right) else _numbers(node, context),
    exp.Mod: _numbers,
    exp.Interval: _interval,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ), _compare),
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Anonymous: _call,
    exp.AnonymousAggFunc: _aggregate,
    exp.IgnoreNulls: _ignore_nulls,
    exp.RespectNulls: lambda node, context: node.this,
    exp.Extract: _extract,
    exp.AtTimeZone: _at_time_zone,
    exp.DPipe: _concatenate,
    exp.Trim: _trim,
    exp.StrPosition: _position,
    exp.Substring: _substring,
    exp.Bracket: _subscript,
    exp.CurrentTimestamp: _now,
    exp.Localtimestamp: _now,
    exp.GroupConcat: _listagg,
    exp.Unnest: _unnest,
}
