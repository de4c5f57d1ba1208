"""What a process does that kills itself where a test wants it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from lakewright.pipeline.lake import Lake
from lakewright.project.project import open_project
from lakewright.sources.postgres.stream import PostgresStream
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore


def _kill(stream: PostgresStream, lsn: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, step: str, when: str, pattern: str) -> None:
    """Capture or merge, which is the `step`; returns only if the call never came.

    `pattern` is one of a store's call, see `FaultyStore`, or ``acknowledge``; `when` is before or after it.
    """
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
