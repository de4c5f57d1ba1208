"""The structured log: what happened, in fields that have the same name everywhere, on stderr.

Lines for people on a terminal or in a file, JSON lines for machines. `configure` is the one place that sets it up.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
from collections.abc import Callable
from typing import Any, Literal, TextIO, TypedDict, Unpack

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
    """Send log lines to `stream` (unless said otherwise the stderr of the moment) in this form; errors alone if `quiet`."""
    global _output
    _output = _Output(_json if form == "json" else _Line(color), stream, quiet)


def write(event: str, level: Level = "info", **fields: Unpack[Fields]) -> None:
    """Write one line; safe from several threads."""
    if _output.quiet and level != "error":
        return
    time = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line: dict[str, Any] = {"time": time, "level": level, "event": event}
    line |= {name: fields[name] for name in Fields.__annotations__ if fields.get(name) is not None}  # type: ignore[literal-required]
    stream = _output.stream or sys.stderr
    stream.write(f"{_output.render(line)}\n")  # in one call, so that lines of several threads do not mix
    stream.flush()


def _json(line: dict[str, Any]) -> str:
    return json.dumps(line, default=str)


class _Line:
    """``09:15:02 merged  orders  3 inserts``: time of day in UTC, event, values; other fields as name=value."""

    _BARE = ("subject", "source", "detail")
    _COLORS = {"warning": "\x1b[33m", "error": "\x1b[31m"}

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, line: dict[str, Any]) -> str:
        time, level, event = line.pop("time"), line.pop("level"), line.pop("event")
        word = event if level == "info" else f"{level}: {event}"
        if self._color and level in self._COLORS:
            word = f"{self._COLORS[level]}{word}\x1b[0m"
        parts = [str(value) if name in self._BARE else f"{name}={value}" for name, value in line.items()]
        return "  ".join([time[11:19], word, *map(printable, parts)])


@dataclasses.dataclass(frozen=True)
class _Output:
    render: Callable[[dict[str, Any]], str]
    stream: TextIO | None
    quiet: bool


_output = _Output(_Line(color=False), None, quiet=False)
