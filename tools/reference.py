"""The pages of docs/reference, made from the code: commands, settings, error codes, and the JSON that commands print."""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

import click
import pydantic

from lakewright.cli import main as cli
from lakewright.cli.codes import pages
from lakewright.cli.command import shared_options
from lakewright.demo.settings import Demo
from lakewright.errors import LakewrightError
from lakewright.project.datasets import DatasetSettings
from lakewright.project.group import Settings
from lakewright.project.spec import LakeSettings

_MADE = "<!-- Made by `make docs`; do not edit. -->\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command under its full name, such as ``config show``."""
    for name, command in cli.lakewright.commands.items():
        inner = command.commands.items() if isinstance(command, click.Group) else ()
        if not inner or command.invoke_without_command:
            yield name, command
        yield from ((f"{name} {sub}", item) for sub, item in inner)


def commands_page() -> str:
    """What every command does and takes."""
    shared = {option.name for option in shared_options()}
    lines = [_MADE, "# Commands\n", _text(cli.lakewright.help), "\n## Options of every command\n"]
    lines += ["They may stand before or behind the command's name.\n", *_options(shared_options())]
    lines += ["\n## Exit codes\n", "| code | meaning |", "|---|---|"]
    codes = _text(cli.__doc__).partition("Exit codes: ")[2].rstrip(".").split("; ")
    lines += [f"| {code.split(' ', 1)[0]} | {code.split(' ', 1)[1]} |" for code in codes]
    for name, command in commands():
        arguments = " ".join(p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument))
        lines += [f"\n## {name}\n", f"`lakewright {name} {arguments}".rstrip() + "`\n", _paragraphs(command.help)]
        own = [parameter for parameter in command.params if parameter.name not in shared]
        lines += ["", *_options(own)] if any(isinstance(parameter, click.Option) for parameter in own) else []
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Every setting of lake.yaml, datasets/NAME.yaml and demo.yaml."""
    lines = [_MADE, "# Settings\n", "`lakewright config schema` prints the same for editors. In every text `${env:NAME}`,"]
    lines += ["`${env:NAME:-default}` and `${file:path}` stand for the environment's or a file's value.\n", "## lake.yaml\n"]
    lines += [
        *_settings(LakeSettings),
        "\n## datasets/NAME.yaml\n",
        "How the files of a dataset are read; inferred from the first one, then kept, and yours to correct.\n",
        *_settings(DatasetSettings),
        "\n## demo.yaml\n",
        _text(Demo.__doc__) + "\n",
        *_settings(Demo),
    ]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Every error code."""
    lines = [_MADE, "# Error codes\n", "`lakewright explain CODE` prints the same."]
    for page in pages().values():
        lines += [f"\n## {page.code}\n", f"**{page.title}.** {page.meaning}\n", f"What to do: {page.mend}"]
    return "\n".join(lines) + "\n"


def json_page() -> str:
    """The contract of --json: for every command what it prints, and the fields of each kind of object."""
    kinds: dict[str, type] = {}
    lines = [_MADE, "# JSON output\n", _CONTRACT, "## Commands\n", "| command | stdout |", "|---|---|"]
    for name, command in commands():
        returned = getattr(command.callback, "returns", None)
        if returned == "rows":
            lines.append(f"| `{name}` | a list of objects, one for each row, named by column |")
        elif returned:
            lines.append(f"| `{name}` | {' or '.join(_returned(part, kinds) for part in returned.split())} |")
    lines += ["\n## Objects"]
    shown: set[str] = set()
    while rest := sorted(set(kinds) - shown):
        shown.add(rest[0])
        lines += _object(kinds[rest[0]], kinds)
    return "\n".join(lines) + "\n"


_CONTRACT = """With `--json` a command prints one JSON document on stdout, and no talk on stderr. Fields may be added in a later
version; none is renamed or removed, and none changes its meaning.

Times are ISO 8601 in UTC. A decimal, a position and a name are text, bytes are base64 text, a number that is not finite is null.
`up` prints one object a line, as things happen; `status --watch` one document a line.

What ends a command is one line on stderr, `{"error": {...}}`, and an exit code that is not 0. An error object has `code`,
`message`, `where` and `hint` (null where there is none), `also`, a list of texts with further faults, and where SQL is wrong
`excerpt`, the line and carets below it.
"""


