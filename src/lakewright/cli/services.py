"""Commands that care for tables: maintain, hold, savepoint, restore, pause, resume, rollback, repair."""

from __future__ import annotations

import subprocess

import click

from lakewright.cli.command import Command, pass_session, returns
from lakewright.cli.session import Session

NOT_YET = "nothing was changed; --yes does it"


@click.command(cls=Command)
@pass_session
@returns("lakewright.pipeline.lake:Maintained")
def maintain(session: Session) -> None:
    """Do what the tables' retention and other policies ask for.

    Makes the savepoints that are due, removes those that are over, and deletes the files that no read within the retention needs,
    and with them archives writes, as `timeline` has it.
    Before that it compacts `mor` tables as `compact_after` has it and, where `small_files` is set, makes small files larger ones.
    Then small files of captured changes become larger ones, and those that `retention.raw` lets go are left out.
    `lakewright up` does the same as it goes.

    Tells of each table how many old files it deleted (files), savepoints it made (saved) and removed (released), small files it
    made larger ones (gathered), base files it compacted, former folders it removed (dropped), and writes it archived; and of the
    log of each source how many small files became how many, and how many expired.
    """
    with session.lake() as lake:
        with session.progress("cleaning") as notice:
            done = lake.maintain(notice)

        def as_text() -> None:
            session.show_records(done.cleaned, "no tables yet")
            session.show_records(done.raw, "no sources")

        session.show(done, as_text)


@click.command(cls=Command)
@click.argument("table")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@pass_session
def hold(session: Session, table: str, command: tuple[str, ...]) -> None:
    """Run COMMAND, such as a Spark job, while nothing here writes to TABLE; write -- before it.

    Waits for a merge that is under way; merges, `maintain` and the like wait until COMMAND has ended, `up` goes on with the other
    tables. Its exit code becomes this one's. For all processes that share the lake's storage, S3 too.
    """
    with session.lake() as lake, lake.hold(table):
        try:
            code = subprocess.run(command, check=False).returncode
        except OSError as error:
            raise click.UsageError(f"{command[0]} cannot be run: {error.strerror}") from None
    if code:
        raise click.exceptions.Exit(code if code > 0 else 128 - code)


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


@click.command(cls=Command)
@click.argument("table")
@click.option("--to", required=True, metavar="INSTANT|TIME", help="What to go back to.")
@click.option("--yes", is_flag=True, help="Do it.")
@pass_session
@returns("lakewright.pipeline.restore:Restored")
def restore(session: Session, table: str, to: str, yes: bool) -> None:
    """Make TABLE what it was, in a new commit, and pause it there.

    Without --yes it says what that takes and changes nothing. INSTANT is one of `lakewright history TABLE` whose files are kept,
    TIME as for `lakewright sql --as-of`. `lakewright resume TABLE` lets it follow its source again.
    """
    with session.lake() as lake, session.progress(f"restoring {table}"):
        done = lake.restore(table, to, dry_run=not yes)
    session.show(done)
    session.say(f"paused; `lakewright resume {table}` goes on" if yes else NOT_YET)


@click.command(cls=Command)
@click.argument("table")
@pass_session
@returns("lakewright.pipeline.restore:Standing")
def pause(session: Session, table: str) -> None:
    """Leave TABLE where it is: it is not merged, and queries read it as it is, until it is resumed."""
    with session.lake() as lake:
        session.show(lake.pause(table))


@click.command(cls=Command)
@click.argument("table")
@click.option("--at", metavar="POSITION", help="Leave out what the log has up to there.")
@click.option("--now", is_flag=True, help="Leave out all that the log has by now.")
@pass_session
@returns("lakewright.pipeline.restore:Standing")
def resume(session: Session, table: str, at: str | None, now: bool) -> None:
    """Let a paused TABLE follow its source again.

    The next merge goes on from where it stands. With --at or --now the changes up to there are left out for good: the table is
    not what its source is then, as `lakewright check` will say. POSITION is as in the raw rows' `_position`.
    """
    if at and now:
        raise click.UsageError("give --at or --now, not both")
    with session.lake() as lake:
        session.show(lake.resume(table, at=at, now=now))


@click.command(cls=Command)
@click.argument("table")
@click.option("--yes", is_flag=True, help="Do it.")
@pass_session
@returns("lakewright.model.table:RolledBack")
def rollback(session: Session, table: str, yes: bool) -> None:
    """Undo the newest commit of TABLE, whatever its file says.

    Without --yes it says what that takes and changes nothing. The table is what the commit before it left, and the next merge
    goes on from there: for a commit that is damaged, or that another engine should not have made.
    """
    with session.lake() as lake:
        session.show(lake.roll_back(table, dry_run=not yes))
    session.say("undone" if yes else NOT_YET)


@click.command(cls=Command)
@click.argument("table")
@click.option("--yes", is_flag=True, help="Do it.")
@pass_session
@returns("flaws=lakewright.model.table:Flaw")
def repair(session: Session, table: str, yes: bool) -> None:
    """Mend what `lakewright verify` finds in TABLE and what can be mended without a row being lost.

    Without --yes it says what that is and changes nothing. Partition metadata that is missing or damaged is written; a stale
    metadata table, half a change of hoodie.properties, and what is left of writes that died go away. For a file that is lost or
    damaged restore it, or `lakewright resync TABLE`.
    """
    with session.lake() as lake:
        flaws = lake.repair(table, dry_run=not yes)
    session.show_list("flaws", flaws, "there is nothing to mend")
    if flaws:
        session.say("mended" if yes else NOT_YET)


COMMANDS: list[click.Command] = [maintain, hold, savepoint, restore, pause, resume, rollback, repair]
