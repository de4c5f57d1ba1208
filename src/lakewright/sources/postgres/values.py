"""The server's text of a value -> Arrow, for whole columns at once.

The text is what a session with ``DateStyle=ISO, TimeZone=UTC, IntervalStyle=postgres, extra_float_digits=1, bytea_output=hex``
and client encoding UTF8 prints. A column is cast as a whole; only where that fails are the rows that need more care picked
out. What the column's type cannot hold is replaced (NaN and what does not fit a decimal by NULL, an infinite date by the
first or last day of the years 1 to 9999), and the server's text is kept, as `exact_column` writes it into a raw file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import re
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import SourceError
from lakewright.model import types
from lakewright.model.schema import Column
from lakewright.sources.postgres import arrays

_PLAIN_TIME = r"^\d{4}-\d\d-\d\d( [0-9:.]+(\+00)?)?$"
_ANY_TIME = re.compile(r"(\d{4,})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(?:\+00)?( BC)?")
_NUMBER = r"^(-?\d+(\.\d+)?|NaN|-?Infinity)$"

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_FIRST_DAY = datetime.date.min.toordinal() - _EPOCH
_LAST_DAY = datetime.date.max.toordinal() - _EPOCH
_DAY = 86_400_000_000
_LAST_SECOND = (_LAST_DAY + 1) * _DAY - 1_000_000

_NIBBLES = np.full(256, 255, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


class UnreadableValue(SourceError):
    """A value that no row of the lake can have: its table cannot go on, all else can."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A column of the lake's type, and the server's text of those rows (by index) that the type cannot hold."""

    array: pa.Array
    exact: Mapping[int, str]


def decode(column: Column, texts: pa.StringArray) -> Decoded:
    """The values of `column` from the server's texts; NULL stays NULL, row i is row i.

    Raises `UnreadableValue` for a text that the server does not print for this type.
    """
    try:
        return _decode(column, texts)
    except ValueError:  # Arrow's own among them
        message = f"a value of column {column.name} is not the text of a {column.source_type} as the session's settings print it"
        hint = "check that the column's type in lake.yaml fits, and that no setting of the role or database overrides DateStyle"
        raise UnreadableValue("LW-241", message, hint=hint) from None


def exact_column(rows: int, exact: Mapping[str, Mapping[int, str]]) -> pa.StringArray:
    """The ``_exact`` column of a raw file: per row a JSON object from column name to text, null for rows without any.

    ``exact`` maps column name to `Decoded.exact`.
    """
    by_row: dict[int, dict[str, str]] = {}
    for name, of_column in exact.items():
        for row, text in of_column.items():
            by_row.setdefault(row, {})[name] = text
    if not by_row:
        return pa.nulls(rows, pa.string())
    return pa.array([json.dumps(by_row[i], ensure_ascii=False) if i in by_row else None for i in range(rows)], pa.string())


def _decode(column: Column, texts: pa.StringArray) -> Decoded:
    if types.decimal_parts(column.type):
        return _decimals(column.type, texts)
    match column.type:
        case types.STRING if types.is_array(column.source_type):
            return Decoded(arrays.to_json(texts, column.source_type), {})
        case types.STRING:
            return Decoded(texts, {})
        case types.BOOLEAN:
            return Decoded(_booleans(texts), {})
        case types.BINARY:
            return Decoded(_binaries(texts), {})
        case types.DATE:
            return _times(texts, pa.date32(), pa.date32(), _days)
        case types.TIMESTAMP:
            # Arrow wants a zone in every text or in none; without zone the lake takes the time as UTC.
            zone = "UTC" if column.source_type.endswith("with time zone") else None
            return _times(texts, pa.timestamp("us", zone), types.to_arrow(types.TIMESTAMP), _microseconds)
        case _:
            return Decoded(texts.cast(types.to_arrow(column.type)), {})


def _booleans(texts: pa.StringArray) -> pa.BooleanArray:
    if not pc.all(pc.is_in(texts, pa.array(["t", "f", None])), min_count=0).as_py():
        raise ValueError("neither t nor f")
    return pc.equal(texts, "t")


