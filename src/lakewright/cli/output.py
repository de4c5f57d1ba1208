"""Data on stdout: a command's result as JSON or as tables, and the rows of a query as box, csv or JSON."""

from __future__ import annotations

import dataclasses
import decimal
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from lakewright.cli.rendering import to_cell, to_json, to_text
from lakewright.model.printable import counted, json_text

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["box", "csv", "json"]
BOX_ROWS = 1000
"""A box has to be drawn whole, so it shows so many rows at most; csv and json stream any number."""


def show_json(value: Any) -> None:
    """One JSON document on one line."""
    sys.stdout.write(json_text(to_json(value)) + "\n")
    sys.stdout.flush()


def show(value: Any) -> None:
    """A result for people: its plain fields as ``name: value`` lines, each list in it under its name."""
    fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    plain = [(name, item) for name, item in fields if item not in (None, ()) and not _is_long(item)]
    width = max((len(_title(name)) for name, _ in plain), default=0) + 1
    for name, item in plain:
        sys.stdout.write(f"{_title(name) + ':':<{width}} {to_text(item, _unit(name))}\n")
    for name, items in fields:
        if _is_long(items):
            sys.stdout.write(f"{_title(name)}:\n")
            if dataclasses.is_dataclass(items[0]):
                show_records(items)
            else:
                sys.stdout.writelines(f"  {to_text(item)}\n" for item in items)


def show_records(records: Sequence[Any]) -> None:
    """Records of one kind as a table.

    Columns stand in the order of the fields; one that is empty in every record is left out. A record in a record is shown by its
    plain fields; JSON has all of it.
    """
    rows = [_plain_fields(record) for record in records]
    filled = {name for row in rows for name, value in row.items() if value not in (None, "", ())}
    # The longest first: one without a record in it does not say where the fields of that stand.
    longest = sorted(rows, key=len, reverse=True)
    names = [name for name in dict.fromkeys(itertools.chain.from_iterable(longest)) if name in filled]
    cells = [[to_text(row.get(name), _unit(name)) for name in names] for row in rows]
    right = [any(isinstance(row.get(name), int | float | decimal.Decimal) for row in rows) for name in names]
    _draw([_title(name) for name in names], cells, right, boxed=sys.stdout.isatty())


def _plain_fields(record: Any, depth: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if not dataclasses.is_dataclass(value):
            fields[field.name] = value
        elif depth == 0:
            fields |= _plain_fields(value, depth + 1)
    return fields


def show_rows(form: Format, columns: Sequence[str], batches: Iterable[pa.RecordBatch]) -> str | None:
    """A query's rows; csv and json in bounded memory. Returns what the reader has to know about them, or None."""
    if form != "box":
        (_csv if form == "csv" else _json)(columns, _rows(batches))
        return None
    rows = _rows(batches)
    shown = list(itertools.islice(rows, BOX_ROWS))
    numbers = [any(isinstance(row[index], int | float | decimal.Decimal) for row in shown) for index in range(len(columns))]
    _draw(columns, [[to_cell(value) for value in row] for row in shown], numbers, boxed=True)
    more = next(rows, None) is not None
    count = f"more than {len(shown):,} rows" if more else counted(len(shown), "row")
    return f"{count}; only the first {BOX_ROWS:,} are shown, --format csv or json gives all" if more else count


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    from lakewright.engines.result import rows

    for batch in batches:
        yield from rows(batch)


def _csv(columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """A line of names, then one for each row; NULL is nothing and an empty text is quoted, as PostgreSQL's COPY has it."""
    sys.stdout.write(",".join(map(_csv_field, columns)) + "\n")
    for row in rows:
        sys.stdout.write(",".join("" if value is None else _csv_field(value) for value in row) + "\n")


def _csv_field(value: Any) -> str:
    text = value if isinstance(value, str) else to_cell(value)
    return '"' + text.replace('"', '""') + '"' if not text or any(mark in text for mark in ',"\r\n') else text


def _json(columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """An array of objects, one a line; of columns with one name the later ones are numbered."""
    seen: dict[str, int] = {}
    names = []
    for column in columns:
        seen[column] = seen.get(column, 0) + 1
        names.append(column if seen[column] == 1 else f"{column}_{seen[column]}")
    separator = "[\n"
    for row in rows:
        record = dict(zip(names, map(to_json, row), strict=True))
        sys.stdout.write(separator + json_text(record))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def _draw(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], *, boxed: bool) -> None:
    """A table as wide as its values: in a box, or as columns with two spaces between."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, cells)) for cells in zip(titles, *rows, strict=True)]

    def padded(cells: Sequence[str]) -> list[str]:
        spaces = [" " * (width - cell_len(cell)) for width, cell in zip(widths, cells, strict=True)]
        return [space + cell if on_right else cell + space for space, cell, on_right in zip(spaces, cells, right, strict=True)]

    def rule(left: str, middle: str, end: str) -> str:
        return left + middle.join("─" * (width + 2) for width in widths) + end

    if boxed:
        lines = [f"│ {' │ '.join(padded(cells))} │" for cells in (titles, *rows)]
        lines = [rule("┌", "┬", "┐"), lines[0], rule("├", "┼", "┤"), *lines[1:], rule("└", "┴", "┘")]
    else:
        lines = ["  ".join(padded(cells)).rstrip() for cells in (titles, *rows)]
    sys.stdout.write("\n".join(lines) + "\n")


def _is_long(value: Any) -> bool:
    """Whether the value is a list of records or of sentences; a named tuple, such as a position, is a value."""
    return type(value) in (tuple, list) and any(dataclasses.is_dataclass(item) or " " in str(item) for item in value)


def _title(name: str) -> str:
    return name.removesuffix("_seconds").replace("_", " ")


def _unit(name: str) -> str:
    return "bytes" if name.endswith("bytes") else "seconds" if name.endswith("seconds") else ""
