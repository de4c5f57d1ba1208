"""Static types as Trino derives them, as far as the translation depends on them.

DuckDB has types of its own for every expression; what it cannot give is the scale of a decimal quotient or average, and errors for
comparisons that Trino refuses. A type that is not known here is UNKNOWN, and the translation then asks DuckDB at run time or
refuses. Source: trino.io/docs/current/functions/decimal.html.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import MappingSchema

from lakewright.engines.athena_sql.dialect import AthenaSelect

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

_RESULTS: dict[exp.DType, str] = {
    _T.BIGINT: """cardinality codepoint count count_if approx_distinct date_diff day day_of_month day_of_week day_of_year dow doy
        hour json_array_length length levenshtein_distance millisecond minute month position quarter rank dense_rank row_number
        ntile second strpos to_unixtime_seconds week week_of_year year year_of_week yow bitwise_and bitwise_or bitwise_xor
        bitwise_not bit_count from_base regexp_count grouping hamming_distance""",
    _T.DOUBLE: """cbrt cos sin tan acos asin atan atan2 cosh sinh tanh corr covar_pop covar_samp cume_dist degrees e exp
        geometric_mean infinity ln log log10 log2 nan percent_rank pi pow power radians rand random regr_intercept regr_slope sqrt
        stddev stddev_pop stddev_samp to_unixtime var_pop var_samp variance""",
    _T.VARCHAR: """chr concat concat_ws date_format format_datetime json_extract_scalar json_format listagg lower lpad ltrim
        regexp_extract regexp_replace replace reverse_text rpad rtrim split_part substr substring to_base to_hex to_iso8601 translate
        trim typeof upper url_decode url_encode url_extract_fragment url_extract_host url_extract_parameter url_extract_path
        url_extract_protocol url_extract_query to_base64""",
    _T.BOOLEAN: """all_match any_match bool_and bool_or contains every is_finite is_infinite is_nan none_match regexp_like
        starts_with json_array_contains arrays_overlap""",
    _T.DATE: "current_date date from_iso8601_date last_day_of_month",
    _T.TIMESTAMPTZ: "from_iso8601_timestamp from_unixtime now current_timestamp parse_datetime",
    _T.TIMESTAMP: "date_parse",
    _T.MAP: "map map_agg map_concat map_filter split_to_map transform_keys transform_values",
    _T.JSON: "json_parse json_extract json_array_get",
}
_RESULT = {name: kind for kind, names in _RESULTS.items() for name in names.split()}
_LIKE_FIRST = frozenset(
    """abs arbitrary any_value ceil ceiling date_trunc first_value floor lag last_value lead max max_by min min_by nth_value nullif sign
    truncate try approx_percentile array_distinct array_sort array_remove slice filter""".split()
)
_LIKE_ALL = frozenset({"coalesce", "greatest", "least", "mod"})


def annotate(tree: exp.Query, schema: MappingSchema) -> None:
    """Set ``type`` on every node of the tree."""
    _Annotator(schema, expression_metadata=_METADATA).annotate(tree)


def is_known(node: exp.Expr) -> bool:
    """Whether the node's type was derived."""
    return node.type is not None and not node.is_type(_T.UNKNOWN, _T.NULL)


def is_integer(node: exp.Expr) -> bool:
    """Whether the node is tinyint to bigint."""
    return node.type is not None and node.type.this in _DIGITS


def is_floating(node: exp.Expr) -> bool:
    """Whether the node is real or double."""
    return node.type is not None and node.type.this in _FLOATING


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
    (p1, s1), (p2, s2) = left, right
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
    name, arguments = node.name.lower(), node.expressions
    first = _unwrapped(arguments[0]).type if arguments else None
    if name in ("sum", "avg", "round") and first is not None:
        return _set(annotator, node, _numeric_result(name, first))
    if name in _LIKE_FIRST and first is not None:
        many = name in ("max", "min", "max_by", "min_by") and len(arguments) > (2 if name.endswith("_by") else 1)
        return _set(annotator, node, _T.UNKNOWN if many else first)
    if name in _LIKE_ALL:
        return _set(annotator, node, common_type(argument.type for argument in arguments))
    if name in ("array_agg", "split") and first is not None:
        return _set(annotator, node, exp.DataType(this=_T.ARRAY, expressions=[first.copy()], nested=True))
    _set(annotator, node, _RESULT.get(name, _T.UNKNOWN))


def _numeric_result(name: str, kind: exp.DataType) -> exp.DataType | exp.DType:
    size = decimal_size(kind)
    if kind.this == _T.DECIMAL and size:
        return {"sum": decimal_type(38, size[1]), "avg": kind, "round": decimal_type(size[0] + 1, size[1])}[name]
    if kind.this in _DIGITS:
        return {"sum": _T.BIGINT, "avg": _T.DOUBLE, "round": kind.this}[name]
    if kind.this in _FLOATING:
        return kind.this
    return _T.UNKNOWN


def _unwrapped(argument: exp.Expr) -> exp.Expr:
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
    selects = node.unnest().selects if isinstance(node.unnest(), exp.Query) else []
    _set(annotator, node, selects[0].type if len(selects) == 1 and selects[0].type else _T.UNKNOWN)


_METADATA = {
    **AthenaSelect.EXPRESSION_METADATA,
    exp.Literal: {"annotator": _literal},
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), {"annotator": _arithmetic}),
    **dict.fromkeys((exp.Anonymous, exp.AnonymousAggFunc), {"annotator": _call}),
    **dict.fromkeys(
        (exp.Alias, exp.Paren, exp.Neg, exp.Filter, exp.Window, exp.IgnoreNulls, exp.RespectNulls), {"annotator": _same}
    ),
    **dict.fromkeys((exp.Case, exp.If), {"annotator": _branches}),
    exp.Coalesce: {"annotator": lambda annotator, node: _set(annotator, node, common_type(v.type for v in (node.this, *node.expressions)))},
    exp.Array: {"annotator": _array},
    exp.Bracket: {"annotator": _element},
    exp.Subquery: {"annotator": _subquery},
    exp.DPipe: {"annotator": lambda annotator, node: _set(annotator, node, common_type((node.left.type, node.right.type)))},
    exp.Extract: {"returns": _T.BIGINT},
    exp.StrPosition: {"returns": _T.BIGINT},
    exp.Substring: {"returns": _T.VARCHAR},
    exp.Trim: {"returns": _T.VARCHAR},
    exp.GroupConcat: {"returns": _T.VARCHAR},
    exp.CurrentDate: {"returns": _T.DATE},
    exp.CurrentTimestamp: {"returns": _T.TIMESTAMPTZ},
    exp.Localtimestamp: {"returns": _T.TIMESTAMP},
    exp.Interval: {"returns": _T.INTERVAL},
}