def _binaries(texts: pa.StringArray) -> pa.BinaryArray:
    """``\\x`` and two hex digits for each byte: all lengths are even, so pairs of characters line up in the buffer."""
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), pa.binary())
    filled = texts.fill_null("\\x")
    _, offset_buffer, data_buffer = filled.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[filled.offset : filled.offset + len(filled) + 1]
    characters = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    if (np.diff(offsets) % 2).any() or (np.diff(offsets) == 0).any():
        raise ValueError("an odd number of characters, or none")
    pairs = characters.reshape(-1, 2)
    prefixes = offsets[:-1] // 2
    digits = _NIBBLES[np.delete(pairs, prefixes, axis=0)]
    if (pairs[prefixes] != np.frombuffer(b"\\x", np.uint8)).any() or (digits == 255).any():
        raise ValueError("not hexadecimal")
    values = digits[:, 0] << 4 | digits[:, 1]
    starts = offsets // 2 - np.arange(len(offsets), dtype=np.int32)
    array = pa.BinaryArray.from_buffers(pa.binary(), len(texts), [None, pa.py_buffer(starts), pa.py_buffer(values)])
    return pc.if_else(texts.is_valid(), array, None) if texts.null_count else array


def _decimals(lake_type: str, texts: pa.StringArray) -> Decoded:
    """Whatever cannot be said exactly with the type's digits becomes NULL; trailing zeros count as nothing."""
    # Of a text with more than 38 digits behind the point Arrow makes 0, and says nothing.
    if (pc.max(pc.binary_length(texts)).as_py() or 0) <= types.MAX_DECIMAL_PRECISION + 1:
        with contextlib.suppress(pa.ArrowInvalid):
            return Decoded(texts.cast(types.to_arrow(lake_type)), {})
    if not pc.all(pc.match_substring_regex(texts, _NUMBER), min_count=0).as_py():
        raise ValueError("not a number")
    precision, scale = types.decimal_parts(lake_type) or (0, 0)
    fits = pc.match_substring_regex(texts, rf"^-?0*\d{{0,{precision - scale}}}(\.\d{{0,{scale}}}0*)?$")
    short = pc.replace_substring_regex(pc.if_else(fits, texts, None), rf"^(-?\d+)(\.\d{{0,{scale}}})0*$", r"\1\2")
    rows = np.flatnonzero(pc.invert(fits).fill_null(False))
    exact = dict(zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True))
    return Decoded(short.cast(types.to_arrow(lake_type)), exact)


def _times(texts: pa.StringArray, parsed: pa.DataType, stored: pa.DataType, number: Callable[[str], tuple[int, bool]]) -> Decoded:
    """Dates or timestamps; ``number`` gives those that Arrow cannot read, in the unit of `stored`, and whether exactly."""
    try:
        return Decoded(texts.cast(parsed).cast(stored), {})
    except pa.ArrowInvalid:
        pass
    plain = pc.match_substring_regex(texts, _PLAIN_TIME)
    array = pc.if_else(plain, texts, None).cast(parsed).cast(stored)
    rows = np.flatnonzero(pc.invert(plain).fill_null(False))
    odd = texts.take(pa.array(rows)).to_pylist()
    # Such values are few, but often in very many rows: infinity as the end of what has none.
    known = {text: number(text) for text in set(odd)}
    storage = pa.int32() if stored == pa.date32() else pa.int64()
    numbers = array.view(storage).fill_null(0).to_numpy(zero_copy_only=False).copy()
    numbers[rows] = [known[text][0] for text in odd]
    exact = {row: text for row, text in zip(rows.tolist(), odd, strict=True) if not known[text][1]}
    return Decoded(pa.array(numbers, storage, mask=texts.is_null().to_numpy(zero_copy_only=False)).view(stored), exact)


def _days(text: str) -> tuple[int, bool]:
    """Days since 1970 of a date, and whether that is exact."""
    if text in ("infinity", "-infinity"):
        return (_FIRST_DAY if text[0] == "-" else _LAST_DAY), False
    match = _ANY_TIME.fullmatch(text)
    if match is None:
        raise ValueError("not a date")
    year = 1 - int(match[1]) if match[8] else int(match[1])
    # The calendar repeats every 400 years, and Python's knows only the years 1 to 9999.
    cycles, within = divmod(year, 400)
    day = datetime.date(within + 400, int(match[2]), int(match[3])).toordinal()
    return day + (cycles - 1) * 146_097 - _EPOCH, True


def _microseconds(text: str) -> tuple[int, bool]:
    """Microseconds since 1970 of a timestamp in UTC, and whether that is exact."""
    match = _ANY_TIME.fullmatch(text)
    if match is None or match[4] is None:
        if text not in ("infinity", "-infinity"):
            raise ValueError("not a timestamp")
        return (_FIRST_DAY * _DAY if text[0] == "-" else _LAST_SECOND), False
    seconds = (int(match[4]) * 60 + int(match[5])) * 60 + int(match[6])
    number = _days(text)[0] * _DAY + seconds * 1_000_000 + int((match[7] or "").ljust(6, "0"))
    # PostgreSQL counts from the year 2000 and so reaches 30 years further than 64 bits from 1970 do.
    return (number, True) if number < 2**63 else (_LAST_SECOND, False)
