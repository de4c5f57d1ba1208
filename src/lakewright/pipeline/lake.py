"""Lake: the facade over a folder. It wires and delegates; every piece of work has its own module beside this one."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from lakewright.errors import FormatError, LakewrightError, LeaseHeld, QueryError, Retry, SourceError
from lakewright.model.contracts import Store, TableFormat
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.pipeline import check as checking
from lakewright.pipeline import history as histories
from lakewright.pipeline import maintain as services
from lakewright.pipeline import setup
from lakewright.pipeline.capture import Capture, Captured, reload
from lakewright.pipeline.check import CheckReport, TableCheck
from lakewright.pipeline.folding import Folds
from lakewright.pipeline.merge import Merged, merge
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.moment import parse_time
from lakewright.pipeline.query import Answer, Tables
from lakewright.pipeline.status import SourceStatus, Status, damaged, table_status
from lakewright.pipeline.up import Event, Task, keep_up, paced
from lakewright.project import kinds
from lakewright.project.load import Project
from lakewright.project.load import load as load_project
from lakewright.raw.log import RawLog
from lakewright.storage.lease import Lease
from lakewright.storage.local import LocalStore

Notice = Callable[[Any], None]
WAIT_SECONDS = 300.0
READ_ATTEMPTS = 5


@dataclasses.dataclass(frozen=True)
class TableInfo:
    """A table of the lake: the source table it mirrors, its folder in the store, the column that partitions it."""

    table: str
    source: str
    origin: TableName
    path: str
    partition: str | None


@dataclasses.dataclass(frozen=True)
class ColumnInfo:
    """A column: its type in the lake, and PostgreSQL's."""

    column: str
    type: str
    source_type: str
    key: bool


@dataclasses.dataclass(frozen=True)
class TableSchemaInfo:
    """A table's columns; an empty key makes it an append log."""

    table: str
    origin: TableName
    key: tuple[str, ...]
    partition: str | None
    columns: tuple[ColumnInfo, ...]


