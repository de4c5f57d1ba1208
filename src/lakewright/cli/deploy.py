"""The commands for the lake on AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakewright.cli.command import Command, Group, pass_session, returns
from lakewright.cli.session import Session
from lakewright.cli.setup import show_findings
from lakewright.model.printable import printable
from lakewright.model.times import utc_now

if TYPE_CHECKING:
    from lakewright.deploy.check import Checked
    from lakewright.deploy.outputs import Outputs
    from lakewright.deploy.plan import Planned
    from lakewright.deploy.render import Rendered


@click.group(cls=Group)
def deploy() -> None:
    """The lake on AWS, by Terraform: what it takes, what it would do, what came of it."""


@deploy.command(cls=Command)
@click.argument("environments", metavar="[ENV]...", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; exit code 3 where a file is not what lake.yaml says.")
@pass_session
@returns("lakewright.deploy.render:Rendered")
def render(session: Session, environments: tuple[str, ...], check: bool) -> None:
    """Write what Terraform takes of lake.yaml, for each ENV (default: all), into the folders of its roots.

    The files are committed beside the Terraform that takes them. They are never edited: lake.yaml is.
    """
    from lakewright.deploy.render import render, require_current
    from lakewright.deploy.target import targets

    rendered = render(targets(session.project(), environments), write=not check)
    session.show(rendered, lambda: _rendered(session, rendered, check))
    if check:
        require_current(rendered)


@deploy.command(cls=Command)
@click.argument("environment", metavar="ENV")
@pass_session
@returns("lakewright.deploy.check:Checked")
def check(session: Session, environment: str) -> None:
    """Look whether ENV can be made on AWS; exit code 3 where something is in the way.

    Looks at names and limits, rendered files, versions, variables that nobody gave, the database where it is reached, the
    account, and tables that Athena or DMS cannot take. Then lists by table what DMS gives otherwise than a capture by
    Lakewright, and what to do about it.
    """
    from lakewright.deploy.check import check
    from lakewright.deploy.target import target

    checked = check(target(session.project(), environment), utc_now().date())
    session.show(checked, lambda: _checked(checked))
    if not all(finding.ok for finding in checked.findings):
        raise click.exceptions.Exit(3)


@deploy.command(cls=Command)
@click.argument("environment", metavar="ENV")
@pass_session
@returns("lakewright.deploy.plan:Planned")
def plan(session: Session, environment: str) -> None:
    """What `terraform apply` would do to ENV, in words; exit code 3 where there is something to do.

    Tells what would be made, changed, replaced and removed, and first of all what of it cannot be undone. The plan is kept, and
    the command that is printed does exactly that. Terraform 1.11 is needed, and a root that `terraform init` was run in.
    """
    from lakewright.deploy.plan import plan
    from lakewright.deploy.target import target

    planned = plan(target(session.project(), environment))
    session.show(planned, lambda: _planned(session, planned))
    if planned.apply is not None:
        raise click.exceptions.Exit(3)


@deploy.command(cls=Command)
@click.argument("environment", metavar="ENV")
@pass_session
@returns("lakewright.deploy.outputs:Outputs")
def outputs(session: Session, environment: str) -> None:
    """Where everything of ENV is, and the commands to start it and to look at it."""
    from lakewright.deploy.outputs import outputs
    from lakewright.deploy.target import target

    found = outputs(target(session.project(), environment))
    session.show(found, lambda: _outputs(found))


def _planned(session: Session, planned: Planned) -> None:
    """What cannot be undone, the other changes, then what is new."""
    for change in planned.changes:
        settings = f" ({', '.join(change.settings)})" if change.settings else ""
        click.echo(printable(f"{'LOST ' if change.lost else '     '} {change.action:<7} {change.address}{settings}"))
        if change.lost:
            click.echo(printable(f"        cannot be undone: {change.lost}"))
    for kind, count in planned.makes.items():
        click.echo(f"      make    {count} {kind}")
    session.say("nothing to do" if planned.apply is None else f"do it: {planned.apply}")


def _outputs(found: Outputs) -> None:
    """Each output's values, then each command under what it is for."""
    for name, value in found.outputs.items():
        for key, item in value.items() if isinstance(value, dict) else [("", value)]:
            for inner, text in item.items() if isinstance(item, dict) else [("", item)]:
                click.echo(printable(f"{'.'.join(filter(None, (name, key, inner)))}: {text}"))
    for step in found.commands:
        click.echo(f"\n# {printable(step.what)}\n{printable(step.command)}")


def _checked(checked: Checked) -> None:
    """A line for each finding, then for each table what differs."""
    show_findings(checked.findings)
    for loss in checked.losses:
        columns = f" ({', '.join(loss.columns)})" if loss.columns else ""
        click.echo(printable(f"DIFFERS {loss.table}{columns}: {loss.detail}"))
        click.echo(f"      mend: {loss.mend}")


def _rendered(session: Session, rendered: Rendered, check: bool) -> None:
    """A line for each file that is not as it was, and below it the lines that differ."""
    for found in rendered.differences:
        click.echo(printable(f"{found.kind:<8} {found.file}"))
        for line in found.lines if check else ():
            click.echo(printable(f"    {line}"))
    for left in rendered.left_out:
        session.say(f"left out: {left.name}: {left.reason}")
    what = "differ" if check else "written"
    session.say(f"{len(rendered.files)} files of {', '.join(rendered.environments)}, {len(rendered.differences)} {what}")


@deploy.command(cls=Command)
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@pass_session
@returns("lakewright.deploy.bundle:Packed")
def package(session: Session, target: Path) -> None:
    """Write what the job on Glue runs into the folder TARGET: its script and its packages.

    pip gets the packages once, for Glue's Python and platform; they are the same each time.
    """
    from lakewright.deploy.bundle import package

    packed = package(target)
    session.show(packed, lambda: click.echo("\n".join(map(printable, (packed.script, packed.packages)))))


COMMANDS: list[click.Command] = [deploy]
