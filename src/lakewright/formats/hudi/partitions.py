"""Partition paths: the folders that rows lie in, letter for letter as Hudi's key generators write them.

A path has one level for each partition column: ``column=value`` in Hive's style, else the bare value.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import FormatError

_DEFAULT = "__HIVE_DEFAULT_PARTITION__"
"""What stands for no value, and for an empty one."""
_ESCAPED = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_NOT_IN_PATH = re.compile(r"[:\x00-\x1f]")
NOT_IN_LEVEL = r"[/:\x00-\x1f]"
"""What no value of a table of ours has that names a folder, as a regular expression."""


@dataclasses.dataclass(frozen=True)
class PathStyle:
    """How a table writes partition paths: with the columns' names or without, with special characters escaped or as they are."""

    hive: bool = True
    encoded: bool = False

    def level(self, column: str, value: str) -> str:
        """What a value gives in a path; `value` is "" for none."""
        text = _ESCAPED.sub(lambda m: f"%{ord(m[0]):02X}", value) if self.encoded else value
        return f"{column}={text or _DEFAULT}" if self.hive else text or _DEFAULT

    def values(self, path: str, columns: Sequence[str]) -> tuple[str | None, ...]:
        """The values of the partition columns that a path stands for; None for no value.

        Where there is one column, the bare value may hold slashes: the path is the value then.
        """
        levels = path.split("/") if len(columns) > 1 else [path] * len(columns)
        texts = (level.partition("=")[2] if self.hive else level for level in levels)
        return tuple(None if text == _DEFAULT else self._decoded(text) for text in texts)

    def _decoded(self, text: str) -> str:
        return _ESCAPE.sub(lambda m: chr(int(m[1], 16)), text) if self.encoded else text


HIVE = PathStyle()
"""That of a table of ours."""


def paths(rows: pa.Table, columns: Sequence[str], style: PathStyle, table: str) -> pa.ChunkedArray:
    """The partition path of each row, dictionary-encoded; the empty path without partition columns.

    Raises `FormatError` LW-411 for a value that cannot be a folder's name.
    """
    levels = [_levels(rows, column, style, table, is_alone=len(columns) == 1) for column in columns]
    found = levels[0] if levels else constant("", rows.num_rows)
    for level in levels[1:]:
        numbers = found.indices.to_numpy() * np.int64(len(level.dictionary)) + level.indices.to_numpy()
        pairs, indices = np.unique(numbers, return_inverse=True)
        first, second = np.divmod(pairs, max(1, len(level.dictionary)))
        joined = pc.binary_join_element_wise(found.dictionary.take(pa.array(first)), level.dictionary.take(pa.array(second)), "/")
        found = pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int32)), joined)
    return pa.chunked_array([found])


def _levels(rows: pa.Table, column: str, style: PathStyle, table: str, *, is_alone: bool) -> pa.DictionaryArray:
    """What each row's value in a partition column gives, each distinct one once in the dictionary."""
    values = pc.fill_null(rows.column(column).cast(pa.string()), "").combine_chunks().dictionary_encode()
    texts = [style.level(column, value) for value in values.dictionary.to_pylist()]
    for text in texts:
        if not _is_path(text, style, may_be_deep=is_alone and not style.hive):
            raise no_folder(column, table)
    distinct = pa.array(texts, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(distinct.indices.take(values.indices), distinct.dictionary)


def no_folder(column: str, table: str) -> FormatError:
    """The error LW-411 of a value in a partition column that cannot be a folder's name."""
    return FormatError(
        "LW-411",
        f"a value in partition column {column} of table {table} cannot be a folder's name",
        hint="partition by another column: a value may not hold a slash, a colon or control characters",
    )


def _is_path(text: str, style: PathStyle, *, may_be_deep: bool) -> bool:
    """Whether every engine takes the text for the same folder below the table's: not hidden, not outside, no other level."""
    names = text.split("/")
    return (
        not _NOT_IN_PATH.search(text)
        and (may_be_deep or len(names) == 1)
        and (style.hive or not any(not name or name.startswith(".") for name in names))
    )


def constant(text: str, count: int) -> pa.DictionaryArray:
    """The same text for each of so many rows, once in the dictionary."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), pa.array([text]))
