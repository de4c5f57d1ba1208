"""The macros of ``macros.sql``: what each takes and uses, so that a statement has only those made that it needs.

Making all of them takes DuckDB longer than most statements.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import re
from collections.abc import Iterator, Mapping

SCHEMAS = "CREATE SCHEMA IF NOT EXISTS athena; CREATE SCHEMA IF NOT EXISTS translation"
_STATEMENT = re.compile(r"^CREATE OR REPLACE MACRO ([a-z_0-9.]+)(\(.*?);$", re.MULTILINE | re.DOTALL)
_USED = re.compile(r"\b(?:athena|translation)\.[a-z_0-9]+", re.IGNORECASE)
_TEXT = re.compile(r"'(?:[^']|'')*'")


@dataclasses.dataclass(frozen=True)
class Macro:
    """A macro: its name with its schema, the statement that makes it, its numbers of arguments, the macros its body names."""

    name: str
    statement: str
    arities: frozenset[int]
    uses: frozenset[str]


def source() -> str:
    """The text of ``macros.sql``."""
    return importlib.resources.files(__package__).joinpath("macros.sql").read_text(encoding="utf-8")


@functools.cache
def macros() -> Mapping[str, Macro]:
    """All macros by name, each after those it uses."""
    return {
        found[1]: Macro(found[1], found[0], frozenset(_arities(found[2])), frozenset(_names(found[2])))
        for found in _STATEMENT.finditer(source())
    }


@functools.cache
def callable_arities() -> Mapping[str, frozenset[int]]:
    """The functions that a user's statement may call, those of schema athena: their numbers of arguments by bare name."""
    return {name.removeprefix("athena."): macro.arities for name, macro in macros().items() if name.startswith("athena.")}


def needed(sql: str) -> list[Macro]:
    """The macros that a statement of DuckDB names, and those that they use, in the order in which they can be made."""
    wanted, following = set[str](), _names(sql)
    while following := {name for name in following if name in macros()} - wanted:
        wanted |= following
        following = {used for name in following for used in macros()[name].uses}
    return [macro for name, macro in macros().items() if name in wanted]


def _names(sql: str) -> set[str]:
    return {found.lower() for found in _USED.findall(sql)}


def _arities(definition: str) -> Iterator[int]:
    """The numbers of parameters of ``(a, b) AS body, (a) AS body``: a comma outside of parentheses begins the next one."""
    depth, count, names, begins = 0, 0, True, True
    for letter in _TEXT.sub("", definition):
        if letter in "([{":
            depth += 1
            if begins:
                names, count, begins = True, 0, False
        elif letter in ")]}":
            depth -= 1
            if depth == 0 and names:
                names = False
                yield count
        elif depth == 0 and letter == ",":
            begins = True
        elif names and depth == 1:
            if letter == ",":
                count += 1
            elif count == 0 and not letter.isspace():
                count = 1
