"""A corrected file, one of the same name with other content, replaces its own rows: what its former version had and it has not.

Where file and line are the key, lines that it has no more are deleted. Where rows have a key of their own, a key that it has no
more becomes what it is without the former version: the newest row of the other files, or none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakewright.model.batch import ChangeBatch
from lakewright.model.schema import TableSchema
from lakewright.sources.files.arrival_reader import ArrivalReader, DefinitionOf
from lakewright.sources.files.batches import ArrivalBatches
from lakewright.sources.files.definition import Definition
from lakewright.sources.files.file_reader import Piece
from lakewright.sources.files.ledger import Ledger, Version
from lakewright.sources.files.lines import Lines
from lakewright.sources.files.newest import collecting

DELETES = 500_000
"""Deletes in one batch."""


@dataclasses.dataclass(frozen=True)
class Retraction:
    """How the version of a file that `batches` is of replaces its `former` one.

    The new one is read under `definition`, every other file under the one by which the log has it: `as_read`.
    """

    batches: ArrivalBatches
    former: Version
    ledger: Ledger
    reader: ArrivalReader
    definition: Definition
    as_read: DefinitionOf

    def changes(self, table: TableSchema | None, quarantine: TableSchema | None) -> Iterator[ChangeBatch]:
        """The changes of the dataset's table and of its rejected rows, each None where it is not followed.

        They come after the rows of the new version, whose bytes are read again, as are the former one's; and those of all files
        of the dataset where rows have a key of their own.
        """
        before, taken, rejected = Lines(), Lines(), Lines()
        for piece in self._before():
            before.add(piece.rows)
            before.add(piece.rejects)
        for piece in self._now():
            taken.add(piece.rows)
            rejected.add(piece.rejects)
        if quarantine is not None:
            yield from self._deletes(quarantine, before.less(rejected))
        if table is not None and self.batches.rule.mode == "append":
            yield from self._deletes(table, before.less(taken))
        elif table is not None:
            yield from self._by_key(table)

    def _before(self) -> Iterator[Piece]:
        return (piece for _, piece in self.reader.version(self.former, self.as_read))

    def _now(self) -> Iterator[Piece]:
        return self.reader.pieces(self.batches.arrival, self.definition)

    def _by_key(self, table: TableSchema) -> Iterator[ChangeBatch]:
        """What the keys become that only the former version has."""
        arrival = self.batches.arrival
        others = [each for each in self.ledger.files(self.batches.rule, arrival.number) if each.arrival.name != arrival.name]
        with collecting(table, self.reader.scratch) as newest:
            for piece in self._before():
                newest.want(piece.rows)
            for piece in self._now():
                newest.spare(piece.rows)
            for other in others:
                for read, piece in self.reader.version(other, self.as_read):
                    newest.add(read, self.as_read(read), piece.rows, wanted=True)
            yield from (self.batches.batch(table, batch, alive=True) for batch in newest.newest() if batch.num_rows)
            yield from (self.batches.deletes(table, batch) for batch in newest.lost() if batch.num_rows)

    def _deletes(self, table: TableSchema, lines: npt.NDArray[np.int64]) -> Iterator[ChangeBatch]:
        for start in range(0, len(lines), DELETES):
            yield self.batches.dropped(table, pa.array(lines[start : start + DELETES]))
