"""Commands that look: status, sql, tables, schema, history, diff, check, verify."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakewright.cli import output
from lakewright.cli.command import Command, pass_session, returns
from lakewright.cli.rendering import to_cell
from lakewright.cli.session import Session
from lakewright.errors import ConfigError
from lakewright.model.printable import printable

if TYPE_CHECKING:
    from lakewright.model.table import Verification
    from lakewright.pipeline.check import Comparison
    from lakewright.pipeline.diff import Diff

WATCH_SECONDS = 2.0


@click.command(cls=Command)
@click.option("--watch", is_flag=True, help=f"Again every {WATCH_SECONDS:.0f} seconds until Ctrl-C.")
@pass_session
@returns("lakewright.pipeline.status:Status")
def status(session: Session, watch: bool) -> None:
    """Where each source and table stands: state, lag, rows, last commit, retained WAL."""
    with session.lake() as lake:
        session.show(lake.status())
        while watch:
            time.sleep(WATCH_SECONDS)
            if sys.stdout.isatty() and not session.json:
                sys.stdout.write("\x1b[H\x1b[2J")
            session.show(lake.status())


@click.command(cls=Command)
@click.argument("query", required=False)
@click.option(
    "--file", "-f", "file", type=click.Path(path_type=Path, allow_dash=True), help="Read the SQL from a file (-: stdin)."
)
@click.option(
    "--format", "form", type=click.Choice(["box", "csv", "json"]), default="box", show_default=True, help="How to print rows."
)
@click.option("--committed", is_flag=True, help="Read the tables' commits only, not what was captured after them.")
@click.option("--as-of", metavar="TIME", help="Read every table as it was then.")
@click.option("--since", metavar="TIME", help="Only rows changed after then, deleted ones too.")
@pass_session
@returns("rows")
def sql(
    session: Session,
    query: str | None,
    file: Path | None,
    form: output.Format,
    committed: bool,
    as_of: str | None,
    since: str | None,
) -> None:
    """Run QUERY, in Athena's SQL, over the lake's tables and raw data.

    @NAME runs a saved query. Live by default: every table of a source at one position, the end of the captured log. TIME is ISO
    8601 (2026-01-31T12:00:00Z; UTC unless it says otherwise), an instant of `lakewright history TABLE`, or a span before now in
    s, m, h or d, such as 5m.
    """
    if (query is None) == (file is None):
        raise click.UsageError("give the SQL as QUERY, as @NAME of a saved query, or with --file")
    with session.lake() as lake:
        text = _read(file) if query is None else lake.project.query(query[1:]) if query.startswith("@") else query
        with lake.sql(text, committed=committed, as_of=as_of, since=since) as answer:
            count = output.show_rows("json" if session.json else form, answer.names, answer.batches())
            for note in (*answer.notes, *((count,) if count else ())):
                session.say(note)


@click.command(cls=Command)
@pass_session
@returns("tables=lakewright.pipeline.describe:TableInfo")
def tables(session: Session) -> None:
    """The lake's tables."""
    with session.lake() as lake:
        session.show_list("tables", lake.tables(), "no tables yet; `lakewright up` captures them")


@click.command(cls=Command)
@click.argument("table")
@pass_session
@returns("lakewright.pipeline.describe:TableSchemaInfo")
def schema(session: Session, table: str) -> None:
    """The columns, types and key of TABLE."""
    with session.lake() as lake:
        session.show(lake.schema(table))


@click.command(cls=Command)
@click.argument("table")
@click.option("--key", metavar="KEY", help="The life of one row: its key's value, or COLUMN=VALUE,... where the key has several.")
@pass_session
@returns("commits=lakewright.model.table:Commit changes=lakewright.pipeline.history:RowChange")
def history(session: Session, table: str, key: str | None) -> None:
    """The commits of TABLE that are not archived, or the changes of one row of it, oldest first."""
    with session.lake() as lake:
        found = lake.history(table, key)
    session.show_list("commits" if key is None else "changes", found, "nothing yet" if key is None else "no such row so far")


@click.command(cls=Command)
@click.argument("table")
@click.option("--from", "start", metavar="TIME", required=True, help="The one moment.")
@click.option("--to", "end", metavar="TIME", help="The other one (default: now).")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many of the rows to show.")
@pass_session
@returns("lakewright.pipeline.diff:Diff")
def diff(session: Session, table: str, start: str, end: str | None, limit: int) -> None:
    """How TABLE differs between two moments: rows added, rows removed, and what changed in the others.

    TIME is as for `sql --as-of`, or an instant of `lakewright history TABLE` (a savepoint is one) for exactly the rows of that
    commit, or a position of the log. All rows are counted, the first of them by key are shown. Rows of a table without key are
    compared whole.
    """
    with session.lake() as lake:
        found = lake.diff(table, start, end, limit=limit)
    session.show(found, lambda: _differing(session, found))


