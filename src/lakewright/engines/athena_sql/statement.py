"""What the user's text is: one query, or a question about the tables."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from lakewright.engines.athena_sql.dialect import AthenaSelect
from lakewright.engines.athena_sql.place import fault, fault_at
from lakewright.engines.relation import TableRef
from lakewright.errors import QueryError
from lakewright.model.names import did_you_mean


@dataclasses.dataclass(frozen=True)
class Query:
    """A SELECT, WITH, VALUES, TABLE or set operation; ``explain`` asks for its plan instead of its rows."""

    text: str
    tree: exp.Query
    explain: bool = False


@dataclasses.dataclass(frozen=True)
class ShowTables:
    """SHOW TABLES, of one schema or of all, whose name matches ``pattern`` (``*`` any text, ``|`` or)."""

    schema: str | None
    pattern: str | None


@dataclasses.dataclass(frozen=True)
class ShowColumns:
    """SHOW COLUMNS or DESCRIBE of the table that `node` names."""

    text: str
    table: TableRef
    node: exp.Expr


Statement = Query | ShowTables | ShowColumns

_STARTS = ("select", "with", "values", "table", "show", "describe", "explain")
_COMMENT = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_NAME = r'(?:"[^"]+"|`[^`]+`|\w+)'
_EXPLAIN = re.compile(rf"{_COMMENT}explain\b(?P<options>\s*\([^)]*\)|\s+analyze\b|\s+verbose\b)?", re.I | re.S)
_SHOW_TABLES = re.compile(
    rf"{_COMMENT}show\s+tables(?:\s+(?:in|from)\s+(?P<schema>{_NAME}))?(?:\s+(?:like\s+)?'(?P<pattern>[^']*)')?\s*;?{_COMMENT}",
    re.I | re.S,
)
_SHOW_COLUMNS = re.compile(
    rf"{_COMMENT}(?:show\s+columns\s+(?:in|from)|describe|desc)\s+(?P<table>{_NAME}(?:\.{_NAME}){{0,2}})\s*;?{_COMMENT}",
    re.I | re.S,
)


def parse(text: str) -> Statement:
    """The one statement that `text` holds.

    Raises `QueryError` LW-500 for a syntax error and LW-501 for anything that is not a query.
    """
    if match := _SHOW_TABLES.fullmatch(text):
        schema = match["schema"]
        return ShowTables(schema.strip('"`').lower() if schema else None, match["pattern"])
    if match := _SHOW_COLUMNS.fullmatch(text):
        return _show_columns(text, match)
    if match := _EXPLAIN.match(text):
        if match["options"]:
            start, end = match.span("options")
            raise fault_at("LW-502", "EXPLAIN takes no options here", text, start + 1, end - 1, hint="write EXPLAIN SELECT ...")
        return Query(text, _query(text, " " * match.end() + text[match.end() :]), explain=True)
    return Query(text, _query(text, text))


def _show_columns(text: str, match: re.Match[str]) -> ShowColumns:
    start, end = match.span("table")
    parts = [part.strip('"`').lower() for part in re.findall(_NAME, match["table"])]
    catalog, schema, name = [None] * (3 - len(parts)) + parts
    node = exp.Identifier(this=name)
    node.meta.update(start=start, end=end - 1)
    return ShowColumns(text, TableRef(str(name), schema, catalog), node)


def _query(text: str, blanked: str) -> exp.Query:
    """The only query in `blanked`, which is `text` with what was already read replaced by spaces."""
    with _without_sqlglot_warnings():
        try:
            trees = [tree for tree in AthenaSelect().parse(blanked) if tree is not None]
        except ParseError as error:
            raise _syntax_error(error, blanked, text) from None
        except TokenError as error:
            raise QueryError("LW-500", f"the statement cannot be read: {_token_message(error)}") from None
        except RecursionError:
            raise QueryError("LW-500", "the statement is nested too deeply") from None
    if not trees:
        raise QueryError("LW-500", "there is no statement", hint="write SELECT ...")
    if len(trees) > 1:
        raise fault("LW-501", "one statement at a time", text, trees[1], hint="run the second one by itself")
    tree = trees[0]
    if isinstance(tree, exp.Values):
        tree = exp.select("*").from_(tree, copy=False)
    while isinstance(tree, exp.Subquery) and not (set(_given(tree)) - {"this"}):
        tree = tree.this
    if not isinstance(tree, exp.Query):
        raise _no_query(text, *_first_word(text))
    return tree


def _first_word(text: str) -> tuple[int, int]:
    """Where the first word starts and where it ends."""
    word = re.match(rf"{_COMMENT}\(*(\w*)", text, re.S)
    return word.span(1) if word else (0, 0)


def _no_query(text: str, start: int, end: int) -> QueryError:
    message = f"the lake is read with SELECT, {text[start:end].upper() or 'this'} is not a query"
    return fault_at("LW-501", message, text, start, end - 1, hint="`lakewright tables` lists what there is to select from")


def _given(node: exp.Expr) -> Iterator[str]:
    return (name for name, value in node.args.items() if value)


def _syntax_error(error: ParseError, blanked: str, text: str) -> QueryError:
    """sqlglot's first complaint, at its place; its ``col`` is the last character of the token it stopped at."""
    begin, stop = _first_word(blanked)
    if text[begin:stop].lower() not in _STARTS:
        hint = did_you_mean(text[begin:stop], _STARTS)
        if hint is None:
            return _no_query(text, begin, stop)
        return fault_at("LW-500", f"no statement starts with {text[begin:stop]}", text, begin, stop - 1, hint=hint)
    first = error.errors[0]
    word = first.get("highlight") or ""
    lines = text.splitlines(keepends=True)
    end = sum(len(line) for line in lines[: first["line"] - 1]) + first["col"] - 1
    start = max(0, end - max(1, len(word)) + 1)
    said = str(first["description"]).partition(" but got ")[0].rstrip(".")
    message = "invalid expression or unexpected token" if said.startswith("Invalid expression") else said[:1].lower() + said[1:]
    return fault_at("LW-500", f"syntax error at {word!r}: {message}", text, start, max(start, end))


def _token_message(error: TokenError) -> str:
    said = str(error)
    return "a quote or comment is not closed" if "Missing" in said or "Error tokenizing" in said else said.splitlines()[0].lower()


@contextlib.contextmanager
def _without_sqlglot_warnings() -> Iterator[None]:
    """sqlglot logs a warning for a statement it leaves unparsed; the caller gets an error instead."""
    logger = logging.getLogger("sqlglot")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
