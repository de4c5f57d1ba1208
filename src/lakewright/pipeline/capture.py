"""Capture: a source's rows and changes into the raw log, and only then acknowledged.

One capture of a source at a time: it holds the source's lease. What it writes exists when a manifest names it.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lakewright.errors import LakewrightError, NeedsLoad, SourceError
from lakewright.model.batch import ChangeBatch, raw_schema
from lakewright.model.contracts import Drift, Stopped, Stream
from lakewright.model.evolution import compare
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position
from lakewright.model.schema import TableSchema
from lakewright.model.times import utc_now
from lakewright.pipeline.feed import moved, require_none_ahead
from lakewright.pipeline.intake import Intake
from lakewright.pipeline.load import rows_of, write_load
from lakewright.pipeline.pending import PARALLEL, Pending
from lakewright.pipeline.sourced import Sourced
from lakewright.pipeline.steps import Following, Logged, Notice, Reads, Waits, ignore
from lakewright.pipeline.survey import require_fitting
from lakewright.raw.writer import LogWriter
from lakewright.storage.lease import Lease

if TYPE_CHECKING:
    from lakewright.pipeline.wiring import Wiring

IDLE_MANIFEST_SECONDS = 60.0
"""How often an idle source's watermark is written, so that its slot moves."""
CATALOG_SECONDS = 30.0
"""How often the source's catalog is looked at: a table that is idle or new tells nothing in the stream."""
LOOK_SECONDS = 1.0
"""How often capture looks whether somebody wants a table loaded again."""
FOLD_EVERY = 200
"""Manifests after which they are folded together: what a reader that starts has to read stays bounded."""


class _Ended(Exception):
    """A wait was ended because the run was told to stop."""


def capture_of(lake: Wiring, source: str, notice: Notice = ignore) -> Capture:
    """One run of capture over a source; what cannot be a table of the lake is left out of it.

    Raises `ConfigError` before anything is captured where a setting of its tables fits nothing.
    """
    require_fitting(lake, source)
    return Capture(lake, source, notice)


