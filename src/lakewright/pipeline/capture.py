"""Capture: a source's rows and changes into the raw log, and only then acknowledged.

One capture of a source at a time: it holds the source's lease. What it writes exists when a manifest names it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from lakewright.errors import LakewrightError, SourceError, SourceUnreachable
from lakewright.model.batch import ChangeBatch, raw_schema
from lakewright.model.contracts import Drift, Flush, Source, Stopped, Store, Stream
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position
from lakewright.model.schema import TableSchema, compare
from lakewright.pipeline.load import Captured, load, rows_of
from lakewright.pipeline.moved import moved
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.raw.writer import LogWriter
from lakewright.storage.lease import Lease

IDLE_MANIFEST_SECONDS = 60.0
"""How often an idle source's watermark is written, so that its slot moves."""
CATALOG_SECONDS = 30.0
"""How often the source's catalog is looked at: a table that is idle or new tells nothing in the stream."""
LOOK_SECONDS = 1.0
"""How often capture looks whether somebody wants a table loaded again."""
FOLD_EVERY = 200
"""Manifests after which they are folded together: what a reader that starts has to read stays bounded."""
PARALLEL = 2
"""Files of a flush written at once."""


class _Ended(Exception):
    """A wait was ended because the run was told to stop."""


class Choice(Protocol):
    """What the lake's settings say of a source's tables."""

    def wants(self, table: TableName) -> bool:
        """Whether a table of that name is to be captured, whether or not it is there."""
        ...

    def misfits(self, newcomers: Sequence[TableSchema]) -> Mapping[TableName, LakewrightError]:
        """Which of some tables that are to be loaded the lake cannot take, and why."""
        ...


