"""Text to a lake type in DuckDB's SQL, exactly: a text that the type would change is no value of it.

DuckDB works out once what an expression has several times, unless that stands beside AND or OR. To parse is most of the work, so
none of it stands there.
"""

from __future__ import annotations

import re

from lakewright.model import types
from lakewright.model.names import quote_literal
from lakewright.sources.files.dataset import Dialect, FileColumn

_DAY = r"\d{4}-\d\d-\d\d"
_TIME = r"\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?"
_FLOAT = r"([+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?|nan|-?inf)"


def cast(raw: str, column: FileColumn, dialect: Dialect) -> str:
    """The expression for the column's value of the text expression `raw`: NULL where `raw` is, or is no value of the type.

    Nothing is rounded, and a number with leading zeros is none: it may be a code. A timestamp is DuckDB's without zone, in UTC,
    as is one that is written without.
    """
    text = nulls_left_out(raw, column)
    match column.type:
        case types.STRING:
            return text
        case types.BOOLEAN:
            return f"CASE lower({text}) WHEN 'true' THEN true WHEN 't' THEN true WHEN 'false' THEN false WHEN 'f' THEN false END"
        case types.DATE:
            return f"CAST({_parsed(text, column.format or '%Y-%m-%d')} AS DATE)"
        case types.TIMESTAMP if column.format:
            return _parsed(text, column.format)
        case types.TIMESTAMP:
            naive, zoned = f"TRY_CAST({text} AS TIMESTAMP)", f"timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ))"
            usual = f"CASE WHEN strlen({text}) = {len('2024-01-02 03:04:05')} THEN {text} END"
            return _exact(text, f"{_DAY}([ T]{_TIME})?", zoned, naive, usual)
        case types.FLOAT | types.DOUBLE:
            value = f"TRY_CAST({text} AS {types.to_duckdb(column.type)})"
            return _exact(text, _FLOAT, value, value)
        case types.INT | types.BIGINT:
            scale = 0
        case _:
            scale = (types.decimal_parts(column.type) or (0, 0))[1]
    kind = types.to_duckdb(column.type)
    plain = f"TRY_CAST({text} AS {kind})" if dialect.decimal == "." else None
    return _exact(text, _number(dialect, scale), f"TRY_CAST({_plain(text, dialect)} AS {kind})", plain)


def nulls_left_out(raw: str, column: FileColumn) -> str:
    """The text expression `raw` as NULL where it spells NULL in this column."""
    spellings = ", ".join(map(quote_literal, column.nulls))
    return f"CASE WHEN {raw} NOT IN ({spellings}) THEN {raw} END" if spellings else raw


def _parsed(text: str, written: str) -> str:
    """The timestamp of a text that begins with a digit: strptime would take ``infinity`` and ``epoch`` too.

    It also takes 24 for the year 0024, so years have to be later than 999.
    """
    value = f"try_strptime({text}, {quote_literal(written)})"
    return f"CASE WHEN {value} >= TIMESTAMP '1000-01-01' THEN CASE WHEN {text} BETWEEN '0' AND ':' THEN {value} END END"


def _exact(text: str, pattern: str, value: str, plain: str | None, usual: str | None = None) -> str:
    """`value` where the text is of the pattern. A text that `plain` prints again, as nearly all do, is spared the pattern; where
    `usual` is given it has to be that.
    """
    spared = f"WHEN CAST({plain} AS VARCHAR) = {usual or text} THEN {plain} " if plain else ""
    return f"CASE {spared}WHEN regexp_full_match({text}, {quote_literal(f' *{pattern} *')}) THEN {value} END"


def _number(dialect: Dialect, scale: int) -> str:
    """The pattern of a number with at most `scale` digits that count behind the separator."""
    whole = r"(0|[1-9]\d*)"
    if dialect.thousands:
        whole = rf"(0|[1-9]\d*|[1-9]\d{{0,2}}({re.escape(dialect.thousands)}\d{{3}})+)"
    if not scale:
        return f"[+-]?{whole}"
    point = re.escape(dialect.decimal)
    return rf"[+-]?({whole}({point}\d{{0,{scale}}}0*)?|{point}\d{{1,{scale}}}0*)"


def _plain(text: str, dialect: Dialect) -> str:
    """The text with a point and no thousands separator."""
    if dialect.thousands:
        text = f"replace({text}, {quote_literal(dialect.thousands)}, '')"
    return f"replace({text}, {quote_literal(dialect.decimal)}, '.')" if dialect.decimal != "." else text