class Capture:
    """One run of capture over a source; `run` returns when `stop` is set or `until` is reached.

    Raises `LakewrightError`: the caller may start a new one at any time, after any crash, and gets the same log.
    """

    def __init__(self, lake: Sourced, source: str, notice: Notice = ignore) -> None:
        self._lake, self._name = lake, source
        self._source = lake.source(source)
        self._log = lake.log(source)
        self._store = lake.store
        self._notice = notice
        self._pool = ThreadPoolExecutor(PARALLEL, "write")
        self._catalog_at = time.monotonic()
        self._drift = Drift()
        self._intake = Intake(lake, source, notice)
        self._stop = threading.Event()

    def run(self, stop: threading.Event, until: Position | None = None, *, wait: float = 0.0) -> None:
        """Load what was not loaded, then follow changes until `stop` is set or the log's end is at or after `until`.

        Raises `LeaseHeld` where another capture of the source still runs after `wait` seconds.
        """
        above = self._log.view().highest_lease
        lease = Lease.take(self._store, self._log.lease_name, purpose="capture", wait=wait, above=above)
        self._stop = stop
        with lease, self._pool, contextlib.suppress(_Ended):
            writer = LogWriter.take_over(self._log, lease)
            if not self._lake.has_slot(self._name):
                require_none_ahead(self._lake, self._name)
            asked = self._log.asked_resyncs()
            self._intake.tell_stopped([stop for stop in self._log.view().stopped() if stop.table not in asked])
            while not stop.is_set():
                self._stop_alone(writer, self._log.unreadable())  # before a load, which may ask for the schema before it
                self._load_missing(writer)
                self._drift = self._look()
                if self._stop_alone(writer, self._drift.stopped):
                    continue
                done = False
                if until is not None:
                    until = max(until, self._drift.position, self._loaded())
                    done = self._log.view().watermark >= until
                with self._stream() as stream:
                    self._notice(Following())
                    # Opened even where nothing is left to do: that tells of a slot that was lost or a source that was restored.
                    if done or self._follow(writer, stream, until):
                        return

    def resync(self) -> None:
        """Begin the log anew: a new slot and a full load of every table as its next generation, after a slot was
        lost or a server was replaced.

        Raises `LeaseHeld` while a capture runs.
        """
        lease = Lease.take(self._store, self._log.lease_name, purpose="resync", above=self._log.view().highest_lease)
        with lease, self._pool:
            writer = LogWriter.take_over(self._log, lease)
            self._load(writer, self._intake.fitting(self._intake.every()), self._source.feed().anew())

    def _stream(self) -> contextlib.AbstractContextManager[Stream]:
        """The changes after the log's end, of the tables that can go on.

        A table that was loaded since goes on under its former schema, so that moments before the load stay right. Where it has
        none, or cannot go on from that, its changes begin at the load.
        """
        view = self._log.view()
        schemas: list[TableSchema] = []
        starts: dict[TableName, Position] = {}
        for schema in self._log.followed():
            load, number = view.newest_load(schema.name), view.former_schema_number(schema.name)
            if load is None or load.position <= view.watermark:
                schemas.append(schema)
            elif number and compare(former := self._log.schema(schema.name, number), schema).refusal is None:
                schemas.append(former)
            else:
                schemas.append(schema)
                starts[schema.name] = load.position
        return self._source.open_stream(view.watermark, schemas, starts, self._log.past())

    def _follow(self, writer: LogWriter, stream: Stream, until: Position | None) -> bool:
        """Write flushes until told to stop (True), or until the stream has to be opened for other tables (False)."""
        pending, looked_at = Pending(self._log, writer, self._pool), time.monotonic()
        end, loaded = self._log.view().watermark, self._loaded()
        for flush in stream.flushes(until):
            pending.begin(flush.batches)
            pending.stopped += flush.stopped
            if flush.doing:
                self._notice(Reads(flush.doing))
            late = flush.urgent or self._drift.grown or self._drift.doubted or end < loaded or self._is_wanted(end, until)
            late = late or time.monotonic() - pending.since > IDLE_MANIFEST_SECONDS
            settled = False
            if flush.watermark is not None and (pending.has_files or pending.stopped or (late and flush.watermark > end)):
                settled = self._settle(writer, pending, flush.watermark)
                loads = self._ask_loads(pending.stopped)
                self._append(writer, stream, pending, flush.watermark, flush.time)
                end, pending = flush.watermark, Pending(self._log, writer, self._pool)
                if loads and not self._stop.is_set():
                    return False
            if self._stop.is_set() or (until is not None and end >= until):
                return True
            if settled:
                return False
            now = time.monotonic()
            if not pending.has_files and now - looked_at > LOOK_SECONDS:
                looked_at = now
                if self._log.asked_resyncs() or (self._is_catalog_due(now) and self._has_news()):
                    return False
        writer.discard(pending.written())
        return False

    def _append(
        self, writer: LogWriter, stream: Stream, pending: Pending, watermark: Position, committed: datetime.datetime | None
    ) -> None:
        """Name in the log what is pending, and only then acknowledge it."""
        files = pending.written()
        writer.append(files, watermark, committed, pending.stopped)
        stream.acknowledge(watermark)
        self._notice(Logged(rows_of(files), watermark))
        self._intake.tell_stopped(pending.stopped)
        if len(self._log.view().manifests) > FOLD_EVERY:
            self._log.fold_manifests()

    def _loaded(self) -> Position:
        """The newest load's position: it counts from there on, so the log has to get there even if nothing happens."""
        view = self._log.view()
        loads = [view.newest_load(table) for table in view.tables()]
        return max((load.position for load in loads if load), default=view.watermark)

    def _is_wanted(self, end: Position, until: Position | None) -> bool:
        """Whether somebody waits for a position after the log's end."""
        wanted = until or self._log.requested()
        return wanted is not None and wanted > end

    def _is_catalog_due(self, now: float) -> bool:
        if now - self._catalog_at < CATALOG_SECONDS:
            return False
        self._catalog_at = now
        return True

    def _has_news(self) -> bool:
        """Whether the catalog tells of tables to load, or of what the stream is silent about."""
        return bool(self._intake.missing()) or not self._look().is_nothing

    # ---- tables

    def _look(self) -> Drift:
        followed = self._log.followed()
        return self._source.drift(followed) if followed else Drift()

    def _stop_alone(self, writer: LogWriter, reasons: Sequence[tuple[TableName, LakewrightError]]) -> bool:
        """Stop those tables alone that cannot go on, at the log's end; whether one of them is to be loaded now."""
        end = self._log.view().watermark
        stopped = [Stopped(table, end, error) for table, error in reasons]
        loads = self._ask_loads(stopped)
        if stopped:
            writer.append((), end, None, stopped)
            self._intake.tell_stopped(stopped)
        return loads

    def _ask_loads(self, stopped: Sequence[Stopped]) -> bool:
        """Have those tables loaded anew for which nobody has to decide that; whether there is one.

        Asked before the log says that they stopped: a crash between the two leaves none that nobody loads.
        """
        needed = [stop.table for stop in stopped if isinstance(stop.error, NeedsLoad)]
        for table in needed:
            self._log.ask_resync(table)
        return bool(needed)

    def _settle(self, writer: LogWriter, pending: Pending, watermark: Position) -> bool:
        """Add what the last look leads to when the log gets to `watermark`: files without rows, under the new schema of tables
        that the stream was silent about, and the doubted tables that it has not explained. Whether there was any."""
        drift = self._drift
        if watermark < drift.position:
            return False
        newest = {file.table: file.schema for file in pending.written()}
        stopped = [
            Stopped(table.name, watermark, error)
            for table, error in drift.doubted
            if newest.get(table.name, self._log.view().schema_number(table.name)) == table.number
        ]
        files, now = [], utc_now()
        for schema in drift.grown:
            numbered = self._log.store_schema(schema)
            if numbered.number > self._log.view().schema_number(schema.name):
                nothing = raw_schema(numbered).empty_table()
                files.append(writer.write_log(numbered, ChangeBatch(numbered, nothing, watermark, watermark, now, now)))
        self._drift = Drift()
        pending.add(files)
        pending.stopped += stopped
        return bool(files or stopped)

    def _load_missing(self, writer: LogWriter) -> None:
        """Load all tables of a source that was never loaded, or those that are to be loaded beside the others.

        Raises `SourceError` LW-229 where another server answers than the log is of: it may be the wrong one, and to load it
        replaces the rows of every table. `resync` does that for who means it.
        """
        server = self._source.feed()
        if (error := moved(server, self._log.view().feed)) is not None:
            raise error
        joins = self._log.view().feed is not None
        schemas = self._intake.missing() if joins else self._intake.every()
        schemas = self._intake.fitting(schemas)
        if schemas or not joins:
            self._load(writer, schemas, None if joins else server.anew())

    def _load(self, writer: LogWriter, schemas: Sequence[TableSchema], begins: Feed | None) -> None:
        """Load tables; each that the source cannot publish or give is left out alone.

        Where a log begins that would have none, raises why.
        """
        schemas, refused = self._intake.publish(schemas)
        if schemas:
            refused |= write_load(self._source, self._log, writer, schemas, begins, self._waiting, self._notice)
        if begins and all(schema.name in refused for schema in schemas):
            none = SourceError("LW-246", "the source has none of the chosen tables", hint="`lakewright doctor` lists them")
            raise next(iter(refused.values()), moved(begins, self._log.view().feed) or none)
        self._intake.leave_out(refused)
        for schema in schemas:
            self._log.resynced(schema.name)

    def _waiting(self, what: str | None) -> None:
        """Tell what the source makes us wait for; ends the wait, and with it the run, when told to stop."""
        if self._stop.is_set():
            raise _Ended
        if what:
            self._notice(Waits(what))
