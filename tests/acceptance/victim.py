"""A process that kills itself where a test wants it: python -m tests.acceptance.victim FOLDER STEP WHEN PATTERN.

STEP is capture or merge. PATTERN is one of a store's call, see `FaultyStore`, or ``acknowledge``; WHEN is before or after it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from lakewright.pipeline.lake import Lake
from lakewright.project.project import open_project
from lakewright.sources.postgres.stream import PostgresStream
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore


def _kill(stream: PostgresStream, lsn: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, step: str, when: str, pattern: str) -> None:
    """Take the step; returns only if the call never came."""
    faults = []
    if pattern == "acknowledge":
        PostgresStream.acknowledge = _kill  # type: ignore[method-assign]
    else:
        faults.append(Fault(pattern, "kill", "after" if when == "after" else "before"))
    with Lake(open_project(folder), FaultyStore(LocalStore(folder), *faults)) as lake:
        if step == "capture":
            lake.capture()
        else:
            lake.merge()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5])
