"""The types that a column of a file may turn out to have, each in one way of writing it, and what of it is asked of texts."""

from __future__ import annotations

from typing import NamedTuple

from lakewright.model import types
from lakewright.sources.files.casts import cast
from lakewright.sources.files.dataset import Dialect, FileColumn

NUMBER = types.decimal_type(38, 18)
STYLES = ((".", None), (".", ","), (",", "."), (",", None), (",", " "))
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_CLOCKS = (" %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")


class Kind(NamedTuple):
    """A type in one way of writing it."""

    type: str
    format: str | None = None
    decimal: str = "."
    thousands: str | None = None

    @property
    def needed(self) -> set[str]:
        """Characters that every value of it has; "0" stands for any digit."""
        if self.type in (types.BOOLEAN, types.DOUBLE):
            return set()
        return {"0"} if self.type == NUMBER else {"0", *set(self.format or DAYS[0]) & set("-/.:")}

    def misfit(self, raw: str) -> str:
        """Whether the text `raw`, which spells no NULL, is no value of it."""
        column = FileColumn("", "", self.type, format=self.format)
        value = cast(raw, column, Dialect(decimal=self.decimal, thousands=self.thousands))
        # Long numbers are codes, and a double would change them.
        long = rf" OR regexp_matches({raw}, '\d{{18}}')" if self.type == types.DOUBLE else ""
        return f"({value} IS NULL{long})"

    def misfits(self, place: str) -> str:
        """1 where the value of a column of `_helpers` is none of this kind, else NULL."""
        spared = "false"
        if self.type in (NUMBER, types.DOUBLE):
            spared = f"plain_{place}" if self.decimal == "." else f"whole_{place}"
        # CASE, for DuckDB would work out both sides of AND.
        return f"CASE WHEN v_{place} IS NULL OR {spared} THEN NULL WHEN {self.misfit(f'v_{place}')} THEN 1 END"


PLAIN_NUMBER = Kind(NUMBER)
KINDS = (
    Kind(types.BOOLEAN),
    *(Kind(NUMBER, None, *style) for style in STYLES),
    Kind(types.DOUBLE),
    *(Kind(types.DATE, day) for day in DAYS),
    Kind(types.TIMESTAMP),
    *(Kind(types.TIMESTAMP, day + clock) for day in DAYS[1:] for clock in _CLOCKS),
)
NEEDED = sorted(set[str]().union(*(kind.needed for kind in KINDS)))
"""Every character that some kind needs."""
