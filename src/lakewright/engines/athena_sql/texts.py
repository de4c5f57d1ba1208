"""Strings and JSON."""

from __future__ import annotations

from sqlglot import exp

from lakewright.engines.athena_sql import formats, types
from lakewright.engines.athena_sql.build import call, number, paren, string, translation
from lakewright.engines.athena_sql.context import Call, Context, Form, Rule


def _concatenate(node: exp.DPipe, context: Context) -> exp.Expr:
    """``||`` of strings or arrays; raises `QueryError` LW-506 for numbers and times, as Trino does."""
    left, right = node.left, node.right
    arrays = [side.type is not None and side.type.this == exp.DType.ARRAY for side in (left, right)]
    if any(arrays):
        sides = [side if array else call("list_value", side) for side, array in zip((left, right), arrays, strict=True)]
        return translation("concat_arrays", *sides)
    for side in (left, right):
        if types.group(side) in ("number", "time", "boolean", "time of day"):
            hint = "CAST it to varchar"
            raise context.error(f"|| does not take {types.text(side.type)}", side, hint)
    return node


def _concat(made: Call) -> exp.Expr:
    result = made.arguments[0]
    for argument in made.arguments[1:]:
        joined = exp.DPipe(this=paren(result), expression=paren(argument))
        joined.type = types.common_type((result.type, argument.type))
        result = joined
    return _concatenate(result, made.context) if isinstance(result, exp.DPipe) else result


def _regexp_replace(made: Call) -> exp.Expr:
    replacement = formats.replacement(made.constant(2)) if len(made.arguments) == 3 else ""
    if replacement is None:
        raise made.error("named groups in a replacement are not supported", "use $1")
    return call("regexp_replace", made.arguments[0], made.arguments[1], string(replacement), string("g"))


def _json_path(made: Call) -> exp.Expr:
    path = formats.json_path(made.constant(1))
    if path is None:
        raise made.error("this path is not supported", "use the form '$.name[0].other'")
    return string(path)


def _json_extract(made: Call) -> exp.Expr:
    return translation("json_at", made.arguments[0], _json_path(made))


def _json_extract_scalar(made: Call) -> exp.Expr:
    return translation("json_scalar_at", made.arguments[0], _json_path(made))


def _json_array_get(made: Call) -> exp.Expr:
    index = made.arguments[1]
    if not (isinstance(index, exp.Literal) and index.is_int):
        raise made.error("the index must be a number from 0 on")
    return translation("json_at", made.arguments[0], string(f"$[{index.this}]"))


def _trim(node: exp.Trim, context: Context) -> exp.Expr:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
    return call(f"athena.{name}", node.this, *([node.expression] if node.expression else []))


def _substring(node: exp.Substring, context: Context) -> exp.Expr:
    parts = [node.this, node.args.get("start") or number(1), node.args.get("length")]
    return call("athena.substr", *(part for part in parts if part is not None))


def _position(node: exp.StrPosition, context: Context) -> exp.Expr:
    return call("athena.strpos", node.this, node.args["substr"])


RULES: dict[type[exp.Expr], Rule] = {
    exp.DPipe: _concatenate,
    exp.Trim: _trim,
    exp.Substring: _substring,
    exp.StrPosition: _position,
}
FORMS: dict[str, Form] = {
    "concat": (range(2, 100), _concat),
    "regexp_replace": ((2, 3), _regexp_replace),
    "json_extract": ((2,), _json_extract),
    "json_extract_scalar": ((2,), _json_extract_scalar),
    "json_array_get": ((2,), _json_array_get),
}
