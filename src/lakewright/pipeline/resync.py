"""Resync: a table loaded again, by the capture that runs or by one here."""

from __future__ import annotations

from lakewright.errors import DOCTOR, LakewrightError, SourceError, together
from lakewright.model.contracts import Source, Stopped
from lakewright.model.names import TableName
from lakewright.pipeline import survey
from lakewright.pipeline.catch_up import wait_until
from lakewright.pipeline.steps import LeftOut, Notice, Step, ignore
from lakewright.pipeline.wiring import Wiring
from lakewright.project.names import Origin


def resync(lake: Wiring, origin: Origin, notice: Notice = ignore) -> None:
    """Have a table loaded again, with those that are made together with it, and wait for them.

    Raises why it cannot be loaded or was left out, and as `wait_until`.
    """
    source, log = origin.source, lake.log(origin.source)
    if (refused := _refusal(lake.source(source), origin.table)) is not None:
        raise refused
    parts = set(lake.project.settings.sources[source].parts(origin.table))
    before = {table: log.view().generation(table) for table in sorted(parts & set(log.view().tables()))}
    left_out = list[LakewrightError]()
    for table in before:
        log.ask_resync(table)

    def told(step: Step) -> None:
        if isinstance(step, LeftOut | Stopped) and step.table in before:
            left_out.append(step.error)
        notice(step)

    def loaded() -> bool:
        asked = log.asked_resyncs()
        left = [table for table in before if log.view().generation(table) <= before[table]]
        for table in left:
            if table not in asked:
                raise left_out[0] if left_out else SourceError("LW-249", f"capture left {table} out of the load", hint=DOCTOR)
        return not left

    wait_until(lake, source, loaded, notice=told)


def resync_each(lake: Wiring, source: str, notice: Notice = ignore) -> None:
    """Have every chosen table of a source loaded again, as `resync`; why one cannot be is raised when the others are done."""
    settings, failures, done = lake.project.settings.sources[source], list[LakewrightError](), set[TableName]()
    for table in survey.origins(lake, source):
        if table in done or not settings.wants(table):
            continue
        done.update(settings.parts(table))
        try:
            resync(lake, Origin(source, table), notice)
        except LakewrightError as error:
            failures.append(error)
    if failures:
        raise together(failures)


def _refusal(source: Source, table: TableName) -> LakewrightError | None:
    """Why a table cannot be loaded, or None where it can."""
    discovered = source.discover()
    if any(schema.name == table for schema in discovered.tables):
        return None
    gone = SourceError("LW-213", f"table {table} is not in the source any more", hint="`lakewright plan` shows what it has now")
    return discovered.refused.get(table, gone)
