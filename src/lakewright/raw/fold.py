"""The fold: changes of a table and the table's rows before them give one row for each changed key.

Per key, in position order: start at the last insert or delete, overlay the columns that are present; a column that is still
unavailable comes from the table's row. A truncate ends everything before it. Rows with ``_old_key`` are completed first, in
position order, from the old key's state just before them. A table without key is a log: its rows are its inserts since the
last truncate.

The text keeps to what DuckDB 2 and Spark 3.5 understand alike: only joins, windows, ``max`` and ``CASE``. Never ``max_by``,
``arg_max`` or ``last``: DuckDB skips NULLs in them where Spark does not. Names of its own hold a space, which no
column's name does (LW-211).

``tail`` names a relation with the columns of `raw_schema`, ``base`` one with the table's columns. Both are read several times
and are best materialised (``tail``) or files (``base``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lakewright.model.batch import DELETED, OLD_KEY, OP, POSITION, UNAVAILABLE
from lakewright.model.names import quote_identifier as quote
from lakewright.model.names import quote_literal

_START, _LAST, _TABLE, _CUT, _ROW = (f'"fold {word}"' for word in ("start", "last", "table", "cut", "row"))


def fold_sql(key: Sequence[str], columns: Sequence[str], base: str, tail: str) -> str:
    """A SELECT of one row for each key that `tail` changes: the key, `columns`, ``_position`` and ``_deleted``.

    `columns` are the table's columns but the key's. Keys that only a truncate removed are not in the result (`truncated_sql`).
    `tail` must hold no row that `incomplete_sql` counts.
    """
    keys = ", ".join(map(quote, key))
    over = f"(PARTITION BY {_list(key, 'l.')})"
    rest = [quote(column) for column in columns]
    last_present = "".join(
        f",\n    max(CASE WHEN l.{OP} <> 'D' AND {_present('l', column)}"
        f" AND (i.{_START} IS NULL OR l.{POSITION} >= i.{_START}) THEN l.{POSITION} END)"
        f" OVER {over} AS {quote('p ' + column)}"
        for column in columns
    )
    value = "".join(f",\n    {_value_at_last(column)}" for column in columns)
    filled = "".join(
        f",\n  CASE WHEN f.{quote('p ' + c)} IS NULL AND f.{_TABLE} THEN b.{quote(c)} ELSE f.{quote(c)} END AS {quote(c)}"
        for c in columns
    )
    plain = "".join(f", {column}" for column in rest)
    return f"""WITH {_live(tail)},
k AS (SELECT {keys}, max({POSITION}) AS {_LAST}, max(CASE WHEN {OP} IN ('I', 'D') THEN {POSITION} END) AS {_START}
  FROM live GROUP BY {keys}),
tip AS (SELECT l.*, k.{_START} FROM live AS l JOIN k ON {_equal(key, "l", "k")} AND l.{POSITION} = k.{_LAST}),
i AS (SELECT {keys}, {_START} FROM tip WHERE {UNAVAILABLE} IS NOT NULL AND {OP} <> 'D'),
part AS (SELECT l.*, i.{_START}{last_present}
  FROM live AS l JOIN i ON {_equal(key, "l", "i")}),
f AS (SELECT {keys}, max({POSITION}) AS {POSITION}, (max({_START}) IS NULL AND max({_CUT}) = '') AS {_TABLE}{value}
  FROM part CROSS JOIN cut GROUP BY {keys})
SELECT {keys}{plain}, {POSITION}, {OP} = 'D' AS {DELETED} FROM tip WHERE {UNAVAILABLE} IS NULL OR {OP} = 'D'
UNION ALL
SELECT {_list(key, "f.")}{filled},
  f.{POSITION}, false AS {DELETED}
FROM f LEFT JOIN {base} AS b ON {_equal(key, "f", "b")}"""


def last_rows_sql(key: Sequence[str], columns: Sequence[str], tail: str) -> str:
    """What `fold_sql` gives of a `tail` that `plain_sql` finds plain: the last row of each key. Never reads the base."""
    keys = ", ".join(map(quote, key))
    return f"""WITH k AS (SELECT {keys}, max({POSITION}) AS {_LAST} FROM {tail} GROUP BY {keys})
SELECT {_list([*key, *columns], "r.")}, r.{POSITION}, r.{OP} = 'D' AS {DELETED}
FROM {tail} AS r JOIN k ON {_equal(key, "r", "k")} AND r.{POSITION} = k.{_LAST}"""


def append_sql(columns: Sequence[str], tail: str) -> str:
    """A SELECT of the rows that `tail` appends to a table without key: `columns` and ``_position``."""
    return f"WITH {_live(tail)}\nSELECT {_list(columns)}, {POSITION} FROM live WHERE {OP} = 'I'"


def plain_sql(tail: str) -> str:
    """A SELECT of one boolean: whether `tail`, of a table with a key, has no truncate and no row that lacks a column's value."""
    return f"SELECT count(*) = 0 FROM {tail} WHERE {OP} = 'T' OR {UNAVAILABLE} IS NOT NULL"


def truncated_sql(tail: str) -> str:
    """A SELECT of one boolean: whether `tail` holds a truncate, so that no earlier row of the table counts."""
    return f"SELECT count(*) > 0 FROM {tail} WHERE {OP} = 'T'"


