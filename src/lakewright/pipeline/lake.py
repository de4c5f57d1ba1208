"""Lake: the facade over a folder. It wires and delegates; every piece of work has its own module beside this one."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lakewright.errors import ConfigError, LeaseHeld, QueryError, SourceError
from lakewright.model.contracts import TableFormat
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.pipeline import check as checking
from lakewright.pipeline import history as histories
from lakewright.pipeline import maintain as services
from lakewright.pipeline import setup
from lakewright.pipeline.capture import Capture, Captured, load
from lakewright.pipeline.check import CheckReport, TableCheck
from lakewright.pipeline.merge import Merged, merge
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.query import Answer, Reading
from lakewright.pipeline.status import SourceStatus, Status, table_status
from lakewright.pipeline.up import Event, Task, keep_up, paced
from lakewright.project import kinds
from lakewright.project.load import Project, load as load_project
from lakewright.project.tables import lake_tables
from lakewright.raw.log import RawLog
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from lakewright.storage.local import LocalStore

Notice = Callable[[Any], None]
CHECK_SECONDS = 300.0


class Lake:
    """One lake, opened from its folder. Safe for use by one thread at a time; `up` makes its own threads.

    Every method raises `LakewrightError` for what is known to go wrong.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.store = LocalStore(project.folder)
        self.format: TableFormat = kinds.load_kind(kinds.FORMATS, "hudi")(self.store)
        self._engine = kinds.load_kind(kinds.ENGINES, "duckdb")(temp=project.folder / ".lakewright" / "tmp")
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
        self._engine.close()

    # ---- wiring

    def log(self, source: str) -> RawLog:
        """The raw log of a source."""
        if source not in self._logs:
            self._logs[source] = RawLog(self.store, self.project.lake.zones.raw, source)
        return self._logs[source]

    def source(self, name: str) -> Any:
        """The source of that name, connected when first used; an embedded database is started."""
        if name not in self._sources:
            self._sources[name] = setup.connect(self.project, name)
        return self._sources[name]

    def mirrors(self, names: Sequence[str] | None = None) -> list[Mirror]:
        """The tables that the raw log knows, from metadata only: no source has to answer. `names` chooses among them."""
        known = {name: self._logged(name) for name in self.project.lake.sources}
        found = setup.mirrors(self.project, known)
        if names is None:
            return found
        unknown = sorted(set(names) - {mirror.name for mirror in found})
        if unknown:
            raise setup.no_such_table(unknown[0], [mirror.name for mirror in found])
        return [mirror for mirror in found if mirror.name in names]

    def mirror(self, name: str) -> Mirror:
        """The table of that name; raises `QueryError` with the nearest name."""
        return self.mirrors([name])[0]

    def _logged(self, source: str) -> list[TableSchema]:
        log = self.log(source)
        return [log.newest_schema(table) for table in log.view().tables()]

    # ---- set-up

    def doctor(self) -> list[setup.Finding]:
        """Whether everything that capture needs is there, and what mends what is not."""
        return setup.doctor(self)

    def plan(self) -> setup.Plan:
        """What `apply` would do, and what deserves a look."""
        return setup.plan(self)

    def apply(self) -> setup.Plan:
        """Make publications and slot; returns what was done."""
        return setup.apply(self)

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
        for mirror in self.mirrors(names):
            merged = merge(mirror, self.log(mirror.source), self.format, self.store, self._engine.connection(), wait)
            if merged:
                notice(merged)
                done.append(merged)
        return done

    def run(self, notice: Notice) -> list[Merged]:
        """One pass of capture and merge."""
        self.capture(notice)
        return self.merge(None, notice)

    def up(self, stop: threading.Event, notice: Callable[[Event], None]) -> None:
        """Capture, merge and clean until `stop` is set; raises the first error that ended a part of it."""
        tasks = [Task(name, self._capture_step(name, stop, notice)) for name in self.project.lake.sources]
        tasks.append(Task("merge", paced(lambda: self._merge_step(notice))))
        failures = keep_up(tasks, stop, notice)
        if failures:
            raise failures[0]

    def resync(self, name: str, notice: Notice) -> None:
        """Load a table again beside a running capture: a new generation of it, whose rows replace the old at the next merge."""
        setup.resync(self, name, notice, load)

    def maintain(self, notice: Notice) -> list[services.Cleaned]:
        """Fold manifests and delete the files that retention no longer needs."""
        cleaned = []
        for mirror in self.mirrors():
            cleaned.append(services.clean(mirror, self.format, self.store, datetime.datetime.now(datetime.UTC), wait=30.0))
            notice(cleaned[-1])
        return cleaned

    # ---- looking

    def sql(self, text: str, *, committed: bool = False, as_of: str | None = None, since: str | None = None) -> Answer:
        """The answer to a query in Athena's SQL: live by default, of table instants only with `committed`."""
        now = datetime.datetime.now(datetime.UTC)
        tables = Tables(
            self.mirrors(),
            self.log,
            self.format,
            self._engine.connection(),
            (self.project.lake.zones.raw, self.project.lake.zones.curated),
            committed=committed,
            as_of=parse_time(as_of, now) if as_of else None,
            since=parse_time(since, now) if since else None,
        )
        return Answer(self._engine.query(text, tables), tables)

    def status(self) -> Status:
        """Where each source and table stands."""
        now = datetime.datetime.now(datetime.UTC)
        tables = []
        for mirror in self.mirrors():
            log = self.log(mirror.source)
            tables.append(table_status(mirror, log, log.view(), self.format, now))
        return Status(tuple(self._source_status(name) for name in self.project.lake.sources), tuple(tables))

    def history(self, name: str, key: str | None = None) -> list[Any]:
        """A table's commits (`Commit`), or with a key the changes of one row (`RowChange`), oldest first."""
        mirror = self.mirror(name)
        if key is None:
            table = self.format.open(mirror.path)
            return table.history() if table else []
        log = self.log(mirror.source)
        parsed = histories.parse_key(log.newest_schema(mirror.origin), key)
        return histories.row_history(mirror, log, self._engine.connection(), parsed)

    def check(self, source: str, notice: Callable[[TableCheck], None]) -> CheckReport:
        """Compare a source with the lake at one position, capturing up to it where nobody else does."""
        origin, log = self.source(source), self.log(source)
        mirrors = [mirror for mirror in self.mirrors() if mirror.source == source]
        schemas = [log.newest_schema(mirror.origin) for mirror in mirrors]
        with origin.open_load(schemas, first=False) as snapshot:
            self._reach(source, snapshot.position)
            tables = checking.compare(mirrors, log, self.format, snapshot, self._engine.connection(), notice)
        return CheckReport(source, snapshot.position, tuple(tables))
