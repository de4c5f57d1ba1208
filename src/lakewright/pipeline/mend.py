"""Mend: a table's newest commit undone, and what dead or careless writers left in its folder put right."""

from __future__ import annotations

from lakewright.model.table import Flaw, RolledBack
from lakewright.pipeline.hold import held
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring


def roll_back(lake: Wiring, mirror: Mirror, *, dry_run: bool) -> RolledBack:
    """Undo the table's newest commit, whatever its file says; with `dry_run` only say what that takes.

    The next merge goes on from the commit before. Raises `FormatError` LW-418 where that cannot be.
    """
    with held(lake, mirror, "rollback") as mine:
        return mine.table.roll_back(dry_run=dry_run)


def repair(lake: Wiring, mirror: Mirror, *, dry_run: bool) -> list[Flaw]:
    """Mend what can be without a row being lost; with `dry_run` only say what that is."""
    with held(lake, mirror, "repair") as mine:
        return mine.table.repair(dry_run=dry_run)
