"""What the pipeline tells while it works, as lines for people and for the log."""

from __future__ import annotations

import functools
from typing import Any

from lakewright.observe import log
from lakewright.pipeline.check import TableCheck
from lakewright.pipeline.load import Captured
from lakewright.pipeline.maintain import Cleaned
from lakewright.pipeline.merge import Merged
from lakewright.pipeline.tasks import Event


@functools.singledispatch
def describe(notice: Any) -> str:
    """One line."""
    return str(notice)


@describe.register
def _(notice: Captured) -> str:
    rows = sum(notice.rows.values())
    if notice.error is not None:
        told = notice.error.line()
        if notice.kind == "moved":
            return f"all tables are loaded anew: {told}"
        return f"{'stopped' if notice.kind == 'stopped' else 'left out'} {', '.join(map(str, notice.rows))}: {told}"
    if notice.kind == "waiting":
        return f"waiting for {notice.detail}"
    if notice.kind == "reading":
        return f"reading {notice.detail}"
    if notice.kind == "loading":
        of = f" of about {notice.expected:,}" if notice.expected > rows else ""
        return f"loading {', '.join(map(str, notice.rows))}: {rows:,}{of} rows"
    if notice.kind == "loaded":
        return f"loaded {', '.join(map(str, notice.rows))}: {rows:,} rows"
    if notice.kind == "load":
        return f"load complete: {len(notice.rows)} tables, {rows:,} rows"
    return f"captured {rows:,} changes"


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


def is_result(notice: Any) -> bool:
    """Whether the command prints this itself, in what it shows at its end."""
    return isinstance(notice, Merged | Cleaned | TableCheck)


def stays(notice: Any) -> bool:
    """Whether a person has to be able to read it when the work is done."""
    return isinstance(notice, Captured) and notice.error is not None


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
