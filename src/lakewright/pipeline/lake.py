"""Lake: the facade over a folder. It wires and delegates; every piece of work has its own module beside this one."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from lakewright.errors import LakewrightError, LogError, SourceError, together
from lakewright.model.contracts import Finding
from lakewright.pipeline import check as checking
from lakewright.pipeline import connect, damage, definitions, plan, reach, setup, up
from lakewright.pipeline import history as histories
from lakewright.pipeline import maintain as services
from lakewright.pipeline.check import CheckReport
from lakewright.pipeline.describe import TableInfo, TableSchemaInfo, schema_info, table_info
from lakewright.pipeline.load import Captured
from lakewright.pipeline.merge import Merged, merge
from lakewright.pipeline.moment import parse_time, utc_now
from lakewright.pipeline.moved import moved
from lakewright.pipeline.plan import LeftOut, Plan
from lakewright.pipeline.query import Answer, Tables
from lakewright.pipeline.status import Status, TableStatus, source_status, table_status
from lakewright.pipeline.tasks import Event, keep_up
from lakewright.pipeline.wiring import Wiring

Notice = Callable[[Any], None]
NOT_LOADED = "LW-249"


@dataclasses.dataclass(frozen=True)
class Ran:
    """What one pass of capture and merge did, and which chosen tables are not captured."""

    merged: tuple[Merged, ...]
    left_out: tuple[LeftOut, ...]


class Lake(Wiring):
    """One lake, opened from its folder. Safe for use by one thread at a time; `up` makes its own threads.

    Every method raises `LakewrightError` for what is known to go wrong.
    """

    # ---- set-up

    def doctor(self) -> list[Finding]:
        """Whether everything that capture needs is there, and what mends what is not."""
        return setup.doctor(self.project, self.source, self.log, self.setting_faults)

    def plan(self) -> Plan:
        """What `apply` would do, what is left out, and what deserves a look."""
        return plan.plan(self)

    def apply(self) -> Plan:
        """Make the publications; returns what was done, and what is left out."""
        return plan.apply(self)

    def down(self) -> list[str]:
        """Stop the embedded databases of this folder; returns the sources they belong to."""
        return connect.down(self.project)

    # ---- flow

    def capture(self, notice: Notice) -> None:
        """Capture every source up to its end as of now."""
        failures = []
        for name in self.project.lake.sources:
            try:
                self.capture_of(name, notice).run(threading.Event(), self.source(name).current_position())
            except LakewrightError as error:
                failures.append(error)  # the other sources go on
        if failures:
            raise together(failures)

    def merge(self, names: Sequence[str] | None, notice: Notice, wait: float = 30.0) -> list[Merged]:
        """Merge the tables (all of them by default) up to the log's end; what one raises comes when the others are done."""
        done = []
        failures = [misfit.error for misfit in self.survey()[1]] if names is None else []
        for mirror in self.mirrors(names):
            try:
                merged = merge(mirror, self.log(mirror.source), self.format, self.store, self.connection(), wait)
            except LakewrightError as error:
                failures.append(error)
                continue
            if merged:
                notice(merged)
                done.append(merged)
        if failures:
            raise together(failures)
        return done

    def run(self, notice: Notice) -> Ran:
        """One pass of capture and merge."""
        self.capture(notice)
        merged = self.merge(None, notice)
        return Ran(tuple(merged), plan.left_out(self, loaded=True))

    def up(self, stop: threading.Event, notice: Callable[[Event], None]) -> None:
        """Capture, merge and clean until `stop` is set; raises the first error that ended a part of it."""
        failures = keep_up(up.tasks(self, stop, notice), stop, notice)
        if failures:
            raise failures[0]

    def resync(self, name: str | None, notice: Notice) -> None:
        """Load a table again, or all of them: a new generation, whose rows replace the old at the next merge.

        One table is loaded by the capture that runs, or here where none does; with a dataset of files also its quarantine, and
        the other way round, for each row of a file is in one of them. All of them need that none runs: the slot is made
        anew and the log begins anew.
        """
        if name is None:
            for source in self.project.lake.sources:
                self.capture_of(source, notice).reload()
            return
        mirror = self.mirror(name)
        if (refused := setup.refusal(self.source(mirror.source), mirror.origin)) is not None:
            raise refused
        parts = set(self.project.lake.sources[mirror.source].parts(mirror.origin))
        reach.reload(self, mirror.source, sorted(parts & set(self.log(mirror.source).view().tables())), notice)

    def maintain(self, notice: Notice) -> list[services.Cleaned]:
        """Delete the files of tables that retention no longer needs."""
        cleaned = []
        for mirror in self.mirrors():
            cleaned.append(services.clean(mirror, self.format, self.store, utc_now(), wait=30.0))
            notice(cleaned[-1])
        return cleaned

    # ---- looking

    def sql(self, text: str, *, committed: bool = False, as_of: str | None = None, since: str | None = None) -> Answer:
        """The answer to a query in Athena's SQL: live by default, of table instants only with `committed`."""
        now = utc_now()
        attempts, zones = damage.READ_ATTEMPTS, self.project.lake.zones.folders()
        while True:
            mirrors, misfits = self.survey()
            tables = Tables(
                mirrors,
                misfits,
                self.log,
                self.format,
                self.connection(),
                self.folds,
                (zones.raw, zones.curated),
                committed=committed,
                as_of=parse_time(as_of, now) if as_of else None,
                since=parse_time(since, now) if since else None,
            )
            try:
                return Answer(self.engine.query(text, tables), tables)
            except BaseException as error:
                tables.close()
                attempts -= 1
                # A clean may take away files between the look at a table and the read of it: look again.
                if not damage.may_be_cleaned(error) or not attempts:
                    raise

    def status(self) -> Status:
        """Where each source and table stands."""
        now, lake = utc_now(), self.project.lake
        sources = {
            name: source_status(name, lake.slot(name), self.log(name), self.store, functools.partial(self.source, name))
            for name in lake.sources
        }
        mirrors, misfits = self.survey()
        tables = []
        for mirror in mirrors:
            wanted = lake.sources[mirror.source].wants(mirror.origin)
            log, source = self.log(mirror.source), sources[mirror.source]
            former = definitions.former(self, mirror) if wanted else None
            tables.append(table_status(mirror, log, self.format, source, now, former, wanted=wanted))
        tables += [
            TableStatus(str(misfit.table), misfit.source, misfit.table, "damaged", problem=misfit.error.line())
            for misfit in misfits
            if misfit.table
        ]
        known = {(table.source, table.origin) for table in tables}
        for name in (name for name, source in sources.items() if source.slot_state != "unknown"):
            with contextlib.suppress(SourceError, LogError):  # the source's own status says what is wrong
                tables += [
                    TableStatus(
                        str(table),
                        name,
                        table,
                        "not loaded" if error.code == NOT_LOADED else "left out",
                        problem=error.line(),
                    )
                    for table, error in sorted(self.left_out(name, loaded=True).items())
                    if (name, table) not in known
                ]
        return Status(tuple(sources.values()), tuple(tables))

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
        return [table_info(mirror) for mirror in self.mirrors()]

    def schema(self, name: str) -> TableSchemaInfo:
        """The columns of a table, with the source's types beside the lake's."""
        mirror = self.mirror(name)
        return schema_info(mirror, self.log(mirror.source).newest_schema(mirror.origin))

    def check(self, source: str, notice: Notice) -> CheckReport:
        """Compare a source with the lake at one position, capturing up to it where nobody else does.

        A chosen table that the lake cannot take is part of the report, and a file of a folder that is not what was taken of it.
        """
        origin, log = self.source(source), self.log(source)
        feed = log.view().feed
        if feed is not None and (error := moved(origin.feed(), feed)) is not None:
            raise error
        self.require_fitting(source)
        wants = self.project.lake.sources[source].wants
        found, misfits = self.survey()
        mirrors = [mirror for mirror in found if mirror.source == source and wants(mirror.origin)]
        schemas = [log.newest_schema(mirror.origin) for mirror in mirrors]
        there = {schema.name for schema in origin.discover()}
        refused = {str(misfit.table or source): misfit.error for misfit in misfits if misfit.source == source}
        readable = [schema for schema in schemas if schema.name in there]

        def waiting(what: str | None) -> None:
            if what:
                notice(Captured("waiting", {}, None, None, detail=what))

        with origin.open_load(readable, after=origin.current_position(), waiting=waiting, past=log.past()) as snapshot:
            reach.position(self, source, snapshot.position)
            former = functools.partial(definitions.former, self)
            tables = checking.compare(mirrors, log, self.format, snapshot, self.connection(), origin.was_changed, former, notice)
        refused = {str(table): error for table, error in self.left_out(source, loaded=True).items()} | refused
        for name in sorted(refused.keys() - {str(mirror.origin) for mirror in mirrors}):
            tables.append(checking.failed(name, refused[name]))
            notice(tables[-1])
        files = self.files_source(source).audit(waiting) if self.project.lake.sources[source].kind == "files" else ()
        return CheckReport(source, snapshot.position, tuple(tables), tuple(files))
