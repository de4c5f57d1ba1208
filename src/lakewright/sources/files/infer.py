"""A dataset from its first file: every type is one that all values of the file have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lakewright.errors import SourceError
from lakewright.model import types
from lakewright.model.names import quote_literal
from lakewright.sources.files import scan
from lakewright.sources.files.dataset import Dataset, FileColumn, lake_names
from lakewright.sources.files.keys import keys
from lakewright.sources.files.kinds import DAYS, KINDS, NEEDED, NUMBER, PLAIN_NUMBER, STYLES, Kind
from lakewright.sources.files.plain import plain
from lakewright.sources.files.records import names, pointer, relation, schema
from lakewright.sources.files.sniff import sniff
from lakewright.sources.files.structure import structure

SAMPLE = 2_000
NULLS = ("NULL", "null", "\\N", "N/A", "n/a", "NA", "#N/A", "NaN", "nan", "None", "-")
"""Spellings of NULL; all but the first three may be text as well, and are text in a column of text."""
_SURE_NULLS = NULLS[:3]
_AT_ONCE = 50
_FAR = 0.1
"""A column of text in which no greater share of the values misfits has a note that says so: the share of the rows that may be
rejected where lake.yaml says no other `limit`."""


class _Seen(NamedTuple):
    """One column's values: how many are there and are not NULL, the spellings of NULL, and the misfits of each kind."""

    values: int
    empty: int
    nulls: tuple[str, ...]
    distinct: int
    misfits: dict[Kind, int]

    def fits(self, kind: Kind) -> bool:
        """Whether the column has values, all of the kind."""
        return self.values > 0 and self.misfits.get(kind) == 0

    def hopeful(self) -> _Seen:
        """The same without the kinds that too many values misfit."""
        return self._replace(misfits={kind: count for kind, count in self.misfits.items() if count <= self.values * _FAR})


def infer(path: Path, name: str, *, temp: Path) -> Dataset:
    """The dataset that the file is the first of, from all of its rows.

    A column is text unless every value has one other type exactly; its ``note`` says what nearly all have, and what stays
    undecided, as 01/02/2024 does. Room in `temp` is needed for the text of a file that is compressed or not in UTF-8. Raises
    `SourceError` as `sniff`, `plain`, `headers` and `structure` do, and LW-260 where there is no row.
    """
    dialect = sniff(path)
    with plain(path, dialect, temp) as text, scan.opened(temp, path.name) as connection:
        headers = names(connection, text, dialect, path.name)
        parallel = structure(connection, text, dialect, headers, path.name).parallel
        source = f"(SELECT * FROM ({relation(text, dialect, headers, parallel)}) WHERE special IS NULL)"
        places = [f"c{number}" for number in range(len(headers))]
        sample = f"(FROM {source} LIMIT {SAMPLE})"
        rows, sampled = _look(connection, sample, [*_possible(connection, sample, places)])
        found = [seen.hopeful() for seen in sampled]
        if rows == SAMPLE:  # there may be more
            hopeful = [tuple(seen.misfits) for seen in found]
            rows, found = _look(connection, source, list(zip(places, hopeful, strict=True)))
        if not rows:
            raise SourceError(
                "LW-260", "the file has a header and no row", where=path.name, hint="give a file with rows to start with"
            )
        style, day_first = _style(found), _day_first(found)
        columns = [
            _column(FileColumn(lake_name, header, types.STRING), seen, style, day_first)
            for lake_name, header, seen in zip(lake_names(headers), headers, found, strict=True)
        ]
        columns = _narrowed(connection, source, columns, style)
        if dialect.format == "json":
            columns = _of_json(connection, source, columns)
        if dialect.format == "parquet":
            kinds = [kind for _, kind in schema(connection, text)]
            columns = [FileColumn(c.name, c.source_name, kind, c.nullable) for c, kind in zip(columns, kinds, strict=True)]
        dialect = dataclasses.replace(dialect, decimal=style[0], thousands=style[1])
        distinct = [seen.distinct for seen in found]
        return Dataset(name, dialect, tuple(columns), keys(connection, source, columns, distinct, rows, name), rows)


def _possible(connection: Any, source: str, places: list[str]) -> Iterator[tuple[str, tuple[Kind, ...]]]:
    """For each column the kinds that may be `hopeful` in it: enough of its values have the characters that are needed.

    To ask about a kind that cannot be takes longer than to read a small file.
    """
    for some in (places[start : start + _AT_ONCE] for start in range(0, len(places), _AT_ONCE)):
        counts = []
        for place in some:
            has = {c: f"regexp_matches(v_{place}, '[0-9]')" if c == "0" else f"contains(v_{place}, '{c}')" for c in NEEDED}
            counts += [f"count(v_{place})", *(f"count(CASE WHEN NOT {has[c]} THEN 1 END)" for c in NEEDED)]
        asked = _helpers(source, [(place, ()) for place in some])
        row = connection.execute(f"SELECT {', '.join(counts)} FROM {asked}").fetchall()[0]
        for place in some:
            (values, *lacking), row = row[: 1 + len(NEEDED)], row[1 + len(NEEDED) :]
            there = {c for c, count in zip(NEEDED, lacking, strict=True) if count <= values * _FAR}
            yield place, tuple(kind for kind in KINDS if kind.needed <= there)


