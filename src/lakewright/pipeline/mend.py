"""Mend: a table's newest commit undone, and what dead or careless writers left in its folder put right."""

from __future__ import annotations

from lakewright.model.table import Flaw, RolledBack
from lakewright.pipeline.hold import held
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring


def roll_back(lake: Wiring, mirror: Mirror, *, is_asked: bool) -> RolledBack:
    """Undo the table's newest commit, whatever its file says; with `is_asked` only say what that takes.

    The next merge goes on from the commit before. Raises `FormatError` LW-418 where that cannot be.
    """
    with held(lake, mirror, "rollback") as mine:
        return mine.table.roll_back(is_asked=is_asked)


def repair(lake: Wiring, mirror: Mirror, *, is_asked: bool) -> list[Flaw]:
    """Mend what can be without a row being lost; with `is_asked` only say what that is."""
    with held(lake, mirror, "repair") as mine:
        return mine.table.repair(is_asked=is_asked)
