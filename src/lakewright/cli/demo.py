"""The command demo."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakewright.cli import output
from lakewright.cli.command import Command, pass_session, returns
from lakewright.cli.session import Session

if TYPE_CHECKING:
    from lakewright.pipeline.check import CheckReport


@click.command(cls=Command)
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    help="How much data the seed makes where there is none yet (default: what demo.yaml says).",
)
@pass_session
@returns("checks=lakewright.pipeline.check:CheckReport")
def demo(session: Session, target: Path, scale: float | None) -> None:
    """Show a lake at work: FOLDER's demo.yaml seeds an embedded database and changes it live.

    Exit code 3 where source and lake differ in the end.
    """
    from lakewright.demo.run import run
    from lakewright.demo.settings import load_demo
    from lakewright.pipeline.lake import Lake

    def show(lake: Lake, name: str) -> None:
        if not session.json:
            click.echo(f"\n@{name}")
            with lake.sql(lake.project.query(name)) as answer:
                output.show_rows("box", answer.names, answer.batches())

    settings = load_demo(target)
    reports = run(target, settings, scale or settings.scale, session.say if session.json else click.echo, show)
    session.show({"checks": reports}, lambda: _ended(reports[-1], target, settings.queries))
    if not all(report.passed for report in reports):
        raise click.exceptions.Exit(3)


def _ended(report: CheckReport, target: Path, queries: Sequence[str]) -> None:
    """How the database compared, a command to go on with, and the one that ends what runs."""
    click.echo(f"{report.equal} of {len(report.tables)} tables equal")
    program = shlex.join([*_program(), "-C", str(target)])
    click.echo(f"next: {program} {f'sql @{queries[0]}' if queries else 'status'}")
    click.echo(f"      {program} down    (stops its database; any command starts it again)")


def _program() -> list[str]:
    """How this program was called, so that a printed command can be pasted."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "lakewright"]
    if shutil.which(called.name) == str(called.absolute()):
        return [called.name]
    return [os.path.relpath(called)]


COMMANDS: list[click.Command] = [demo]
