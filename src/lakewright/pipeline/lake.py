"""Lake: the facade over a folder. Every piece of work has its own module beside this one; `wiring` has what they work on."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from typing import Any

from lakewright.errors import LakewrightError, together
from lakewright.model.contracts import Finding
from lakewright.model.table import Verification
from lakewright.pipeline import check as checking
from lakewright.pipeline import connect, doctor, plan, query, reach, up, verify, zones
from lakewright.pipeline import history as histories
from lakewright.pipeline import maintain as services
from lakewright.pipeline import status as statuses
from lakewright.pipeline.check import CheckReport
from lakewright.pipeline.describe import TableInfo, TableSchemaInfo, schema_info, table_info
from lakewright.pipeline.merge import Merged, merge
from lakewright.pipeline.moment import utc_now
from lakewright.pipeline.plan import LeftOut, Plan
from lakewright.pipeline.query import Answer
from lakewright.pipeline.status import Status
from lakewright.pipeline.tasks import Event, keep_up
from lakewright.pipeline.wiring import Wiring

Notice = Callable[[Any], None]


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
        return zones.examine(self.project) + doctor.examine(self.project, self.source, self.log, self.setting_faults)

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
        for name in self.project.settings.sources:
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
        the other way round, for each row of a file is in one of them. All tables of a database need that none runs: the slot is
        made anew and the log begins anew. A table whose rows the source cannot give keeps those that it has.
        """
        if name is not None:
            reach.reload(self, self.mirror(name), notice)
            return
        for source in self.project.settings.sources:
            if self.project.settings.slot(source) is None:
                reach.reload_each(self, source, notice)
            else:
                self.capture_of(source, notice).reload()

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
        return query.answer(self, text, committed=committed, as_of=as_of, since=since)

    def status(self) -> Status:
        """Where each source and table stands."""
        return statuses.of(self)

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

    def verify(self, name: str | None, notice: Notice) -> list[Verification]:
        """Read the folder of a table, or of all, as a whole: every flaw in it."""
        found, misfits = ([self.mirror(name)], []) if name else self.survey()
        return verify.run(found, misfits, self.format, self.store, notice)

    def check(self, source: str, notice: Notice) -> CheckReport:
        """Compare a source with the lake at one position, capturing up to it where nobody else does.

        A chosen table that the lake cannot take is part of the report, and a file of a folder that is not what was taken of it.
        """
        return checking.run(self, source, notice)
