"""A document held against its model; every fault becomes one line with its place."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin

import pydantic
from pydantic_core import ErrorDetails

from lakewright.errors import ConfigError, together
from lakewright.model.names import did_you_mean
from lakewright.project.document import Document, KeyPath, dotted
from lakewright.project.group import Problem, Settings

S = TypeVar("S", bound=Settings)

_SETTINGS_HINT = "`lakewright config schema` prints every setting"


def check(document: Document, model: type[S]) -> S:
    """The document's settings; raises `ConfigError` for the first fault, with the others in its notes, one line each."""
    try:
        settings = model.model_validate(document.data if document.data is not None else {})
        errors = [_of_problem(document, problem) for problem in _problems(settings)]
    except pydantic.ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        # an unknown setting first: its misspelling is why another one is missing
        faults.sort(key=lambda fault: (fault["type"] != "extra_forbidden", document.line(fault["loc"])))
        errors = [_of_fault(document, model, fault) for fault in faults]
    if errors:
        raise together(errors)
    return settings


def _problems(settings: Settings) -> Iterator[Problem]:
    problems = getattr(settings, "problems", None)
    return iter(()) if problems is None else problems()


def _of_problem(document: Document, problem: Problem) -> ConfigError:
    message = f"{dotted(problem.path)}{_quoted(document, problem.path)}: {problem.message}"
    return ConfigError("LW-104", message, hint=problem.hint or _SETTINGS_HINT, where=document.where(problem.path))


def _of_fault(document: Document, model: type[Settings], fault: ErrorDetails) -> ConfigError:
    """One of pydantic's findings in our words; the value is quoted as written, never as replaced."""
    path, group, about = _place(model, fault["loc"])
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "union_tag_invalid":  # of a group with several kinds: the fault is the kind's
        path, kind, context = (*path, "kind"), "literal_error", {"expected": context["expected_tags"].replace(", ", " or ")}
    elif kind == "union_tag_not_found":
        path, kind = (*path, "kind"), "missing"
    hint, reason, where = _meaning(about), _reason(kind, context, fault["msg"]), document.where(path)
    if kind == "extra_forbidden":
        known = list(_fields(group))
        hint = did_you_mean(str(path[-1]), known) or _SETTINGS_HINT
        return ConfigError("LW-102", f"unknown setting {dotted(path)} (allowed: {', '.join(known)})", hint=hint, where=where)
    if kind == "missing":
        return ConfigError("LW-103", f"setting {dotted(path)} is missing", hint=hint, where=where)
    if "[key]" in fault["loc"]:
        return ConfigError("LW-104", f"{dotted(path)!r}: {reason}", hint="choose another name", where=where)
    message = f"{dotted(path) or 'the file'}{_quoted(document, path)}: {reason}"
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").split(" or ")
        hint = did_you_mean(document.written(path) or "", allowed) or hint
    return ConfigError("LW-104", message, hint=hint, where=where)


def _reason(kind: str, context: dict[str, Any], message: str) -> str:
    plain = {
        "literal_error": "not one of the allowed values ({expected})",
        "string_type": "not a text",
        "string_too_long": "longer than {max_length} characters",
        "string_pattern_mismatch": "does not match {pattern}",
        "int_type": "not a whole number",
        "float_type": "not a number",
        "list_type": "not a list",
        "dict_type": "not a group of settings",
        "model_type": "not a group of settings",
        "model_attributes_type": "not a group of settings",
        "too_short": "needs at least {min_length} item",
        "greater_than": "not greater than {gt}",
        "greater_than_equal": "less than {ge}",
        "less_than_equal": "greater than {le}",
    }
    return plain[kind].format(**context) if kind in plain else message


def _quoted(document: Document, path: KeyPath) -> str:
    written = document.written(path)
    return "" if written is None else f" {written!r}"


def _meaning(about: str | None) -> str:
    """What a setting means, in one sentence, and where more is said."""
    first = re.split(r"\.\s", f"{about or ''} ", maxsplit=1)[0].strip()
    return "; ".join(filter(None, (first.replace("\n", " ").replace("``", "`"), _SETTINGS_HINT)))


def _place(model: type[Settings], location: KeyPath) -> tuple[KeyPath, type[Settings], str | None]:
    """Where in the file a fault is, the settings of the group that it is in, and what the setting there means.

    pydantic's location also has the ``kind`` that a group with several kinds was taken for.
    """
    path: list[str | int] = []
    group, kind, about = model, cast(Any, model), None
    for part in location:
        if part == "[key]":
            continue
        if isinstance(kind, types.UnionType):
            kind = next(each for each in get_args(kind) if part in get_args(_fields(each)["kind"].annotation))
            continue
        path.append(part)
        if _is_settings(kind):
            group = kind
            field = _fields(kind).get(str(part))
            kind, about = (field.annotation, field.description) if field else (None, None)
        else:
            kind = next(reversed(get_args(kind)), None)
        kind = _plain(kind)
    return tuple(path), group, about


def _plain(kind: Any) -> Any:
    """A type without what is said about it, and without None."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if isinstance(kind, types.UnionType) and types.NoneType in get_args(kind):
        return get_args(kind)[0]
    return kind


def _is_settings(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Settings)


def _fields(model: type[Settings]) -> dict[str, pydantic.fields.FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}
