"""The logs of file slices: what they hold in the place of their base files' rows.

Of the changes of a key the newest counts. That is the last one in the logs, but where one before it has a greater value in the
table's ordering column; a delete of the usual kind has none, and counts whatever was before it. So it is for every engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import log_block, numbered_rows, schema
from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.batches import batched
from lakewright.formats.hudi.file_names import Log, checksum
from lakewright.formats.hudi.folder import Folder
from lakewright.model.table import TableSpec

_BATCH_BYTES = 16 << 20
"""Logs of slices with so many bytes are decoded together: what is small costs little then, and memory is bounded."""
_FRONT = (schema.COMMIT_TIME, schema.COMMIT_SEQNO, schema.RECORD_KEY)

Slice = TypeVar("Slice")


class Newest(NamedTuple):
    """The newest change of each key in a slice's logs: ``rows`` that are alive, and the record keys of those that are gone.

    ``rows`` have commit time, sequence number and record key in front of the table's columns, or what was asked for.
    """

    rows: pa.Table
    gone: pa.Array

    @property
    def keys(self) -> pa.Array:
        """The record keys of ``rows``."""
        return self.rows.column(schema.RECORD_KEY).combine_chunks()


def newest(folder: Folder, logs: Sequence[Log], spec: TableSpec, ordering: str | None) -> Newest:
    """The newest change of each key in the logs of one slice, which are given in the order in which they were written.

    Raises as `newest_of`, where `ordering` is explained.
    """
    ((_, found),) = newest_of(folder, {None: logs}, spec, ordering)
    return found


def newest_of(
    folder: Folder,
    slices: Mapping[Slice, Sequence[Log]],
    spec: TableSpec,
    ordering: str | None,
    columns: Sequence[str] | None = None,
) -> Iterator[tuple[Slice, Newest]]:
    """Read the logs of some slices, each given in the order in which they were written; `ordering` is the table's ordering
    column.

    The rows have the record key and `columns`, where only those are asked for. Raises `FormatError` LW-405 for a damaged log. Of
    another engine's a torn end is left out, as that engine does: it is of an attempt that was repeated.
    """
    stored = schema.arrow_schema(spec.columns, meta=True)
    all_of = [*_FRONT, *stored.names[len(schema.META_COLUMNS) :]]
    wanted = pa.schema([stored.field(name) for name in (all_of if columns is None else [schema.RECORD_KEY, *columns])])
    names = [*dict.fromkeys([*wanted.names, *([ordering] if ordering else [])])]
    for items in batched(slices.items(), lambda item: sum(log.size for log in item[1]), _BATCH_BYTES):
        batch = dict(items)
        changes = {key: _Changes(wanted, stored.field(ordering) if ordering else None) for key in batch}
        blocks = [(key, log.name, block) for key, logs in batch.items() for log in logs for block in _blocks(folder, log)]
        rows = iter(log_block.rows_of([(block, name) for _, name, block in blocks if block.kind == log_block.AVRO_DATA], names))
        for key, name, block in blocks:
            try:
                changes[key].add(block, name, rows)
            except (KeyError, ValueError, pa.ArrowException) as error:
                raise log_block.damaged(name, f"its rows are not those of the table ({error})") from error
        for key, found in changes.items():
            yield key, found.newest()


def _blocks(folder: Folder, log: Log) -> Iterator[log_block.Block]:
    data = folder.store.read(log.name)
    if log.checksum not in (None, checksum(data)):
        raise log_block.damaged(log.name, "its bytes are not those that were written")
    return log_block.decode(data, log.name, whole=log.checksum is not None)


class _Changes:
    """All changes in logs, in their order: ``row`` is the number of a change's row, -1 for a delete."""

    def __init__(self, wanted: pa.Schema, ordering: pa.Field | None) -> None:
        self._wanted, self._ordering = wanted, ordering
        self._rows: list[pa.Table] = []
        self._orders: list[pa.ChunkedArray] = []
        self._keys: list[pa.Array] = []
        self._row: list[Numbers] = []
        self._deletes: dict[int, Any] = {}
        self._count = self._changes = 0

    def add(self, block: log_block.Block, where: str, rows: Iterator[pa.Table]) -> None:
        """Add what a block holds; raises KeyError, ValueError or Arrow's errors for rows that are not a table's.

        ``rows`` gives those of blocks in Avro, one block after the other.
        """
        if block.kind == log_block.AVRO_DATA:
            self._add_rows(next(rows))
        elif block.kind == log_block.PARQUET_DATA:
            self._add_rows(log_block.parquet_rows_of(block, where))
        elif block.kind == log_block.DELETE:
            self._add_deletes(*log_block.deletes_of(block, where))
        elif block.kind != log_block.COMMAND:
            raise log_block.damaged(where, f"it has a block of kind {block.kind}, which nothing here reads")

    def _add_rows(self, rows: pa.Table) -> None:
        def column(field: pa.Field) -> pa.ChunkedArray:
            if field.name in rows.column_names:
                return rows.column(field.name).cast(field.type)
            return pa.chunked_array([pa.nulls(rows.num_rows, field.type)])

        self._rows.append(pa.table([column(field) for field in self._wanted], schema=self._wanted))
        if self._ordering is not None:
            self._orders.append(column(self._ordering))
        self._add(rows.column(schema.RECORD_KEY).combine_chunks(), np.arange(self._count, self._count + rows.num_rows))
        self._count += rows.num_rows

    def _add_deletes(self, record_keys: pa.Array, ordering: list[Any]) -> None:
        self._deletes |= {self._changes + index: value for index, value in enumerate(ordering) if value is not None}
        self._add(record_keys, np.full(len(record_keys), -1))

    def _add(self, record_keys: pa.Array, row: Numbers) -> None:
        if record_keys.null_count:
            raise ValueError("a change has no record key")
        self._keys.append(record_keys)
        self._row.append(row)
        self._changes += len(row)

    def newest(self) -> Newest:
        """The newest change of each key that was added: the last one, unless the ordering column says otherwise."""
        rows = pa.concat_tables(self._rows) if self._rows else self._wanted.empty_table()
        keys = pa.concat_arrays(self._keys) if self._keys else pa.array([], pa.string())
        row = np.concatenate([np.empty(0, np.int64), *self._row])
        encoded = keys.dictionary_encode()
        codes = encoded.indices.to_numpy().astype(np.int64)
        last = np.full(len(encoded.dictionary), -1)
        last[codes] = np.arange(len(codes))
        for code, change in self._overtaken(codes, row):
            last[code] = change
        alive = row[last] >= 0
        return Newest(numbered_rows.in_order(rows, np.sort(row[last][alive])), encoded.dictionary.filter(pa.array(~alive)))

    def _overtaken(self, codes: Numbers, row: Numbers) -> Iterator[tuple[int, int]]:
        """The keys whose newest change is perhaps not their last one, each with its newest."""
        order = np.argsort(codes, kind="stable")
        before, after = order[:-1], order[1:]
        pairs = codes[before] == codes[after]
        before, after = before[pairs], after[pairs]
        suspect = [codes[number] for number in after if int(number) in self._deletes] if self._deletes else []
        if self._orders:
            values = pa.chunked_array([chunk for part in self._orders for chunk in part.chunks])
            both = (row[before] >= 0) & (row[after] >= 0)
            first, then = (values.take(pa.array(row[side[both]])) for side in (before, after))
            behind = pc.fill_null(pc.greater(first, then), False).to_numpy()
            suspect += codes[after[both][behind]].tolist()
            for code in dict.fromkeys(map(int, suspect)):
                yield code, self._walked(np.flatnonzero(codes == code), row, values)

    def _walked(self, changes: Numbers, row: Numbers, values: pa.ChunkedArray) -> int:
        """Which of the changes of one key is its newest."""

        def order(change: int) -> Any:
            return values[int(row[change])].as_py() if row[change] >= 0 else self._deletes.get(change)

        best = int(changes[0])
        for change in map(int, changes[1:]):
            held, value = order(best), order(change)
            is_older = row[best] >= 0 and value is not None and held is not None and type(held) is type(value) and held > value
            best = best if is_older else change
        return best
