"""Where DMS does not give the rows that a lake on a laptop has, table by table: what differs, and what to do about it.

Outside this list both give the same rows. Sources: AWS DMS guide, "Using a PostgreSQL database as a source"
https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.PostgreSQL.html and "Using Amazon S3 as a target"
https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.S3.html.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import NamedTuple

from lakewright.model import types
from lakewright.model.schema import TableSchema


@dataclasses.dataclass(frozen=True)
class Loss:
    """What DMS gives otherwise of a table, or of some of its ``columns``; ``kind`` is one word for it."""

    table: str
    columns: tuple[str, ...]
    kind: str
    detail: str
    mend: str


class _Kind(NamedTuple):
    detail: str
    mend: str


_KINDS = {
    "truncate": _Kind(
        "TRUNCATE is not captured, and its rows stay",
        "DELETE FROM instead; or insert a row, load the table again and delete the row: a load without rows writes no file",
    ),
    "key change": _Kind("an update of the key is lost: the row stays under the former one", "delete the row and insert it"),
    "new column": _Kind(
        "rows from before a column was added or renamed have NULL in it, whatever its default", "load the table again after it"
    ),
    "long": _Kind("a value of more than {lob_max_kb} KB suspends the table", "set dms.lob_max_kb to the longest value's size"),
    "toast": _Kind(
        "a long value that an update left alone comes as NULL, or as that of a later change",
        "ALTER TABLE ... REPLICA IDENTITY FULL; or load the table again",
    ),
    "array": _Kind("an array comes as PostgreSQL writes it, {{1,2}}, and not as JSON", "read it as text, or keep it in a table"),
    "numeric": _Kind(
        "a number without precision is cut to 6 decimals and 22 digits before them", "ALTER its type to numeric(p,s)"
    ),
    "nan": _Kind("NaN and infinity are not what DMS documents", "store NULL, which both give"),
    "infinity": _Kind("infinity becomes 9999-12-31 and -infinity 4713-01-01 BC", "store NULL, which both give"),
    "time": _Kind("a time of day has milliseconds, and no zone", "ALTER its type to timestamptz, or to text"),
    "interval": _Kind(
        "an interval comes as 1 YEAR, 2 MONTHS, 3 DAYS and not as PostgreSQL writes it", "keep its seconds, as bigint"
    ),
    "money": _Kind("money comes as a number and not as PostgreSQL's text", "ALTER its type to numeric(p,s)"),
    "padding": _Kind("spaces at the end are cut", "ALTER its type to text"),
    "spelling": _Kind("a geometric value is spelt otherwise, in 255 characters", "keep its coordinates as numbers"),
    "short": _Kind("a range of more than 255 characters is cut", "keep its two ends as columns"),
    "other": _Kind("a type of your own: an enum has 64 characters, others may be missing", "ALTER its type to text"),
}
"""By kind what differs, and what to do about it."""

_LOB = ("long", "toast")
_TOASTED = 500
"""Characters, of 4 bytes, from which on the server may keep a value apart (TOAST)."""
_TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("boolean", "smallint", "integer", "bigint", "real", "double precision", "character varying"), ()),
    **dict.fromkeys(("uuid", "inet", "cidr", "macaddr", "bit", "bit varying"), ()),
    **dict.fromkeys(("text", "json", "jsonb", "bytea", "xml", "tsvector", "tsquery", "hstore"), _LOB),
    **dict.fromkeys(("path", "polygon"), (*_LOB, "spelling")),
    **dict.fromkeys(("point", "lseg", "line", "box", "circle"), ("spelling",)),
    **dict.fromkeys(("date", "timestamp without time zone", "timestamp with time zone"), ("infinity",)),
    **dict.fromkeys(("time without time zone", "time with time zone"), ("time",)),
    **dict.fromkeys(("int4range", "int8range", "numrange"), ("short",)),
    "interval": ("interval",),
    "money": ("money",),
    "character": ("padding",),
    "numeric": ("numeric", "nan"),
}
"""By PostgreSQL's name of a type, without its modifier, the kinds of loss that its values have."""


def losses(table: TableSchema, lob_max_kb: int) -> list[Loss]:
    """What DMS gives otherwise of a table; each kind once, with the columns that have it."""
    columns: dict[str, list[str]] = {"truncate": [], "new column": [], **({"key change": []} if table.key else {})}
    for column in table.columns:
        for kind in _kinds(column.source_type):
            if kind != "toast" or column.name not in table.key:
                columns.setdefault(kind, []).append(column.name)
    return list(_losses(table, columns, lob_max_kb))


def _losses(table: TableSchema, columns: dict[str, list[str]], lob_max_kb: int) -> Iterator[Loss]:
    for kind, about in _KINDS.items():
        if kind in columns:
            yield Loss(str(table.name), tuple(columns[kind]), kind, about.detail.format(lob_max_kb=lob_max_kb), about.mend)


def _kinds(source_type: str) -> tuple[str, ...]:
    if types.is_array(source_type):
        return (*_LOB, "array")
    if re.fullmatch(r"numeric\([0-9]+,-?[0-9]+\)", source_type):
        return ("nan",)
    if (text := re.fullmatch(r"character varying(?:\(([0-9]+)\))?", source_type)) and int(text[1] or _TOASTED) >= _TOASTED:
        return ("toast",)
    return _TYPES.get(re.sub(r"\([0-9,-]+\)", "", source_type), ("other",))
