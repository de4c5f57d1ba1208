"""A YAML file as plain values that know their lines.

`read` takes the YAML that configuration needs: mappings, lists, and scalars read as YAML 1.2's core schema does (``no`` and
``12:30`` are text). A key that stands twice is an error, as are aliases, so that no small file grows in memory. In every
string ``${env:NAME}``, ``${env:NAME:-default}`` and ``${file:path}`` are replaced by what they name; `Document.written` still
has the text as it stands in the file, and that is what messages quote: a replaced value is never printed.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lakewright.errors import ConfigError, hide_password

MAX_FILE_BYTES = 1 << 20
MAX_DEPTH = 50

KeyPath = tuple[str | int, ...]
"""The way from the top of a file to a value: keys of mappings and indexes of lists."""

_YAML_HINT = 'indent with spaces, and quote a text that holds one of : # { } [ ] , & * as "${env:NAME}" does'

_QUOTED = re.compile(r"('.'|'<[^']*')| '[^']*'")
"""What PyYAML's words quote: what YAML itself has is one character, or stands in < >; all else is the file's."""

_REFERENCE = re.compile(r"\$\{(?P<body>[^{}]*)\}?")
_ENVIRONMENT = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Document:
    """``data`` is the file's content, ``lines`` the line of each value's key (or list item), counted from 1."""

    path: Path
    data: Any = dataclasses.field(repr=False)
    lines: Mapping[KeyPath, int]
    texts: Mapping[KeyPath, str] = dataclasses.field(repr=False)
    replaced: frozenset[KeyPath] = frozenset()

    def line(self, path: KeyPath) -> int:
        """The line of the value, or of the nearest one around it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def where(self, path: KeyPath) -> str:
        """``file:line`` of the value."""
        return f"{shown(self.path)}:{self.line(path)}"

    def written(self, path: KeyPath) -> str | None:
        """The scalar as it stands in the file, without a password; None for mappings, lists and what is not there."""
        return hide_password(self.texts[path]) if path in self.texts else None

    def with_defaults(self, path: KeyPath) -> str:
        """The text with each reference replaced by its default, or else by ``1``, which can be any part of a URL."""

        def default(match: re.Match[str]) -> str:
            variable = _ENVIRONMENT.fullmatch(match["body"])
            return (variable and variable["default"]) or "1"

        return _REFERENCE.sub(default, self.texts[path])


def read(path: Path, environment: Mapping[str, str] = os.environ) -> Document:
    """Read a YAML file; raises `ConfigError` with the line of the first fault."""
    text = _text(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{shown(path)}:{mark.line + 1 if mark else 1}"
        problem = _QUOTED.sub(r"\1", str(error.problem))
        raise ConfigError("LW-101", f"not valid YAML: {problem}", hint=_YAML_HINT, where=where) from None  # it quotes the line
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError("LW-101", f"not valid YAML: {type(error).__name__}", where=shown(path)) from None
    builder = _Builder(path, environment)
    data = builder.value(node, ()) if node is not None else None
    builder.lines.setdefault((), 1)
    return Document(path, data, builder.lines, builder.texts, frozenset(builder.replaced))


def shown(path: Path) -> str:
    """The path as messages print it: relative where it lies below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        hint = "`lakewright init FOLDER` writes a new folder"
        raise ConfigError("LW-107", f"cannot read {shown(path)}: {error.strerror}", hint=hint) from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError("LW-101", f"larger than {MAX_FILE_BYTES} bytes", where=shown(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("LW-101", "not UTF-8 text", hint="save the file as UTF-8", where=f"{shown(path)}:{line}") from error


class _Loader(yaml.SafeLoader):
    """PyYAML's loader with the scalar types of YAML 1.2's core schema in place of 1.1's."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]{1,18}$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)

_SCALARS: dict[str, Any] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
}


class _Builder:
    """Turns composed nodes into values, and notes each one's line and text."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self.environment = environment
        self.lines: dict[KeyPath, int] = {}
        self.texts: dict[KeyPath, str] = {}
        self.replaced: set[KeyPath] = set()
        self.seen: set[int] = set()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        """The node's value; `path` is where it stands."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.seen:
            raise ConfigError("LW-101", "an alias (`*name`) is not allowed", hint="write the value out", where=self.where(path))
        if len(path) > MAX_DEPTH:
            raise ConfigError("LW-101", f"nested deeper than {MAX_DEPTH} levels", where=self.where(path))
        self.seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self.scalar(str(node.tag), str(node.value), path)

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        """A mapping; its keys are text, each once."""
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError("LW-101", "a key must be a plain word", where=f"{shown(self.path)}:{line}")
            key = key_node.value
            if key in result:
                first = self.lines[(*path, key)]
                hint = f"it stands in line {first} already; keep one of them"
                raise ConfigError("LW-105", f"{dotted((*path, key))} stands twice", hint=hint, where=f"{shown(self.path)}:{line}")
            self.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result

    def scalar(self, tag: str, text: str, path: KeyPath) -> Any:
        """A scalar, with references replaced in text."""
        self.texts[path] = text
        if tag in _SCALARS:
            return _SCALARS[tag](text)
        if "${" not in text:
            return text
        self.replaced.add(path)
        return _REFERENCE.sub(lambda match: self.resolve(match, path), text)

    def resolve(self, match: re.Match[str], path: KeyPath) -> str:
        """What one ``${...}`` stands for."""
        body = match["body"]
        variable = _ENVIRONMENT.fullmatch(body)
        if variable and match[0].endswith("}"):
            name = variable["name"]
            value = self.environment.get(name) or variable["default"]
            if value is None:
                hint = f"set it, or write ${{env:{name}:-default}}"
                raise ConfigError("LW-106", f"environment variable {name} is not set", hint=hint, where=self.where(path))
            return value
        if body.startswith("file:") and len(body) > len("file:") and match[0].endswith("}"):
            return self.file(body.removeprefix("file:"), path)
        hint = "write ${env:NAME}, ${env:NAME:-default} or ${file:path}"
        raise ConfigError("LW-106", f"{hide_password(match[0])!r} is not a reference", hint=hint, where=self.where(path))

    def file(self, name: str, path: KeyPath) -> str:
        """The content of a file beside this one, without the line ends at its end."""
        try:
            with (self.path.parent / Path(name).expanduser()).open("rb") as file:
                return file.read(MAX_FILE_BYTES).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            hint = "the path is relative to the folder of the file that names it"
            raise ConfigError("LW-106", f"cannot read {name}: {reason}", hint=hint, where=self.where(path)) from error

    def where(self, path: KeyPath) -> str:
        """``file:line`` of a value."""
        return f"{shown(self.path)}:{self.lines[path]}"


def dotted(path: KeyPath) -> str:
    """A path as people write it: ``sources.shop.tables[0]``; of a URL in the place of a key no more than its scheme."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return hide_password(re.sub(r"://.*", "://***", text, flags=re.DOTALL))
