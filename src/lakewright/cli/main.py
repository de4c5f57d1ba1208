"""`lakewright`: its commands, and what becomes of an error.

Exit codes: 0 done; 1 an error; 2 the command line is wrong; 3 looked and found something: `check` a difference, `plan` a change
to make, `doctor` or `verify` a fault, `cost` a budget that is too small; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import click

from lakewright import __version__
from lakewright.cli import console, cost, demo, deploy, flow, look, quarantine, reference, services, setup
from lakewright.cli.command import Group
from lakewright.cli.session import Session
from lakewright.errors import ConfigError, unexpected

WRONG_USE = 2
INTERRUPTED = 130


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, message="%(version)s")
def lakewright() -> None:
    """PostgreSQL databases and folders of files as a queryable Hudi lakehouse, correct after every crash."""


lakewright.add_section("Begin", [*setup.COMMANDS, *demo.COMMANDS])
lakewright.add_section("Move data", flow.COMMANDS)
lakewright.add_section("Look", look.COMMANDS)
lakewright.add_section("Care for tables", services.COMMANDS)
lakewright.add_section("Files", quarantine.COMMANDS)
lakewright.add_section("Deploy", [*deploy.COMMANDS, *cost.COMMANDS])
lakewright.add_section("Know more", reference.COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. No known fault prints a trace unless asked for with --debug."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # JSON is UTF-8 wherever it is printed
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    session = Session(json="--json" in arguments, debug="--debug" in arguments)
    try:
        code = _run(arguments, session)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the interpreter's last flush is quiet too
        return 0
    except (KeyboardInterrupt, click.Abort):
        console.say("interrupted")
        return INTERRUPTED
    except Exception as error:
        known = unexpected(error)
        console.report(known, as_json=session.json, debug=session.debug)
        return console.exit_code(known)


def _run(arguments: list[str], session: Session) -> int:
    """Parse the command line and run its command."""
    try:
        with lakewright.make_context("lakewright", arguments, obj=session) as context:
            lakewright.invoke(context)
        return 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USE
    except click.ClickException as error:
        console.report(_usage(error), as_json=session.json, debug=session.debug)
        return WRONG_USE


def _usage(error: click.ClickException) -> ConfigError:
    """click's complaint in our form."""
    text = error.format_message().rstrip(".")
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "lakewright"
    return ConfigError("LW-130", text[:1].lower() + text[1:], hint=f"`{path} --help`")
