"""Pending: what a capture wrote since it last named files in the log, for the next manifest to name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from lakewright.model.batch import ChangeBatch
from lakewright.model.contracts import Stopped
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.raw.writer import LogWriter

PARALLEL = 2
"""Files of a flush written at once."""


class Pending:
    """Files and tables that stopped, not named in the log yet; ``since`` when (of the monotonic clock) nothing was named there.

    The files of one flush are written by threads of `pool` while the source makes the next: two flushes bound the memory.
    """

    def __init__(self, log: RawLog, writer: LogWriter, pool: ThreadPoolExecutor) -> None:
        self.stopped: list[Stopped] = []
        self.since = time.monotonic()
        self._log = log
        self._writer = writer
        self._pool = pool
        self._files: list[RawFile] = []
        self._writing: list[Future[RawFile]] = []

    @property
    def has_files(self) -> bool:
        """Whether there is any file, written or being so."""
        return bool(self._files or self._writing)

    def begin(self, batches: Sequence[ChangeBatch]) -> None:
        """Begin to write the batches of a flush, each as a file, once those of the one before are written."""
        if batches:
            self.written()
            self._writing = [self._pool.submit(self._write, batch) for batch in batches]

    def add(self, files: Sequence[RawFile]) -> None:
        """Take files that were written otherwise."""
        self._files += files

    def written(self) -> list[RawFile]:
        """The files, once all are written; raises what kept one from it."""
        self._files += [job.result() for job in self._writing]
        self._writing = []
        return self._files

    def _write(self, batch: ChangeBatch) -> RawFile:
        schema = batch.schema if batch.schema.number else self._log.store_schema(batch.schema)
        if batch.load:
            return self._writer.write_load(schema, batch.rows.to_batches(), batch.last, batch.last_time)
        return self._writer.write_log(schema, batch)
