"""Rows of an arrival as change batches: where they stand in the source's order, and what they do to the table.

The rows of arrival n stand at (n, line), so that a row has the same position whenever the file is read; the end of the arrival is
(n + 1, 0). A file that is the whole table is a load as of that end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.model.batch import COMMIT_TIME, DELETE, INSERT, OP, POSITION, ChangeBatch, raw_schema
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.dataset import ARRIVAL, FILE, LINE
from lakewright.sources.files.deletes import is_delete
from lakewright.sources.files.tables import Rule

JOINED_BYTES = 32 << 20
CONSTANTS = 16
"""Columns of one value that are kept at the most: an arrival may bring rows of many files."""
"""Size of rows in memory from which on a batch takes no others in; see `joined`."""


def end_of(arrival: Arrival) -> Position:
    """The position up to which the source is complete with this arrival."""
    return Position(arrival.number + 1)


@dataclasses.dataclass(frozen=True)
class ArrivalBatches:
    """Makes batches of rows of one arrival, whose commit time is that of the transfer."""

    rule: Rule
    arrival: Arrival
    _constants: dict[pa.Scalar, pa.Array] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def is_load(self) -> bool:
        """Whether the file is all rows of its table."""
        return self.rule.mode == "snapshot" and not self.arrival.corrects

    def batch(
        self, schema: TableSchema, rows: pa.RecordBatch, file: Arrival | None = None, *, alive: bool = False
    ) -> ChangeBatch:
        """Rows with ``_line``, of this arrival's file or of another `file`, as changes of one of the two tables.

        With `alive` none of them is a delete.
        """
        file = file or self.arrival
        lines, columns = rows.column(LINE), dict(zip(rows.schema.names, rows.columns, strict=True))
        columns[FILE] = self._constant(file.label, rows.num_rows)
        columns[ARRIVAL] = self._constant(file.version, rows.num_rows)
        ops = self._constant(INSERT, rows.num_rows)
        if self.rule.deleted is not None and schema.name == self.rule.table and not alive:
            deleted = is_delete(rows, self.rule.deleted)
            ops = pc.if_else(deleted, DELETE, INSERT)
            for name in set(schema.column_names) - set(schema.key):
                columns[name] = pc.if_else(deleted, pa.scalar(None, columns[name].type), columns[name])
        return self._made(schema, ops, lines, columns)

    def deletes(self, schema: TableSchema, keys: pa.RecordBatch) -> ChangeBatch:
        """Deletes of the rows of a table that have these keys."""
        count, columns = keys.num_rows, dict(zip(keys.schema.names, keys.columns, strict=True))
        return self._made(schema, self._constant(DELETE, count), pa.array(range(1, count + 1), pa.int64()), columns)

    def dropped(self, schema: TableSchema, lines: pa.Array) -> ChangeBatch:
        """Deletes of the rows that the file has at these lines, of a table with that key."""
        names = self._constant(self.arrival.label, len(lines))
        return self.deletes(schema, pa.RecordBatch.from_arrays([names, lines], [FILE, LINE]))

    def nothing(self, schema: TableSchema) -> ChangeBatch:
        """No row: for a load, which then empties the table, and for a file without rows, that the log tell how it was read."""
        none = pa.array([], pa.int64())
        return self._made(schema, pa.array([], pa.string()), none, {})

    def _made(self, schema: TableSchema, ops: pa.Array, lines: pa.Array, columns: dict[str, pa.Array]) -> ChangeBatch:
        count, arrival, end = len(lines), self.arrival, end_of(self.arrival)
        known = {**columns, OP: ops, COMMIT_TIME: self._constant(arrival.arrived, count, pa.timestamp("us", tz="UTC"))}
        known[POSITION] = self._constant(str(end), count) if self.is_load else _positions(arrival.number, lines)
        first, last = (end, end) if self.is_load else _bounds(arrival.number, lines)
        table = raw_table(schema, known, count)
        return ChangeBatch(schema, table, first, last, arrival.arrived, arrival.arrived, load=self.is_load)

    def _constant(self, value: object, count: int, kind: pa.DataType | None = None) -> pa.Array:
        """A column of one value, cut from the longest that was asked for so far."""
        scalar = pa.scalar(value, kind)
        longest = self._constants.get(scalar)
        if longest is None or len(longest) < count:
            if len(self._constants) >= CONSTANTS:
                self._constants.clear()
            longest = self._constants[scalar] = pa.repeat(scalar, count)
        return longest.slice(0, count)


def joined(batches: Iterable[ChangeBatch]) -> list[ChangeBatch]:
    """The same changes in fewer batches, of about `JOINED_BYTES`: each becomes a file."""
    found: list[_Joined] = []
    for batch in batches:
        last = next((each for each in reversed(found) if each.last.schema.name == batch.schema.name), None)
        if last is None or not last.add(batch):
            found.append(_Joined(batch))
    return [each.whole() for each in found]


class _Joined:
    """Batches of a table that become one."""

    def __init__(self, batch: ChangeBatch) -> None:
        self._batches, self._bytes = [batch], batch.rows.nbytes

    @property
    def last(self) -> ChangeBatch:
        """The newest one."""
        return self._batches[-1]

    def add(self, batch: ChangeBatch) -> bool:
        """Whether the batch is one of them now: a file names the positions of its first and last row, and all between."""
        last = self.last
        alike = (last.schema, last.load, last.last_time) == (batch.schema, batch.load, batch.first_time)
        follows = alike and (batch.load or last.last < batch.first) and self._bytes < JOINED_BYTES
        if follows:
            self._batches.append(batch)
            self._bytes += batch.rows.nbytes
        return follows

    def whole(self) -> ChangeBatch:
        """All of them."""
        rows = pa.concat_tables([batch.rows for batch in self._batches])
        return dataclasses.replace(self._batches[0], rows=rows, last=self.last.last)


def raw_table(schema: TableSchema, columns: dict[str, pa.Array], count: int) -> pa.Table:
    """Columns as a table with those of `raw_schema`; the ones that are not given are null."""
    fields = raw_schema(schema)
    arrays = [columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in fields]
    return pa.Table.from_arrays([array.cast(f.type) for array, f in zip(arrays, fields, strict=True)], schema=fields)


def _positions(number: int, lines: pa.Array) -> pa.Array:
    """The text of (number, line) for each line."""
    prefix, _, ordinal = str(Position(number)).partition(".")
    padded = pc.utf8_lpad(pc.cast(lines, pa.string()), len(ordinal), "0")
    return pc.binary_join_element_wise(pa.scalar(f"{prefix}."), padded, "")


def _bounds(number: int, lines: pa.Array) -> Sequence[Position]:
    if not len(lines):
        return Position(number, 1), Position(number, 1)
    bounds = pc.min_max(lines).as_py()
    return Position(number, bounds["min"]), Position(number, bounds["max"])
