"""The `aws` and `terraform` commands that pages tell people to run, and what is wrong with them: against AWS's own models of its
services, and against the Terraform of infra/."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import botocore.exceptions
import botocore.loaders
from botocore import xform_name

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"

_BLOCK = re.compile(r"^ *```(?:console|bash|sh)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:aws|terraform) [^`\n]+)`")
_ANYWHERE = {"query", "output", "region", "profile", "no-cli-pager", "max-items", "page-size", "starting-token", "cli-input-json"}
"""Options of every command of the AWS CLI."""
_OWN = {  # commands that the AWS CLI has beside the services' operations
    ("s3", "ls"): {"recursive", "summarize", "human-readable"},
    ("s3", "cp"): {"recursive", "sse", "sse-kms-key-id"},
    ("s3", "rm"): {"recursive"},
    ("s3", "sync"): {"delete", "exclude", "include", "source-region", "dryrun"},
    ("logs", "tail"): {"since", "follow", "filter-pattern", "format", "log-stream-names"},
    ("dms", "wait"): {"filters"},
    ("rds", "wait"): {"db-instance-identifier"},
}
_TERRAFORM = {
    "init": {"backend-config", "migrate-state", "upgrade", "reconfigure", "plugin-dir"},
    "plan": {"out", "detailed-exitcode", "refresh-only", "target", "replace", "destroy", "var"},
    "apply": {"refresh-only", "target", "replace", "auto-approve", "var"},
    "destroy": {"target", "auto-approve", "var"},
    "output": {"raw", "json"},
    "import": set(),
    "state": set(),
    "force-unlock": {"force"},
    "fmt": {"check", "recursive"},
    "test": set(),
    "validate": set(),
    "providers": set(),
}


class Command(NamedTuple):
    """One command of a page; a `whole` one stands in a block of commands, the others are named in a sentence."""

    page: str
    text: str
    words: list[str]
    is_whole: bool


def commands(page: Path) -> Iterator[Command]:
    """The commands of a page in which output, comments and shell around them are left out."""
    text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
    for block in _BLOCK.findall(text):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            yield from _of_line(name, line.strip().removeprefix("$ "), is_whole=True)
    for inline in _INLINE.findall(text):
        yield from _of_line(name, inline, is_whole=False)


def _of_line(page: str, line: str, *, is_whole: bool) -> Iterator[Command]:
    """The commands of a line of shell, those in ``$(...)`` and behind pipes too."""
    for text in [re.sub(r"\$\([^()]*\)", "INNER", line), *re.findall(r"\$\(([^()]*)\)", line)]:
        for part in re.split(r"\s(?:&&|\||>)\s", text):
            if part.startswith(("aws ", "terraform ")):
                yield Command(page, part, shlex.split(part, comments=True), is_whole)


def faults(command: Command) -> Iterator[str]:
    """What is wrong with a command, each with its page."""
    check = {"aws": _aws, "terraform": _terraform}[command.words[0]]
    yield from (f"{command.page}: {command.text}: {fault}" for fault in check(command))


class Operation(NamedTuple):
    """What an operation takes: options with their shapes, those it needs, how the API calls them; and all shapes there are."""

    options: dict[str, str]
    needed: set[str]
    names: dict[str, str]
    shapes: dict[str, Any]


@functools.cache
def _service(name: str) -> dict[str, Operation] | None:
    try:
        model: dict[str, Any] = botocore.loaders.Loader().load_service_model(name, "service-2")
    except botocore.exceptions.UnknownServiceError:
        return None
    return {xform_name(name, "-"): _operation(model, operation) for name, operation in model["operations"].items()}


def _operation(model: dict[str, Any], operation: dict[str, Any]) -> Operation:
    shape = model["shapes"][operation["input"]["shape"]] if "input" in operation else {}
    names = {xform_name(name, "-"): name for name in shape.get("members", {})}
    options = {option: shape["members"][name]["shape"] for option, name in names.items()}
    return Operation(options, {xform_name(name, "-") for name in shape.get("required", [])}, names, model["shapes"])


def _values(words: list[str]) -> dict[str, list[str]]:
    """Options with the words that follow each."""
    values: dict[str, list[str]] = {}
    name = None
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            values[name] = [value] if equals else []
        elif name is not None:
            values[name].append(word)
    return values


def _aws(command: Command) -> Iterator[str]:
    if len(command.words) < 3:
        yield "no operation"
        return
    service, operation = command.words[1:3]
    given = {name: words for name, words in _values(command.words[3:]).items() if name not in _ANYWHERE}
    if (service, operation) in _OWN:
        yield from (f"no option --{name}" for name in given if name not in _OWN[service, operation])
        return
    operations = _service("s3" if service == "s3api" else service)
    if operations is None or operation not in operations:
        yield f"AWS has no {service} {operation}"
        return
    options, needed, _, shapes = operations[operation]
    negated = {f"no-{name}" for name, shape in options.items() if shapes[shape]["type"] == "boolean"}
    yield from (f"no option --{name}" for name in given if name not in options and name not in negated)
    for name in given.keys() & options.keys():
        yield from (f"--{name}: {fault}" for word in given[name] for fault in _of_value(shapes, options[name], word))
    if command.is_whole and "cli-input-json" not in command.text:
        yield from (f"--{name} is missing" for name in sorted(needed - given.keys()))


def _of_value(shapes: dict[str, Any], shape: str, word: str) -> Iterator[str]:
    """A word that is none of the values of a shape, or a ``Key=value,...`` with a key that it does not have or lacks."""
    kind = shapes[shape]
    if kind["type"] == "list":
        kind = shapes[kind["member"]["shape"]]
    if kind["type"] == "string" and "enum" in kind and not word.isupper() and word not in kind["enum"]:
        yield f"{word} is none of {', '.join(kind['enum'])}"
    if kind["type"] == "structure" and not word.startswith("file://"):
        keys = set(re.findall(r"(?:^|,)(\w+)=", word))
        yield from (f"no key {key}" for key in sorted(keys - kind["members"].keys()))
        yield from (f"{key}= is missing" for key in sorted(set(kind.get("required", [])) - keys))


def call(command: Command, files: dict[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """Service, method and parameters of a command as boto3 takes them; None for what the CLI has beside the services' operations.

    `files` has what stands in the files that it names.
    """
    service, operation = command.words[1:3]
    service = "s3" if service == "s3api" else service
    known = _service(service)
    if known is None or operation not in known:
        return None
    options, _, names, shapes = known[operation]
    given = {name: words for name, words in _values(command.words[3:]).items() if name in options}
    parameters = {names[name]: _parsed(shapes, options[name], words, files) for name, words in given.items()}
    return service, operation.replace("-", "_"), parameters


def _parsed(shapes: dict[str, Any], shape: str, words: list[str], files: dict[str, Any]) -> Any:
    """The words of an option as a value of its shape: ``A=1,B=2`` is a structure, several words are a list."""
    kind = shapes[shape]
    if words and words[0] in files:
        return files[words[0]]
    if kind["type"] == "list":
        return [_parsed(shapes, kind["member"]["shape"], [word], files) for word in words]
    if kind["type"] == "structure":
        pairs = [part.partition("=") for part in re.split(r",(?=\w+=)", words[0])]
        return {key: _parsed(shapes, kind["members"][key]["shape"], value.split(","), files) for key, _, value in pairs}
    if kind["type"] == "boolean":
        return True
    return int(words[0]) if kind["type"] in ("integer", "long") else words[0]


def _terraform(command: Command) -> Iterator[str]:
    words = [word for word in command.words[1:] if not word.startswith("-chdir=")]
    if not words or words[0] not in _TERRAFORM:
        yield f"terraform has no {words[:1]}"
        return
    flags = {word.lstrip("-").partition("=")[0] for word in words[1:] if word.startswith("-")}
    yield from (f"no option -{flag}" for flag in flags - _TERRAFORM[words[0]])
    values = [word.partition("=")[2] if word.startswith(("-target=", "-replace=")) else word for word in words[1:]]
    yield from (f"no {value} in infra/" for value in values if value.startswith("module.") and not _exists(value))
    if words[0] == "output":
        names = [word for word in words[1:] if not word.startswith("-")]
        yield from (f"no root has an output {name}" for name in names if name not in _outputs())


@functools.cache
def _outputs() -> frozenset[str]:
    files = [*INFRA.glob("live/*/*/*.tf"), *INFRA.glob("bootstrap/*.tf")]
    return frozenset(name for file in files for name in re.findall(r'^output "(\w+)"', file.read_text(), re.MULTILINE))


def _exists(address: str) -> bool:
    """Whether a resource stands where an address of an environment's root says, whatever its keys."""
    parts = re.sub(r"\[[^\]]*\]", "", address).split(".")
    folders = list(INFRA.glob("live/*/*/"))
    while parts[:1] == ["module"] and len(parts) > 1:
        calls = [re.search(rf'module "{parts[1]}" {{\s+source\s+= "([^"]+)"', text) for text in map(_text, folders)]
        folders = [folder / call[1] for folder, call in zip(folders, calls, strict=True) if call]
        parts = parts[2:]
    return bool(folders) and (not parts or any(f'resource "{parts[0]}" "{parts[1]}"' in _text(folder) for folder in folders))


@functools.cache
def _text(folder: Path) -> str:
    return "".join(file.read_text() for file in sorted(folder.glob("*.tf")))
