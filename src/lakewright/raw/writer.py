"""Writing the raw log: files first, then the manifest that makes them exist."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

from lakewright.errors import Changed, LeaseLost, LogError
from lakewright.model.batch import ChangeBatch
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position
from lakewright.model.schema import TableSchema
from lakewright.raw import layout, parquet
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import Manifest, RawFile, StoppedTable
from lakewright.raw.view import LogView, next_manifest
from lakewright.storage.lease import Lease


class LogWriter:
    """Appends to a log under the number of a lease; made by `take_over`.

    Files may be written from several threads; one thread appends. After an error that an append raises it is unknown whether
    the manifest exists: start over from a new writer and the log's end, which says it. `LeaseLost` means that another capture
    has taken over, `Changed` that the log went on without this writer.
    """

    def __init__(self, log: RawLog, lease: Lease) -> None:
        self._log = log
        self._number = lease.number
        self._lease = lease
        self._names = layout.Names(lease.number)
        self._seen = log.view()

    @classmethod
    def take_over(cls, log: RawLog, lease: Lease) -> LogWriter:
        """Append a manifest with the lease's number, then remove files that were there and no manifest names.

        Once for a lease: raises `LeaseLost` where the log has its number or a higher one. Whoever holds a lower one cannot
        append any more. Raises `LogError` LW-355 where all manifests are gone: no file is written before the first.
        """
        listed = [entry.name for entry in log.store.list(log.folder)]
        writer = cls(log, lease)
        if writer._seen.highest_lease >= lease.number:
            raise writer._lost()
        files = [name for name in listed if not name.startswith(f"{log.folder}_")]
        if files and not writer._seen.number:
            hint = f"restore it and the folder _pages from a backup; or move {log.folder} away, and the source is loaded anew"
            raise LogError("LW-355", f"{log.folder}{layout.MANIFESTS} is missing, and there are raw files", hint=hint)
        writer._append(lambda view: next_manifest(view, "open", lease.number))
        named = {log.folder + file.name for file in log.view().named()}
        for name in files:
            if name not in named:
                log.store.delete(name)
        return writer

    def write_log(self, schema: TableSchema, batch: ChangeBatch) -> RawFile:
        """Write changes of a table under a stored schema; the file does not exist for readers until `append` names it."""
        name = self._names.log(schema.name, batch.first_time)
        written = parquet.write(self._log.store, self._log.folder + name, schema, [batch.rows])
        return RawFile(
            name=name,
            table=schema.name,
            rows=written.rows,
            bytes=written.bytes,
            sha256=written.sha256,
            schema=schema.number,
            first=batch.first,
            last=batch.last,
            first_time=written.first_time or batch.first_time,
            last_time=written.last_time or batch.last_time,
        )

    def write_load(
        self, schema: TableSchema, batches: Iterable[pa.RecordBatch], position: Position, time: datetime.datetime
    ) -> RawFile:
        """Write all rows of a table as of `position`; the file does not exist for readers until `append_load` names it."""
        name = self._names.load(schema.name)
        written = parquet.write(self._log.store, self._log.folder + name, schema, batches)
        return RawFile(
            name=name,
            table=schema.name,
            rows=written.rows,
            bytes=written.bytes,
            sha256=written.sha256,
            schema=schema.number,
            first=position,
            last=position,
            first_time=time,
            last_time=time,
            generation=0,
        )

    def append(
        self, files: Sequence[RawFile], watermark: Position, time: datetime.datetime | None, stopped: Sequence[Stopped] = ()
    ) -> None:
        """Name `files` and move the log's end to `watermark`; `time` is the commit time of the last transaction, None: as before.

        All changes after the log's end up to `watermark` of the tables that are followed are in `files`, and none other; files
        of a load together are the table's next generation. Raises `Changed` where a load meanwhile made a table followed that was
        not: its changes would be missing.
        """
        end, followed = (self._seen.feed, self._seen.watermark), self._seen.followed()
        outside = [file.name for file in files if file.first <= end[1] or file.last > watermark]
        if end[0] is None or watermark < end[1] or outside:
            self._look_again()
            if (self._seen.feed, self._seen.watermark) != end:
                raise _moved(self._seen)
            named = f": {', '.join(outside)}" if outside else ""
            raise LogError("LW-355", f"changes up to {watermark} do not follow the log's end {end[1]} of {end[0]}{named}")

        def make(view: LogView) -> Manifest:
            if (view.feed, view.watermark) != end or view.followed() != followed:
                raise _moved(view)
            return dataclasses.replace(
                next_manifest(view, "log", self._number),
                watermark=watermark,
                time=time or view.time,
                files=tuple(sorted(_numbered(view, files), key=lambda file: (file.table, file.first))),
                stopped=tuple(_stopped(stop) for stop in stopped),
            )

        self._append(make)

    def discard(self, files: Sequence[RawFile]) -> None:
        """Delete files of this writer that no manifest names and none will."""
        for file in files:
            self._log.store.delete(self._log.folder + file.name)

    def append_load(
        self, files: Sequence[RawFile], position: Position, time: datetime.datetime, feed: Feed, *, first: bool
    ) -> None:
        """Name loads as of `position`: with `first` the log of `feed` begins there, else they join it and its end stands still.

        Each is a new generation of its table. Raises `LogError` LW-359 where one comes too late: the log has a newer load of
        the table, or does not follow the table and went past `position` without its changes.
        """

        def make(view: LogView) -> Manifest:
            if first == (view.feed == feed):
                raise _moved(view)
            if not first:
                for table in sorted({file.table for file in files}):
                    _check_in_time(view, table, position)
            end = next_manifest(view, "load", self._number)
            if first:
                end = dataclasses.replace(end, feed=feed, start=position, watermark=position, time=time)
            return dataclasses.replace(end, files=_numbered(view, files))

        self._append(make)

    def _append(self, make: Callable[[LogView], Manifest]) -> None:
        """Create the next manifest, again and again while others take its number, unless one has a higher lease number.

        Looks at the log first: care of it may have passed the number, more than once.
        """
        while True:
            self._look_again()
            self._lease.check()
            manifest = make(self._seen)
            if self._log.create(manifest):
                self._seen = self._seen.grown(manifest)
                return

    def _look_again(self) -> None:
        """Read the log's end again; raises `LeaseLost` where somebody with a higher lease number has written."""
        self._seen = self._log.view()
        if self._seen.highest_lease > self._number:
            raise self._lost()

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            "LW-352",
            f"the log {self._log.folder} was taken over under lease {self._seen.highest_lease}, this process has {self._number}",
            hint="start again if the other process has ended",
        )


