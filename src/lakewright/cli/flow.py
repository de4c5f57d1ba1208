"""Commands that move data: capture, merge, run, up, down, resync."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from lakewright.cli.command import Command, pass_session, returns
from lakewright.cli.session import Session

if TYPE_CHECKING:
    from lakewright.pipeline.tasks import Event


@click.command(cls=Command)
@pass_session
@returns("sources=lakewright.pipeline.status:SourceStatus")
def capture(session: Session) -> None:
    """Capture what the sources committed so far.

    The first time this loads every table; later it takes the changes since. Ends when the log holds everything that was
    committed when it began.
    """
    with session.lake() as lake:
        with session.progress("capturing") as notice:
            lake.capture(notice)
        session.show_list("sources", lake.status().sources, "no sources")


@click.command(cls=Command)
@click.argument("tables", nargs=-1)
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True, help="What computes it.")
@click.option("--master", metavar="URL", help="Where Spark runs, such as local[2]; otherwise what Spark's own settings say.")
@pass_session
@returns("merged=lakewright.pipeline.steps:Merged")
def merge(session: Session, tables: tuple[str, ...], engine: str, master: str | None) -> None:
    """Bring TABLES (default: all) up to the captured log, each in one commit.

    With --engine spark the same rows are computed by Spark and written by Hudi's own writer: for what outgrows this machine. The
    engines may take turns; each goes on at the checkpoint that the other left.
    """
    if master is not None and engine != "spark":
        raise click.UsageError("--master goes with --engine spark")
    from lakewright.pipeline import merge_all

    with session.lake() as lake, contextlib.ExitStack() as stack:
        apply = stack.enter_context(merge_all.spark(lake.resolved, master)) if engine == "spark" else None
        with session.progress("merging") as notice:
            merged = lake.merge(tables or None, notice, apply=apply)
        session.show_list("merged", merged, "nothing is captured yet")


@click.command(cls=Command)
@pass_session
@returns("lakewright.pipeline.lake:Ran")
def run(session: Session) -> None:
    """One pass of capture and merge."""
    with session.lake() as lake:
        with session.progress("running") as notice:
            ran = lake.run(notice)
    session.show(ran, lambda: session.show_records(ran.merged, "nothing is captured yet"))


@click.command(cls=Command)
@pass_session
@returns("lakewright.pipeline.tasks:Event")
def up(session: Session) -> None:
    """Capture and merge until interrupted, and go on where it was.

    Ends cleanly on Ctrl-C or SIGTERM, and when nobody reads its output any more. With --json every event is an object on a line
    of its own, on stdout.
    """
    from lakewright.cli import output
    from lakewright.cli.notices import to_log
    from lakewright.pipeline.steps import ignore

    tell: Callable[[Event], None] = output.show_json if session.json else ignore if session.quiet else to_log
    left: list[BrokenPipeError] = []
    with session.lake() as lake, _stop_on_signal() as stop:

        def told(event: Event) -> None:
            """Called from many threads. A reader that leaves is no fault of what one of them does just then."""
            try:
                tell(event)
            except BrokenPipeError as error:
                left.append(error)
                stop.set()

        session.say("capturing and merging; Ctrl-C stops")
        lake.up(stop, told)
    if left:
        raise left[0]
    session.say("stopped")


@click.command(cls=Command)
@pass_session
@returns("stopped=builtins:str")
def down(session: Session) -> None:
    """Stop the embedded database of the folder."""
    with session.lake() as lake:
        stopped = lake.down()
    told = f"stopped: {', '.join(stopped)}" if stopped else "no embedded database was running"
    session.show({"stopped": stopped}, lambda: session.say(told))


@click.command(cls=Command)
@click.argument("table", required=False)
@pass_session
@returns("tables=lakewright.pipeline.status:TableStatus")
def resync(session: Session, table: str | None) -> None:
    """Load TABLE again, or all; the next merge replaces the old rows in one commit of each table.

    With TABLE for one that stopped, after a schema change that needs it; capture may go on meanwhile. Without for a source whose
    slot was lost, or that was restored from a backup: the slot is made anew, and no capture may run. Files are read again under
    the definitions as they are now; a dataset with a file that does not fit its definition keeps its rows.
    """
    with session.lake() as lake:
        with session.progress(f"loading {table or 'all tables'}") as notice:
            lake.resync(table, notice)
        names = {mirror.name for mirror in lake.mirrors([table] if table else None)}
        session.show_list("tables", [each for each in lake.status().tables if each.table in names], "no tables")


@contextlib.contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that is set by the first SIGINT or SIGTERM; a second one acts as usual."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def first(number: int, _: Any) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, first)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMANDS: list[click.Command] = [up, down, capture, merge, run, resync]
