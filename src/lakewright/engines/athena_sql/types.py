"""Static types as Trino derives them, as far as the translation depends on them.

DuckDB has types of its own for every expression; what it cannot give is the scale of a decimal quotient or average, and errors
for comparisons that Trino refuses. A type that is not known here is UNKNOWN, and the translation then asks DuckDB at run time or
refuses. Source: trino.io/docs/current/functions/decimal.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import MappingSchema

from lakewright.engines.athena_sql.dialect import AthenaSelect
from lakewright.engines.athena_sql.signatures import LIKE_ALL, LIKE_FIRST, RESULTS, ROUNDING

_T = exp.DType
_DIGITS = {_T.TINYINT: 3, _T.SMALLINT: 5, _T.INT: 10, _T.BIGINT: 19}
_FLOATING = (_T.DOUBLE, _T.FLOAT)
_ORDER = (_T.TINYINT, _T.SMALLINT, _T.INT, _T.BIGINT, _T.FLOAT, _T.DOUBLE)
_GROUPS: dict[exp.DType, str] = {
    **dict.fromkeys((*_DIGITS, *_FLOATING, _T.DECIMAL), "number"),
    **dict.fromkeys((_T.VARCHAR, _T.TEXT, _T.CHAR), "varchar"),
    _T.BOOLEAN: "boolean",
    **dict.fromkeys((_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.DATETIME), "time"),
    _T.TIME: "time of day",
    _T.VARBINARY: "varbinary",
}


def annotate(tree: exp.Query, schema: MappingSchema) -> None:
    """Set ``type`` on every node of the tree."""
    _Annotator(schema, expression_metadata=_METADATA).annotate(tree)


def is_known(node: exp.Expr) -> bool:
    """Whether the node's type was derived."""
    return node.type is not None and not node.is_type(_T.UNKNOWN, _T.NULL)


def is_type(node: exp.Expr, kind: exp.DType) -> bool:
    """Whether the node is of that type, whatever its size."""
    return node.type is not None and node.type.this == kind


def is_integer(node: exp.Expr) -> bool:
    """Whether the node is tinyint to bigint."""
    return node.type is not None and node.type.this in _DIGITS


def is_decimal(node: exp.Expr) -> bool:
    """Whether the node is a decimal."""
    return node.type is not None and node.type.this == _T.DECIMAL


def decimal_size(kind: exp.DataType | None) -> tuple[int, int] | None:
    """(precision, scale) of a decimal type, or of an integer type as a decimal; None for another type."""
    if kind is None:
        return None
    if kind.this in _DIGITS:
        return _DIGITS[kind.this], 0
    if kind.this != _T.DECIMAL:
        return None
    sizes = [int(size.name) for size in kind.expressions]
    return (sizes[0] if sizes else 38), (sizes[1] if len(sizes) > 1 else 0)


def group(node: exp.Expr) -> str | None:
    """Which values the node can be compared with: number, varchar, boolean, time, ...; None where that is not known."""
    return _GROUPS.get(node.type.this) if node.type is not None and isinstance(node.type.this, exp.DType) else None


def text(kind: exp.DataType | None) -> str:
    """The type as Athena writes it."""
    written = kind.sql(AthenaSelect).lower() if kind is not None else "unknown"
    return str(written)


def decimal_type(precision: int, scale: int) -> exp.DataType:
    """decimal(precision, scale), cut to 38 digits."""
    sizes = [exp.DataTypeParam(this=exp.Literal.number(size)) for size in (min(38, precision), min(38, scale))]
    return exp.DataType(this=_T.DECIMAL, expressions=sizes)