def incomplete_sql(tail: str) -> str:
    """A SELECT of how many rows of `tail` wait for `complete_sql`."""
    return f"WITH {_live(tail)}\nSELECT count(*) FROM live WHERE {OLD_KEY} IS NOT NULL AND {UNAVAILABLE} IS NOT NULL"


def complete_sql(key: Sequence[str], columns: Sequence[str], base: str, tail: str) -> str:
    """A SELECT of `tail` in which key changes took their unavailable columns from the old key's state just before them.

    One pass completes every row whose old key does not itself depend on an incomplete one; the first in position order
    always is such a row. Repeat until `incomplete_sql` gives 0.
    """
    old_equal = " AND ".join(f"l.{quote(name)} = t.{quote('old ' + name)}" for name in key)
    base_equal = " AND ".join(f"b.{quote(name)} = t.{quote('old ' + name)}" for name in key)
    old_key = ", ".join(f"{OLD_KEY}.{quote(name)} AS {quote('old ' + name)}" for name in key)
    last_present = "".join(
        f",\n    max(CASE WHEN {OP} <> 'D' AND {_present('q', column)}"
        f" AND ({_START} IS NULL OR {POSITION} >= {_START}) THEN {POSITION} END)"
        f" OVER (PARTITION BY {_ROW}) AS {quote('p ' + column)}"
        for column in columns
    )
    value = "".join(f",\n    {_value_at_last(column)}" for column in columns)

    def filled(column: str) -> str:
        name, at = quote(column), quote("p " + column)
        return (
            f"CASE WHEN d.{_ROW} IS NULL OR {_present('r', column)} THEN r.{name} WHEN d.{at} IS NOT NULL THEN d.{name}"
            f" WHEN d.{_TABLE} THEN d.{quote('b ' + column)} END AS {name}"
        )

    found = "".join(f", g.{quote(column)}, g.{quote('p ' + column)}" for column in columns)
    from_base = "".join(f", b.{quote(column)} AS {quote('b ' + column)}" for column in columns)
    return f"""WITH {_live(tail)},
todo AS (SELECT {POSITION} AS {_ROW}, {old_key} FROM live WHERE {OLD_KEY} IS NOT NULL AND {UNAVAILABLE} IS NOT NULL),
before AS (SELECT t.{_ROW}, l.* FROM todo AS t JOIN live AS l ON {old_equal} AND l.{POSITION} < t.{_ROW}),
start AS (SELECT {_ROW}, max(CASE WHEN {OP} IN ('I', 'D') THEN {POSITION} END) AS {_START} FROM before
  GROUP BY {_ROW}),
waiting AS (SELECT b.{_ROW} FROM before AS b JOIN start AS s ON b.{_ROW} = s.{_ROW} AND b.{POSITION} = s.{_START}
  WHERE b.{OLD_KEY} IS NOT NULL AND b.{UNAVAILABLE} IS NOT NULL),
ready AS (SELECT t.*, s.{_START} FROM todo AS t LEFT JOIN start AS s ON t.{_ROW} = s.{_ROW}
  LEFT JOIN waiting AS w ON t.{_ROW} = w.{_ROW} WHERE w.{_ROW} IS NULL),
q AS (SELECT b.*, r.{_START} FROM ready AS r JOIN before AS b ON r.{_ROW} = b.{_ROW}),
found AS (SELECT {_ROW}{value} FROM (SELECT *{last_present} FROM q) AS q GROUP BY {_ROW}),
done AS (SELECT t.{_ROW}, (t.{_START} IS NULL AND {_CUT} = '') AS {_TABLE}{found}{from_base}
  FROM ready AS t CROSS JOIN cut LEFT JOIN found AS g ON g.{_ROW} = t.{_ROW}
  LEFT JOIN {base} AS b ON {base_equal})
SELECT r.{OP}, {_list(key, "r.")}{"".join(", " + filled(c) for c in columns)}, r.{POSITION},
  CASE WHEN d.{_ROW} IS NULL THEN r.{UNAVAILABLE} END AS {UNAVAILABLE}, r.{OLD_KEY}
FROM {tail} AS r LEFT JOIN done AS d ON r.{POSITION} = d.{_ROW} AND r.{OP} = 'I'"""


def complete(count: Callable[[], int], step: Callable[[], None]) -> None:
    """Run `step` until `count` gives 0; raises ArithmeticError where a step makes no progress, which no history can cause."""
    left = count()
    while left:
        step()
        before, left = left, count()
        if left >= before:
            raise ArithmeticError(f"{left} key changes cannot be completed")


def _live(tail: str) -> str:
    """CTEs ``cut`` (position of the last truncate, or '') and ``live`` (the rows after it)."""
    return f"""cut AS (SELECT coalesce(max({POSITION}), '') AS {_CUT} FROM {tail} WHERE {OP} = 'T'),
live AS (SELECT r.* FROM {tail} AS r CROSS JOIN cut WHERE r.{OP} <> 'T' AND r.{POSITION} > {_CUT})"""


def _value_at_last(column: str) -> str:
    name, at = quote(column), quote("p " + column)
    return f"max(CASE WHEN {POSITION} = {at} AND {OP} <> 'D' THEN {name} END) AS {name}, max({at}) AS {at}"


def _present(alias: str, column: str) -> str:
    return f"({alias}.{UNAVAILABLE} IS NULL OR NOT array_contains({alias}.{UNAVAILABLE}, {quote_literal(column)}))"


def _equal(key: Iterable[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in key)


def _list(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(prefix + quote(name) for name in names)
