"""Commands as click has them, with the options that may stand anywhere and what each prints with --json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from lakewright.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])

pass_session = click.make_pass_decorator(Session, ensure=True)


def returns(kind: str) -> Callable[[F], F]:
    """Say what a command prints with --json: ``module:Class``, or ``name=module:Class`` for an object with one list.

    The reference page of the JSON contract is made from it.
    """

    def mark(function: F) -> F:
        function.__dict__["returns"] = kind
        return function

    return mark


class Command(click.Command):
    """A command that takes the shared options too."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += shared_options()


class Group(click.Group):
    """A group whose help lists its commands under headings, in the order they were added."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += shared_options()
        self.sections: dict[str, list[str]] = {}

    def add_section(self, title: str, commands: Sequence[click.Command]) -> None:
        """Add commands under a heading."""
        for command in commands:
            self.add_command(command)
        self.sections[title] = [str(command.name) for command in commands]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their one-line help, under their headings."""
        width = max(len(name) for name in self.commands)
        for title, names in (self.sections or {"Commands": list(self.commands)}).items():
            with formatter.section(title):
                rows = [(name.ljust(width), self.commands[name].get_short_help_str(100)) for name in names]
                formatter.write_dl(rows)


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        setattr(context.ensure_object(Session), str(parameter.name), value)


def shared_options() -> list[click.Parameter]:
    """Options that may stand before or behind the command's name."""

    def option(*names: str, **settings: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_store, is_eager=True, **settings)

    folder = click.Path(path_type=Path, file_okay=False)
    return [
        option("-C", "--folder", type=folder, help="The lake's folder (default: the nearest one with a lake.yaml)."),
        option("--json", is_flag=True, help="Print the result as JSON (and an error too)."),
        option("--quiet", "-q", is_flag=True, help="No talk on stderr but errors."),
        option("--debug", is_flag=True, help="Print the trace of an error."),
        option("--log-format", type=click.Choice(["text", "json"]), help="How `up` writes its log on stderr (default: text)."),
    ]
