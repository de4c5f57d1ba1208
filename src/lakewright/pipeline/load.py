"""Load: all rows of some tables at one moment into the raw log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from lakewright.errors import LogError, SourceError, SourceUnreachable
from lakewright.model.contracts import Source, Waiting
from lakewright.model.names import TableName
from lakewright.model.position import Feed
from lakewright.model.schema import TableSchema
from lakewright.pipeline.steps import LoadComplete, Loaded, Loading, Notice
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.raw.writer import LogWriter

TELL_SECONDS = 2.0
"""How often a load tells how far it is."""
PARALLEL = 2
"""Tables loaded at once."""


def write_load(
    source: Source,
    log: RawLog,
    writer: LogWriter,
    schemas: Sequence[TableSchema],
    begins: Feed | None,
    waiting: Waiting,
    notice: Notice,
) -> dict[TableName, SourceError]:
    """Write all rows of `schemas` at one consistent point and name them in one manifest, tables in parallel.

    The log of the feed `begins` begins there; without one the load joins the log and leaves its watermark alone. A table that the
    source does not give is left out; returns those, and why. Where all are, nothing is named.
    """
    refused: dict[TableName, SourceError] = {}
    numbered = [log.store_schema(schema) for schema in schemas]
    expected = source.estimated_rows(numbered)
    with (
        source.open_load(numbered, after=None if begins else log.view().watermark, waiting=waiting) as load,
        ThreadPoolExecutor(PARALLEL, "load") as pool,
    ):

        def one(schema: TableSchema) -> RawFile | None:
            batches = _told(load.batches(schema), schema.name, expected.get(schema.name, 0), notice)
            try:
                file = writer.write_load(schema, batches, load.position, load.time)
            except SourceUnreachable:
                raise
            except SourceError as error:
                refused[schema.name] = error
                return None
            notice(Loaded(schema.name, file.rows))
            return file

        files = [file for file in pool.map(one, numbered) if file]
        if not files:
            return refused
        feed = begins or log.view().feed
        if feed is None:
            raise LogError("LW-360", "a load cannot join a log that has not begun", hint="`lakewright capture` loads all tables")
        writer.append_load(files, load.position, load.time, feed, first=begins is not None)
    notice(LoadComplete(rows_of(files), load.position))
    return refused


def _told(batches: Iterable[pa.RecordBatch], table: TableName, expected: int, notice: Notice) -> Iterator[pa.RecordBatch]:
    """The same batches, told of now and then."""
    rows, told_at = 0, time.monotonic()
    for batch in batches:
        yield batch
        rows += batch.num_rows
        if time.monotonic() - told_at > TELL_SECONDS:
            notice(Loading(table, rows, expected))
            told_at = time.monotonic()


def rows_of(files: Sequence[RawFile]) -> dict[TableName, int]:
    """How many rows of each table the files have."""
    rows: dict[TableName, int] = {}
    for file in files:
        rows[file.table] = rows.get(file.table, 0) + file.rows
    return rows
