"""Catch up: wait until a source's log holds what is asked for, capturing here where nobody else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lakewright.errors import LeaseHeld, SourceError
from lakewright.model.position import Position
from lakewright.pipeline.capture import capture_of
from lakewright.pipeline.steps import Notice, ignore
from lakewright.pipeline.wiring import Wiring

WAIT_SECONDS = 300.0


def catch_up(lake: Wiring, source: str, position: Position) -> None:
    """Wait until the source's log has reached `position`; raises as `wait_until`."""
    log = lake.log(source)
    with log.request(position):
        wait_until(lake, source, lambda: log.view().watermark >= position, upto=position)


def wait_until(
    lake: Wiring, source: str, reached: Callable[[], bool], *, upto: Position | None = None, notice: Notice = ignore
) -> None:
    """Wait for what the capture that runs does; where none does, capture here up to now (or `upto`).

    Raises `SourceError` LW-247 if it does not get there in time.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            message = f"the capture of {source} did not get there within {WAIT_SECONDS:.0f} s"
            raise SourceError("LW-247", message, hint="`lakewright status` shows how far it is")
        try:
            capture_of(lake, source, notice).run(threading.Event(), upto or lake.source(source).current_position())
        except LeaseHeld:
            time.sleep(0.05)
