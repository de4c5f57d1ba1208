"""Function calls: what each Trino function becomes.

A name means what `macros.sql` defines for it, or what one of the forms below makes of its arguments, or it is an aggregate or window
function. Any other name is refused, file readers and SQL in strings among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from lakewright.engines.athena_sql import formats, types
from lakewright.engines.athena_sql.aggregates import WINDOWS
from lakewright.engines.athena_sql.build import call, cast, number, paren, string, substitute, translation
from lakewright.engines.athena_sql.place import did_you_mean, fault
from lakewright.errors import QueryError

Arguments = Sequence[exp.Expr]
Form = tuple[Sequence[int], Callable[["Call"], exp.Expr]]

_UNITS = {
    "millisecond": lambda n: call("to_milliseconds", cast(n, "DOUBLE")),
    "second": lambda n: call("to_seconds", cast(n, "DOUBLE")),
    "minute": lambda n: call("to_minutes", cast(n, "BIGINT")),
    "hour": lambda n: call("to_hours", cast(n, "BIGINT")),
    "day": lambda n: call("to_days", cast(n, "INTEGER")),
    "week": lambda n: call("to_weeks", cast(n, "INTEGER")),
    "month": lambda n: call("to_months", cast(n, "INTEGER")),
    "quarter": lambda n: call("to_months", cast(exp.Mul(this=number(3), expression=paren(n)), "INTEGER")),
    "year": lambda n: call("to_years", cast(n, "INTEGER")),
}


class Call:
    """One call in a statement: its name, its arguments, and the errors that point at it."""

    def __init__(self, node: exp.Expr, text: str) -> None:
        self.node = node
        self.name = node.name.lower()
        self.arguments: list[exp.Expr] = list(node.expressions)
        self.text = text

    def error(self, message: str, hint: str | None = None, code: str = "LW-505") -> QueryError:
        """A `QueryError` at this call."""
        return fault(code, f"{self.name}: {message}", self.text, self.node, hint=hint)

    def constant(self, index: int) -> str:
        """The text of an argument that has to be a string in quotes."""
        argument = self.arguments[index]
        if not isinstance(argument, exp.Literal) or not argument.is_string:
            raise self.error(f"argument {index + 1} must be a string in quotes here")
        return str(argument.this)

    def unit(self, index: int = 0) -> str:
        """A unit of time, in lower case."""
        unit = self.constant(index).lower()
        if unit not in _UNITS:
            raise self.error(f"{unit!r} is no unit of time", did_you_mean(unit, _UNITS) or f"use one of {', '.join(_UNITS)}")
        return unit

    def function(self, index: int, parameters: int) -> exp.Lambda:
        """A lambda with so many parameters."""
        argument = self.arguments[index]
        if not isinstance(argument, exp.Lambda) or len(argument.expressions) != parameters:
            raise self.error(f"argument {index + 1} must be a lambda with {parameters} parameter{'s' * (parameters > 1)}")
        return argument


def translate_call(node: exp.Anonymous, text: str, macros: Mapping[str, frozenset[int]]) -> exp.Expr:
    """The call in DuckDB; `macros` are the arities of the macros in schema athena.

    Raises `QueryError` LW-505 for an unknown function or arguments that it does not take.
    """
    made = Call(node, text)
    arities: Sequence[int] | frozenset[int]
    if made.name in WINDOWS:
        node.set("this", made.name)
        return node
    if made.name in _FORMS:
        arities, form = _FORMS[made.name]
    elif made.name in macros:
        arities, form = macros[made.name], _macro
    else:
        hint = did_you_mean(made.name, {*_FORMS, *macros, *WINDOWS})
        raise fault("LW-505", f"there is no function {made.name}, or it is not supported here", text, node, hint=hint)
    if len(made.arguments) not in arities:
        takes = "at least 1" if len(arities) > 20 else " or ".join(str(count) for count in sorted(arities))
        raise made.error(f"takes {takes} argument{'' if takes == '1' else 's'}, not {len(made.arguments)}")
    return form(made)


def _macro(made: Call) -> exp.Expr:
    return call(f"athena.{made.name}", *made.arguments)


# ---- values


def _same(made: Call) -> exp.Expr:
    return call(made.name, *made.arguments)


def _try(made: Call) -> exp.Expr:
    return call("TRY", *made.arguments)


def _extreme(made: Call) -> exp.Expr:
    """NULL if one argument is NULL, which DuckDB leaves out."""
    missing: exp.Expr = exp.Is(this=paren(made.arguments[0].copy()), expression=exp.Null())
    for argument in made.arguments[1:]:
        missing = exp.Or(this=missing, expression=exp.Is(this=paren(argument.copy()), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=call(made.name, *made.arguments))


def _concat(made: Call) -> exp.Expr:
    result = made.arguments[0]
    for argument in made.arguments[1:]:
        joined = exp.DPipe(this=paren(result), expression=paren(argument))
        joined.type = types.common_type((result.type, argument.type))
        result = joined
    return translate_concatenation(result, made.text) if isinstance(result, exp.DPipe) else result


def translate_concatenation(node: exp.DPipe, text: str) -> exp.Expr:
    """``||`` of strings or arrays; raises `QueryError` LW-506 for numbers and times, as Trino does."""
    left, right = node.left, node.right
    arrays = [side.type is not None and side.type.this == exp.DType.ARRAY for side in (left, right)]
    if any(arrays):
        sides = [side if array else call("list_value", side) for side, array in zip((left, right), arrays, strict=True)]
        return translation("concat_arrays", *sides)
    for side in (left, right):
        if types.group(side) in ("number", "time", "boolean", "time of day"):
            hint = "CAST it to varchar"
            raise fault("LW-506", f"|| does not take {types.text(side.type)}", text, side, hint=hint)
    return node


def _typed_round(made: Call) -> exp.Expr:
    """A rounded decimal keeps its scale in Trino."""
    size = types.decimal_size(made.arguments[0].type)
    result = _macro(made)
    if size and types.is_decimal(made.arguments[0]):
        return cast(result, types.decimal_type(size[0] + (made.name == "round"), size[1] if len(made.arguments) == 2 else 0))
    return result


# ---- dates and times


def _date_add(made: Call) -> exp.Expr:
    return translation("plus", made.arguments[2], _UNITS[made.unit()](made.arguments[1]))


def _date_diff(made: Call) -> exp.Expr:
    return call("date_sub", string(made.unit()), made.arguments[1], made.arguments[2])


def _date_trunc(made: Call) -> exp.Expr:
    return translation("trunc_time", string(made.unit()), made.arguments[1])


def _pattern(made: Call, translate: Callable[[str], str]) -> exp.Expr:
    try:
        return string(translate(made.constant(1)))
    except ValueError as error:
        raise made.error(f"the pattern holds {error}, which is not supported") from None


def _date_format(made: Call) -> exp.Expr:
    return call("strftime", made.arguments[0], _pattern(made, formats.from_mysql))


def _date_parse(made: Call) -> exp.Expr:
    return call("strptime", made.arguments[0], _pattern(made, formats.from_mysql))


def _format_datetime(made: Call) -> exp.Expr:
    return call("strftime", made.arguments[0], _pattern(made, formats.from_joda))


def _parse_datetime(made: Call) -> exp.Expr:
    return cast(call("strptime", made.arguments[0], _pattern(made, formats.from_joda)), "TIMESTAMPTZ")


def _at_timezone(made: Call) -> exp.Expr:
    return at_time_zone(made.node, made.arguments[0], made.arguments[1], made.text)


_FIELD_CONSUMERS = frozenset(
    """date date_format format_datetime date_trunc year quarter month week week_of_year year_of_week yow day day_of_month day_of_week
    dow day_of_year doy hour minute second millisecond last_day_of_month""".split()
)


def at_time_zone(node: exp.Expr, value: exp.Expr, zone: exp.Expr, text: str) -> exp.Expr:
    """The wall clock of a zone, where only the wall clock is used; raises `QueryError` LW-502 elsewhere.

    DuckDB's values do not carry a zone, so a value in another zone than UTC can be taken apart but not passed on.
    """
    moment = cast(value, "TIMESTAMPTZ")
    if isinstance(zone, exp.Literal) and zone.this.upper() in ("UTC", "Z", "GMT", "+00:00"):
        return moment
    user = node.parent
    while isinstance(user, exp.Paren):
        user = user.parent
    plain = isinstance(user, exp.Cast) and user.to.this in (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIME)
    taken = isinstance(user, exp.Anonymous) and user.name.lower() in _FIELD_CONSUMERS
    if not (plain or taken or isinstance(user, exp.Extract)):
        hint = "CAST it to timestamp or date, or take a part of it, right there"
        raise fault("LW-502", "a time in a zone other than UTC cannot be passed on", text, node, hint=hint)
    return exp.AtTimeZone(this=moment, zone=zone)


def _from_unixtime(made: Call) -> exp.Expr:
    if len(made.arguments) == 2:
        made.arguments[0] = call("athena.from_unixtime", made.arguments[0])
        return _at_timezone(made)
    return _macro(made)


# ---- strings and JSON


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


# ---- arrays, maps and lambdas


def _is(node: exp.Expr, kind: exp.DType) -> bool:
    return node.type is not None and node.type.this == kind


def _cardinality(made: Call) -> exp.Expr:
    return cast(call("cardinality" if _is(made.arguments[0], exp.DType.MAP) else "len", made.arguments[0]), "BIGINT")


def _reverse(made: Call) -> exp.Expr:
    return call("list_reverse" if _is(made.arguments[0], exp.DType.ARRAY) else "reverse", made.arguments[0])


def _element_at(made: Call) -> exp.Expr:
    return exp.Bracket(this=paren(made.arguments[0]), expressions=[made.arguments[1]])


def _over(target: str) -> Callable[[Call], exp.Expr]:
    """A function of an array and a lambda that DuckDB has under another name."""

    def form(made: Call) -> exp.Expr:
        return call(target, made.arguments[0], made.function(1, 1))

    return form


def _match(test: str, negated: bool = False) -> Callable[[Call], exp.Expr]:
    def form(made: Call) -> exp.Expr:
        result = translation(test, call("list_transform", made.arguments[0], made.function(1, 1)))
        return exp.Not(this=result) if negated else result

    return form


def _pair() -> exp.Expr:
    return exp.to_identifier("_pair", quoted=True)


def _part(name: exp.Expr) -> exp.Expr:
    return call("struct_extract", _pair(), name)


_ENTRY = (string("key"), string("value"))


def _pairwise(body: exp.Lambda, parts: tuple[exp.Expr, exp.Expr]) -> exp.Expr:
    """The body of a lambda of two parameters as one of the two parts of a pair."""
    first, second = (parameter.name for parameter in body.expressions)
    return substitute(body.this, {first: lambda: _part(parts[0].copy()), second: lambda: _part(parts[1].copy())})


def _lambda(body: exp.Expr) -> exp.Lambda:
    return exp.Lambda(this=body, expressions=[_pair()])


def _zip_with(made: Call) -> exp.Expr:
    body = _pairwise(made.function(2, 2), (number(1), number(2)))
    return call("list_transform", call("list_zip", made.arguments[0], made.arguments[1]), _lambda(body))


def _map_filter(made: Call) -> exp.Expr:
    body = _pairwise(made.function(1, 2), _ENTRY)
    return call("map_from_entries", call("list_filter", call("map_entries", made.arguments[0]), _lambda(body)))


def _map_transform(made: Call) -> exp.Expr:
    body = _pairwise(made.function(1, 2), _ENTRY)
    key, value = (_part(part.copy()) for part in _ENTRY)
    entry = call("row", key, body) if made.name == "transform_values" else call("row", body, value)
    return call("map_from_entries", call("list_transform", call("map_entries", made.arguments[0]), _lambda(entry)))


def _reduce(made: Call) -> exp.Expr:
    step, last = made.function(2, 2), made.function(3, 1)
    state = call("list_reduce", made.arguments[0], step, made.arguments[1])
    return substitute(last.this, {last.expressions[0].name: state.copy})


_ANY = range(1, 100)
_FORMS: dict[str, Form] = {
    "coalesce": (_ANY, _same),
    "nullif": ((2,), _same),
    "concat_ws": (range(2, 100), _same),
    "grouping": (_ANY, _same),
    "try": ((1,), _try),
    "greatest": (_ANY, _extreme),
    "least": (_ANY, _extreme),
    "concat": (range(2, 100), _concat),
    "round": ((1, 2), _typed_round),
    "truncate": ((1, 2), _typed_round),
    "date_add": ((3,), _date_add),
    "date_diff": ((3,), _date_diff),
    "date_trunc": ((2,), _date_trunc),
    "date_format": ((2,), _date_format),
    "date_parse": ((2,), _date_parse),
    "format_datetime": ((2,), _format_datetime),
    "parse_datetime": ((2,), _parse_datetime),
    "at_timezone": ((2,), _at_timezone),
    "from_unixtime": ((1, 2), _from_unixtime),
    "regexp_replace": ((2, 3), _regexp_replace),
    "json_extract": ((2,), _json_extract),
    "json_extract_scalar": ((2,), _json_extract_scalar),
    "json_array_get": ((2,), _json_array_get),
    "cardinality": ((1,), _cardinality),
    "reverse": ((1,), _reverse),
    "element_at": ((2,), _element_at),
    "transform": ((2,), _over("list_transform")),
    "filter": ((2,), _over("list_filter")),
    "any_match": ((2,), _match("any_true")),
    "all_match": ((2,), _match("all_true")),
    "none_match": ((2,), _match("any_true", negated=True)),
    "zip_with": ((3,), _zip_with),
    "map_filter": ((2,), _map_filter),
    "transform_values": ((2,), _map_transform),
    "transform_keys": ((2,), _map_transform),
    "reduce": ((4,), _reduce),
}