class Capture:
    """One run of capture over a source; `run` returns when `stop` is set or `until` is reached.

    Raises `LakewrightError`: the caller may start a new one at any time, after any crash, and gets the same log.
    """

    def __init__(self, source: Source, log: RawLog, store: Store, choice: Choice, notice: Callable[[Captured], None]) -> None:
        self._source = source
        self._log = log
        self._store = store
        self._choice = choice
        self._notice = notice
        self._pool = ThreadPoolExecutor(PARALLEL, "write")
        self._catalog_at = time.monotonic()
        self._drift = Drift()
        self._refused: set[TableName] = set()
        self._unpublishable: set[TableName] = set()
        self._stop = threading.Event()
        self._told: set[TableName] = set()

    def run(self, stop: threading.Event, until: Position | None = None) -> None:
        """Load what was not loaded, then follow changes until `stop` is set or the log's end is at or after `until`.

        Raises `LeaseHeld` while another capture of the source runs.
        """
        above = self._log.view().highest_lease
        lease = Lease.take(self._store, self._log.lease_name, purpose="capture", above=above)
        self._stop = stop
        with lease, self._pool, contextlib.suppress(_Ended):
            writer = LogWriter.take_over(self._log, lease)
            self._tell_stopped(self._log.view().stopped())
            while not stop.is_set():
                self._load_missing(writer)
                self._drift = self._look()
                self._stop_drifted(writer)
                done = False
                if until is not None:
                    until = max(until, self._drift.position, self._loaded())
                    done = self._log.view().watermark >= until
                with self._stream() as stream:
                    # Opened even where nothing is left to do: that tells of a slot that was lost or a source that was restored.
                    if done or self._follow(writer, stream, stop, until):
                        return

    def reload(self) -> None:
        """Begin the log anew: a new slot and a full load of every table as its next generation, after a slot was lost.

        Raises `LeaseHeld` while a capture runs.
        """
        last = self._log.view().feed
        lease = Lease.take(self._store, self._log.lease_name, purpose="resync", above=self._log.view().highest_lease)
        with lease, self._pool:
            writer, server = LogWriter.take_over(self._log, lease), self._source.feed()
            epoch = last.epoch + 1 if server.is_same_server(last) and last else 0
            self._load(writer, self._fitting(self._every()), dataclasses.replace(server, epoch=epoch))

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
        return self._source.open_stream(view.watermark, schemas, starts, view.past())

    def _follow(self, writer: LogWriter, stream: Stream, stop: threading.Event, until: Position | None) -> bool:
        """Write flushes until told to stop (True), or until the stream has to be opened for other tables (False)."""
        held: list[RawFile] = []
        stopped: list[Stopped] = []
        written_at = looked_at = time.monotonic()
        grown: list[RawFile] = []
        doubted: list[Stopped] = []
        end, loaded = self._log.view().watermark, self._loaded()
        for flush in stream.flushes(until):
            held += self._write(writer, flush)
            stopped += flush.stopped
            now = time.monotonic()
            late = flush.urgent or self._drift.grown or self._drift.doubted or end < loaded or self._is_wanted(end, until)
            late = late or now - written_at > IDLE_MANIFEST_SECONDS
            if flush.watermark is not None and (held or stopped or (late and flush.watermark > end)):
                grown, doubted = self._settled(writer, held, flush.watermark)
                held, stopped = held + grown, stopped + doubted
                writer.append(held, flush.watermark, flush.time, stopped)
                stream.acknowledge(flush.watermark)
                self._notice(Captured("log", rows_of(held), flush.watermark, flush.time))
                self._tell_stopped(stopped)
                end, held, stopped, written_at = flush.watermark, [], [], now
                if len(self._log.view().manifests) > FOLD_EVERY:
                    self._log.fold_manifests()
            if stop.is_set() or (until is not None and end >= until):
                return True
            if grown or doubted:
                return False
            if not held and now - looked_at > LOOK_SECONDS:
                looked_at = now
                if self._log.asked_reloads() or (self._is_catalog_due(now) and (self._missing() or self._look() != Drift())):
                    return False
        writer.discard(held)
        return False

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

    def _write(self, writer: LogWriter, flush: Flush) -> list[RawFile]:
        def one(batch: ChangeBatch) -> RawFile:
            schema = batch.schema if batch.schema.number else self._log.store_schema(batch.schema)
            if batch.load:
                return writer.write_load(schema, batch.rows.to_batches(), batch.last, batch.last_time)
            return writer.write_log(schema, batch)

        return list(self._pool.map(one, flush.batches))

    # ---- tables

    def _look(self) -> Drift:
        followed = self._log.followed()
        return self._source.drift(followed) if followed else Drift()

    def _stop_drifted(self, writer: LogWriter) -> None:
        """Stop those tables alone that cannot go on, at the log's end."""
        end = self._log.view().watermark
        if self._drift.stopped:
            stopped = [Stopped(table, end, error) for table, error in self._drift.stopped]
            writer.append((), end, None, stopped)
            self._tell_stopped(stopped)

    def _tell_stopped(self, stopped: Sequence[Stopped]) -> None:
        """Tell of tables that stand still; of one that is not to be captured any more there is nothing to tell."""
        for stop in stopped:
            if self._choice.wants(stop.table):
                self._notice(Captured("stopped", {stop.table: 0}, stop.position, None, stop.error))

    def _settled(self, writer: LogWriter, held: Sequence[RawFile], watermark: Position) -> tuple[list[RawFile], list[Stopped]]:
        """What the last look leads to when the log gets to `watermark`: files without rows, under the new schema of tables that
        the stream was silent about, and the doubted tables that it has not explained."""
        drift = self._drift
        if watermark < drift.position:
            return [], []
        newest = {file.table: file.schema for file in held}
        stopped = [
            Stopped(table.name, watermark, error)
            for table, error in drift.doubted
            if newest.get(table.name, self._log.view().schema_number(table.name)) == table.number
        ]
        files, now = [], datetime.datetime.now(datetime.UTC)
        for schema in drift.grown:
            numbered = self._log.store_schema(schema)
            if numbered.number > self._log.view().schema_number(schema.name):
                nothing = raw_schema(numbered).empty_table()
                files.append(writer.write_log(numbered, ChangeBatch(numbered, nothing, watermark, watermark, now, now)))
        self._drift = Drift()
        return files, stopped

    def _missing(self) -> list[TableSchema]:
        """Tables to load: chosen ones of the catalog that have no load yet, and those that somebody wants again."""
        wanted = set(self._log.asked_reloads())
        loaded = set(self._log.view().tables())
        schemas = self._source.discover()
        self._tell_refused(loaded, wanted)
        self._publish_again(schemas)
        for gone in wanted - {schema.name for schema in schemas}:
            self._log.reloaded(gone)
        known = (loaded | self._refused) - wanted
        return [schema for schema in schemas if schema.name not in known]

    def _every(self) -> list[TableSchema]:
        """All tables that the source can give, after telling of those that it cannot."""
        self._tell_refused(set(), set())
        return self._source.discover()

    def _tell_refused(self, loaded: Set[TableName], wanted: Set[TableName]) -> None:
        """Tell once of each table that the source cannot give; one that it can give later is loaded then."""
        for table, error in self._source.refused().items():
            if table in wanted or table not in loaded | self._told:
                self._told.add(table)
                self._notice(Captured("refused", {table: 0}, None, None, error))

    def _load_missing(self, writer: LogWriter) -> None:
        """Load all tables of a server that was never loaded, or those that are to be loaded beside the others."""
        server = self._source.feed()
        if (error := moved(server, self._log.view().feed)) is not None:
            self._notice(Captured("moved", {}, None, None, error))
        joins = server.is_same_server(self._log.view().feed)
        schemas = self._missing() if joins else self._every()
        schemas = self._fitting(schemas)
        if schemas or not joins:
            self._load(writer, schemas, None if joins else server)

    def _load(self, writer: LogWriter, schemas: Sequence[TableSchema], begins: Feed | None) -> None:
        """Load tables; each that the source cannot publish or give is left out alone.

        One that cannot be published is tried again at each look at the catalog, one that cannot be read at the next start.

        Where a log begins that would have none, raises why.
        """
        refused = self._unpublished(schemas)
        self._unpublishable |= refused.keys()
        published = {schema.name for schema in schemas} - refused.keys()
        # Looked at after they were published: what the source published later than that, it did not for a while.
        schemas = [schema for schema in self._source.discover() if schema.name in published]
        if schemas:
            refused |= load(self._source, self._log, writer, schemas, begins, self._waiting, self._notice)
        if begins and all(schema.name in refused for schema in schemas):
            none = SourceError("LW-246", "the source has none of the chosen tables", hint="`lakewright doctor` lists them")
            raise next(iter(refused.values()), moved(begins, self._log.view().feed) or none)
        self._refuse_all(refused)
        for schema in schemas:
            self._log.reloaded(schema.name)

    def _fitting(self, schemas: Sequence[TableSchema]) -> list[TableSchema]:
        """Those that can be tables of the lake; the others are left out alone, until the next start."""
        misfits = self._choice.misfits(schemas) if schemas else {}
        self._refuse_all(misfits)
        return [schema for schema in schemas if schema.name not in misfits]

    def _publish_again(self, schemas: Sequence[TableSchema]) -> None:
        """Try again to publish the tables that could not be: one that can be now is loaded."""
        again = [schema for schema in schemas if schema.name in self._unpublishable]
        now = self._unpublishable - self._unpublished(again).keys() if again else set()
        self._unpublishable -= now
        self._refused -= now

    def _unpublished(self, schemas: Sequence[TableSchema]) -> dict[TableName, SourceError]:
        """Publish the tables; those that the source cannot publish, and why."""
        try:
            self._source.prepare(schemas)
        except SourceUnreachable:
            raise
        except SourceError as error:
            if len(schemas) == 1:
                return {schemas[0].name: error}
            return {table: why for schema in schemas for table, why in self._unpublished([schema]).items()}
        return {}

    def _waiting(self, what: str | None) -> None:
        """Tell what the source makes us wait for; ends the wait, and with it the run, when told to stop."""
        if self._stop.is_set():
            raise _Ended
        if what:
            self._notice(Captured("waiting", {}, None, None, detail=what))

    def _refuse_all(self, reasons: Mapping[TableName, LakewrightError]) -> None:
        """Leave tables out, and tell of each."""
        for table in sorted(reasons):
            self._refused.add(table)
            self._log.reloaded(table)
            self._notice(Captured("refused", {table: 0}, None, None, reasons[table]))