def _numbered(view: LogView, files: Sequence[RawFile]) -> tuple[RawFile, ...]:
    """Files, those of loads with the generation that follows their table's newest."""
    return tuple(
        file if file.generation is None else dataclasses.replace(file, generation=view.generation(file.table) + 1)
        for file in files
    )


def _check_in_time(view: LogView, table: TableName, position: Position) -> None:
    newest, expired = view.newest_load(table), view.expired(table)
    if expired is not None and expired.position > position:
        raise LogError(
            "LW-359",
            f"the changes of {table} that follow its load as of {position} have expired, up to {expired.position}",
            hint=f"`lakewright resync {table}`",
        )
    if newest is not None and newest.position > position:
        raise LogError("LW-359", f"a load of {table} as of {newest.position} came before this one as of {position}")
    if table not in view.followed() and view.watermark > position:
        raise LogError(
            "LW-359",
            f"the log went past this load of {table}, without its changes: to {view.watermark}, the load is as of {position}",
            hint=f"stop capture, then `lakewright resync` {table}",
        )


def _moved(view: LogView) -> Changed:
    return Changed("LW-303", f"the log went on meanwhile, to {view.watermark} of {view.feed}", hint="try again")


def _stopped(stop: Stopped) -> StoppedTable:
    return StoppedTable(stop.table, stop.position, stop.error.code, stop.error.message, stop.error.hint)
