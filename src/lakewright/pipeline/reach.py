"""Reach: wait until a source's log holds what is asked for, capturing here where nobody else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lakewright.errors import LakewrightError, LeaseHeld, SourceError
from lakewright.model.position import Position
from lakewright.pipeline.load import Captured
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring

WAIT_SECONDS = 300.0

Notice = Callable[[Captured], None]


def position(lake: Wiring, source: str, wanted: Position) -> None:
    """Wait until the source's log has reached `wanted`; raises `SourceError` LW-247 if a capture does not get there in time."""
    log = lake.log(source)
    with log.request(wanted):
        _until(lake, source, lambda: log.view().watermark >= wanted, lambda _: None, wanted)


def reload(lake: Wiring, mirror: Mirror, notice: Notice) -> None:
    """Have a table loaded again and wait for it; raises why it was left out, and as `position`."""
    log, refused = lake.log(mirror.source), list[LakewrightError]()
    before = log.view().generation(mirror.origin)
    log.ask_reload(mirror.origin)

    def told(done: Captured) -> None:
        if done.error is not None and mirror.origin in done.rows:
            refused.append(done.error)
        notice(done)

    def loaded() -> bool:
        asked = mirror.origin in log.asked_reloads()
        if log.view().generation(mirror.origin) > before:
            return True
        if not asked:
            hint = "`lakewright doctor` says what the source lacks"
            raise refused[0] if refused else SourceError("LW-249", f"capture left {mirror.origin} out of the load", hint=hint)
        return False

    _until(lake, mirror.source, loaded, told)


def _until(lake: Wiring, source: str, reached: Callable[[], bool], notice: Notice, upto: Position | None = None) -> None:
    """Wait for what the capture that runs does; where none does, capture here up to now (or `upto`)."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            message = f"the capture of {source} did not get there within {WAIT_SECONDS:.0f} s"
            raise SourceError("LW-247", message, hint="`lakewright status` shows how far it is")
        try:
            lake.capture_of(source, notice).run(threading.Event(), upto or lake.source(source).current_position())
        except LeaseHeld:
            time.sleep(0.05)
