"""Hold: nobody of ours writes to a table while another engine does.

A merge, a clean, a restore and whatever else writes to a table takes its lease first. Who holds it keeps all of them off, on
every store: that needs no lock that both engines know, and keeps more than one would. Hudi's own control, with such a lock, sees
two writers of one file group, and not two that insert the same new key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lakewright.pipeline.merge import lease_name
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring
from lakewright.storage.lease import Lease

WAIT = 60.0
"""Seconds to wait for who has the lease: a merge under way ends first."""


@contextlib.contextmanager
def hold(lake: Wiring, mirror: Mirror) -> Iterator[None]:
    """Hold the table's lease for the time of a block, waiting for who has it.

    Raises `LeaseHeld`, or at the end `LeaseLost` where another process took it meanwhile, and may have written.
    """
    with Lease.take(lake.store, lease_name(mirror), purpose="hold", wait=WAIT) as lease:
        yield
        lease.check()