def _returned(text: str, kinds: dict[str, type]) -> str:
    name, _, path = text.rpartition("=")
    module, _, attribute = path.partition(":")
    shape = _type(getattr(importlib.import_module(module), attribute), kinds)
    return f'`{{"{name}": [...]}}`, a list of {shape}' if name else shape


def _object(kind: type, kinds: dict[str, type]) -> list[str]:
    hints = typing.get_type_hints(kind)
    lines = [f"\n### {kind.__name__}\n", _text(kind.__doc__) + "\n", "| field | value |", "|---|---|"]
    return lines + [f"| `{field.name}` | {_type(hints[field.name], kinds)} |" for field in dataclasses.fields(kind)]


def _type(kind: Any, kinds: dict[str, type]) -> str:
    """How a Python type appears in JSON; dataclasses are noted in `kinds` and linked."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join("null" if part is type(None) else _type(part, kinds) for part in arguments)
    if origin in (list, tuple, set, frozenset) or (origin is not None and issubclass(origin, Sequence)):
        inner = [part for part in arguments if part is not Ellipsis]
        return f"a list of {' and '.join(dict.fromkeys(_type(part, kinds) for part in inner))}"
    if origin is not None and issubclass(origin, Mapping):
        return f"an object; its values: {_type(arguments[1], kinds)}"
    if dataclasses.is_dataclass(kind):
        kinds[kind.__name__] = kind  # type: ignore[assignment]  # an instance is never passed
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    if isinstance(kind, type) and issubclass(kind, LakewrightError):
        return "an error object"
    names = {bool: "true or false", int: "a whole number", float: "a number", datetime.datetime: "a time", Any: "any value"}
    return names.get(kind, "text")


def _settings(model: type[Settings], prefix: str = "") -> list[str]:
    """A group of settings as a table, then the groups in it."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    inner: list[str] = []
    for name, field in ((field.alias or name, field) for name, field in model.model_fields.items()):
        groups, path = _groups(field.annotation), prefix + name
        default = "" if field.is_required() else "none" if field.default is None else f"`{_default(model, name, field)}`"
        lines.append(f"| `{path}` | {'required' if field.is_required() else default} | {_text(field.description)} |")
        for group in groups:
            kind = f" of kind `{_kind(group)}`" if len(groups) > 1 else ""
            inner += [f"\n### `{path}{_many(field.annotation)}`{kind}\n", _text(group.__doc__) + "\n"]
            inner += _settings(group, f"{path}{_many(field.annotation)}.")
    return lines + inner


def _default(model: type[Settings], name: str, field: pydantic.fields.FieldInfo) -> str:
    properties = model.model_json_schema(by_alias=True)["properties"][name]
    value = properties.get("default", field.default)
    return "{}" if isinstance(field.default, pydantic.BaseModel) else str(value).replace("'", '"')


def _many(kind: Any) -> str:
    return {dict: ".<name>", list: "[]"}.get(get_origin(kind), "")


def _groups(kind: Any) -> list[type[Settings]]:
    """The settings inside a setting: itself, or the values of a mapping or list; one for each kind that they may be of."""
    while get_origin(kind) in (dict, list, Annotated):
        kind = get_args(kind)[-1] if get_origin(kind) is dict else get_args(kind)[0]
    kinds = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return [each for each in kinds if isinstance(each, type) and issubclass(each, Settings)]


def _kind(group: type[Settings]) -> str:
    return str(get_args(group.model_fields["kind"].annotation)[0])


def _options(parameters: list[click.Parameter]) -> list[str]:
    lines = ["| option | meaning |", "|---|---|"]
    for option in parameters:
        if isinstance(option, click.Option) and (record := option.get_help_record(click.Context(click.Command("x")))):
            lines.append(f"| `{record[0].replace('|', ' or ')}` | {record[1].replace('|', ' or ')} |")
    return lines


def _text(text: str | None) -> str:
    """A docstring as one paragraph of Markdown, for a cell or a page."""
    return " ".join(inspect.cleandoc(text or "").replace("``", "`").split())


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(_text(part) for part in inspect.cleandoc(text or "").split("\n\n"))


PAGES = {"commands.md": commands_page, "settings.md": settings_page, "errors.md": errors_page, "json.md": json_page}
"""The pages of docs/reference and what makes each."""
