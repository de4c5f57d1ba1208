"""A file as a relation of DuckDB: its records in order, each value as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lakewright.errors import SourceError
from lakewright.model import types
from lakewright.model.names import quote_identifier, quote_literal
from lakewright.sources.files.dataset import MAX_COLUMNS, Dialect
from lakewright.sources.files.header import headers

MAX_TEXT = 64 * 1024
MAX_LINE = 2 << 20
_BUFFER = 4 * MAX_LINE

_TELLING = 20

SKIPPED, NOT_AN_OBJECT, HEADER_AGAIN, KEY_TWICE = -1, -2, -3, -4
"""Of a record's ``special``, which is NULL for rows: a blank or comment line; a JSON line that is no object; the header once
more, as where exports were put behind each other; a JSON object that has a key twice, so that either value may be meant."""

_PARQUET = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"), types.INT),
    **dict.fromkeys(("BIGINT", "UINTEGER"), types.BIGINT),
    "UBIGINT": types.decimal_type(38, 0),
    "FLOAT": types.FLOAT,
    "DOUBLE": types.DOUBLE,
    "BOOLEAN": types.BOOLEAN,
    "DATE": types.DATE,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"), types.TIMESTAMP),
}

# It stands in no JSON text, so that a line of JSON is one value.
_UNIT_SEPARATOR = "\x1f"
_LINES = Dialect(delimiter=_UNIT_SEPARATOR, quote="", escape="", header=False)


def names(connection: Any, path: Path, dialect: Dialect, place: str) -> list[str]:
    """The names of the file's columns: of its header, of Parquet's schema, or all keys of the JSON objects.

    Raises `SourceError` as `headers` does, and LW-260, LW-261 for the other formats too.
    """
    if dialect.format == "csv":
        return headers(path, dialect, place)
    if dialect.format == "parquet":
        found = [name for name, _ in schema(connection, path)]
    else:
        keys = f"SELECT json_keys(line) AS keys FROM ({_objects(path)}) WHERE is_object"
        first = connection.execute(f"{keys} LIMIT 1").fetchall()
        every = connection.execute(f"SELECT DISTINCT unnest(keys) FROM ({keys}) LIMIT {MAX_COLUMNS + 1}").fetchall()
        start = list(dict.fromkeys(first[0][0])) if first else []
        found = start + sorted({key for (key,) in every} - set(start))
    if not found:
        raise SourceError("LW-260", "the file is empty: it has no column", where=place, hint="send the file again")
    if len(found) > MAX_COLUMNS:
        raise SourceError("LW-261", f"the file has more than {MAX_COLUMNS:,} columns", where=place, hint="is it of this dataset?")
    return found


def schema(connection: Any, path: Path) -> list[tuple[str, str]]:
    """(name, lake type) of the columns of a Parquet file; what has no such type is text."""
    described = connection.execute(f"DESCRIBE FROM read_parquet({quote_literal(_literal_path(path))})").fetchall()
    return [
        (row[0], _PARQUET.get(row[1], row[1].lower() if row[1].startswith("DECIMAL(") else types.STRING)) for row in described
    ]


def pointer(name: str) -> str:
    """The literal of the JSON pointer to a value of an object."""
    return quote_literal("/" + name.replace("~", "~0").replace("/", "~1"))


def relation(path: Path, dialect: Dialect, names: list[str], parallel: bool = True) -> str:
    """A SELECT of the file's records in their order: ``c0``, ``c1`` ... as text, and ``special``; for JSON the ``line`` too.

    Nested values are JSON text, bytes have ``\\xAB`` for what is no ASCII. Records that cannot be told apart into columns are
    left out, and stand in DuckDB's table of rejects. `parallel`: whether it reads with several threads; see `structure`.
    """
    if dialect.format == "json":
        return _json(path, names)
    if dialect.format == "parquet":
        return _parquet(path, names)
    columns = [f"c{number}" for number in range(len(names))]
    cases = ""
    if dialect.comment and len(columns) == 1:  # beside other values it is one of them
        cases += f" WHEN starts_with(c0, {quote_literal(dialect.comment)}) THEN {SKIPPED}"
    if dialect.header:
        named = [(column, name) for column, name in zip(columns, names, strict=True) if name not in dialect.nulls]
        # So many are enough, and the more columns a query takes, the more memory it needs.
        same = " AND ".join(f"trim({column}) = {quote_literal(name)}" for column, name in named[:_TELLING])
        if named:  # whether a text is contained is told in a third of the time that trimming takes
            column, name = named[0]
            cases += f" WHEN contains({column}, {quote_literal(name)}) THEN CASE WHEN {same} THEN {HEADER_AGAIN} END"
    special = f"CASE{cases} END" if cases else "NULL"
    return f"SELECT {', '.join(columns)}, {special} AS special FROM {_read_csv(path, dialect, columns, parallel)}"


def _json(path: Path, names: list[str]) -> str:
    pointers = ", ".join(map(pointer, names))
    values = ", ".join(f"v[{number}] AS c{number - 1}" for number in range(1, len(names) + 1))
    # As many keys as there are values of different keys: none is there twice, and the keys themselves need not be compared.
    keys = "json_keys(line)"
    is_twice = f"CASE WHEN len({keys}) > list_count(v) THEN len({keys}) > list_unique({keys}) ELSE false END"
    special = (
        f"CASE WHEN line IS NULL THEN {SKIPPED} WHEN NOT is_object THEN {NOT_AN_OBJECT}"
        f" WHEN {is_twice} THEN {KEY_TWICE} END AS special"
    )
    taken = f"SELECT *, CASE WHEN is_object THEN json_extract_string(line, [{pointers}]) END AS v FROM ({_objects(path)})"
    return f"SELECT {values}, {special}, line FROM ({taken})"


def _objects(path: Path) -> str:
    """A SELECT of the lines of a JSON file, NULL where blank, and whether each is an object."""
    is_object = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS is_object"
    return f"SELECT line, {is_object} FROM {_read_csv(path, _LINES, ['line'])}"


def _parquet(path: Path, names: list[str]) -> str:
    file = f"read_parquet({quote_literal(_literal_path(path))})"
    values = []
    for number, column in enumerate(map(quote_identifier, names)):
        kind = f"typeof({column})"
        nested = f"{kind} LIKE 'STRUCT(%' OR {kind} LIKE 'MAP(%' OR {kind} LIKE '%]'"
        values.append(
            f"CASE WHEN {nested} THEN CAST(to_json({column}) AS VARCHAR) ELSE CAST({column} AS VARCHAR) END AS c{number}"
        )
    return f"SELECT {', '.join(values)}, CAST(NULL AS INTEGER) AS special FROM {file}"


def _read_csv(path: Path, dialect: Dialect, columns: list[str], parallel: bool = True) -> str:
    options = {
        "auto_detect": "false",
        "parallel": str(parallel).lower(),
        "columns": "{" + ", ".join(f"'{column}': 'VARCHAR'" for column in columns) + "}",
        "header": str(dialect.header).lower(),
        "skip": str(dialect.skip),
        "delim": quote_literal(dialect.delimiter),
        "quote": quote_literal(dialect.quote),
        "escape": quote_literal(dialect.escape),
        "nullstr": "[" + ", ".join(map(quote_literal, dialect.nulls or ("\x00null",))) + "]",
        "strict_mode": "true",
        "max_line_size": str(MAX_LINE),
        "buffer_size": str(_BUFFER),
        # Not ignore_errors: that gives up good records behind a broken one.
        "store_rejects": "true",
        "rejects_line_size_limit": str(MAX_TEXT),
    }
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({quote_literal(_literal_path(path))}, {listed})"


def _literal_path(path: Path) -> str:
    """A path that DuckDB takes as it is: no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
