"""What every `Source` must do: each check of `CONTRACT` takes a `Subject`, a source with a table that the check adds rows to.

Run them as tests: ``@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from lakewright.model.batch import INSERT, OP, POSITION, raw_schema
from lakewright.model.contracts import Flush, Source
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema


class Subject(Protocol):
    """A source to hold against the contract. Its tables are empty at first, and known; `source` opens it anew."""

    table: TableName
    column: str
    """A column of whole numbers of the table, each of which is inserted once."""

    def source(self) -> Source:
        """The source, as another process would open it."""
        ...

    def insert(self, numbers: Sequence[int]) -> None:
        """Commit rows with these numbers in one transaction."""
        ...


def tables_are_discovered_in_name_order(subject: Subject) -> None:
    """The table is among them, each is there once, and none has a number yet."""
    schemas = subject.source().discover().tables
    names = [schema.name for schema in schemas]
    assert subject.table in names
    assert names == sorted(set(names))
    assert not any(schema.number for schema in schemas)


def the_feed_stays_the_same(subject: Subject) -> None:
    """Whoever asks, and whatever was committed in between."""
    before = subject.source().feed()
    subject.insert([1])
    assert subject.source().feed() == before


def a_bookmark_is_behind_all_that_was_committed(subject: Subject) -> None:
    """Bookmarks do not go back, and the stream up to one has all that was committed before it was asked for."""
    begun = _begin(subject)
    subject.insert([1, 2])
    bookmark = subject.source().current_position()
    subject.insert([3])
    assert subject.source().current_position() >= bookmark
    assert {1, 2} <= set(begun.follow(bookmark).numbers)


def load_and_stream_meet(subject: Subject) -> None:
    """Rows from before the first load and after it are there once: in the load or in the stream."""
    subject.insert([1, 2])
    begun = _begin(subject)
    subject.insert([3])
    subject.insert([4])
    streamed = begun.follow(subject.source().current_position())
    assert sorted(begun.loaded + streamed.numbers) == [1, 2, 3, 4]


def rows_are_raw_rows_in_change_order(subject: Subject) -> None:
    """Each batch has the columns of `raw_schema` and its own bounds; positions grow, and stay at or before the watermark."""
    begun = _begin(subject)
    for number in range(3):
        subject.insert([10 * number, 10 * number + 1])
    end = begun.position
    for flush in begun.follow(subject.source().current_position()).flushes:
        for batch in flush.batches:
            positions = [Position.parse(text) for text in batch.rows[POSITION].to_pylist()]
            assert batch.rows.schema.equals(raw_schema(batch.schema))
            assert positions == sorted(positions)
            assert not positions or (positions[0], positions[-1]) == (batch.first, batch.last)
            assert batch.first > end
            assert flush.watermark is None or batch.last <= flush.watermark
        assert flush.watermark is None or (flush.watermark >= end and flush.watermark.ordinal == 0)
        end = flush.watermark or end


def what_was_not_acknowledged_comes_again(subject: Subject) -> None:
    """A stream that is opened again gives the same rows at the same positions, and none at or before where it is opened."""
    begun = _begin(subject)
    subject.insert([1])
    subject.insert([2])
    bookmark = subject.source().current_position()
    first = begun.follow(bookmark, acknowledge=False)
    assert begun.follow(bookmark, acknowledge=False).rows == first.rows
    middle = Position.parse(first.rows[0][POSITION])
    after = begun.follow(bookmark, after=Position(middle.lsn + 1))
    assert after.rows == [row for row in first.rows if Position.parse(row[POSITION]) > Position(middle.lsn + 1)]


def what_was_acknowledged_does_not_end_it(subject: Subject) -> None:
    """After an acknowledgement the stream goes on from there, in this process and in the next."""
    begun = _begin(subject)
    for number in range(1, 4):
        subject.insert([number])
        followed = begun.follow(subject.source().current_position())
        assert followed.numbers == [number]
        begun = dataclasses.replace(begun, position=followed.end)


def tables_that_are_not_asked_for_are_left_out(subject: Subject) -> None:
    """The stream gives the changes of the given schemas alone, and its watermark moves all the same."""
    begun = dataclasses.replace(_begin(subject), schemas=[])
    subject.insert([1])
    bookmark = subject.source().current_position()
    followed = begun.follow(bookmark)
    assert followed.rows == []
    assert followed.end >= bookmark


def a_later_load_has_what_came_before(subject: Subject) -> None:
    """It is at or after the asked position, has all rows up to its own, and with the stream from there has each row once."""
    begun = _begin(subject)
    subject.insert([1, 2])
    source, asked = subject.source(), subject.source().current_position()
    with source.open_load(begun.schemas, after=asked) as load:
        position, loaded = load.position, _numbers(subject, list(load.batches(begun.schema(subject.table))))
    assert position >= asked
    assert sorted(loaded) == [1, 2]
    subject.insert([3])
    followed = begun.follow(source.current_position(), starts={subject.table: position})
    assert sorted(loaded + followed.numbers) == [1, 2, 3]


def nothing_has_drifted(subject: Subject) -> None:
    """Tables that nobody changed neither stop nor grow."""
    begun = _begin(subject)
    subject.insert([1])
    drift = subject.source().drift(begun.schemas)
    assert not [*drift.stopped, *drift.grown]


def what_is_planned_is_applied(subject: Subject) -> None:
    """After `apply` nothing is left to do, whoever looks."""
    source = subject.source()
    tables = source.discover().tables
    planned = source.plan(tables)
    assert len(source.apply(tables)) == len(planned)
    assert subject.source().plan(subject.source().discover().tables) == []


def nothing_is_behind_its_own_bookmark(subject: Subject) -> None:
    """What is there after a position counts from it, and a source that works has no fault to find."""
    begun = _begin(subject)
    subject.insert([1])
    source = subject.source()
    bookmark = source.current_position()
    assert source.status(begun.position).behind_bytes > 0
    assert source.status(bookmark).behind_bytes < source.status(begun.position).behind_bytes
    assert [finding for finding in source.examine() if not finding.ok] == []


CONTRACT = (
    tables_are_discovered_in_name_order,
    the_feed_stays_the_same,
    a_bookmark_is_behind_all_that_was_committed,
    load_and_stream_meet,
    rows_are_raw_rows_in_change_order,
    what_was_not_acknowledged_comes_again,
    what_was_acknowledged_does_not_end_it,
    tables_that_are_not_asked_for_are_left_out,
    a_later_load_has_what_came_before,
    nothing_has_drifted,
    what_is_planned_is_applied,
    nothing_is_behind_its_own_bookmark,
)


@dataclasses.dataclass(frozen=True)
class _Followed:
    """What a stream gave, and its last watermark."""

    flushes: list[Flush]
    rows: list[dict[str, Any]]
    numbers: list[int]
    end: Position


@dataclasses.dataclass(frozen=True)
class _Begun:
    """A source whose first load is done: from where it is followed, under which schemas, and what was loaded."""

    subject: Subject
    position: Position
    schemas: list[TableSchema]
    loaded: list[int]

    def schema(self, table: TableName) -> TableSchema:
        """The schema of a table."""
        return next(schema for schema in self.schemas if schema.name == table)

    def follow(
        self,
        until: Position,
        *,
        acknowledge: bool = True,
        after: Position | None = None,
        starts: Mapping[TableName, Position] | None = None,
    ) -> _Followed:
        """The stream from `after` (by default where the load ended) until its watermark is at or after `until`."""
        flushes = []
        with self.subject.source().open_stream(after or self.position, self.schemas, starts or {}) as stream:
            for flush in stream.flushes(until):
                flushes.append(flush)
                if flush.watermark is not None:
                    if acknowledge:
                        stream.acknowledge(flush.watermark)
                    if flush.watermark >= until:
                        break
        batches = [b.rows for flush in flushes for b in flush.batches if b.schema.name == self.subject.table]
        rows = [row for batch in batches for row in batch.to_pylist()]
        return _Followed(flushes, rows, _numbers(self.subject, batches), _end(flushes))


def _begin(subject: Subject) -> _Begun:
    """Load what is there, so that a stream can begin."""
    source = subject.source()
    source.prepare(source.discover().tables)
    schemas = source.discover().tables  # as they are since they were prepared
    with source.open_load(schemas, after=None) as load:
        loaded = [batch for schema in schemas for batch in load.batches(schema) if schema.name == subject.table]
        return _Begun(subject, load.position, schemas, _numbers(subject, loaded))


def _numbers(subject: Subject, batches: Sequence[Any]) -> list[int]:
    rows = (row for batch in batches for row in batch.to_pylist())
    return [row[subject.column] for row in rows if row[OP] == INSERT]


def _end(flushes: Sequence[Flush]) -> Position:
    watermarks: Iterator[Position] = (flush.watermark for flush in flushes if flush.watermark is not None)
    return max(watermarks)
