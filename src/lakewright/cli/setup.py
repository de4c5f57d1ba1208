"""Commands around a lake: init, doctor, plan, apply, demo, config, explain."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from lakewright.cli import codes, output
from lakewright.cli.session import Command, Group, Session, pass_session, returns


@click.command(cls=Command)
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@pass_session
@returns("files=builtins:str")
def init(session: Session, target: Path) -> None:
    """Write a new lake's FOLDER: lake.yaml, a saved query, completion of settings in editors."""
    from lakewright.project.scaffold import scaffold

    files = scaffold(target)
    if session.json:
        output.show_json({"files": [str(file) for file in files]})
        return
    for file in files:
        session.say(f"wrote {file}")
    steps = ["cd " + str(target), "lakewright doctor", "lakewright up", "lakewright sql @hello"]
    session.say("next:")
    for number, step in enumerate(steps, 1):
        session.say(f"  {number}. {step}")


@click.command(cls=Command)
@pass_session
@returns("findings=lakewright.model.finding:Finding")
def doctor(session: Session) -> None:
    """Look whether capture will work, and print what mends each fault; exit code 3 where there is one."""
    with session.lake() as lake:
        findings = lake.doctor()
    if session.json:
        output.show_json({"findings": findings})
    else:
        for finding in findings:
            click.echo(f"{'ok   ' if finding.ok else 'FAULT'} {finding.name}: {finding.detail}")
            if not finding.ok and finding.mend:
                click.echo(f"      mend: {finding.mend}")
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
    session.say("nothing to change")


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


@click.group(cls=Group)
def config() -> None:
    """Look at lake.yaml."""


@config.command("schema")
@pass_session
def config_schema(session: Session) -> None:
    """The JSON Schema of lake.yaml, for editors."""
    from lakewright.project.project import schema_text
    from lakewright.project.spec import json_schema

    click.echo(schema_text(json_schema()), nl=False)


@config.command("show")
@pass_session
def config_show(session: Session) -> None:
    """Every setting with its value, defaults too; values from ${...} and passwords are not printed."""
    import yaml

    settings = session.project().effective()
    if session.json:
        output.show_json(settings)
    else:
        click.echo(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), nl=False)


@click.command(cls=Command)
@click.argument("code", required=False)
@pass_session
@returns("codes=lakewright.cli.codes:Page")
def explain(session: Session, code: str | None) -> None:
    """What an error CODE means and what mends it; all codes without one."""
    found = [codes.page(code)] if code else list(codes.pages().values())
    if session.json:
        output.show_json({"codes": found})
    elif code:
        page = found[0]
        click.echo(f"{page.code}  {page.title}\n\n{page.meaning}\n\nWhat to do: {page.mend}")
    else:
        for page in found:
            click.echo(f"{page.code}  {page.title}")


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
    if session.json:
        output.show_json({"checks": reports})
    else:
        click.echo(f"{reports[-1].equal} of {len(reports[-1].tables)} tables equal")
        program = shlex.join([*_program(), "-C", str(target)])
        click.echo(f"next: {program} sql @{settings.queries[0]}" if settings.queries else f"next: {program} status")
    if not all(report.passed for report in reports):
        raise click.exceptions.Exit(3)


def _program() -> list[str]:
    """How this program was called, so that a printed command can be pasted."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "lakewright"]
    if shutil.which(called.name) == str(called.absolute()):
        return [called.name]
    return [os.path.relpath(called)]


COMMANDS: list[click.Command] = [init, doctor, plan, apply, demo]
CONFIGURATION: list[click.Command] = [config, explain]
