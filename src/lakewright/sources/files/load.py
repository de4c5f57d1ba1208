"""What all arrivals up to a position make of a table: the rows of a load, of a check and of a table that is read anew."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa

from lakewright.errors import SourceError
from lakewright.model.batch import COMMIT_TIME, INSERT, OP, POSITION
from lakewright.model.contracts import Past
from lakewright.model.names import QUARANTINE
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.model.times import utc_now
from lakewright.sources.files.arrival_reader import ArrivalReader, DefinitionOf, unforeseen
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.batches import raw_table
from lakewright.sources.files.dataset import ARRIVAL, FILE
from lakewright.sources.files.file_reader import Piece
from lakewright.sources.files.ledger import Ledger, Version
from lakewright.sources.files.limit import Counts
from lakewright.sources.files.newest import collecting
from lakewright.sources.files.runs import Run, Runs
from lakewright.sources.files.tables import Rule


class FilesLoad:
    """`Load` of a source of files as of `position`. It looks at the arrivals when it is first read, not before.

    All files are read under the definition that the schema names; with `past` each under the one by which the log has it. Of a
    dataset and its quarantine each reads the files for itself.
    """

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        reader: ArrivalReader,
        rules: Mapping[str, Rule],
        position: Position,
        past: Past | None,
        runs: Runs,
    ) -> None:
        self.position = position
        self.time = utc_now()
        self._ledger = ledger
        self._reader = reader
        self._rules = rules
        self._past = past
        self._runs = runs

    def batches(self, schema: TableSchema) -> Iterator[pa.RecordBatch]:
        """See `Load`."""
        rule = self._rules[schema.name.table]
        if self._past is None and not schema.definition:
            return  # there is no file yet
        with unforeseen(f"the dataset {rule.name}"):
            yield from self._raw(schema, rule)

    def _raw(self, schema: TableSchema, rule: Rule) -> Iterator[pa.RecordBatch]:
        """The rows of the table as the raw log has them."""
        for file, rows in self._rows(schema, rule):
            count, columns = rows.num_rows, dict(zip(rows.schema.names, rows.columns, strict=True))
            if file is not None:
                columns[FILE] = pa.repeat(pa.scalar(file.label), count)
                columns[ARRIVAL] = pa.repeat(pa.scalar(file.version), count)
            columns[OP] = pa.repeat(pa.scalar(INSERT), count)
            columns[COMMIT_TIME] = pa.repeat(pa.scalar(self.time, pa.timestamp("us", tz="UTC")), count)
            columns[POSITION] = pa.repeat(pa.scalar(str(self.position)), count)
            yield from raw_table(schema, columns, count).to_batches()

    def _rows(self, schema: TableSchema, rule: Rule) -> Iterator[tuple[Arrival | None, pa.RecordBatch]]:
        """The rows of the table, each batch with the file it is from where all are from one."""
        files = self._ledger().files(rule, self.position.lsn)
        definition_of = self._definition_of(schema, rule)
        pieces = self._pieces(files, rule, definition_of)
        if schema.name.schema == QUARANTINE:
            yield from ((file, piece.rejects) for file, piece in pieces)
        elif rule.key and rule.mode != "snapshot":
            with collecting(schema, self._reader.scratch) as newest:
                for file, piece in pieces:
                    newest.add(file, definition_of(file), piece.rows)
                yield from ((None, batch) for batch in newest.newest())
        else:
            yield from ((file, piece.rows) for file, piece in pieces)

    def _pieces(self, files: Sequence[Version], rule: Rule, definition_of: DefinitionOf) -> Iterator[tuple[Arrival, Piece]]:
        """The rows of files one after the other; raises `SourceError` for one that the present definition cannot read."""
        for version in files:
            try:
                with unforeseen(version.arrival.label):
                    yield from self._limited(version, rule, definition_of)
            except SourceError as error:
                raise error if self._past else _unfit(version.arrival, rule, error) from error

    def _limited(self, version: Version, rule: Rule, definition_of: DefinitionOf) -> Iterator[tuple[Arrival, Piece]]:
        """The rows of a file; raises `SourceError` LW-275 where too many do not fit the present definition."""
        counts, by_arrival = Counts(), collections.defaultdict[int, Counts](Counts)
        for file, piece in self._reader.version(version, definition_of):
            counts.add(piece)
            by_arrival[file.number].add(piece)
            yield file, piece
        if not (self._past or version.arrival.accepts):
            counts.require(version.arrival, rule)
        if not self._past:
            self._record(version, by_arrival, definition_of)

    def _record(self, version: Version, counts: Mapping[int, Counts], definition_of: DefinitionOf) -> None:
        """Tell in the run records what became of the rows of a file.

        A line of the file that a replay corrects counts as rejected of the file, and as what the last replay made of it.
        """
        corrected = sum(counts[replay.number].rows for replay in version.replays if replay.number in counts)
        for arrival in (version.arrival, *version.replays):
            found = counts.get(arrival.number, Counts())
            rejected = found.rejected + (0 if arrival.corrects else corrected)
            self._runs.put(Run.of(arrival, self.time, (found.taken, rejected)), definition_of(arrival).digest)

    def _definition_of(self, schema: TableSchema, rule: Rule) -> DefinitionOf:
        if self._past is not None:
            return self._reader.as_read(rule, self._past)
        definition = self._reader.past.get(schema.definition)
        return lambda _: definition


def _unfit(arrival: Arrival, rule: Rule, error: SourceError) -> SourceError:
    """The error of a file that was read under a former definition and cannot be under the present one."""
    return SourceError(
        error.code,
        f"{arrival.label} cannot be read under datasets/{rule.name}.yaml as it is now: {error.message}",
        where=error.where,
        hint=f"the rows of {rule.name} stand as they were; let the definition fit this file too (a date has a `format`, a number"
        f" the `decimal` of `dialect`), or send the file anew as the definition has it, then `lakewright resync {rule.name}`",
    )