def quotient_size(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """(precision, scale) of left / right."""
    (p1, s1), (_, s2) = left, right
    return min(38, p1 + s2 + max(0, s2 - s1)), max(s1, s2)


def common_type(kinds: Iterable[exp.DataType | None]) -> exp.DataType:
    """The type to which Trino brings values of these types; UNKNOWN where there is none or one of them is unknown."""
    result: exp.DataType | None = None
    for kind in kinds:
        if kind is None or kind.this == _T.UNKNOWN:
            return exp.DataType(this=_T.UNKNOWN)
        if kind.this == _T.NULL:
            continue
        result = kind if result is None else _common(result, kind)
    return result or exp.DataType(this=_T.NULL)


def _common(left: exp.DataType, right: exp.DataType) -> exp.DataType:
    if left == right:
        return left
    if left.this in _ORDER and right.this in _ORDER:
        return max(left, right, key=lambda kind: _ORDER.index(kind.this))
    sizes = decimal_size(left), decimal_size(right)
    if sizes[0] and sizes[1]:
        scale = max(sizes[0][1], sizes[1][1])
        return decimal_type(max(sizes[0][0] - sizes[0][1], sizes[1][0] - sizes[1][1]) + scale, scale)
    if {left.this, right.this} & set(_FLOATING) and {left.this, right.this} & {_T.DECIMAL}:
        return left if left.this in _FLOATING else right
    times = (_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPTZ)
    if left.this in times and right.this in times:
        return max(left, right, key=lambda kind: times.index(kind.this))
    same = left.this == right.this and _GROUPS.get(left.this) is not None
    return left if same else exp.DataType(this=_T.UNKNOWN)


class _Annotator(TypeAnnotator):
    """sqlglot's walk over scopes, with Trino's rules at the nodes."""

    def _maybe_coerce(self, type1: exp.DataType | exp.DType, type2: exp.DataType | exp.DType) -> exp.DataType | exp.DType:
        kinds = [kind if isinstance(kind, exp.DataType) else exp.DataType(this=kind) for kind in (type1, type2)]
        return common_type(kinds)


def _set(annotator: TypeAnnotator, node: exp.Expr, kind: exp.DataType | exp.DType) -> None:
    annotator._set_type(node, kind.copy() if isinstance(kind, exp.DataType) else kind)


def _literal(annotator: TypeAnnotator, node: exp.Literal) -> None:
    if node.is_string:
        return _set(annotator, node, _T.VARCHAR)
    if not node.this.isdigit():
        return _set(annotator, node, _T.DOUBLE)
    _set(annotator, node, _T.INT if int(node.this) < 2**31 else _T.BIGINT)


def _arithmetic(annotator: TypeAnnotator, node: exp.Binary) -> None:
    left, right = node.left.type, node.right.type
    if left is not None and right is not None:
        times = (_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.TIME)
        if isinstance(node, exp.Add | exp.Sub) and left.this in times and right.this == _T.INTERVAL:
            return _set(annotator, node, left)
        if isinstance(node, exp.Add) and left.this == _T.INTERVAL and right.this in times:
            return _set(annotator, node, right)
        sizes = decimal_size(left), decimal_size(right)
        if sizes[0] and sizes[1] and _T.DECIMAL in (left.this, right.this):
            return _set(annotator, node, _decimal_result(node, sizes[0], sizes[1]))
    _set(annotator, node, common_type((left, right)))


def _decimal_result(node: exp.Binary, left: tuple[int, int], right: tuple[int, int]) -> exp.DataType:
    (p1, s1), (p2, s2) = left, right
    if isinstance(node, exp.Mul):
        return decimal_type(p1 + p2, s1 + s2)
    if isinstance(node, exp.Div):
        return decimal_type(*quotient_size(left, right))
    scale = max(s1, s2)
    if isinstance(node, exp.Mod):
        return decimal_type(min(p1 - s1, p2 - s2) + scale, scale)
    return decimal_type(max(p1 - s1, p2 - s2) + scale + 1, scale)


def _call(annotator: TypeAnnotator, node: exp.Expr) -> None:
    kinds = [unwrapped(argument).type or exp.DataType(this=_T.UNKNOWN) for argument in node.expressions]
    _set(annotator, node, _result(node.name.lower(), kinds) if kinds else RESULTS.get(node.name.lower(), _T.UNKNOWN))


def _result(name: str, kinds: Sequence[exp.DataType]) -> exp.DataType | exp.DType:
    """The type of a call whose arguments have these types."""
    first = kinds[0]
    if name in ("sum", "avg"):
        return _sum(first) if name == "sum" else _average(first)
    if name in ROUNDING:
        return _rounded(name, first, len(kinds))
    if name in LIKE_FIRST:
        several = name in ("max", "min", "max_by", "min_by") and len(kinds) > (2 if name.endswith("_by") else 1)
        return _T.UNKNOWN if several else first
    if name in LIKE_ALL:
        return common_type(kinds)
    if name in ("array_agg", "split", "sequence"):
        return exp.DataType(this=_T.ARRAY, expressions=[first.copy()], nested=True)
    if name == "element_at" and first.this == _T.ARRAY and first.expressions:
        element: exp.DataType = first.expressions[0]
        return element
    return RESULTS.get(name, _T.UNKNOWN)


def _sum(kind: exp.DataType) -> exp.DataType | exp.DType:
    if kind.this == _T.DECIMAL:
        return decimal_type(38, (decimal_size(kind) or (38, 0))[1])
    return _T.BIGINT if kind.this in _DIGITS else kind.this if kind.this in _FLOATING else _T.UNKNOWN


def _average(kind: exp.DataType) -> exp.DataType | exp.DType:
    if kind.this == _T.DECIMAL:
        return kind
    return _T.DOUBLE if kind.this in _DIGITS else kind.this if kind.this in _FLOATING else _T.UNKNOWN


def _rounded(name: str, kind: exp.DataType, arguments: int) -> exp.DataType:
    size = decimal_size(kind)
    if kind.this != _T.DECIMAL or size is None:
        return kind
    if arguments == 1:
        return decimal_type(size[0] - size[1] + 1, 0)
    return decimal_type(size[0] + 1, size[1]) if name == "round" else kind


def unwrapped(argument: exp.Expr) -> exp.Expr:
    """The value below DISTINCT and ORDER BY of an aggregate's argument."""
    while isinstance(argument, exp.Distinct | exp.Order):
        argument = argument.expressions[0] if isinstance(argument, exp.Distinct) else argument.this
    return argument


def _same(annotator: TypeAnnotator, node: exp.Expr) -> None:
    _set(annotator, node, node.this.type or _T.UNKNOWN)


def _branches(annotator: TypeAnnotator, node: exp.Expr) -> None:
    values = [branch.args.get("true") for branch in node.args.get("ifs") or [node]]
    default = node.args.get("default") or node.args.get("false")
    _set(annotator, node, common_type(value.type for value in (*values, default) if value is not None))


def _array(annotator: TypeAnnotator, node: exp.Array) -> None:
    element = common_type(value.type for value in node.expressions)
    _set(annotator, node, exp.DataType(this=_T.ARRAY, expressions=[element], nested=True))


def _element(annotator: TypeAnnotator, node: exp.Bracket) -> None:
    kind = node.this.type
    inner = kind.expressions[0] if kind is not None and kind.this == _T.ARRAY and kind.expressions else None
    _set(annotator, node, inner if isinstance(inner, exp.DataType) else _T.UNKNOWN)


def _subquery(annotator: TypeAnnotator, node: exp.Subquery) -> None:
    query = node.unnest()
    selects = query.selects if isinstance(query, exp.Query) else []
    _set(annotator, node, selects[0].type if len(selects) == 1 and selects[0].type else _T.UNKNOWN)


def _of_arguments(annotator: TypeAnnotator, node: exp.Expr) -> None:
    _set(annotator, node, common_type(value.type for value in node.iter_expressions()))


_ANNOTATORS: dict[Callable[..., None], tuple[type[exp.Expr], ...]] = {
    _literal: (exp.Literal,),
    _arithmetic: (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod),
    _call: (exp.Anonymous, exp.AnonymousAggFunc),
    _same: (exp.Alias, exp.Paren, exp.Neg, exp.Filter, exp.Window, exp.IgnoreNulls, exp.RespectNulls),
    _branches: (exp.Case, exp.If),
    _array: (exp.Array,),
    _element: (exp.Bracket,),
    _subquery: (exp.Subquery,),
    _of_arguments: (exp.DPipe, exp.Coalesce),
}
_RETURNS: dict[exp.DType, tuple[type[exp.Expr], ...]] = {
    _T.UNKNOWN: (exp.Any, exp.All),
    _T.BIGINT: (exp.Extract, exp.StrPosition),
    _T.VARCHAR: (exp.Substring, exp.Trim, exp.GroupConcat),
    _T.DATE: (exp.CurrentDate,),
    _T.TIMESTAMP: (exp.Localtimestamp,),
    _T.TIMESTAMPTZ: (exp.CurrentTimestamp,),
    _T.INTERVAL: (exp.Interval,),
}
_METADATA: dict[type[exp.Expr], dict[str, Any]] = {
    **AthenaSelect.EXPRESSION_METADATA,
    **{node: {"annotator": annotator} for annotator, nodes in _ANNOTATORS.items() for node in nodes},
    **{node: {"returns": kind} for kind, nodes in _RETURNS.items() for node in nodes},
}
