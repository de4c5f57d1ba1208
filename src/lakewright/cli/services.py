"""Commands that care for tables: maintain, savepoint."""

from __future__ import annotations

import click

from lakewright.cli.command import Command, pass_session, returns
from lakewright.cli.session import Session


@click.command(cls=Command)
@pass_session
@returns("cleaned=lakewright.pipeline.steps:Cleaned")
def maintain(session: Session) -> None:
    """Do what the tables' retention asks for.

    Makes the savepoints that are due, removes those that are over, and deletes the files that no read within the retention needs.
    `lakewright up` does the same as it goes.
    """
    with session.lake() as lake:
        with session.progress("cleaning") as notice:
            cleaned = lake.maintain(notice)
        session.show_list("cleaned", cleaned, "no tables yet")


@click.command(cls=Command)
@click.argument("table")
@click.argument("instant", required=False)
@click.option("--remove", is_flag=True, help="Remove the savepoint of INSTANT.")
@pass_session
@returns("savepoints=lakewright.model.table:Commit")
def savepoint(session: Session, table: str, instant: str | None, remove: bool) -> None:
    """Keep the files of a commit of TABLE, by default the newest, until its savepoint is removed.

    INSTANT is one of `lakewright history TABLE`. Prints the commits that have a savepoint. Those that the table's retention makes
    come and go by themselves; one made by hand stays.
    """
    if remove and instant is None:
        raise click.UsageError("--remove needs the INSTANT whose savepoint goes")
    with session.lake() as lake:
        found = lake.release(table, instant) if remove and instant else lake.savepoint(table, instant)
    session.show_list("savepoints", found, f"table {table} has no savepoint")


COMMANDS: list[click.Command] = [maintain, savepoint]
