"""Reach: wait until a source's log holds what is asked for, capturing here where nobody else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from lakewright.errors import DOCTOR, LakewrightError, LeaseHeld, SourceError
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.pipeline.steps import NotTaken, Step
from lakewright.pipeline.wiring import Wiring

WAIT_SECONDS = 300.0

Notice = Callable[[Step], None]


def position(lake: Wiring, source: str, wanted: Position) -> None:
    """Wait until the source's log has reached `wanted`; raises `SourceError` LW-247 if a capture does not get there in time."""
    log = lake.log(source)
    with log.request(wanted):
        _until(lake, source, lambda: log.view().watermark >= wanted, lambda _: None, wanted)


def reload(lake: Wiring, source: str, tables: Sequence[TableName], notice: Notice) -> None:
    """Have tables of a source loaded again and wait for them; raises why one was left out, and as `position`."""
    log, refused = lake.log(source), list[LakewrightError]()
    before = {table: log.view().generation(table) for table in tables}
    for table in tables:
        log.ask_reload(table)

    def told(step: Step) -> None:
        if isinstance(step, NotTaken | Stopped) and step.table in before:
            refused.append(step.error)
        notice(step)

    def loaded() -> bool:
        asked = log.asked_reloads()
        left = [table for table in tables if log.view().generation(table) <= before[table]]
        for table in left:
            if table not in asked:
                raise refused[0] if refused else SourceError("LW-249", f"capture left {table} out of the load", hint=DOCTOR)
        return not left

    _until(lake, source, loaded, told)


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
