"""Record keys, for whole columns at once, letter for letter as Hudi's key generators write them.

One key column gives its bare value; several give ``a:1,b:x``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import FormatError
from lakewright.model import types
from lakewright.model.table import TableSpec

EMPTY = "__empty__"
"""What stands for an empty text in a key of several columns."""


def record_keys(rows: pa.Table, key: Sequence[str], table: str) -> pa.ChunkedArray:
    """The record key of each row.

    Raises `FormatError` LW-409 for a null in a key column, and LW-411 for text that would make two keys look alike: in a key of
    several columns ``__empty__``, or a comma, the next column's name and a colon.
    """
    for name in key:
        if rows.column(name).null_count:
            raise FormatError("LW-409", f"a row for table {table} has no value in its key column {name}")
    if len(key) == 1:
        return rows.column(key[0]).cast(pa.string())
    parts: list[pa.ChunkedArray | pa.Scalar] = []
    for index, name in enumerate(key):
        value = rows.column(name)
        text = value.cast(pa.string())
        if text.type == value.type:
            text = _unambiguous(text, name, key[index + 1 : index + 2], table)
        parts += [pa.scalar(f"{',' if index else ''}{name}:"), text]
    return pc.binary_join_element_wise(*parts, "")


def key_columns(record_keys: pa.Array, spec: TableSpec) -> dict[str, pa.Array]:
    """The key columns that record keys are made of; raises ArrowInvalid for text that is no record key of the table."""
    kinds = dict(spec.columns)
    if len(spec.key) == 1:
        texts = {spec.key[0]: record_keys}
    else:
        # The first place where the next column may begin is where it does (`_unambiguous`).
        pattern = ",".join(f"{re.escape(name)}:(?P<k{index}>.*?)" for index, name in enumerate(spec.key))
        parts = pc.extract_regex(record_keys, f"(?s)^{pattern}$")
        texts = {name: pc.struct_field(parts, [index]) for index, name in enumerate(spec.key)}
    found = {}
    for name, text in texts.items():
        arrow = types.to_arrow(kinds[name])
        empty = pa.types.is_string(arrow) and len(spec.key) > 1
        found[name] = (pc.if_else(pc.equal(text, EMPTY), "", text) if empty else text).cast(arrow)
    return found


def _unambiguous(text: pa.ChunkedArray, name: str, following: Sequence[str], table: str) -> pa.ChunkedArray:
    taken = pc.any(pc.equal(text, EMPTY)).as_py() or any(
        pc.any(pc.match_substring(text, f",{column}:")).as_py() for column in following
    )
    if taken:
        raise ambiguous(name, table)
    return pc.if_else(pc.equal(text, ""), EMPTY, text)


def ambiguous(column: str, table: str) -> FormatError:
    """The error LW-411 of a value in a key column that would make two keys look alike."""
    return FormatError(
        "LW-411",
        f"a value in key column {column} of table {table} would make two keys look alike",
        hint="Hudi writes keys as a:1,b:2; change the value in the source",
    )


def check_distinct(keys: Sequence[pa.ChunkedArray], table: str) -> None:
    """Raise `FormatError` LW-410 if a key occurs twice."""
    together = pa.chunked_array([chunk for part in keys for chunk in part.chunks], pa.string())
    if len(pc.unique(together)) != len(together):  # in half the time of `count_distinct`
        raise FormatError("LW-410", f"a key occurs twice in one batch for table {table}", hint="one row per key: fold first")


def bounds(record_keys: pa.ChunkedArray) -> tuple[str, str]:
    """The least and the greatest of some keys in Java's order, in which Spark tells the files where a key may be."""
    is_ascii = pc.string_is_ascii(record_keys)
    others = record_keys.filter(pc.invert(is_ascii)).to_pylist()
    plain = pc.min_max(record_keys.filter(is_ascii) if others else record_keys).as_py()
    candidates = [key for key in (*plain.values(), *others) if key is not None]
    return min(candidates, key=java_order), max(candidates, key=java_order)


def java_order(key: str) -> bytes:
    """What Java compares: UTF-16, whose order differs from that of UTF-8 beyond U+FFFF."""
    return key.encode("utf-16-be")