def _differing(session: Session, found: Diff) -> None:
    """The counts, then a line for each row."""
    session.say(f"{found.table} from {found.start} to {found.end}")
    counts = ", ".join(f"{name} in {count:,}" for name, count in found.columns.items())
    click.echo(f"{found.added:,} added, {found.removed:,} removed, {found.changed:,} changed{f' ({counts})' if counts else ''}")
    for row in found.rows:
        sign = {"added": "+", "removed": "-", "changed": "~"}[row.change]
        key = ", ".join(f"{name}={to_cell(value)}" for name, value in row.key.items())
        if row.change == "changed":
            values = ", ".join(f"{name}: {to_cell(row.before[name])} -> {to_cell(row.after[name])}" for name in row.before)
        else:
            values = ", ".join(f"{name}: {to_cell(value)}" for name, value in (row.after or row.before).items())
        click.echo(" ".join(filter(None, [sign, key, values, f"({row.times:,} times)" if row.times > 1 else ""])))
    if (every := found.added + found.removed + found.changed) > sum(row.times for row in found.rows):
        session.say(f"{len(found.rows):,} of {every:,} rows; --limit shows more")


@click.command(cls=Command)
@click.option("--source", is_flag=False, flag_value="", metavar="[NAME]", help="Compare with this source (default: with all).")
@pass_session
@returns("lakewright.pipeline.check:Comparison")
def check(session: Session, source: str | None) -> None:
    """Compare the lake with its sources, row by row, at one position; exit code 3 where they differ.

    Takes a snapshot of the source at a position, waits until the log has reached it, and compares count and checksum of all
    columns of every table there; of a folder also every file, with what was taken of it. It may run beside `up` and beside the
    application. Snapshots that lake.yaml names are not compared: no source tells what it had at a time that is over.
    """
    from lakewright.pipeline.check import Comparison

    with session.lake() as lake, session.progress("comparing") as notice:
        found = Comparison.of([lake.check(name, notice) for name in ([source] if source else lake.project.settings.sources)])
    session.show(found, lambda: _compared(found))
    found.require_equal()


def _compared(found: Comparison) -> None:
    """The report of each source, and their sum."""
    for report in found.reports:
        output.show(report)
    click.echo(f"{found.equal} of {found.tables} tables equal{f', {found.logs} append-only' if found.logs else ''}")


@click.command(cls=Command)
@click.argument("table", required=False)
@pass_session
@returns("tables=lakewright.model.table:Verification")
def verify(session: Session, table: str | None) -> None:
    """Read the folder of TABLE (default: of each) as a whole, and tell every flaw in it.

    Exit code 3 where one makes answers wrong. Looks at the timeline; at every base file of the newest snapshot, its footer, its
    rows and their meta columns, and whether a key is there twice; at partitions, files of no commit, leftovers of writes that
    died, and other engines' metadata tables. It reads files only, asks no source, and may run beside `up`.
    """
    from lakewright.pipeline.verify import require_sound

    with session.lake() as lake, session.progress("verifying") as notice:
        found = lake.verify(table, notice)
    session.show({"tables": found}, lambda: _verified(found))
    require_sound(found)


def _verified(tables: Sequence[Verification]) -> None:
    """A line for each table, and two for each flaw."""
    for found in tables:
        files, rows = f"{found.files:,} file{'s' * (found.files != 1)}", f"{found.rows:,} row{'s' * (found.rows != 1)}"
        counts = f"{files}, {rows}" if found.instant else "nothing is committed" if found.is_sound else "it cannot be read"
        click.echo(f"{'ok   ' if found.is_sound else 'FAULT'} {found.table}: {counts}")
        for flaw in found.flaws:
            click.echo(printable(f"      {flaw.kind}: {flaw.path} {flaw.detail}".rstrip()))
            click.echo(f"      mend: {flaw.mend}")


def _read(path: Path | None) -> str:
    try:
        return sys.stdin.read() if path is None or str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError("LW-123", f"cannot read {path}: {reason}", hint="name a file with one SQL statement") from error


COMMANDS: list[click.Command] = [status, sql, tables, schema, history, diff, check, verify]
