"""The commands for what of files is held back: rejected rows, and files that wait."""

from __future__ import annotations

from pathlib import Path

import click

from lakewright.cli import output
from lakewright.cli.command import Command, Group, pass_session, returns
from lakewright.cli.session import Session


@click.group(cls=Group, invoke_without_command=True)
@pass_session
@returns("lakewright.pipeline.quarantine:Quarantine")
@click.pass_context
def quarantine(context: click.Context, session: Session) -> None:
    """For each dataset of files its rows, how many were rejected, and the files that wait."""
    if context.invoked_subcommand is None:
        with session.lake() as lake:
            session.show(lake.quarantine())


@quarantine.command(cls=Command)
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=1), help="How many rows at most (default: all).")
@pass_session
@returns("rows")
def show(session: Session, table: str, limit: int | None) -> None:
    """The rejected rows of TABLE: file, line, column, value, reason, and the row as written."""
    with session.lake() as lake, lake.rejected_rows(table, limit=limit) as answer:
        count = output.show_rows("json" if session.json else "box", answer.names, answer.batches())
        if count:
            session.say(count)


@quarantine.command(cls=Command)
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_session
@returns("lakewright.pipeline.quarantine:Exported")
def export(session: Session, table: str, file: Path) -> None:
    """Write the rejected rows of TABLE to FILE, a new CSV file in the dataset's columns.

    Correct the values there; the file is in UTF-8. `_file`, `_line` and `_arrival` tell which row it is and must stay;
    `_reason` is for you alone.
    """
    with session.lake() as lake:
        session.show(lake.export(table, file))


@quarantine.command(cls=Command)
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@pass_session
@returns("lakewright.pipeline.quarantine:Replayed")
def replay(session: Session, table: str, file: Path) -> None:
    """Take the corrected rows of FILE, which `export` wrote, into TABLE.

    They leave quarantine when they fit. Rows that are not rejected any more are left alone, so it may be repeated.
    """
    with session.lake() as lake:
        session.show(lake.replay(table, file))


@quarantine.command(cls=Command)
@click.argument("source")
@click.argument("file")
@pass_session
@returns("lakewright.sources.files.runs:Run")
def accept(session: Session, source: str, file: str) -> None:
    """Take FILE of SOURCE, which waits, with the rows that fit.

    The others are rejected, however many they are. A file that cannot be read goes on waiting: correct datasets/NAME.yaml first.
    """
    with session.lake() as lake:
        session.show(lake.accept(source, file))


@quarantine.command(cls=Command)
@click.argument("source")
@click.argument("file")
@pass_session
@returns("lakewright.pipeline.quarantine:Discarded")
def discard(session: Session, source: str, file: str) -> None:
    """Let FILE of SOURCE, which waits, wait no more: nothing of it is taken.

    A former version of it stands. Its copy is kept, and `accept` takes it still. Sent again with the same content it stays
    discarded; with other content it is a new version.
    """
    with session.lake() as lake:
        session.show(lake.discard(source, file))


COMMANDS: list[click.Command] = [quarantine]
