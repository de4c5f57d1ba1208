"""What the pipeline tells while it works, as lines for people and for the log."""

from __future__ import annotations

import functools
from typing import Any

from lakewright.model.contracts import Stopped
from lakewright.model.table import Verification
from lakewright.observe import log
from lakewright.pipeline.check import TableCheck
from lakewright.pipeline.maintain import Cleaned
from lakewright.pipeline.merge import Merged
from lakewright.pipeline.steps import LoadComplete, Loaded, Loading, Logged, Moved, NotTaken, Reads, Waits
from lakewright.pipeline.tasks import Event


@functools.singledispatch
def describe(notice: Any) -> str:
    """One line."""
    return str(notice)


@describe.register
def _(notice: Waits) -> str:
    return f"waiting for {notice.what}"


@describe.register
def _(notice: Reads) -> str:
    return f"reading {notice.what}"


@describe.register
def _(notice: Loading) -> str:
    of = f" of about {notice.expected:,}" if notice.expected > notice.rows else ""
    return f"loading {notice.table}: {notice.rows:,}{of} rows"


@describe.register
def _(notice: Loaded) -> str:
    return f"loaded {notice.table}: {notice.rows:,} rows"


@describe.register
def _(notice: LoadComplete) -> str:
    return f"load complete: {len(notice.rows)} tables, {sum(notice.rows.values()):,} rows"


@describe.register
def _(notice: Logged) -> str:
    return f"captured {sum(notice.rows.values()):,} changes"


@describe.register
def _(notice: NotTaken) -> str:
    return f"left out {notice.table}: {notice.error.line()}"


@describe.register
def _(notice: Stopped) -> str:
    return f"stopped {notice.table}: {notice.error.line()}"


@describe.register
def _(notice: Moved) -> str:
    return f"all tables are loaded anew: {notice.error.line()}"


@describe.register
def _(notice: Merged) -> str:
    commit = notice.commit
    if commit is None:
        return f"{notice.table}: nothing new"
    return f"merged {notice.table}: {commit.inserts:,} new, {commit.updates:,} changed, {commit.deletes:,} deleted"


@describe.register
def _(notice: Cleaned) -> str:
    return f"cleaned {notice.table}: {notice.files:,} files"


@describe.register
def _(notice: TableCheck) -> str:
    rows = f" ({notice.source_rows:,} rows)" if notice.source_rows is not None else ""
    return f"{notice.table}: {notice.verdict}{rows}"


@describe.register
def _(notice: Verification) -> str:
    return f"{notice.table}: {'sound' if notice.is_sound else 'FAULT'}"


def is_result(notice: Any) -> bool:
    """Whether the command prints this itself, in what it shows at its end."""
    return isinstance(notice, Merged | Cleaned | TableCheck | Verification)


def stays(notice: Any) -> bool:
    """Whether a person has to be able to read it when the work is done."""
    return isinstance(notice, NotTaken | Stopped | Moved)


def to_log(event: Event) -> None:
    """An event of a lake that is up, as a line of the log."""
    level: log.Level = "info"
    if event.kind in ("failed", "stopped"):
        level = "error"
    elif event.kind in ("left_out", "moved", "retry"):
        level = "warning"
    fields: log.Fields = {"subject": event.subject, "detail": event.detail}
    if event.error is not None:
        fields["code"] = event.error.code
        if event.error.hint:
            fields["hint"] = event.error.hint
    log.write(event.kind, level, **fields)