def _look(connection: Any, source: str, asked: list[tuple[str, tuple[Kind, ...]]]) -> tuple[int, list[_Seen]]:
    """The number of rows of a relation and what is seen in its columns, each asked about some kinds."""
    rows, seen = 0, []
    for start in range(0, len(asked), _AT_ONCE):
        rows, some = _look_at_some(connection, source, asked[start : start + _AT_ONCE])
        seen += some
    return rows, seen


def _look_at_some(connection: Any, source: str, asked: list[tuple[str, tuple[Kind, ...]]]) -> tuple[int, list[_Seen]]:
    """As `_look`, in one query, which needs memory for each column and kind."""
    counts = []
    for place, kinds in asked:
        value = f"v_{place}"
        counts += [
            f"count({value})", f"count({place})", f"approx_count_distinct({place})", f"bit_or(null_{place})",
            *(f"count({kind.misfits(place)})" for kind in kinds),
        ]  # fmt: skip
    query = f"SELECT count(*), {', '.join(counts)} FROM {_helpers(source, asked)}"
    rows, *row = connection.execute(query).fetchall()[0]
    seen = []
    for _, kinds in asked:
        (value, present, distinct, spelled, *misfits), row = row[: 4 + len(kinds)], row[4 + len(kinds) :]
        nulls = tuple(spelling for bit, spelling in enumerate(NULLS) if (spelled or 0) >> bit & 1)
        seen.append(_Seen(value, rows - present, nulls, distinct, dict(zip(kinds, misfits, strict=True))))
    return rows, seen


def _helpers(source: str, asked: list[tuple[str, tuple[Kind, ...]]]) -> str:
    """The relation with more columns for each of the `asked`, so that nothing dear is computed for most values, or twice.

    For c0: ``null_c0``, the bit of its spelling of NULL; ``v_c0``, its value where it is none; and where it is asked about
    numbers ``whole_c0``, whether this is a whole number, and ``plain_c0``, whether it is a number with a point or none, neither
    of them long.
    """
    spelled = " ".join(f"WHEN {quote_literal(spelling)} THEN {1 << bit}" for bit, spelling in enumerate(NULLS))
    longest = max(map(len, NULLS))
    nulls, values, wholes, plains = [], [], [], []
    for place, kinds in asked:
        nulls.append(f"CASE WHEN strlen({place}) <= {longest} THEN CASE {place} {spelled} END END AS null_{place}")
        values.append(f"CASE WHEN null_{place} IS NULL THEN {place} END AS v_{place}")
        if any(kind.type in (NUMBER, types.DOUBLE) for kind in kinds):
            text = f"v_{place}"
            whole = f"CAST(TRY_CAST({text} AS BIGINT) AS VARCHAR) = {text}"
            wholes.append(f"CASE WHEN strlen({text}) < 18 THEN coalesce({whole}, false) ELSE false END AS whole_{place}")
            plain = (
                f"CASE WHEN whole_{place} THEN true WHEN strlen({text}) < 18 THEN NOT {PLAIN_NUMBER.misfit(text)} ELSE false END"
            )
            plains.append(f"{plain} AS plain_{place}")
    for columns in (nulls, values, wholes, plains):
        source = f"(SELECT {', '.join(['*', *columns])} FROM {source})"
    return source


def _style(columns: list[_Seen]) -> tuple[str, str | None]:
    """The separators in numbers that make most columns numbers; the plain ones where others do no better or not alone."""
    counts = {style: sum(seen.fits(Kind(NUMBER, None, *style)) for seen in columns) for style in STYLES}
    best = max(counts.values())
    winners = [style for style, count in counts.items() if count == best]
    # The point with and without a comma for thousands contradict nobody; a comma may be either.
    return winners[0] if len({decimal for decimal, _ in winners}) == 1 or STYLES[0] in winners else STYLES[0]


def _day_first(columns: list[_Seen]) -> bool | None:
    """Whether the day stands before the month, where a column of the file decides it."""
    said = set()
    for seen in columns:
        orders = {kind.format.index("%d") < kind.format.index("%m") for kind in _local_days(seen)}
        said |= orders if len(orders) == 1 else set()
    return said.pop() if len(said) == 1 else None


def _local_days(seen: _Seen) -> list[Any]:
    """The kinds of dates and times that a column fits in which day and month could be confused."""
    return [
        kind
        for kind in seen.misfits
        if kind.format and not kind.format.startswith("%Y") and "." not in kind.format and seen.fits(kind)
    ]


