"""Which columns of a file could be its key."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from lakewright.model import types
from lakewright.sources.files.dataset import FileColumn

MOST = 5
_ENDINGS = ("id", "key", "uuid", "number", "no", "nr", "code", "sku", "line", "date")


def keys(
    connection: Any, source: str, columns: Sequence[FileColumn], distinct: Sequence[int], rows: int, name: str
) -> tuple[tuple[str, ...], ...]:
    """The columns, or else the pairs of likely names, that are unique and never NULL in the relation `source`; likeliest first.

    `distinct` is about how many values each column has.
    """
    usable = [
        (f"c{number}", column, count)
        for number, (column, count) in enumerate(zip(columns, distinct, strict=True))
        if not column.nullable and column.type in (types.INT, types.BIGINT, types.STRING, types.DATE)
    ]
    usable.sort(key=lambda found: _likeliness(found[1].name, name), reverse=True)
    single = [(place, column) for place, column, count in usable if count >= 0.8 * rows][:MOST]
    found = [(column.name,) for place, column in single if _unique(connection, source, [place], rows)]
    if found:
        return tuple(found)
    likely = [(place, column) for place, column, _ in usable if _likeliness(column.name, name)][:4]
    pairs = itertools.combinations(likely, 2)
    return tuple((a[1].name, b[1].name) for a, b in pairs if _unique(connection, source, [a[0], b[0]], rows))[:MOST]


def _unique(connection: Any, source: str, places: list[str], rows: int) -> bool:
    # Hashes need less room than texts; that two of them are equal by chance is a key not found, and rare.
    (count,) = connection.execute(f"SELECT count(*) FROM (SELECT DISTINCT hash({', '.join(places)}) FROM {source})").fetchall()[0]
    return bool(count == rows)


def _likeliness(column: str, dataset: str) -> int:
    """How much a name sounds like a key's: most of all ``id`` and that of the dataset itself."""
    if column == "id" or (column.endswith("_id") and dataset.startswith(column.removesuffix("_id"))):
        return len(_ENDINGS) + 1
    ending = column.rsplit("_", 1)[-1]
    return len(_ENDINGS) - _ENDINGS.index(ending) if ending in _ENDINGS else 0
