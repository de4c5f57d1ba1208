"""The row messages of one table under one schema -> the rows of a raw file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.model import batch
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres import values
from lakewright.sources.postgres.messages import NULL, TEXT, UNCHANGED, Bytes, CannotGoOn, Integers, Messages, Values, malformed
from lakewright.sources.postgres.relation import Relation

INSERT_MESSAGE, UPDATE_MESSAGE, DELETE_MESSAGE, TRUNCATE_MESSAGE = b"IUDT"
_NEW, _KEY, _OLD = b"NKO"

# Decimal numbers of five digits, one a row: an ordinal is written with two of them.
_FIVE_DIGITS = (np.arange(100_000)[:, None] // 10 ** np.arange(4, -1, -1) % 10 + ord("0")).astype(np.uint8)
_HEXADECIMAL = np.frombuffer(b"0123456789ABCDEF", np.uint8)

Flags = npt.NDArray[np.bool_]
Columns = Mapping[str, Values]
Exact = Mapping[str, Mapping[int, str]]


@dataclasses.dataclass(frozen=True)
class Places:
    """Where changes stand: per row its transaction's LSN, its ordinal, its commit time in microseconds since 1970, and the
    transaction's own number."""

    lsns: Integers
    ordinals: Integers
    times: Integers
    transactions: Integers

    def rows(self, index: Integers) -> Places:
        """The places of some rows."""
        return Places(self.lsns[index], self.ordinals[index], self.times[index], self.transactions[index])

    def after(self, position: Position) -> Flags:
        """Which rows stand after `position`."""
        later: Flags = (self.lsns > position.lsn) | ((self.lsns == position.lsn) & (self.ordinals > position.ordinal))
        return later


def raw_rows(messages: Messages, index: Integers, places: Places, relation: Relation, schema: TableSchema) -> pa.Table:
    """The changes at `index`, which stand at `places`, in their order and with the columns of `raw_schema`.

    `relation` has at least the columns of `schema`. Of a table without key, updates and deletes are left out.
    Raises `SourceError` for malformed messages, `UnreadableValue` where one holds what no row can have, and
    `CannotGoOn` where a row does not say its key.
    """
    kinds = messages.kinds[index]
    truncates = np.flatnonzero(kinds == TRUNCATE_MESSAGE)
    held = np.flatnonzero(kinds != TRUNCATE_MESSAGE if schema.key else kinds == INSERT_MESSAGE)
    new, old, both = _read(messages, index[held], relation, schema)
    _complete(new, old, both)
    _keep_key(new, np.flatnonzero(kinds[held] == DELETE_MESSAGE), schema)
    changed = _changed(messages, new, old, both, schema)
    moved = both[changed]
    letters = kinds[held]
    letters[moved] = INSERT_MESSAGE
    former, former_exact = _decode(messages, {name: old[name].rows(changed) for name in schema.key if len(changed)}, schema)
    arrays, exact = _decode(messages, new, schema)
    unavailable = {name: v.kinds == UNCHANGED for name, v in new.items() if (v.kinds == UNCHANGED).any()}
    if unavailable:
        arrays[batch.UNAVAILABLE] = _names(unavailable)
        if len(moved):
            arrays[batch.OLD_KEY] = _old_keys(former, moved, np.logical_or.reduce([*unavailable.values()]))
    rows = _frame(schema, letters, places.rows(held), arrays, exact)
    if not len(truncates) and not len(moved):
        return rows
    deletes = _frame(schema, np.full(len(moved), DELETE_MESSAGE, np.uint8), places.rows(held[moved]), former, former_exact)
    ends = _frame(schema, kinds[truncates], places.rows(truncates), {}, {})
    # The delete half of a key change comes just before its insert half.
    order = np.concatenate([2 * held, 2 * held[moved] - 1, 2 * truncates])
    return pa.concat_tables([rows, deletes, ends]).take(pa.array(np.argsort(order)))


def _read(messages: Messages, index: Integers, relation: Relation, schema: TableSchema) -> tuple[Columns, Columns, Integers]:
    """The row of every message (of a delete the old one); the old rows of updates that have one; which updates those are."""
    kinds = messages.kinds[index]
    markers = messages.integers(index, 5, "u1")
    has_old = np.isin(markers, [_KEY, _OLD])
    if (~has_old & (markers != _NEW)).any() or (has_old & (kinds == INSERT_MESSAGE)).any():
        raise malformed("a change has a row of an unknown kind")
    if (~has_old & (kinds == DELETE_MESSAGE)).any():
        raise malformed("a delete has no old row")
    at = np.full(len(index), 6, np.int64)
    both = np.flatnonzero(has_old & (kinds == UPDATE_MESSAGE))
    names = [column.name for column in relation.columns]
    old: dict[str, Values] = {}
    if len(both):
        columns, ends = messages.tuples(index[both], at[both], len(names))
        if (messages.integers(index[both], ends, "u1") != _NEW).any():
            raise malformed("an update has no new row")
        at[both] = ends + 1
        old = dict(zip(names, columns, strict=True))
    columns, ends = messages.tuples(index, at, len(names))
    if (messages.starts[index] + ends != messages.ends[index]).any():
        raise malformed("a message goes on behind its row")
    new = dict(zip(names, columns, strict=True))
    return {name: new[name] for name in schema.column_names}, old, both


