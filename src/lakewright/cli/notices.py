"""What the pipeline tells while it works: which of it stays for people to read, and what of it goes to the log."""

from __future__ import annotations

from lakewright.model.contracts import Stopped
from lakewright.model.table import Verification
from lakewright.observe import log
from lakewright.pipeline.steps import Cleaned, Following, LeftOut, Merged, Step, TableCheck, Tended
from lakewright.pipeline.tasks import Event


def is_result(step: Step) -> bool:
    """Whether the command prints this itself, in what it shows at its end: of what it did, and so that the source answered."""
    return isinstance(step, Following | Merged | Cleaned | Tended | TableCheck | Verification)


def stays(step: Step) -> bool:
    """Whether a person has to be able to read it when the work is done."""
    return isinstance(step, LeftOut | Stopped)


def to_log(event: Event) -> None:
    """An event of a lake that is up, as a line of the log."""
    level: log.Level = "info"
    if event.kind in ("failed", "stopped"):
        level = "error"
    elif event.kind in ("left_out", "retry"):
        level = "warning"
    fields: log.Fields = {"subject": event.subject, "detail": event.detail}
    if event.error is not None:
        fields["code"] = event.error.code
        if event.error.hint:
            fields["hint"] = event.error.hint
    log.write(event.kind, level, **fields)
