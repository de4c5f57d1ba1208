"""Hold: who has a table's lease is the only one of ours that writes to it.

A merge, a clean, a restore and whatever else writes to a table takes its lease first. `hold` takes it for another engine: that
keeps all of ours off, on every store, and needs no lock that both engines know. Hudi's own control, with such a lock, sees two
writers of one file group, and not two that insert the same new key.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from lakewright.model.contracts import Table
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.mirror import Mirror
from lakewright.storage.lease import Lease

WAIT = 30.0
"""Seconds that a command waits for the lease of a table: a merge under way ends first."""


@dataclasses.dataclass(frozen=True)
class Held:
    """A table as who holds its lease finds it, None where there is none yet."""

    lease: Lease
    found: Table | None
    mirror: Mirror

    @property
    def table(self) -> Table:
        """The table, of which there is one; raises `QueryError` LW-522 otherwise."""
        if self.found is None:
            raise self.mirror.no_instant()
        return self.found


@contextlib.contextmanager
def held(lake: Holdings, mirror: Mirror, purpose: str, wait: float = WAIT) -> Iterator[Held]:
    """Hold the table's lease for the time of a block, waiting at most `wait` seconds for who has it; raises `LeaseHeld`."""
    with Lease.take(lake.store, lease_name(mirror), purpose=purpose, wait=wait) as lease:
        yield Held(lease, lake.folders.settled(mirror), mirror)


@contextlib.contextmanager
def hold(lake: Holdings, mirror: Mirror) -> Iterator[None]:
    """Hold the table's lease for the time of a block in which another engine writes.

    Raises `LeaseHeld`, `FormatError` LW-413 where its commit would be lost, or at the end `LeaseLost` where another process took
    the lease meanwhile, and may have written.
    """
    with held(lake, mirror, "hold") as mine:
        if mine.found is not None:
            mine.found.require_past()
        yield
        mine.lease.check()


def lease_name(mirror: Mirror) -> str:
    """Where a table's lease stands: beside the table, outside its folder."""
    zone, _, name = mirror.path.rpartition("/")
    return f"{zone}/_leases/{name}.json"
