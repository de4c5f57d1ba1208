"""Decoder of the logical replication protocol (pgoutput, version 1, values as text), without I/O.

It is fed lists of messages as they come, cut anywhere, and gives the changes of each table as Arrow. Nothing is done per
message in Python: transactions and ordinals are numbered for the whole list at once, then each table's rows are decoded
column by column. Layout of messages: PostgreSQL documentation, "Logical Replication Message Formats".
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from lakewright.errors import RESYNC, LakewrightError, SourceError, SourceUnreachable
from lakewright.model.batch import COMMIT_TIME, POSITION, ChangeBatch
from lakewright.model.contracts import Past, Stopped
from lakewright.model.evolution import compare, was_rewritten
from lakewright.model.names import TableName
from lakewright.model.position import START, Position, format_lsn
from lakewright.model.schema import Column, TableSchema
from lakewright.sources.postgres.messages import CannotGoOn, Integers, Messages, malformed, refused
from lakewright.sources.postgres.relation import Relation
from lakewright.sources.postgres.rows import TRUNCATE_MESSAGE, Places, raw_rows
from lakewright.sources.postgres.values import UnreadableValue

BEGIN, COMMIT = b"BC"
_RELATION = ord("R")
_KNOWN = np.isin(np.arange(256), list(b"BCORYIUDTM"))
_COUNTED = np.isin(np.arange(256), list(b"IUDT"))

_BEGIN_LENGTH, _COMMIT_LENGTH = 21, 26
_POSTGRES_EPOCH = 946_684_800_000_000
_UNIX_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_YEAR_1, _YEAR_10000 = -62_135_596_800_000_000, 253_402_300_800_000_000

Resolve = Callable[[Relation, TableSchema], TableSchema]
"""The table of a relation as the catalog has it, ``number`` 0, after it was known as the one given; raises `LakewrightError`
where it cannot be taken."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """What a list of messages held.

    ``committed`` is the end LSN of its last commit record, ``time`` that transaction's commit time; None without a commit.
    """

    batches: Sequence[ChangeBatch]
    stopped: Sequence[Stopped]
    committed: int | None
    time: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class _Transaction:
    """An open transaction: the LSN and time of its commit, how many changes of it have come, and its own number."""

    lsn: int
    time: int
    ordinal: int
    number: int


@dataclasses.dataclass(frozen=True)
class _Accepted:
    """A relation and the schema under which its rows are decoded; None for a table that is not followed."""

    relation: Relation
    schema: TableSchema | None


class Decoder:
    """Decodes one replication stream from its first message on; changes at or before `after` are left out.

    `schemas` are the tables to follow as of `after`; a table in `starts` begins at that later position, and its schema is as of
    there. The first change of a table after a Relation message of a new shape asks `resolve`. Where the table can go on, the
    changes from there on come under the new schema with ``number`` 0; else it is reported as stopped, at the position just
    before, and its later changes are left out. They keep their ordinals. So it is with a value that no row of the lake can have.

    What comes from before `after` has come before: where it is not what `past` tells of, the source has another history.
    """

    def __init__(
        self,
        schemas: Sequence[TableSchema],
        after: Position,
        resolve: Resolve,
        starts: Mapping[TableName, Position],
        past: Past | None = None,
    ) -> None:
        self._schemas = {schema.name: schema for schema in schemas}
        self._names = {schema.oid: schema.name for schema in schemas if schema.oid}
        self._after = after
        self._starts = starts
        self._quiet = min(past.quiet, after) if past else after
        self._awaited = past if past and past.commit else None
        self._resolve = resolve
        self._open: _Transaction | None = None
        self._relations: dict[int, Relation] = {}
        self._accepted: dict[int, _Accepted] = {}

    @property
    def in_transaction(self) -> bool:
        """Whether the last message belongs to a transaction whose commit has not come yet."""
        return self._open is not None

    def decode(self, payloads: Sequence[bytes]) -> Decoded:
        """The changes of the next messages; batches of one table in change order.

        Raises `SourceError` for malformed messages and for another history, and `SourceUnreachable` from `resolve`; the decoder
        is of no use then.
        """
        if not payloads:
            return Decoded((), (), None, None)
        messages = Messages(payloads)
        places, committed, time = self._number(messages)
        wanted = np.flatnonzero(_COUNTED[messages.kinds] & places.after(self._quiet))
        batches: list[ChangeBatch] = []
        stopped: list[Stopped] = []
        for relation, of_relation in self._by_relation(messages, wanted):
            start = self._start(self._names.get(relation.oid, relation.name))
            here = places.rows(of_relation)
            if start == self._after and relation.name in self._schemas and not here.after(start).all():
                raise restored(f"the source sends a change of {relation.name} that it did not have when it was captured")
            index = of_relation[here.after(start)]
            if not len(index):
                continue
            here = places.rows(index)
            before = Position(int(here.lsns[0]), int(here.ordinals[0]) - 1)
            schema = self._schema(relation, before, stopped)
            if schema is None:
                continue
            truncates = np.flatnonzero(messages.kinds[index] == TRUNCATE_MESSAGE)
            if schema.is_partitioned and len(truncates):
                schema = self._emptied(relation, schema, int(here.transactions[truncates[-1]]))
            try:
                batch = _batch(messages, index, here, relation, schema)
            except (UnreadableValue, CannotGoOn) as error:
                stopped.append(Stopped(schema.name, before, error))
                del self._schemas[schema.name]
                self._accepted[relation.oid] = _Accepted(relation, None)
            else:
                batches += [batch] if batch else []
        # A table stops too where another one bears its name; its own rows, which may go on behind that, are no worse for it.
        ends = {batch.schema.name: batch.last for batch in batches}
        stopped = [dataclasses.replace(each, position=max(each.position, ends.get(each.table, START))) for each in stopped]
        return Decoded(batches, stopped, committed, time)

    def _number(self, messages: Messages) -> tuple[Places, int | None, datetime.datetime | None]:
        """Where each message stands, the end LSN and time of the last commit; takes up and leaves an open transaction."""
        kinds = messages.kinds
        if not _KNOWN[kinds].all():
            raise malformed("a message has an unknown kind")
        begin, commit, counted = kinds == BEGIN, kinds == COMMIT, _COUNTED[kinds]
        carried = self._open or _Transaction(0, 0, 0, 0)
        depth = np.cumsum(begin.astype(np.int64) - commit) + (self._open is not None)
        if depth.min() < 0 or depth.max() > 1 or (counted & (depth == 0)).any():
            raise malformed("transactions are not one after the other")
        begins, commits = np.flatnonzero(begin), np.flatnonzero(commit)
        lengths = messages.ends - messages.starts
        if (lengths[begins] != _BEGIN_LENGTH).any() or (lengths[commits] != _COMMIT_LENGTH).any():
            raise malformed("a begin or commit has the wrong length")
        self._meet(messages, begins)
        lsns = np.concatenate([[carried.lsn], messages.integers(begins, 1, ">i8")])
        times = np.concatenate([[carried.time], messages.integers(begins, 9, ">i8") + _POSTGRES_EPOCH])
        numbers = np.concatenate([[carried.number], messages.integers(begins, 17, ">u4")])
        count = np.cumsum(counted)
        before = np.concatenate([[-carried.ordinal], count[begins]])
        transaction = np.cumsum(begin)
        lsns_committed, ends = (messages.integers(commits, at, ">i8") for at in (2, 10))
        if (lsns_committed != lsns[transaction[commits]]).any() or (ends < lsns_committed).any():
            raise malformed("a commit does not fit its begin")
        if (lsns < 0).any() or (times < _YEAR_1).any() or (times >= _YEAR_10000).any():
            raise malformed("a commit has an impossible place or time")
        places = Places(lsns[transaction], count - before[transaction], times[transaction], numbers[transaction])
        last = _Transaction(*(int(each[-1]) for each in (places.lsns, places.times, places.ordinals, places.transactions)))
        self._open = last if depth[-1] else None
        if not len(commits):
            return places, None, None
        return places, int(ends[-1]), _time(int(places.times[commits[-1]]))

    def _meet(self, messages: Messages, begins: Integers) -> None:
        """Whether one of the transactions that begin is the one that must come again."""
        if self._awaited is None or self._awaited.times is None:
            return
        first, last = ((time - _UNIX_EPOCH) // datetime.timedelta(microseconds=1) for time in self._awaited.times)
        times = messages.integers(begins, 9, ">i8") + _POSTGRES_EPOCH
        if ((messages.integers(begins, 1, ">i8") == self._awaited.commit) & (times >= first) & (times <= last)).any():
            self._awaited = None

    def check_past(self) -> None:
        """Raise `SourceError` where a transaction that must come again has not: the stream is past it."""
        if self._awaited is not None:
            raise restored(
                f"the source does not have the transaction any more that was captured at {format_lsn(self._awaited.commit)}"
            )

    def _by_relation(self, messages: Messages, changes: Integers) -> Iterator[tuple[Relation, Integers]]:
        """The changes of each relation, cut where a Relation message gave it a new shape; takes up Relation messages."""
        shapes: dict[int, list[tuple[int, Relation]]] = {oid: [(-1, relation)] for oid, relation in self._relations.items()}
        for row in np.flatnonzero(messages.kinds == _RELATION).tolist():
            relation = Relation.parse(messages.payload(row))
            if self._relations.get(relation.oid) != relation:
                self._relations[relation.oid] = relation
                shapes.setdefault(relation.oid, []).append((row, relation))
        for oid, index in _by_oid(messages, changes):
            if oid not in shapes or index[0] < shapes[oid][0][0]:
                raise malformed("a change came before its relation")
            cuts = np.searchsorted(index, [row for row, _ in shapes[oid]][1:])
            for (_, relation), part in zip(shapes[oid], np.split(index, cuts), strict=True):
                if len(part):
                    yield relation, part

    def _schema(self, relation: Relation, before: Position, stopped: list[Stopped]) -> TableSchema | None:
        """The schema for the rows of `relation`, whose first one comes just after `before`; None where they are left out."""
        accepted = self._accepted.get(relation.oid)
        if accepted is None or accepted.relation != relation:
            # A schema that was stored without oid is known by the name with which the stream first has it.
            names = {self._names.setdefault(relation.oid, relation.name), relation.name}
            schema = None
            for name in sorted(name for name in names & self._schemas.keys() if before >= self._start(name)):
                try:
                    schema = self._schemas[name] = self._adapted(self._schemas[name], relation)
                except SourceUnreachable:
                    raise
                except LakewrightError as error:
                    stopped.append(Stopped(name, before, error))
                    del self._schemas[name]
            accepted = self._accepted[relation.oid] = _Accepted(relation, schema)
        return accepted.schema

    def _start(self, table: TableName) -> Position:
        return self._starts.get(table, self._after)

    def _emptied(self, relation: Relation, schema: TableSchema, transaction: int) -> TableSchema:
        """The schema that knows which transaction truncated the whole table: it explains what the catalog says of partitions."""
        schema = self._schemas[schema.name] = dataclasses.replace(schema, number=0, emptied=transaction)
        self._accepted[relation.oid] = _Accepted(relation, schema)
        return schema

    def _adapted(self, known: TableSchema, relation: Relation) -> TableSchema:
        """The schema with which a followed table goes on under a new shape; raises `LakewrightError` where it cannot."""
        name = known.name
        if relation.name != name or [oid for oid, followed in self._names.items() if followed == name] != [relation.oid]:
            message = f"table {name} was renamed, or dropped and created again"
            raise SourceError("LW-243", message, hint=f"`lakewright resync {name}` loads it anew")
        now = self._resolve(relation, known).typed_as(known)
        columns, is_rewritten = _columns(relation, known, now), was_rewritten(known, now)
        attributes = known.attributes and max([known.attributes, *(column.number for column in columns)])
        # The rest is compared by the catalog alone, with what it was at the last look.
        now = dataclasses.replace(
            known, columns=columns, key=relation.key(now.key), identity=now.identity, number=0, oid=now.oid, attributes=attributes
        )
        change = compare(known, now, is_rewritten=is_rewritten)
        if change.refusal is not None:
            raise refused(name, change)
        return change.schema if change.is_evolved else known


def _columns(relation: Relation, known: TableSchema, catalog: TableSchema) -> tuple[Column, ...]:
    """The columns of a Relation message: as the catalog has them or, where it has them no longer, as they were known.

    The catalog may be of a later time than the message. Raises `CannotGoOn` where it does not tell what became of a column: one
    that the message lacks was dropped if the catalog has its number no longer, and renamed if the message has the name that the
    catalog gives that number.
    """
    told = dict.fromkeys(column.name for column in relation.columns)
    now = {column.name: column for column in catalog.columns}
    numbers = {column.number: column.name for column in catalog.columns}
    for column in known.columns:
        if column.name in told or not column.number:
            continue
        later = numbers.get(column.number)
        if (later is None and told.keys() - now.keys() - set(known.column_names)) or (later is not None and later not in told):
            raise CannotGoOn(known.name, f"its column {column.name} was renamed more than once, or is not published any more")
    found = (now[name] if name in now else next((c for c in known.columns if c.name == name), None) for name in told)
    return tuple(column for column in found if column)


def restored(reason: str) -> SourceError:
    """The error for a source whose history is not the one that was captured."""
    return SourceError("LW-224", f"{reason}: it was restored from a backup", hint=RESYNC)


def _by_oid(messages: Messages, changes: Integers) -> Iterator[tuple[int, Integers]]:
    """The changes of each relation id, in order; a truncate belongs to every table that it names."""
    truncates = messages.kinds[changes] == TRUNCATE_MESSAGE
    single = changes[~truncates]
    index, oids = [single], [messages.integers(single, 1, ">u4")]
    several = changes[truncates]
    counts = messages.integers(several, 1, ">u4")
    for row, count in zip(several.tolist(), counts.tolist(), strict=True):
        if count * 4 + 6 != messages.ends[row] - messages.starts[row]:
            raise malformed("a truncate has the wrong length")
        rows = np.full(count, row, np.int64)
        index.append(rows)
        oids.append(messages.integers(rows, 6 + 4 * np.arange(count), ">u4"))
    every_index, every_oid = np.concatenate(index), np.concatenate(oids)
    if not len(every_oid):
        return
    order = np.lexsort((every_index, every_oid))
    grouped = every_oid[order]
    cuts = np.flatnonzero(np.diff(grouped)) + 1
    yield from zip(grouped[np.concatenate([[0], cuts])].tolist(), np.split(every_index[order], cuts), strict=True)


def _batch(messages: Messages, index: Integers, places: Places, relation: Relation, schema: TableSchema) -> ChangeBatch | None:
    rows = raw_rows(messages, index, places, relation, schema)
    if not len(rows):
        return None
    first, last = (Position.parse(rows[POSITION][i].as_py()) for i in (0, -1))
    times = rows[COMMIT_TIME]
    return ChangeBatch(schema, rows, first, last, _time(times[0].value), _time(times[-1].value))


def _time(microseconds: int) -> datetime.datetime:
    return _UNIX_EPOCH + datetime.timedelta(microseconds=microseconds)
