"""Reach: wait until a source's log holds what is asked for, capturing here where nobody else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lakewright.errors import LeaseHeld, SourceError
from lakewright.model.position import Position
from lakewright.pipeline.capture import Capture, Captured
from lakewright.pipeline.wiring import Wiring

WAIT_SECONDS = 300.0


def position(lake: Wiring, source: str, wanted: Position) -> None:
    """Wait until the source's log has reached `wanted`; raises `SourceError` LW-247 if a capture does not get there in time."""
    log = lake.log(source)
    with log.request(wanted):
        until(lake, source, lambda: log.view().watermark >= wanted, lambda _: None, wanted)


def until(
    lake: Wiring, source: str, reached: Callable[[], bool], notice: Callable[[Captured], None], upto: Position | None = None
) -> None:
    """Wait for what the capture that runs does; where none does, capture here up to now (or `upto`)."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        try:
            target = upto or lake.source(source).current_position()
            Capture(lake.source(source), lake.log(source), lake.store, notice).run(threading.Event(), target)
        except LeaseHeld as held:
            if time.monotonic() > deadline:
                raise SourceError(
                    "LW-247",
                    f"the capture of {source} that runs did not get there within {WAIT_SECONDS:.0f} s",
                    hint="`lakewright status` shows how far it is",
                ) from held
            time.sleep(0.05)
