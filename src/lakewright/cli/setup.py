"""Commands that begin a lake: init, doctor, plan, apply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lakewright.cli.command import Command, pass_session, returns
from lakewright.cli.session import Session
from lakewright.model.finding import Finding
from lakewright.model.printable import printable


@click.command(cls=Command)
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@pass_session
@returns("files=builtins:str")
def init(session: Session, target: Path) -> None:
    """Write a new lake's FOLDER: lake.yaml, a saved query, completion of settings in editors."""
    from lakewright.project.scaffold import scaffold

    files = scaffold(target)
    session.show({"files": [str(file) for file in files]}, lambda: _written(session, target, files))


@click.command(cls=Command)
@pass_session
@returns("findings=lakewright.model.finding:Finding")
def doctor(session: Session) -> None:
    """Look whether capture will work, and print what mends each fault; exit code 3 where there is one."""
    with session.lake() as lake:
        findings = lake.doctor()
    session.show({"findings": findings}, lambda: show_findings(findings))
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(3)


@click.command(cls=Command)
@pass_session
@returns("lakewright.pipeline.plan:Plan")
def plan(session: Session) -> None:
    """What `apply` would change, and what deserves a look; exit code 3 where there are changes to make."""
    with session.lake() as lake:
        planned = lake.plan()
    session.show(planned)
    if planned.changes:
        raise click.exceptions.Exit(3)
    session.say("nothing to apply")


@click.command(cls=Command)
@pass_session
@returns("lakewright.pipeline.plan:Plan")
def apply(session: Session) -> None:
    """Make the publications that lake.yaml asks for; the slot comes with the first load."""
    with session.lake() as lake:
        done = lake.apply()
    session.show(done)
    if not done.changes:
        session.say("nothing to change")


def _written(session: Session, target: Path, files: Sequence[Path]) -> None:
    """The files of a new lake, and the commands that come next."""
    for file in files:
        session.say(f"wrote {file}")
    steps = ["cd " + str(target), "lakewright doctor", "lakewright up", "lakewright sql @hello"]
    session.say("next:")
    for number, step in enumerate(steps, 1):
        session.say(f"  {number}. {step}")


def show_findings(findings: Sequence[Finding]) -> None:
    """A line for each finding, with what mends a fault below it."""
    for finding in findings:
        click.echo(printable(f"{'ok   ' if finding.ok else 'FAULT'} {finding.name}: {finding.detail}"))
        if not finding.ok and finding.mend:
            click.echo(f"      mend: {finding.mend}")


COMMANDS: list[click.Command] = [init, doctor, plan, apply]
