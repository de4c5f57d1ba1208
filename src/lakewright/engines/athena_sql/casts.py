"""CAST and TRY_CAST."""

from __future__ import annotations

import re

from sqlglot import exp

from lakewright.engines.athena_sql import types
from lakewright.engines.athena_sql.build import call, cast, number, translation
from lakewright.engines.athena_sql.context import Context, Rule

_D = exp.DType
_INTEGERS = {_D.TINYINT: "to_tinyint", _D.SMALLINT: "to_smallint", _D.INT: "to_int", _D.BIGINT: "to_bigint"}
_UTC = re.compile(r"(UTC|GMT|Z|[+-]00:?00)\s*$", re.I)


def _cast(node: exp.Cast, context: Context) -> exp.Expr:
    made = _cast_to(node, context)
    if isinstance(node, exp.TryCast):
        return call("TRY", made)
    return made


def _cast_to(node: exp.Cast, context: Context) -> exp.Expr:
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
        text: exp.Expr = translation("seconds_text", cast(value, "VARCHAR"))
        return call("left", text, number(sizes[0])) if sizes else text
    return translation("to_varchar_of", value, number(sizes[0])) if sizes else translation("to_varchar", value)


def _cast_to_time(value: exp.Expr, kind: exp.DataType, sizes: list[int], context: Context) -> exp.Expr:
    zoned = kind.this == _D.TIMESTAMPTZ
    literal = isinstance(value, exp.Literal)
    if zoned and literal and not _UTC.search(value.name):
        raise context.error("a time in a zone other than UTC cannot be kept", value, "write it in UTC", code="LW-502")
    if zoned:
        return cast(value if literal else translation("in_utc", value), "TIMESTAMPTZ")
    digits = sizes[0] if sizes else 3
    if digits >= 6 or (types.group(value) == "time" and not sizes):
        return cast(value, "TIMESTAMP")
    return translation("round_timestamp", cast(value, "TIMESTAMP"), number(10 ** (6 - digits)))


RULES: dict[type[exp.Expr], Rule] = {exp.Cast: _cast, exp.TryCast: _cast}