class Lake:
    """One lake, opened from its folder. Safe for use by one thread at a time; `up` makes its own threads.

    Every method raises `LakewrightError` for what is known to go wrong.
    """

    def __init__(self, project: Project, store: Store | None = None) -> None:
        self.project = project
        self.store = store or LocalStore(project.folder)
        self.format: TableFormat = kinds.load_kind(kinds.FORMATS, "hudi")(self.store)
        self._folds = Folds(self.connection())
        self._sources: dict[str, Any] = {}
        self._logs: dict[str, RawLog] = {}

    @classmethod
    def open(cls, folder: Path) -> Lake:
        """The lake of a folder with a lake.yaml."""
        return cls(load_project(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection; an embedded database goes on."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()
        if "_engine" in self.__dict__:
            self._engine.close()
            del self._engine

    # ---- wiring

    @functools.cached_property
    def _engine(self) -> Any:
        """Made when first used: a capture computes nothing."""
        return kinds.load_kind(kinds.ENGINES, "duckdb")(self.project.folder / ".lakewright" / "tmp")

    def log(self, source: str) -> RawLog:
        """The raw log of a source."""
        if source not in self._logs:
            self._logs[source] = RawLog(self.store, self.project.lake.zones.raw, source)
        return self._logs[source]

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The lake's one DuckDB connection, in UTC."""
        return self._engine.connection()  # type: ignore[no-any-return]

    def source(self, name: str) -> Any:
        """The source of that name, connected when first used; an embedded database is started."""
        if name not in self._sources:
            self._sources[name] = setup.connect(self.project, name)
        return self._sources[name]

    def mirrors(self, names: Sequence[str] | None = None) -> list[Mirror]:
        """The tables that the raw log knows, from metadata only: no source has to answer.

        `names` chooses among them, by their own or by the source table's name, as errors of a source have it.
        """
        known = {name: self._logged(name) for name in self.project.lake.sources}
        found = setup.mirrors(self.project, known)
        if names is None:
            return found
        unknown = sorted(set(names) - {name for mirror in found for name in (mirror.name, str(mirror.origin))})
        if unknown:
            raise setup.no_such_table(unknown[0], [mirror.name for mirror in found])
        return [mirror for mirror in found if mirror.name in names or str(mirror.origin) in names]

    def mirror(self, name: str) -> Mirror:
        """The table of that name; raises `QueryError` with the nearest name."""
        return self.mirrors([name])[0]

    def _logged(self, source: str) -> list[TableSchema]:
        log = self.log(source)
        return [log.newest_schema(table) for table in log.view().tables()]

    # ---- set-up

    def doctor(self) -> list[setup.Finding]:
        """Whether everything that capture needs is there, and what mends what is not."""
        return setup.doctor(self.project, self.source, self.log)

    def plan(self) -> setup.Plan:
        """What `apply` would do, and what deserves a look."""
        return setup.plan(self.project, self.source, self.log)

    def apply(self) -> setup.Plan:
        """Make publications and slot; returns what was done."""
        return setup.apply(self.project, self.source)

    def down(self) -> list[str]:
        """Stop the embedded databases of this folder; returns the sources they belong to."""
        return setup.down(self.project)

    # ---- flow

    def capture(self, notice: Notice, until: Position | None = None, stop: threading.Event | None = None) -> None:
        """Capture every source up to its end as of now (or `until`)."""
        for name in self.project.lake.sources:
            target = until or self.source(name).current_position()
            Capture(self.source(name), self.log(name), self.store, notice).run(stop or threading.Event(), target)

    def merge(self, names: Sequence[str] | None, notice: Notice, wait: float = 30.0) -> list[Merged]:
        """Merge the tables (all of them by default) up to the log's end."""
        done = []
        failures: list[LakewrightError] = []
        for mirror in self.mirrors(names):
            try:
                merged = merge(mirror, self.log(mirror.source), self.format, self.store, self.connection(), wait)
            except LakewrightError as error:
                failures.append(error)  # this table stands; the others go on
                continue
            if merged:
                notice(merged)
                done.append(merged)
        if failures:
            for other in failures[1:]:
                failures[0].add_note(f"{other.message} ({other.code})")
            raise failures[0]
        return done

    def run(self, notice: Notice) -> list[Merged]:
        """One pass of capture and merge."""
        self.capture(notice)
        return self.merge(None, notice)

    def up(self, stop: threading.Event, notice: Callable[[Event], None]) -> None:
        """Capture, merge and clean until `stop` is set; raises the first error that ended a part of it."""
        broken: set[str] = set()
        tasks = [Task(name, self._capture_step(name, stop, notice)) for name in self.project.lake.sources]
        tasks.append(Task("merge", paced(lambda: self._merge_step(notice, broken)), follower=True))
        failures = keep_up(tasks, stop, notice)
        if failures:
            raise failures[0]

    def resync(self, name: str | None, notice: Notice) -> None:
        """Load a table again, or all of them: a new generation, whose rows replace the old at the next merge.

        One table is loaded by the capture that runs, or here where none does. All of them need that none runs: the slot is made
        anew and the log begins anew.
        """
        if name is None:
            for source in self.project.lake.sources:
                reload(self.source(source), self.log(source), self.store, notice)
            return
        mirror = self.mirror(name)
        log = self.log(mirror.source)
        if (refused := setup.refusal(self.source(mirror.source), mirror.origin)) is not None:
            raise refused
        before = log.view().generation(mirror.origin)
        log.ask_reload(mirror.origin)
        self._await(mirror.source, lambda: log.view().generation(mirror.origin) > before, notice)

    def maintain(self, notice: Notice) -> list[services.Cleaned]:
        """Fold manifests and delete the files that retention no longer needs."""
        cleaned = []
        for mirror in self.mirrors():
            cleaned.append(services.clean(mirror, self.format, self.store, utc_now(), wait=30.0))
            notice(cleaned[-1])
        return cleaned

    # ---- looking

    def sql(self, text: str, *, committed: bool = False, as_of: str | None = None, since: str | None = None) -> Answer:
        """The answer to a query in Athena's SQL: live by default, of table instants only with `committed`."""
        now = utc_now()
        attempts = READ_ATTEMPTS
        while True:
            tables = Tables(
                self.mirrors(),
                self.log,
                self.format,
                self.connection(),
                self._folds,
                (self.project.lake.zones.raw, self.project.lake.zones.curated),
                committed=committed,
                as_of=parse_time(as_of, now) if as_of else None,
                since=parse_time(since, now) if since else None,
            )
            try:
                return Answer(self._engine.query(text, tables), tables)
            except QueryError as error:
                tables.close()
                attempts -= 1
                # A clean may take away files between the look at a table and the read of it: look again.
                if error.code != "LW-510" or not attempts:
                    raise

    def status(self) -> Status:
        """Where each source and table stands."""
        now = utc_now()
        tables = []
        for mirror in self.mirrors():
            log = self.log(mirror.source)
            try:
                tables.append(table_status(mirror, log, log.view(), self.format, now))
            except FormatError as error:
                tables.append(damaged(mirror, error))
        return Status(tuple(self._source_status(name) for name in self.project.lake.sources), tuple(tables))

    def history(self, name: str, key: str | None = None) -> list[Any]:
        """A table's commits (`Commit`), or with a key the changes of one row (`RowChange`), oldest first."""
        mirror = self.mirror(name)
        if key is None:
            table = self.format.open(mirror.path)
            return table.history() if table else []
        log = self.log(mirror.source)
        parsed = histories.parse_key(log.newest_schema(mirror.origin), key)
        return histories.row_history(mirror, log, self.connection(), parsed)

    def tables(self) -> list[TableInfo]:
        """The lake's tables, in name order."""
        return [TableInfo(m.name, m.source, m.origin, m.path, m.partition) for m in self.mirrors()]

    def schema(self, name: str) -> TableSchemaInfo:
        """The columns of a table, with the source's types beside the lake's."""
        mirror = self.mirror(name)
        schema = self.log(mirror.source).newest_schema(mirror.origin)
        columns = tuple(ColumnInfo(c.name, c.type, c.source_type, c.name in schema.key) for c in schema.columns)
        return TableSchemaInfo(name, mirror.origin, schema.key, mirror.partition, columns)

    def check(self, source: str, notice: Callable[[TableCheck], None]) -> CheckReport:
        """Compare a source with the lake at one position, capturing up to it where nobody else does."""
        origin, log = self.source(source), self.log(source)
        mirrors = [mirror for mirror in self.mirrors() if mirror.source == source]
        schemas = [log.newest_schema(mirror.origin) for mirror in mirrors]
        there = {schema.name for schema in origin.discover()}
        with origin.open_load([schema for schema in schemas if schema.name in there], first=False) as snapshot:
            self._reach(source, snapshot.position)
            tables = checking.compare(mirrors, log, self.format, snapshot, self.connection(), notice)
        return CheckReport(source, snapshot.position, tuple(tables))

    # ---- steps

    def _reach(self, source: str, position: Position) -> None:
        """Wait until the source's log has reached `position`."""
        log = self.log(source)
        with log.request(position):
            self._await(source, lambda: log.view().watermark >= position, lambda _: None, position)

    def _await(self, source: str, reached: Callable[[], bool], notice: Notice, until: Position | None = None) -> None:
        """Wait for what the capture that runs does; where none does, capture here up to now (or `until`)."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not reached():
            try:
                target = until or self.source(source).current_position()
                Capture(self.source(source), self.log(source), self.store, notice).run(threading.Event(), target)
            except LeaseHeld as held:
                if time.monotonic() > deadline:
                    raise SourceError(
                        "LW-247",
                        f"the capture of {source} that runs did not get there within {WAIT_SECONDS:.0f} s",
                        hint="`lakewright status` shows how far it is",
                    ) from held
                time.sleep(0.05)

    def _capture_step(self, name: str, stop: threading.Event, notice: Callable[[Event], None]) -> Callable[[], float]:
        def step() -> float:
            def captured(done: Captured) -> None:
                kind = {"log": "captured", "refused": "failed"}.get(done.kind, "loaded")
                notice(Event(kind, name, done.error.message if done.error else _counts(done), utc_now(), done.error))

            Capture(self.source(name), self.log(name), self.store, captured).run(stop, wait=WAIT_SECONDS)
            return 0.0

        return step

    def _merge_step(self, notice: Callable[[Event], None], broken: set[str]) -> bool:
        """Merge and clean every table once that is not `broken`; whether anything was committed.

        A table whose merge fails for good is told of once and left alone until the next start; the others go on.
        """
        worked = False
        for mirror in self.mirrors():
            if mirror.name in broken:
                continue
            try:
                worked |= self._merge_one(mirror, notice)
            except LakewrightError as error:
                if error.retry is Retry.SOON:
                    raise
                broken.add(mirror.name)
                notice(Event("failed", mirror.name, error.message, utc_now(), error))
        return worked

    def _merge_one(self, mirror: Mirror, notice: Callable[[Event], None]) -> bool:
        merged = merge(mirror, self.log(mirror.source), self.format, self.store, self.connection(), wait=WAIT_SECONDS)
        if merged is None or merged.commit is None:
            return False
        commit = merged.commit
        detail = f"{commit.inserts} inserted, {commit.updates} updated, {commit.deletes} deleted at {merged.position}"
        notice(Event("merged", mirror.name, detail, utc_now()))
        cleaned = services.clean(mirror, self.format, self.store, utc_now())
        if cleaned.files:
            notice(Event("cleaned", mirror.name, f"{cleaned.files} files", utc_now()))
        return True

    def _source_status(self, name: str) -> SourceStatus:
        view = self.log(name).view()
        holder = Lease.holder(self.store, self.log(name).lease_name)
        try:
            facts = self.source(name).status()
            problem = setup.lost_slot(self.project.lake.slot(name), facts.state) if view.feed else None
        except SourceError as error:
            facts, problem = None, f"{error.message} ({error.code})"
        return SourceStatus(
            name,
            str(view.watermark) if view.feed else None,
            view.time,
            holder,
            self.project.lake.slot(name),
            facts.state if facts else "unknown",
            max(0, facts.flush_lsn - view.watermark.lsn) if facts and view.feed else None,
            facts.retained_bytes if facts else None,
            problem,
        )


def utc_now() -> datetime.datetime:
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def _counts(done: Captured) -> str:
    return ", ".join(f"{rows} of {table}" for table, rows in sorted(done.rows.items())) or f"nothing new up to {done.watermark}"
