"""Dates and times: a date stays a date, differences are whole units, and zones other than UTC are not carried along."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from lakewright.engines.athena_sql import formats, types
from lakewright.engines.athena_sql.build import call, cast, number, paren, string, translation
from lakewright.engines.athena_sql.context import Call, Context, Form, Rule, macro
from lakewright.model.names import did_you_mean

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
_INTERVAL_UNITS = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"})
_FIELDS = {
    **{field: field.lower() for field in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")},
    **{field: field.lower() for field in ("DAY_OF_MONTH", "DAY_OF_WEEK", "DOW", "DAY_OF_YEAR", "DOY", "YEAR_OF_WEEK", "YOW")},
}
_CONSUMERS = frozenset({*_FIELDS.values(), "date", "date_format", "format_datetime", "last_day_of_month", "millisecond"})


def is_interval(node: exp.Expr) -> bool:
    """Whether the node is a span of time."""
    return node.is_type(exp.DType.INTERVAL)


def shifted(time: exp.Expr, interval: exp.Expr) -> exp.Expr:
    """A time and an interval; a date stays a date.

    Where the type is known no overloaded macro is needed: DuckDB cannot choose one for an aggregate.
    """
    if types.is_type(time, exp.DType.DATE):
        return translation("plus_date", time, interval)
    if types.group(time) in ("time", "time of day"):
        return exp.Paren(this=exp.Add(this=paren(time), expression=paren(interval)))
    return translation("plus", time, interval)


def _unit(made: Call) -> str:
    """The first argument as a unit of time, in lower case."""
    unit = made.constant(0).lower()
    if unit not in _UNITS:
        raise made.error(f"{unit!r} is no unit of time", did_you_mean(unit, _UNITS) or f"use one of {', '.join(_UNITS)}")
    return unit


def _date_add(made: Call) -> exp.Expr:
    return shifted(made.arguments[2], _UNITS[_unit(made)](made.arguments[1]))


def _date_diff(made: Call) -> exp.Expr:
    return call("date_sub", string(_unit(made)), made.arguments[1], made.arguments[2])


def _date_trunc(made: Call) -> exp.Expr:
    unit, time = string(_unit(made)), made.arguments[1]
    if types.is_type(time, exp.DType.DATE):
        return cast(call("date_trunc", unit, time), "DATE")
    return call("date_trunc", unit, time) if types.group(time) == "time" else translation("trunc_time", unit, time)


def _sequence(made: Call) -> exp.Expr:
    kinds = {types.group(argument) for argument in made.arguments[:2]}
    if kinds <= {"number", None}:
        return macro(made)
    if kinds != {"time"}:
        raise made.error("takes two numbers or two times")
    dates = all(types.is_type(argument, exp.DType.DATE) for argument in made.arguments[:2])
    if len(made.arguments) == 2 and not dates:
        raise made.error("takes an interval as third argument for timestamps", "write INTERVAL '1' HOUR")
    return translation("date_sequence", *made.arguments) if dates else call("generate_series", *made.arguments)


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
    return _local(made.node, made.arguments[0], made.arguments[1], made.context)


def _local(node: exp.Expr, value: exp.Expr, zone: exp.Expr, context: Context) -> exp.Expr:
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
    taken = isinstance(user, exp.Anonymous) and user.name.lower() in _CONSUMERS
    if not (plain or taken or isinstance(user, exp.Extract)):
        hint = "CAST it to timestamp or date, or take a part of it, right there"
        raise context.error("a time in a zone other than UTC cannot be passed on", node, hint, "LW-502")
    return exp.AtTimeZone(this=moment, zone=zone)


def _from_unixtime(made: Call) -> exp.Expr:
    if len(made.arguments) == 2:
        made.arguments[0] = call("athena.from_unixtime", made.arguments[0])
        return _at_timezone(made)
    return macro(made)


def _interval(node: exp.Interval, context: Context) -> exp.Expr:
    if node.unit is None or node.unit.name.upper() not in _INTERVAL_UNITS:
        raise context.error("this interval is not supported", node, "write INTERVAL '3' DAY", code="LW-502")
    return node


def _extract(node: exp.Extract, context: Context) -> exp.Expr:
    field = node.name.upper()
    if field not in _FIELDS:
        raise context.error(f"EXTRACT({field} ...) is not supported", node, code="LW-502")
    return call(f"athena.{_FIELDS[field]}", node.expression)


def _at_time_zone(node: exp.AtTimeZone, context: Context) -> exp.Expr:
    return _local(node, node.this, node.args["zone"], context)


def _now(node: exp.Expr, context: Context) -> exp.Expr:
    moment = call("date_trunc", string("millisecond"), call("now"))
    return cast(moment, "TIMESTAMP") if isinstance(node, exp.Localtimestamp) else moment


RULES: dict[type[exp.Expr], Rule] = {
    exp.Interval: _interval,
    exp.Extract: _extract,
    exp.AtTimeZone: _at_time_zone,
    exp.CurrentTimestamp: _now,
    exp.Localtimestamp: _now,
}
FORMS: dict[str, Form] = {
    "date_add": ((3,), _date_add),
    "date_diff": ((3,), _date_diff),
    "date_trunc": ((2,), _date_trunc),
    "sequence": ((2, 3), _sequence),
    "date_format": ((2,), _date_format),
    "date_parse": ((2,), _date_parse),
    "format_datetime": ((2,), _format_datetime),
    "parse_datetime": ((2,), _parse_datetime),
    "at_timezone": ((2,), _at_timezone),
    "from_unixtime": ((1, 2), _from_unixtime),
}
