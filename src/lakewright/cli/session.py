"""What every command shares: the options that may stand anywhere, the folder, the lake, the way results are printed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lakewright.cli import console

if TYPE_CHECKING:
    from lakewright.pipeline.lake import Lake
    from lakewright.pipeline.steps import Notice
    from lakewright.project import Project

F = TypeVar("F", bound=Callable[..., Any])


@dataclasses.dataclass
class Session:
    """One call of `lakewright`: what the shared options say, and what commands do with it."""

    folder: Path | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False
    log_format: str = "text"

    def root(self) -> Path:
        """The lake's folder: the one that -C names, else the nearest one at or above the current folder."""
        from lakewright.project import find

        return self.folder if self.folder is not None else find(Path.cwd())

    def project(self) -> Project:
        """The folder's settings."""
        from lakewright.project import open_project

        return open_project(self.root())

    @contextlib.contextmanager
    def lake(self) -> Iterator[Lake]:
        """The lake, closed at the end."""
        root = self.root()
        from lakewright.observe import log
        from lakewright.pipeline.lake import Lake

        form: log.Format = "json" if self.json or self.log_format == "json" else "text"
        log.configure(form, color=console.has_color(), quiet=self.quiet)
        with Lake.open(root) as lake:
            yield lake

    @property
    def is_silent(self) -> bool:
        """Whether to leave out all talk but errors."""
        return self.quiet or self.json

    def say(self, text: str) -> None:
        """A line of talk on stderr, unless told to be quiet."""
        if not self.is_silent:
            console.say(text)

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[Notice]:
        """A function to call with each step that was done."""
        with console.progress(title, quiet=self.is_silent) as notice:
            yield notice

    def show(self, value: Any) -> None:
        """A command's result on stdout."""
        from lakewright.cli import output

        (output.show_json if self.json else output.show)(value)

    def show_list(self, name: str, records: Sequence[Any], empty: str) -> None:
        """A list as a command's result: ``{"name": [...]}`` or a table, or the talk `empty` where there is nothing in it."""
        from lakewright.cli import output

        if self.json:
            output.show_json({name: list(records)})
        elif records:
            output.show_records(records)
        else:
            self.say(empty)


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
