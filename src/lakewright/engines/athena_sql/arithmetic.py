"""Numbers: literals, division, and decimals with the scale that Trino gives them."""

from __future__ import annotations

from sqlglot import exp

from lakewright.engines.athena_sql import types
from lakewright.engines.athena_sql.build import cast, number, paren, string, translation
from lakewright.engines.athena_sql.context import Call, Context, Form, Rule, macro
from lakewright.engines.athena_sql.times import is_interval, shifted


def _literal(node: exp.Literal, context: Context) -> exp.Expr:
    """Athena reads 1.5 as double."""
    if node.is_string or node.this.isdigit() or isinstance(node.parent, exp.DataTypeParam):
        if not node.is_string and int(node.this) >= 2**63:
            raise context.error(f"the number {node.this} is larger than a bigint", node)
        return node
    return node if "e" in node.this.lower() else exp.Literal(this=f"{node.this}e0", is_string=False)


def _divide(node: exp.Div, context: Context) -> exp.Expr:
    left, right = node.left, node.right
    sizes = types.decimal_size(left.type), types.decimal_size(right.type)
    if types.is_integer(left) and types.is_integer(right):
        return exp.IntDiv(this=left, expression=right)
    if sizes[0] and sizes[1]:
        return exact_quotient(left, sizes[0], right, sizes[1], types.quotient_size(sizes[0], sizes[1]))
    if types.group(left) == types.group(right) == "number":
        return exp.Div(this=left, expression=right, typed=False, safe=False)
    return translation("divide", translation("not_decimal", left), translation("not_decimal", right))


def exact_quotient(
    left: exp.Expr, left_size: tuple[int, int], right: exp.Expr, right_size: tuple[int, int], size: tuple[int, int]
) -> exp.Expr:
    """left / right in whole numbers, rounded half up to the scale of `size`."""
    shift = size[1] - left_size[1] + right_size[1]
    # 18 digits fit a bigint, and dividing those is many times faster.
    kind = "BIGINT" if left_size[0] + shift <= 18 and right_size[0] <= 18 else "HUGEINT"
    numerator = _whole(left, left_size, kind)
    if shift:
        numerator = exp.Mul(this=numerator, expression=cast(string("1" + "0" * shift), kind))
    return _scaled(translation("round_quotient", numerator, _whole(right, right_size, kind)), size)


def _whole(value: exp.Expr, size: tuple[int, int], kind: str) -> exp.Expr:
    """A decimal's digits without the point."""
    precision, scale = size
    digits: exp.Expr = translation("of_scale", value, number(scale))
    if scale:
        # A product of two decimals of at most 18 digits must fit 18 digits in DuckDB.
        width = scale + 1 if precision + scale <= 18 else 38
        digits = exp.Mul(this=digits, expression=cast(string("1" + "0" * scale), types.decimal_type(width, 0)))
    return cast(digits, kind)


def _scaled(whole: exp.Expr, size: tuple[int, int]) -> exp.Expr:
    """A whole number of units of 10 to the power of minus the scale, as a decimal."""
    precision, scale = size
    if not scale:
        return cast(whole, types.decimal_type(precision, 0))
    unit = cast(string("0." + "0" * (scale - 1) + "1"), types.decimal_type(scale, scale))
    product = exp.Mul(this=cast(whole, types.decimal_type(precision, 0)), expression=unit)
    return cast(product, types.decimal_type(precision, scale))


def _add(node: exp.Add, context: Context) -> exp.Expr:
    left, right = node.left, node.right
    if is_interval(right) and not is_interval(left):
        return shifted(left, right)
    if is_interval(left) and not is_interval(right):
        return shifted(right, left)
    return _numbers(node, context)


def _subtract(node: exp.Sub, context: Context) -> exp.Expr:
    left, right = node.left, node.right
    if is_interval(right) and not is_interval(left):
        return shifted(left, exp.Neg(this=paren(right)))
    if types.group(left) == "time" or types.group(right) == "time":
        raise context.error("times are not subtracted here", node, "use date_diff('day', a, b)")
    if types.group(left) != "number" and types.group(right) != "number":
        return exp.Sub(this=translation("not_time", left), expression=right)
    return _numbers(node, context)


def _numbers(node: exp.Binary, context: Context) -> exp.Expr:
    for side in (node.left, node.right):
        if types.group(side) not in ("number", None):
            raise context.error(f"{types.text(side.type)} is no number", side, "CAST it")
    return node


def _typed_round(made: Call) -> exp.Expr:
    """A rounded decimal keeps its scale in Trino."""
    size = types.decimal_size(made.arguments[0].type)
    result = macro(made)
    if size and types.is_decimal(made.arguments[0]):
        return cast(result, types.decimal_type(size[0] + (made.name == "round"), size[1] if len(made.arguments) == 2 else 0))
    return result


def _multiply(node: exp.Mul, context: Context) -> exp.Expr:
    return node if is_interval(node.left) or is_interval(node.right) else _numbers(node, context)


RULES: dict[type[exp.Expr], Rule] = {
    exp.Literal: _literal,
    exp.Add: _add,
    exp.Sub: _subtract,
    exp.Mul: _multiply,
    exp.Div: _divide,
    exp.Mod: _numbers,
}
FORMS: dict[str, Form] = {"round": ((1, 2), _typed_round), "truncate": ((1, 2), _typed_round)}
