"""Lake: the facade over a folder. Every piece of work has its own module beside this one; `wiring` opens what they work on."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lakewright.errors import LakewrightError, together
from lakewright.model.finding import Finding
from lakewright.model.table import Commit, Flaw, RolledBack, Verification
from lakewright.model.times import utc_now
from lakewright.pipeline import (
    check,
    connect,
    diff,
    doctor,
    history,
    hold,
    landing,
    maintain,
    mend,
    merge_all,
    plan,
    quarantine,
    query,
    raw_care,
    restore,
    resync,
    savepoints,
    status,
    survey,
    up,
    verify,
)
from lakewright.pipeline.capture import capture_of
from lakewright.pipeline.check import CheckReport
from lakewright.pipeline.describe import TableInfo, TableSchemaInfo, schema_info, snapshot_info, snapshot_schema, table_info
from lakewright.pipeline.diff import Diff
from lakewright.pipeline.hold import WAIT
from lakewright.pipeline.merge import Apply
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.plan import LeftOutTable, Plan
from lakewright.pipeline.published import Record
from lakewright.pipeline.quarantine import Discarded, Exported, Quarantine, Replayed
from lakewright.pipeline.query import Answer
from lakewright.pipeline.restore import Restored, Standing
from lakewright.pipeline.status import Status
from lakewright.pipeline.steps import Cleaned, Merged, Notice, Tended, ignore
from lakewright.pipeline.tasks import Event, keep_up
from lakewright.pipeline.wiring import Wiring
from lakewright.sources.files.runs import Run


@dataclasses.dataclass(frozen=True)
class Ran:
    """What one pass of capture and merge did, and which chosen tables are not captured."""

    merged: tuple[Merged, ...]
    left_out: tuple[LeftOutTable, ...]


@dataclasses.dataclass(frozen=True)
class Maintained:
    """What was done to each table, and then to the raw log of each source."""

    cleaned: tuple[Cleaned, ...]
    raw: tuple[Tended, ...]


class Lake(Wiring):
    """One lake, opened from its folder. Safe for use by one thread at a time; `up` makes its own threads.

    Every method raises `LakewrightError` for what is known to go wrong.
    """

    # ---- set-up

    def doctor(self) -> list[Finding]:
        """Whether everything that capture needs is there, and what mends what is not."""
        return doctor.examine(self)

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

    def capture(self, notice: Notice = ignore) -> None:
        """Capture every source up to its end as of now."""
        failures = []
        for name in self.project.settings.sources:
            try:
                capture_of(self, name, notice).run(threading.Event(), self.source(name).current_position())
            except LakewrightError as error:
                failures.append(error)  # the other sources go on
        if failures:
            raise together(failures)

    def merge(
        self, names: Sequence[str] | None = None, notice: Notice = ignore, *, wait: float = WAIT, apply: Apply | None = None
    ) -> list[Merged]:
        """Merge the tables (all of them by default) up to the log's end; what one raises comes when the others are done.

        What DMS wrote to the raw zone is taken into the log before. `apply` is the engine: see `merge_all.spark` for Spark; None
        is DuckDB and our own writer.
        """
        failed = landing.land_all(self, notice)
        return merge_all.merge_all(self, names, notice, wait=wait, apply=apply, failed=failed)

    def run(self, notice: Notice = ignore) -> Ran:
        """One pass of capture and merge."""
        self.capture(notice)
        merged = self.merge(notice=notice)
        return Ran(tuple(merged), plan.left_out(self, loaded=True))

    def up(self, stop: threading.Event, notice: Callable[[Event], None] = ignore) -> None:
        """Capture, merge and clean until `stop` is set; raises the first error that ended a part of it."""
        failures = keep_up(up.tasks(self, stop, notice), stop, notice)
        if failures:
            raise failures[0]

    def resync(self, name: str | None, notice: Notice = ignore) -> None:
        """Load a table again, or all of them: a new generation, whose rows replace the old at the next merge.

        One table is loaded by the capture that runs, or here where none does; with a dataset of files also its quarantine, and
        the other way round, for each row of a file is in one of them. All tables of a database need that none runs: the slot is
        made anew and the log begins anew. A table whose rows the source cannot give keeps those that it has.
        """
        if name is not None:
            resync.resync(self, survey.origin(self, name), notice)
            return
        for source in self.project.settings.sources:
            if self.project.settings.slot(source) is None:
                resync.resync_each(self, source, notice)
            else:
                capture_of(self, source, notice).resync()

    def maintain(self, notice: Notice = ignore) -> Maintained:
        """Do what the tables' policies ask for, then care for the raw logs; what one of those raises comes when all are done."""
        mirrors, cleaned, raw, failures = self.mirrors(), list[Cleaned](), list[Tended](), list[LakewrightError]()
        for mirror in mirrors:
            cleaned.append(maintain.tend(self, mirror, utc_now(), wait=WAIT))
            notice(cleaned[-1])
        for source in self.project.settings.sources:
            try:
                raw.append(raw_care.tend(self, source, mirrors, utc_now(), wait=WAIT))
                notice(raw[-1])
            except LakewrightError as error:
                failures.append(error)
        if failures:
            raise together(failures)
        return Maintained(tuple(cleaned), tuple(raw))

    def hold(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Keep everything of ours from writing to a table for the time of a block: another engine may do so alone."""
        return hold.hold(self, self.mirror(name))

    def savepoint(self, name: str, instant: str | None = None) -> list[Commit]:
        """Keep a commit's files (default: the newest's) until `release`; returns the table's commits that have a savepoint."""
        return savepoints.save(self, self.mirror(name), instant)

    def release(self, name: str, instant: str) -> list[Commit]:
        """Remove the savepoint of a commit; returns the table's commits that have one."""
        return savepoints.release(self, self.mirror(name), instant)

    def restore(self, name: str, to: str, *, dry_run: bool = False) -> Restored:
        """Make a table what it was at an instant or a time, and pause it there; with `dry_run` only say what it takes."""
        return restore.restore(self, self.mirror(name), to, dry_run=dry_run)

    def pause(self, name: str) -> Standing:
        """Leave a table where it is until `resume`."""
        return restore.pause(self, self.mirror(name))

    def resume(self, name: str, *, at: str | None = None, now: bool = False) -> Standing:
        """Let a table follow its source again, without what the log has up to a position or up to its end."""
        return restore.resume(self, self.mirror(name), at=at, now=now)

    def roll_back(self, name: str, *, dry_run: bool = False) -> RolledBack:
        """Undo a table's newest commit, whatever its file says; with `dry_run` only say what that takes."""
        return mend.roll_back(self, self.mirror(name), dry_run=dry_run)

    def repair(self, name: str, *, dry_run: bool = False) -> list[Flaw]:
        """Mend what can be of a table without a row being lost; with `dry_run` only say what that is."""
        return mend.repair(self, self.mirror(name), dry_run=dry_run)

    # ---- looking

    def sql(self, text: str, *, committed: bool = False, as_of: str | None = None, since: str | None = None) -> Answer:
        """The answer to a query in Athena's SQL: live by default, of table instants only with `committed`."""
        return query.answer(self, text, committed=committed, as_of=as_of, since=since)

    def status(self) -> Status:
        """Where each source and table stands."""
        return status.of(self)

    def history(self, name: str, key: str | None = None) -> list[Any]:
        """A table's commits (`Commit`), or with a key the changes of one row (`RowChange`), oldest first."""
        if key is None and (record := self._published(name)) is not None:
            return self.commits(self.records.mirror(record))
        mirror = self.mirror(name)
        if key is not None:
            return history.row_history(self, mirror, key)
        return self.commits(mirror)

    def diff(self, name: str, start: str, end: str | None = None, *, limit: int = 20) -> Diff:
        """How a table differs between two moments, each a time, an instant or a position; `end` is now where it is None."""
        return diff.diff(self, self.mirror(name), start, end, limit)

    def mirrors(self, names: Sequence[str] | None = None) -> list[Mirror]:
        """The lake's tables in name order, or those of some names; raises `QueryError` for a name that there is not."""
        return survey.mirrors(self, names)

    def mirror(self, name: str) -> Mirror:
        """The table of that name; raises as `mirrors`."""
        return survey.mirror(self, name)

    def tables(self) -> list[TableInfo]:
        """The lake's tables, in name order, then its snapshots that are written."""
        found = [table_info(mirror, self.folders.record(mirror).path) for mirror in self.mirrors()]
        return [*found, *(snapshot_info(self, record) for record in self.published())]

    def schema(self, name: str) -> TableSchemaInfo:
        """The columns of a table, with the source's types beside the lake's."""
        if (record := self._published(name)) is not None:
            return snapshot_schema(self, record)
        mirror = self.mirror(name)
        return schema_info(mirror, self.log(mirror.source).newest_schema(mirror.origin))

    def _published(self, name: str) -> Record | None:
        """The snapshot of that name that is written."""
        return next((record for record in self.published() if record.name == name), None)

    def verify(self, name: str | None = None, notice: Notice = ignore) -> list[Verification]:
        """Read the folder of a table, or of all, as a whole: every flaw in it."""
        return verify.run(self, name, notice)

    def check(self, source: str, notice: Notice = ignore) -> CheckReport:
        """Compare a source with the lake at one position, capturing up to it where nobody else does.

        A chosen table that the lake cannot take is part of the report, and a file of a folder that is not what was taken of it.
        """
        return check.run(self, source, notice)

    # ---- files

    def quarantine(self) -> Quarantine:
        """Every dataset of files with its rows, how many were rejected, and the files that wait."""
        return quarantine.overview(self)

    def rejected_rows(self, name: str, *, limit: int | None = None) -> Answer:
        """The rejected rows of a dataset as they are now, by file and line."""
        return quarantine.rejected_rows(self, name, limit=limit)

    def export(self, name: str, path: Path) -> Exported:
        """Write the rejected rows of a dataset as a new CSV file, for people to correct."""
        return quarantine.export(self, name, path)

    def replay(self, name: str, path: Path) -> Replayed:
        """Take corrected rows of a dataset, from a file as `export` writes it, into its table."""
        return quarantine.replay(self, name, path)

    def accept(self, source: str, file: str) -> Run:
        """Take a file that waits with the rows that fit; returns what became of it."""
        return quarantine.accept(self, source, file)

    def discard(self, source: str, file: str) -> Discarded:
        """Let a file wait no more: nothing of it is taken, unless somebody accepts it later."""
        return quarantine.discard(self, source, file)
