"""A corrected file, one of the same name with other content, replaces its own rows: what its former version had and it has not.

Where file and line are the key, lines that it has no more are deleted. Where rows have a key of their own, a key that it has no
more becomes what it is without the former version: the newest row of the other files, or none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakewright.model.batch import ChangeBatch
from lakewright.model.schema import TableSchema
from lakewright.sources.files.arrival_reader import ArrivalReader, DefinitionOf
from lakewright.sources.files.batches import ArrivalBatches
from lakewright.sources.files.definition import Definition
from lakewright.sources.files.ledger import Ledger, Version
from lakewright.sources.files.lines import Lines
from lakewright.sources.files.newest import collecting

DELETES = 500_000
"""Deletes in one batch."""


def retractions(
    batches: ArrivalBatches,
    former: Version,
    ledger: Ledger,
    reader: ArrivalReader,
    definition: Definition,
    as_read: DefinitionOf,
    table: TableSchema | None,
    quarantine: TableSchema | None,
) -> Iterator[ChangeBatch]:
    """The changes with which the version of a file that `batches` is of replaces its former one.

    The new one is read under `definition`, every other file under the one by which the log has it: `as_read`.
    The changes come after the rows of the new version, whose bytes are read again, as are the former one's; and those of all
    files of the dataset where rows have a key of their own.
    """
    before, taken, rejected = Lines(), Lines(), Lines()
    for _, piece in reader.version(former, as_read):
        before.add(piece.rows)
        before.add(piece.rejects)
    for piece in reader.pieces(batches.arrival, definition):
        taken.add(piece.rows)
        rejected.add(piece.rejects)
    if quarantine is not None:
        yield from _deletes(batches, quarantine, before.less(rejected))
    if table is not None and batches.rule.mode == "append":
        yield from _deletes(batches, table, before.less(taken))
    elif table is not None:
        yield from _by_key(batches, former, ledger, reader, definition, as_read, table)


def _by_key(
    batches: ArrivalBatches,
    former: Version,
    ledger: Ledger,
    reader: ArrivalReader,
    definition: Definition,
    as_read: DefinitionOf,
    table: TableSchema,
) -> Iterator[ChangeBatch]:
    """What the keys become that only the former version has."""
    name = batches.arrival.name
    others = [version for version in ledger.files(batches.rule, batches.arrival.number) if version.arrival.name != name]
    with collecting(table, reader.scratch) as newest:
        for _, piece in reader.version(former, as_read):
            newest.want(piece.rows)
        for piece in reader.pieces(batches.arrival, definition):
            newest.spare(piece.rows)
        for other in others:
            for arrival, piece in reader.version(other, as_read):
                newest.add(arrival, as_read(arrival), piece.rows, wanted=True)
        yield from (batches.batch(table, batch, alive=True) for batch in newest.newest() if batch.num_rows)
        yield from (batches.deletes(table, batch) for batch in newest.lost() if batch.num_rows)


def _deletes(batches: ArrivalBatches, table: TableSchema, lines: npt.NDArray[np.int64]) -> Iterator[ChangeBatch]:
    for start in range(0, len(lines), DELETES):
        yield batches.dropped(table, pa.array(lines[start : start + DELETES]))
