"""Reach: wait until a source's log holds what is asked for, capturing here where nobody else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lakewright.errors import DOCTOR, LakewrightError, LeaseHeld, SourceError, together
from lakewright.model.contracts import Source, Stopped
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.pipeline import survey
from lakewright.pipeline.capture import capture_of
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Notice, NotTaken, Step, ignore
from lakewright.pipeline.wiring import Wiring

WAIT_SECONDS = 300.0


def position(lake: Wiring, source: str, wanted: Position) -> None:
    """Wait until the source's log has reached `wanted`; raises `SourceError` LW-247 if a capture does not get there in time."""
    log = lake.log(source)
    with log.request(wanted):
        _until(lake, source, lambda: log.view().watermark >= wanted, upto=wanted)


def reload(lake: Wiring, mirror: Mirror, notice: Notice = ignore) -> None:
    """Have a table loaded again, with those that are made together with it, and wait for them.

    Raises why it cannot be loaded or was left out, and as `position`.
    """
    source, log = mirror.source, lake.log(mirror.source)
    if (refused := _refusal(lake.source(source), mirror.origin)) is not None:
        raise refused
    parts = set(lake.project.settings.sources[source].parts(mirror.origin))
    before = {table: log.view().generation(table) for table in sorted(parts & set(log.view().tables()))}
    left_out = list[LakewrightError]()
    for table in before:
        log.ask_reload(table)

    def told(step: Step) -> None:
        if isinstance(step, NotTaken | Stopped) and step.table in before:
            left_out.append(step.error)
        notice(step)

    def loaded() -> bool:
        asked = log.asked_reloads()
        left = [table for table in before if log.view().generation(table) <= before[table]]
        for table in left:
            if table not in asked:
                raise left_out[0] if left_out else SourceError("LW-249", f"capture left {table} out of the load", hint=DOCTOR)
        return not left

    _until(lake, source, loaded, told)


def reload_each(lake: Wiring, source: str, notice: Notice) -> None:
    """Have every chosen table of a source loaded again, as `reload`; why one cannot be is raised when the others are done."""
    settings, failures, done = lake.project.settings.sources[source], list[LakewrightError](), set[TableName]()
    for mirror in survey.mirrors(lake):
        if mirror.source != source or mirror.origin in done or not settings.wants(mirror.origin):
            continue
        done.update(settings.parts(mirror.origin))
        try:
            reload(lake, mirror, notice)
        except LakewrightError as error:
            failures.append(error)
    if failures:
        raise together(failures)


def _refusal(source: Source, table: TableName) -> LakewrightError | None:
    """Why a table cannot be loaded, or None where it can."""
    if any(schema.name == table for schema in source.discover()):
        return None
    gone = SourceError("LW-213", f"table {table} is not in the source any more", hint="`lakewright plan` shows what it has now")
    return source.refused().get(table, gone)


def _until(lake: Wiring, source: str, reached: Callable[[], bool], notice: Notice = ignore, upto: Position | None = None) -> None:
    """Wait for what the capture that runs does; where none does, capture here up to now (or `upto`)."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            message = f"the capture of {source} did not get there within {WAIT_SECONDS:.0f} s"
            raise SourceError("LW-247", message, hint="`lakewright status` shows how far it is")
        try:
            capture_of(lake, source, notice).run(threading.Event(), upto or lake.source(source).current_position())
        except LeaseHeld:
            time.sleep(0.05)
