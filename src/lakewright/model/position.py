"""A place in a source's change order."""

from __future__ import annotations

import dataclasses
import secrets
from typing import NamedTuple


class Position(NamedTuple):
    """Commit LSN and the change's ordinal in its transaction; compares and sorts in change order.

    Its text form has fixed width (``0000000001A2B3C8.0000000012``), so that text order is change order too. Ordinals count
    from 1; a row of a load is (consistent point, 0), a bookmark F is (F, 0). A transaction's rows stand at the LSN where its
    commit record begins, so (the commit record's end LSN, 0) is after all of them and before the next transaction's.
    """

    lsn: int
    ordinal: int = 0

    def __str__(self) -> str:
        return f"{self.lsn:016X}.{self.ordinal:010d}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The text form back; raises ValueError for anything else."""
        lsn, dot, ordinal = text.partition(".")
        if len(lsn) != 16 or len(ordinal) != 10 or not dot:
            raise ValueError(f"{text!r} is not a position")
        return cls(int(lsn, 16), int(ordinal))


@dataclasses.dataclass(frozen=True)
class Feed:
    """What positions belong to: positions of two feeds do not compare.

    ``kind`` is native (a server's own log), file, or dms (what AWS DMS wrote, with the source's name for ``system``). ``system``
    and ``timeline`` are the server's; ``epoch`` tells its slots apart: one that was lost leaves a gap, so what is read from the
    next one is another feed.
    """

    kind: str
    system: str
    timeline: int
    epoch: int = 0

    def is_same_server(self, other: Feed | None) -> bool:
        """Whether both are the same kind of feed of one server on one timeline, whatever slot it is read from."""
        return other is not None and dataclasses.replace(self, epoch=other.epoch) == other

    def anew(self) -> Feed:
        """A feed of the same server that never was before: drawn and not counted, for the log that knew the last may be lost."""
        return dataclasses.replace(self, epoch=secrets.randbits(48))


LAST = 9_999_999_999
"""An ordinal after all others of a transaction."""
START = Position(0, 0)
"""Before every change."""


def parse_lsn(text: str) -> int:
    """PostgreSQL's ``16/B374D848`` as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def format_lsn(lsn: int) -> str:
    """A number as PostgreSQL's ``16/B374D848``."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
