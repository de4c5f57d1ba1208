"""The structured log: what happened, in fields that have the same name everywhere, on stderr.

Lines for people on a terminal or in a file, JSON lines for machines. `configure` is the one place that sets it up.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO, TypedDict, Unpack

import structlog

from lakewright.model.printable import printable

Level = Literal["info", "warning", "error"]
Format = Literal["text", "json"]


class Fields(TypedDict, total=False):
    """Every field that a log line may have beside ``time``, ``level`` and ``event``."""

    source: str
    subject: str
    detail: str
    code: str
    hint: str


def configure(form: Format, stream: TextIO | None = None, *, color: bool = False, quiet: bool = False) -> None:
    """Send log lines to `stream` (stderr unless said otherwise) in this form from now on; errors alone if `quiet`."""
    last: Any = structlog.processors.JSONRenderer(sort_keys=False) if form == "json" else _Line(color)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _ordered,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("error" if quiet else "info"),
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),  # the stderr of the moment, should it be another
        cache_logger_on_first_use=False,
    )


def write(event: str, level: Level = "info", **fields: Unpack[Fields]) -> None:
    """Write one line; safe from several threads."""
    getattr(structlog.get_logger(), level)(event, **fields)


def _ordered(_: Any, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Time, level and event first, then the fields in the order they are declared."""
    names = ("time", "level", "event", *Fields.__annotations__)
    return {name: line[name] for name in names if line.get(name) is not None}


class _Line:
    """``09:15:02 merged  orders  3 inserts``: time of day in UTC, event, values; other fields as name=value."""

    _BARE = ("subject", "source", "detail")
    _COLORS = {"warning": "\x1b[33m", "error": "\x1b[31m"}  # noqa: RUF012 (a constant)

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, _: Any, __: str, line: dict[str, Any]) -> str:
        time, level, event = line.pop("time"), line.pop("level"), line.pop("event")
        word = event if level == "info" else f"{level}: {event}"
        if self._color and level in self._COLORS:
            word = f"{self._COLORS[level]}{word}\x1b[0m"
        parts = [str(value) if name in self._BARE else f"{name}={value}" for name, value in line.items()]
        return "  ".join([time[11:19], word, *map(printable, parts)])
