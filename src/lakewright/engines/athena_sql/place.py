"""Errors that point into the user's text."""

from __future__ import annotations

import re

from sqlglot import exp

from lakewright.errors import QueryError

_WIDTH = 110


def fault(code: str, message: str, text: str, node: exp.Expr | None, *, hint: str | None = None) -> QueryError:
    """A `QueryError` at the first word of `node` in `text`, or of the nearest node above it that has a place."""
    position = None
    while node is not None and position is None:
        position, node = _offset(node), node.parent
    if position is None:
        return QueryError(code, message, hint=hint)
    return fault_at(code, message, text, *position, hint=hint)


def fault_at(code: str, message: str, text: str, start: int, end: int, *, hint: str | None = None) -> QueryError:
    """A `QueryError` at the characters `start` to `end` (inclusive, from 0) of `text`."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = start - line_start
    length = max(1, min(end, line_start + len(line) - 1) - start + 1)
    where = f"{text.count(chr(10), 0, start) + 1}:{column + 1}"
    return QueryError(code, message, hint=hint, where=where, excerpt=_excerpt(line, column, length))


def placed(error: QueryError, text: str, node: exp.Expr) -> QueryError:
    """The same error with the place of `node`, if it had none."""
    return error if error.where else fault(error.code, error.message, text, node, hint=error.hint)


def at_named_word(error: QueryError, tree: exp.Expr, text: str) -> QueryError:
    """The same error at the first name of the statement that its message has in double quotes, if there is one."""
    for name in re.findall(r'"([^"]+)"', error.message):
        for node in tree.find_all(exp.Identifier):
            if node.name.lower() == name.lower():
                return placed(error, text, node)
    return error


def _excerpt(line: str, column: int, length: int) -> str:
    """The source line, cut to a window around the place where it is long, and a line with carets below it."""
    begin = max(0, column - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = line[begin : begin + _WIDTH].replace("\t", " ")
    carets = min(length, max(1, len(shown) - (column - begin)))
    return f"{shown}\n{' ' * (column - begin)}{'^' * carets}"


def _offset(node: exp.Expr) -> tuple[int, int] | None:
    """First and last character of the node's first word, from the nodes in it that know their place."""
    best: tuple[int, int] | None = None
    for part in node.walk():
        if part is not node and isinstance(part.parent, exp.Column) and part.arg_key != "this":
            continue  # a table that was filled in has the place where it stands in FROM
        start, end = part.meta.get("start"), part.meta.get("end")
        if isinstance(start, int) and isinstance(end, int) and (best is None or start < best[0]):
            best = (start, end)
    return best
