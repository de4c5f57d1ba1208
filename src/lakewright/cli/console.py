"""Talk on stderr: notes, progress, errors. On a terminal with colour and bars, elsewhere as plain lines."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakewright.cli.rendering import error_to_json
from lakewright.errors import CheckFailed, LakewrightError
from lakewright.model.printable import json_text, printable

if TYPE_CHECKING:
    from lakewright.pipeline.steps import Notice, Step


def has_color() -> bool:
    """Whether stderr is a terminal that wants colour (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str) -> None:
    """One line of talk."""
    _write(printable(text))


def _write(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def report(error: LakewrightError, *, as_json: bool, debug: bool) -> None:
    """Print an error: what, where, what helps, its code; with `debug` the trace too."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        _write(json_text({"error": error_to_json(error)}))
        return
    excerpt: str | None = getattr(error, "excerpt", None)
    word = "\x1b[1;31merror:\x1b[0m" if has_color() else "error:"
    _write(f"{word} {printable(error.message)}")
    if error.where:
        say(f"  at {error.where}")
    for line in excerpt.splitlines() if excerpt else ():
        _write(f"    {line}")
    for note in getattr(error, "__notes__", []):
        say(f"  also: {note}")
    if error.hint:
        say(f"  hint: {error.hint}")
    say(f"  code: {error.code} (`lakewright explain {error.code}`)")


def exit_code(error: LakewrightError) -> int:
    """3 where a comparison found a difference, else 1."""
    return 3 if isinstance(error, CheckFailed) else 1


@contextlib.contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Notice]:
    """A function to call with each step that was done.

    On a terminal the newest stands beside a moving bar and goes when the work is done, but for what has to stay. Elsewhere each
    is a line, but for what the command prints as its result.
    """
    from lakewright.cli.notices import is_result, stays
    from lakewright.pipeline.steps import describe, ignore

    if quiet:
        yield ignore
    elif not sys.stderr.isatty():
        yield lambda step: None if is_result(step) else say(str(describe(step)))
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[newest]}", markup=False),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(title, total=None, newest="")

            def show(step: Step) -> None:
                told = printable(str(describe(step)))
                if stays(step):
                    bars.console.print(told, markup=False, highlight=False, soft_wrap=True)
                else:
                    bars.update(task, newest=told)

            yield show
