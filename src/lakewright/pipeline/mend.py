"""Mend: a table's newest commit undone, and what dead or careless writers left in its folder put right."""

from __future__ import annotations

from lakewright.model.table import Flaw, RolledBack
from lakewright.pipeline.merge import lease_name
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring
from lakewright.storage.lease import Lease

WAIT = 30.0
"""Seconds to wait for the table's lease."""


def roll_back(lake: Wiring, mirror: Mirror, *, is_asked: bool) -> RolledBack:
    """Undo the table's newest commit, whatever its file says; with `is_asked` only say what that takes.

    The next merge goes on from the commit before. Raises `FormatError` LW-418 where that cannot be.
    """
    with Lease.take(lake.store, lease_name(mirror), purpose="rollback", wait=WAIT):
        return mirror.opened(lake.format).roll_back(is_asked=is_asked)


def repair(lake: Wiring, mirror: Mirror, *, is_asked: bool) -> list[Flaw]:
    """Mend what can be without a row being lost; with `is_asked` only say what that is."""
    with Lease.take(lake.store, lease_name(mirror), purpose="repair", wait=WAIT):
        return mirror.opened(lake.format).repair(is_asked=is_asked)
