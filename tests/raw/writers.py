"""Writers of a log that hold no lease in the store: what is left of a capture that was thought dead, or runs beside another."""

from __future__ import annotations

from lakewright.raw.log import RawLog
from lakewright.raw.writer import LogWriter
from lakewright.storage.lease import Lease


class Zombie:
    """A lease whose holder never hears that it lost it: only the manifests fence it off."""

    def __init__(self, number: int) -> None:
        self.number = number

    def check(self) -> None:
        pass


def zombie(number: int) -> Lease:
    """A lease of that number."""
    return Zombie(number)  # type: ignore[return-value]


def loader(log: RawLog) -> LogWriter:
    """A writer beside the one that took over last, under its number."""
    return LogWriter(log, zombie(log.view().highest_lease))
