"""How a source table goes on from one version of its schema to the next, or why it cannot."""

from __future__ import annotations

import dataclasses

from lakewright.model import types
from lakewright.model.schema import Column, TableSchema

_SEEN_TOO_LONG_AGO = 1_000_000_000
"""Transactions; the server compares their numbers only where they are less than twice as many apart."""


@dataclasses.dataclass(frozen=True)
class SchemaChange:
    """What has to happen to go from one schema to another.

    ``schema`` is the new one with what the lake keeps of the old: the table goes on under it, and ``is_evolved`` says that its
    columns are others than before. ``refusal`` is why the table cannot go on without a new load, or None; with ``by_itself``
    nobody has to decide about that load, for no column of the lake becomes another one by it. ``news`` says that the new schema
    has facts, other than columns, which the next comparison needs.
    """

    schema: TableSchema
    is_evolved: bool = False
    refusal: str | None = None
    by_itself: bool = False
    news: bool = False


def compare(old: TableSchema, new: TableSchema, *, is_rewritten: bool | None = None) -> SchemaChange:
    """How `new` differs from `old`, which may have columns that it keeps for the lake alone.

    These go on: a column that is added where older rows hold NULL or one constant in it; one that is dropped or renamed, where
    the server's numbers tell which of both it is; one whose type is wider than before, unless the rows were written anew for it
    (`is_rewritten`, by default what the tables' heaps tell). A rewrite may have computed the values, and the stream tells
    nothing of it, so it needs a load. Everything else needs one that somebody asks for. Nullability and order change nothing.
    """
    reason = _other_table(old, new) or _exchanged(old, new) or _untold(old, new)
    if reason is not None:
        return SchemaChange(new, refusal=reason)
    retyped = list[tuple[Column, Column]]()
    for column in old.columns:
        now = new.counterpart(column)
        if now is None and not column.number:
            return SchemaChange(new, refusal=f"its column {column.name} was dropped or renamed")
        if now is not None and (column.type, column.source_type) != (now.type, now.source_type):
            if not types.widens(column.type, now.type):
                return SchemaChange(new, refusal=f"its column {column.name} {_changed(column, now)}")
            retyped.append((column, now))
        if now is not None and _is_relabelled(column, now):
            why = "has other values in older rows: a value of its enum was renamed, or the enum was made anew"
            return SchemaChange(new, refusal=f"its column {column.name} {why}")
    if is_rewritten is None:
        is_rewritten = was_rewritten(old, new)
    for column, now in retyped:
        if is_rewritten or not types.reads_alike(column.source_type, now.source_type):
            why = f"its column {column.name} {_changed(column, now)}, and the stream does not tell the values that rows have now"
            return SchemaChange(new, refusal=why, by_itself=True)
    evolved = _evolved(old, new)
    before, after = ([(c.number, c.name, c.type, c.source_type) for c in each.columns] for each in (old, evolved))
    return SchemaChange(evolved, is_evolved=sorted(before) != sorted(after), news=_has_news(old, new))


def was_rewritten(old: TableSchema, new: TableSchema) -> bool:
    """Whether rows may have been written anew, each into another file than before; true where nothing is known of the files."""
    files = {heap.oid: heap.file for heap in new.heaps}
    return not old.heaps or any(files.get(heap.oid) != heap.file for heap in old.heaps)


def _other_table(old: TableSchema, new: TableSchema) -> str | None:
    if old.oid and new.oid and old.oid != new.oid:
        return "it was dropped and created again"
    if old.key != new.key:
        return f"its key changed from ({', '.join(old.key)}) to ({', '.join(new.key)})"
    if {heap.oid for heap in old.heaps} - {heap.oid for heap in new.heaps}:
        return "a partition of it was dropped or detached, with the rows that it had"
    return None


def _exchanged(old: TableSchema, new: TableSchema) -> str | None:
    """Why a name of the lake's table cannot be that of the column that has it now, or None: case makes no other name in SQL."""
    for former in old.stored:
        for column in new.columns:
            if former.name.lower() != column.name.lower():
                continue
            if former.number and column.number and former.number != column.number:
                why = "is another one than before: it was dropped and added again, or took the name of another"
                return f"its column {column.name} {why}"
            if former.name != column.name:
                return f"its column {former.name} was renamed to {column.name}, which differs by case alone"
    return None


def _untold(old: TableSchema, new: TableSchema) -> str | None:
    """Which new column has values in older rows that nobody knows, or None."""
    for column in new.columns:
        if old.counterpart(column) is None:
            untold = not column.missing_known or (not column.nullable and column.missing is None)
            # It was there before, as a generated column: its values stayed.
            if untold or 0 < column.number <= old.attributes:
                return f"its new column {column.name} has values in older rows that the stream does not tell"
    return None


def _changed(old: Column, new: Column) -> str:
    return f"changed from {old.source_type} to {new.source_type}"


def _is_relabelled(old: Column, new: Column) -> bool:
    labels = dict(new.labels)
    return any(labels.get(number) != label for number, label in old.labels)


def _evolved(old: TableSchema, new: TableSchema) -> TableSchema:
    """The new schema with the columns that only the lake has; what older rows have in a column stays true for ever."""
    columns = []
    for column in new.columns:
        if (former := old.counterpart(column)) is not None:
            column = dataclasses.replace(column, missing=former.missing, missing_known=former.missing_known)
        columns.append(column)
    heirs = [(former, new.counterpart(former)) for former in old.columns]
    dropped = [former for former, heir in heirs if heir is None]
    vacated = [dataclasses.replace(former, missing=None) for former, heir in heirs if heir and heir.name != former.name]
    kept = [former for former in (*old.vacated, *vacated) if former.name not in new.column_names]
    return dataclasses.replace(new, columns=tuple(columns), dropped=(*old.dropped, *dropped), vacated=tuple(kept))


def _has_news(old: TableSchema, new: TableSchema) -> bool:
    pairs = [(column, new.counterpart(column)) for column in old.columns]
    labelled = new.seen - old.seen > _SEEN_TOO_LONG_AGO or any(now and column.labels != now.labels for column, now in pairs)
    return labelled or (not old.attributes and new.attributes > 0) or _leaves(old) != _leaves(new)


def _leaves(table: TableSchema) -> set[tuple[int, int]]:
    """The partitions' oids and files."""
    return {(heap.oid, heap.file) for heap in table.heaps if heap.oid != table.oid}