def _column(column: FileColumn, seen: _Seen, style: tuple[str, str | None], day_first: bool | None) -> FileColumn:
    """The column with its type; numbers as `NUMBER` yet."""
    fitting = [
        kind for kind in seen.misfits if seen.fits(kind) and (kind.type != NUMBER or (kind.decimal, kind.thousands) == style)
    ]
    confusing = [kind for kind in _local_days(seen) if kind in fitting]
    note = None
    if len(confusing) > 1:
        fitting = [kind for kind in confusing if (kind.format.index("%d") < kind.format.index("%m")) == day_first]
        note = None if fitting else "text: day and month cannot be told apart in any value"
    if not fitting:
        sure = tuple(spelling for spelling in seen.nulls if spelling in _SURE_NULLS)
        return dataclasses.replace(column, nullable=bool(seen.empty or sure), nulls=sure, note=note or _nearly(seen, style))
    kind = fitting[0]
    written = None if kind.format == DAYS[0] else kind.format
    return dataclasses.replace(column, type=kind.type, format=written, nulls=seen.nulls, nullable=bool(seen.empty or seen.nulls))


def _narrowed(connection: Any, source: str, columns: list[FileColumn], style: tuple[str, str | None]) -> list[FileColumn]:
    """The columns with the narrowest of int, bigint, a decimal with 18 digits, or one with 38 for each that has numbers."""
    numbers = [number for number, column in enumerate(columns) if column.type == NUMBER]
    digits = []
    for number in numbers:
        value = f"ltrim(trim(v_c{number}), '+-')"
        value = f"replace({value}, {quote_literal(style[1])}, '')" if style[1] else value
        point = f"strpos({value}, {quote_literal(style[0])})"
        digits.append(f"max(CASE {point} WHEN 0 THEN strlen({value}) ELSE {point} - 1 END)")
        digits.append(f"max(CASE {point} WHEN 0 THEN 0 ELSE strlen({value}) - {point} END)")
    if not numbers:
        return columns
    asked = _helpers(source, [(f"c{number}", ()) for number in numbers])
    row = connection.execute(f"SELECT {', '.join(digits)} FROM {asked}").fetchall()[0]
    narrowed = list(columns)
    for number, whole, scale in zip(numbers, row[::2], row[1::2], strict=True):
        narrowed[number] = dataclasses.replace(columns[number], type=_narrowest(whole, scale))
    return narrowed


def _of_json(connection: Any, source: str, columns: list[FileColumn]) -> list[FileColumn]:
    """The columns with double for decimals that stand there as numbers: such a one has no digits but a double's, and what it says
    of them (1.0) is the writer's habit. A decimal in quotes is meant as it is written."""
    numbers = [number for number, column in enumerate(columns) if types.decimal_parts(column.type)]
    kinds = [f"count(CASE json_type(line, {pointer(columns[n].source_name)}) WHEN 'VARCHAR' THEN 1 END)" for n in numbers]
    quoted = connection.execute(f"SELECT {', '.join(kinds)} FROM {source}").fetchall()[0] if numbers else ()
    found = list(columns)
    for number, count in zip(numbers, quoted, strict=True):
        if not count and (types.decimal_parts(columns[number].type) or (0, 0))[1]:
            found[number] = dataclasses.replace(columns[number], type=types.DOUBLE)
    return found


def _narrowest(whole: int, scale: int) -> str:
    """The type of numbers with so many digits before and behind the separator."""
    if not scale:
        return types.INT if whole <= 9 else types.BIGINT if whole <= 18 else types.decimal_type(38, 0)
    return types.decimal_type(18 if whole + scale <= 18 else 38, scale)


def _nearly(seen: _Seen, style: tuple[str, str | None]) -> str | None:
    """What a column of text would be but for a few values, or for the style of its numbers."""

    def is_foreign(kind: Kind) -> bool:
        return kind.type == NUMBER and (kind.decimal, kind.thousands) != style

    near = [(count, is_foreign(kind), kind) for kind, count in seen.misfits.items()]
    count, foreign, kind = min(near, key=lambda found: found[:2], default=(seen.values, False, KINDS[0]))
    if not seen.values or count > _FAR * seen.values:
        return None
    if not count and len({other.decimal for other in seen.misfits if other.type == NUMBER and seen.fits(other)}) > 1:
        return "text: ',' may part thousands or decimals in its numbers"
    if not count:
        return f"text: its numbers have the decimal separator {kind.decimal!r}, and those of the file {style[0]!r}"
    word = "a number" if kind.type == NUMBER else f"a {kind.type}"
    word += f" with the decimal separator {kind.decimal!r}" if foreign else ""
    word += f" written as {kind.format}" if kind.format and kind.format != DAYS[0] else ""
    return f"text: {count:,} of {seen.values:,} values are not {word}"
