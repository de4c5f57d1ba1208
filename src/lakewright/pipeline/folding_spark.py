"""Folds in a Spark session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakewright.errors import QueryError
from lakewright.model import types
from lakewright.model.batch import OLD_KEY, OP, POSITION, UNAVAILABLE
from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import Column, TableSchema
from lakewright.model.table import ROW_COLUMN
from lakewright.pipeline import scan
from lakewright.pipeline.folded import Folded
from lakewright.pipeline.table_at import TableAt
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.sources.postgres import values

if TYPE_CHECKING:
    from lakewright.engines.spark import SparkEngine


class SparkFold(Folded):
    """A `Folded` in a Spark session, of a table at `location`."""

    def __init__(self, engine: SparkEngine, at: TableAt, log: RawLog, location: str) -> None:
        self._engine = engine
        self._location = location
        self._views: list[str] = []
        super().__init__(at, log)

    def close(self) -> None:
        """Drop what was made."""
        super().close()
        self._drop(*self._views)

    def _keep(self, name: str, text: str) -> None:
        self._engine.keep(name, text)

    def _drop(self, *names: str) -> None:
        self._engine.drop(names)

    def _one(self, text: str) -> Any:
        return self._engine.one(text)

    def _changes(self, extra: str, where: str) -> str:
        return self._raw(self.at.tail, extra, where)

    def _base(self) -> str:
        at = self.at
        if at.snapshot is not None:
            view = self._named(self._engine.table(self._location, at.snapshot.instant))
            selection = scan.Selection(at.spec, at.schema.stored, dict(at.called))
            listed = selection.sql(at.snapshot, literal, lambda kind: kind)
            return f"(SELECT {listed} FROM {view})"
        if self._keyed:
            return f"({self._raw(at.load, POSITION)})"
        # A row of a load without key is known by its file and its place in it; a named file never changes.
        names = ", ".join(f"'{file.name.rpartition('/')[2]}'" for file in at.load)
        place = f'array_position(array({names}), "scan path") || \'-\' || "scan number"'
        row = f"{POSITION} || '-' || {place} AS {ROW_COLUMN}"
        return f"({self._raw(at.load, f'{POSITION}, {row}', numbered=True)})"

    @contextlib.contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except QueryError:
            for file in (*self.at.load, *self.at.tail):
                self._log.verify(file)
            raise

    def _raw(self, files: Sequence[RawFile], extra: str, where: str = "", *, numbered: bool = False) -> str:
        """A SELECT of raw rows with the columns of the schema and `extra`; older rows have the new columns' missing value."""
        parts = []
        for own, group in scan.by_schema(self._log, self.at.schema, files):
            held = ((column, self.at.schema.held(column, own)) for column in self.at.schema.stored)
            listed = ", ".join(_converted(column, of_row) if of_row else literal(column) for column, of_row in held)
            locations = [self._log.location(file) for file in group]
            view = self._named(self._engine.files(locations, _raw_columns(own), numbered=numbered))
            parts.append(f"SELECT {listed}, {extra} FROM {view}{where}")
        return " UNION ALL ".join(parts)

    def _named(self, frame: Any) -> str:
        view = f"{self._folded}_{len(self._views)}"
        self._engine.name(frame, view)
        self._views.append(view)
        return view


def _converted(column: Column, held: Column) -> str:
    """The column as rows have it whose own column `held` has its values."""
    if (held.name, held.type) == (column.name, column.type):
        return quote(column.name)
    return f"CAST({quote(held.name)} AS {column.type}) AS {quote(column.name)}"


def literal(column: Column) -> str:
    """The value that rows older than the column have, as Spark writes it, named as the column."""
    missing = values.decode(column, pa.array([column.missing], pa.string())).array[0]
    name, value = quote(column.name), missing.as_py()
    if value is None:
        return f"CAST(NULL AS {column.type}) AS {name}"
    if column.type == types.DATE:
        return f"date_add(DATE '1970-01-01', {missing.value}) AS {name}"
    if column.type == types.TIMESTAMP:
        return f"timestamp_micros({missing.value}) AS {name}"
    if isinstance(value, bytes):
        return f"X'{value.hex()}' AS {name}"
    text = "".join(f"\\u{unit:04x}" for unit in _units(str(value)))  # no character of it can end the text or be one of Spark's
    return f"CAST('{text}' AS {column.type}) AS {name}"


def _units(text: str) -> Iterator[int]:
    encoded = text.encode("utf-16-be")
    return (encoded[i] << 8 | encoded[i + 1] for i in range(0, len(encoded), 2))


def _raw_columns(schema: TableSchema) -> list[tuple[str, str]]:
    """The columns of `model.batch.raw_schema` that a fold reads, with types as Spark writes them."""
    columns = [(OP, types.STRING), (POSITION, types.STRING), *((column.name, column.type) for column in schema.columns)]
    if not schema.key:
        return columns
    old = ", ".join(f"`{name}`: {schema.column(name).type}" for name in schema.key)
    return [*columns, (UNAVAILABLE, "array<string>"), (OLD_KEY, f"struct<{old}>")]