def _complete(new: Columns, old: Columns, both: Integers) -> None:
    """Take unchanged values from the old row where it was sent whole."""
    for name, column in new.items():
        if not old:
            return
        known = (column.kinds[both] == UNCHANGED) & (old[name].kinds == TEXT)
        rows = both[known]
        column.kinds[rows] = TEXT
        column.starts[rows] = old[name].starts[known]
        column.sizes[rows] = old[name].sizes[known]


def _keep_key(new: Columns, deletes: Integers, schema: TableSchema) -> None:
    """Blank what a delete says beyond its key; make sure that every row says its key."""
    for name, column in new.items():
        if name not in schema.key:
            column.kinds[deletes] = NULL
            column.sizes[deletes] = 0
        elif (column.kinds != TEXT).any():
            raise CannotGoOn(schema.name, "a row came without its key")


def _changed(messages: Messages, new: Columns, old: Columns, both: Integers, schema: TableSchema) -> Integers:
    """Which of the updates that have an old row changed the key."""
    differs: Flags = np.zeros(len(both), np.bool_)
    for name in schema.key:
        if not len(both):
            break
        if (old[name].kinds != TEXT).any():
            raise CannotGoOn(schema.name, "an old row came without its key")
        now, before = (_texts(messages, column, schema, name) for column in (new[name].rows(both), old[name]))
        differs |= pc.not_equal(now, before).to_numpy(zero_copy_only=False)
    return np.flatnonzero(differs)


def _decode(messages: Messages, columns: Columns, schema: TableSchema) -> tuple[dict[str, pa.Array], Exact]:
    arrays, exact = {}, {}
    for name, column in columns.items():
        decoded = values.decode(schema.column(name), _texts(messages, column, schema, name))
        arrays[name] = decoded.array
        if decoded.exact:
            exact[name] = decoded.exact
    return arrays, exact


def _texts(messages: Messages, column: Values, schema: TableSchema, name: str) -> pa.StringArray:
    try:
        return messages.texts(column)
    except UnicodeError:
        hint = f"correct the bytes in the source, then `lakewright resync {schema.name}`"
        message = f"a text in column {name} of {schema.name} is not UTF-8"
        raise values.UnreadableValue("LW-218", message, hint=hint) from None


def _names(unavailable: Mapping[str, Flags]) -> pa.Array:
    """Per row the names whose flag is set; null where none is."""
    flags = np.column_stack([*unavailable.values()])
    columns = np.nonzero(flags)[1]
    lists = pa.DictionaryArray.from_arrays(pa.array(columns), pa.array([*unavailable], pa.string())).cast(pa.string())
    offsets = np.concatenate([[0], np.cumsum(flags.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), lists, mask=pa.array(~flags.any(axis=1)))


def _old_keys(former: Mapping[str, pa.Array], moved: Integers, incomplete: Flags) -> pa.Array:
    """The former key in each row that changed its key and is incomplete, else null."""
    keys = pa.StructArray.from_arrays([*former.values()], names=[*former])
    source = np.zeros(len(incomplete), np.int64)
    source[moved] = np.arange(len(moved))
    wanted = np.zeros(len(incomplete), np.bool_)
    wanted[moved] = incomplete[moved]
    return keys.take(pa.array(source, mask=~wanted))


def _frame(schema: TableSchema, letters: Bytes, places: Places, arrays: Mapping[str, pa.Array], exact: Exact) -> pa.Table:
    """Rows with the columns of `raw_schema`, null where `arrays` has nothing."""
    count = len(letters)
    known = {
        **arrays,
        batch.OP: _fixed_width(letters[:, None]),
        batch.COMMIT_TIME: pa.array(places.times).view(pa.timestamp("us", "UTC")),
        batch.POSITION: _positions(places.lsns, places.ordinals),
        batch.EXACT: values.exact_column(count, exact),
    }
    fields = batch.raw_schema(schema)
    return pa.Table.from_arrays([known[f.name] if f.name in known else pa.nulls(count, f.type) for f in fields], schema=fields)


def _positions(lsns: Integers, ordinals: Integers) -> pa.StringArray:
    """The text form of `Position`."""
    text = np.empty((len(lsns), 27), np.uint8)
    text[:, :16] = _HEXADECIMAL[lsns[:, None] >> np.arange(60, -1, -4) & 15]
    text[:, 16] = ord(".")
    text[:, 17:22] = _FIVE_DIGITS[ordinals // 100_000]
    text[:, 22:] = _FIVE_DIGITS[ordinals % 100_000]
    return _fixed_width(text)


def _fixed_width(text: Bytes) -> pa.StringArray:
    """Rows of ASCII characters as texts."""
    count, width = text.shape
    offsets = np.arange(count + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))
