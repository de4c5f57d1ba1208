"""DuckDB's errors as ours, without the values that DuckDB puts into its messages."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import duckdb

from lakewright.engines.athena_sql import macros
from lakewright.errors import NotFound, QueryError, StorageError, StorageUnreachable

# By the name that DuckDB's message begins with: errors of a stream come as OSError, with nothing else to tell them by.
_FAILURES: dict[str, tuple[str, str, str | None]] = {
    "INTERRUPT": ("LW-511", "the statement was stopped", None),
    "Out of Memory": ("LW-509", "the query needs more memory or temporary disk than it may use", "read fewer rows or columns"),
    "Conversion": ("LW-508", "a value could not be converted", "TRY_CAST gives NULL instead"),
    "Out of Range": ("LW-508", "a value is out of the range of its type", "CAST to a larger type first"),
    "IO": ("LW-510", "a file of a table could not be read or written", "`lakewright check` looks at every table"),
}
_KIND = re.compile(r"(?:TransactionContext Error: .*?)?([A-Za-z ]+?) Error: (.*)", re.S)
_STORED = re.compile(r"StoredFailure: (LW-\d{3})\|([^\n|]*)\|([^\n|]*)")
_DAMAGED = ("No magic bytes", "too small to be a Parquet file", "Footer length", "metadata length")
_STATEMENT = frozenset({"Binder", "Catalog", "Parser", "Not implemented"})
_TARGET = re.compile(r"(?:\bto|type|range of|of) (?:type )?([A-Z][A-Z0-9]*(?:\(\d+,\d+\))?)(?![A-Za-z(])")


class StoredFailure(Exception):
    """A `StorageError` on its way through DuckDB, which hands on nothing of it but the text."""

    def __init__(self, error: StorageError) -> None:
        super().__init__("|".join((error.code, error.message, error.hint or "")))


def storage_error(error: BaseException) -> StorageError | None:
    """The store's error that an error of DuckDB's tells of; None where it tells of something else."""
    found = _STORED.search(str(error))
    if found is None:
        return None
    kind = {"LW-301": NotFound, "LW-316": StorageUnreachable}.get(found[1], StorageError)
    return kind(found[1], found[2], hint=found[3] or None)


@contextlib.contextmanager
def known_errors() -> Iterator[None]:
    """Errors of DuckDB, raised at once or from its stream, become `QueryError` LW-506 or LW-508 to LW-511.

    What a store said, from which DuckDB read, is raised as the store said it.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        if (said := storage_error(error)) is not None:
            raise said from None
        found = _KIND.match(str(error))
        if found is None:
            raise
        raise _known(found[1], found[2]) from None


def _known(kind: str, said: str) -> QueryError:
    first = said.splitlines()[0]
    if kind in _FAILURES:
        code, message, hint = _FAILURES[kind]
        target = _TARGET.search(first) if code == "LW-508" else None
        return QueryError(code, f"{message} (to {target[1].lower()})" if target else message, hint=hint)
    if first.startswith("Division by zero"):
        return QueryError("LW-508", "division by zero", hint="nullif(x, 0) gives NULL instead")
    if first.startswith("More than one row returned by a subquery"):
        return QueryError("LW-508", "a subquery that stands for one value gave several rows", hint="add LIMIT 1, or use IN")
    if kind == "Binder" and "overloads" in first:
        return QueryError("LW-506", "the type of an operand or argument cannot be told here", hint="CAST it")
    if kind in _STATEMENT:
        own = first.replace("translation.", "").replace("athena.", "").rstrip(".!")
        return QueryError("LW-506", f"the statement does not fit: {own[:1].lower()}{own[1:]}")
    if kind == "Invalid Input" and any(words in first for words in _DAMAGED):
        return QueryError(_FAILURES["IO"][0], _FAILURES["IO"][1], hint=_FAILURES["IO"][2])
    return QueryError("LW-508", first if first in _OURS else "a value does not fit its function")


def _own_sentences() -> frozenset[str]:
    """What ``macros.sql`` raises; no other sentence of DuckDB's is sure to be free of values."""
    return frozenset(re.findall(r"error\('([^']+)'\)", macros.source()))


_OURS = _own_sentences()
