"""Check: source and lake compared row by row, per table, at one position.

The source gives all rows as of a position P: a database by a snapshot that a temporary slot exports, a folder by reading again
what has arrived. When the log's watermark has reached P - not when things happen to be equal - the lake's table at P and the
source's rows are compared by count and by an order-free checksum of all columns. Both sides go through the same type mapping,
whose adjustments are counted.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from lakewright.errors import CheckFailed, LakewrightError, NotLoaded
from lakewright.model.batch import EXACT, raw_schema
from lakewright.model.contracts import Load
from lakewright.model.names import quote_identifier as quote
from lakewright.model.position import Position
from lakewright.model.table import newest_mark
from lakewright.pipeline import damage, definitions, survey, table_at
from lakewright.pipeline.catch_up import catch_up
from lakewright.pipeline.feed import moved
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Notice, TableCheck, Verdict, Waits, ignore
from lakewright.pipeline.wiring import Wiring
from lakewright.sources.files.audit import FileCheck

SHOWN_KEYS = 5


@dataclasses.dataclass(frozen=True)
class CheckReport:
    """All tables of a source compared at one position, and the files of a folder that the lake does not have as they are.

    ``not_compared`` are the snapshots of its tables: no source can be asked what it had at a time that is over.
    """

    source: str
    position: Position
    tables: tuple[TableCheck, ...]
    files: tuple[FileCheck, ...] = ()
    not_compared: tuple[str, ...] = ()

    @property
    def equal(self) -> int:
        """How many tables are equal."""
        return sum(table.verdict == "equal" for table in self.tables)

    @property
    def failed(self) -> int:
        """How many tables are neither equal nor append-only."""
        return sum(table.verdict not in ("equal", "append-only") for table in self.tables)

    @property
    def failed_files(self) -> int:
        """How many files have other bytes than those taken of them, or wait."""
        return sum(file.verdict != "not taken" for file in self.files)

    @property
    def passed(self) -> bool:
        """Whether no table and no file failed."""
        return not (self.failed or self.failed_files)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `check` found: how many of how many tables are equal, and each source's report."""

    equal: int
    tables: int
    reports: tuple[CheckReport, ...]

    @classmethod
    def of(cls, reports: Sequence[CheckReport]) -> Comparison:
        """The reports and their sum."""
        return cls(sum(report.equal for report in reports), sum(len(report.tables) for report in reports), tuple(reports))

    @property
    def logs(self) -> int:
        """How many tables are append-only."""
        return sum(table.verdict == "append-only" for report in self.reports for table in report.tables)

    def require_equal(self) -> None:
        """Raise `CheckFailed` LW-601 where a table or a file failed."""
        failed = sum(report.failed for report in self.reports)
        files = sum(report.failed_files for report in self.reports)
        faults = [f"{failed} of {self.tables} tables are not equal to their source"] if failed else []
        kind = "files are not in the lake as they are" if files > 1 else "file is not in the lake as it is"
        faults += [f"{files} {kind}"] if files else []
        if faults:
            raise CheckFailed("LW-601", " and ".join(faults), hint=self._hint())

    def _hint(self) -> str:
        """What helps the first kind of fault that there is."""
        failed = {table.verdict for report in self.reports for table in report.tables} - {"equal", "append-only"}
        if failed == {"not loaded"}:
            return "`lakewright doctor` lists what keeps a table from being loaded"
        if "different" in failed:
            return "`lakewright resync TABLE` loads a table anew"
        return f"what is said of each {'table' if failed else 'file'} helps"


def run(lake: Wiring, name: str, notice: Notice = ignore) -> CheckReport:
    """Compare the source `name` with the lake at one position, capturing up to it where nobody else does.

    `notice` hears of each wait and of each table that was compared. A chosen table that the lake cannot take is part of the
    report, and a file of a folder that is not what was taken of it.
    """
    source, log = lake.source(name), lake.log(name)
    feed = log.view().feed
    if feed is not None and (error := moved(source.feed(), feed)) is not None:
        raise error
    survey.require_fitting(lake, name)
    settings = lake.project.settings.sources[name]
    found, misfits = survey.of(lake)
    mirrors = [mirror for mirror in found if mirror.source == name and settings.wants(mirror.origin)]
    there = {schema.name for schema in source.discover().tables}
    readable = [log.newest_schema(mirror.origin) for mirror in mirrors if mirror.origin in there]

    def waiting(what: str | None) -> None:
        if what:
            notice(Waits(what))

    with source.open_load(readable, after=source.current_position(), waiting=waiting, past=log.past()) as load:
        catch_up(lake, name, load.position)
        tables = _compared(lake, mirrors, load, notice)
    faults = {str(table): error for table, error in survey.left_out(lake, name, loaded=True).items()}
    faults |= {str(misfit.table or name): misfit.error for misfit in misfits if misfit.source == name}
    for table in sorted(faults.keys() - {str(mirror.origin) for mirror in mirrors}):
        tables.append(_failed(table, faults[table]))
        notice(tables[-1])
    files = lake.inspection(name).audit(waiting) if settings.kind == "files" else ()
    snapshots = tuple(record.name for record in lake.published() if record.source == name)
    return CheckReport(name, load.position, tuple(tables), tuple(files), snapshots)


def _compared(lake: Wiring, mirrors: Sequence[Mirror], load: Load, notice: Notice) -> list[TableCheck]:
    """The verdict on each table; what of it was read under another definition than the present one is told beside an equal."""
    checks = []
    for mirror in mirrors:
        try:
            check = damage.repeated(functools.partial(_compare, lake, mirror, load))
        except LakewrightError as error:
            check = _failed(mirror.name, error)
        if check.detail is None:
            check = dataclasses.replace(check, detail=definitions.former(lake, mirror))
        notice(check)
        checks.append(check)
    return checks


def _failed(table: str, error: LakewrightError) -> TableCheck:
    """The verdict on a table that cannot be compared, with what helps."""
    verdict: Verdict = "not loaded" if isinstance(error, NotLoaded) else "error"
    return TableCheck(table, verdict, None, None, detail=error.line(hinted=verdict == "error"))


def _compare(lake: Wiring, mirror: Mirror, load: Load) -> TableCheck:
    log, connection = lake.log(mirror.source), lake.connection()
    view = log.view()
    for stop in view.stopped():
        if stop.table == mirror.origin and stop.position <= load.position:
            return TableCheck(mirror.name, "stopped", None, None, detail=stop.error.line())
    table = lake.table(mirror)
    mark = newest_mark(table.history()) if table else None
    if mark is not None and mark.paused:
        detail = f"it is paused at {mark.position}; `lakewright resume {mirror.name}` goes on"
        return TableCheck(mirror.name, "paused", None, None, detail=detail)
    at = table_at.plan(mirror, log, view, lake.instants(mirror), load.position)
    fold = Fold(connection, at, log)
    columns = ", ".join(quote(name) for name in at.schema.column_names)
    checksum = f"SELECT count(*), coalesce(sum(hash({columns})::HUGEINT), 0), coalesce(bit_xor(hash({columns})), 0)"
    try:
        rows = fold.visible_sql(lambda column: quote(column.name))
        with damage.named_for(at, log):
            in_lake = _row(connection, f"{checksum} FROM ({rows})")
        with _registered(connection, load, at) as source:
            in_source = _row(connection, f"{checksum}, count({EXACT}) FROM {source}")
        if in_lake == in_source[:3]:
            return TableCheck(mirror.name, "equal", in_source[0], in_lake[0], in_source[3])
        if not at.schema.key and in_lake[0] >= in_source[0] and lake.source(mirror.source).was_changed(mirror.origin):
            detail = "it has no key: updates and deletes are not captured; give it a primary key, then `lakewright resync`"
            return TableCheck(mirror.name, "append-only", in_source[0], in_lake[0], in_source[3], detail)
        unexplained = "it has no key, and its source knows of no update or delete that would explain it"
        differing = _differences(connection, load, at, rows) if at.schema.key else unexplained
        return TableCheck(mirror.name, "different", in_source[0], in_lake[0], in_source[3], differing)
    finally:
        fold.close()


class _registered:
    """The source's rows as a relation that can be scanned once; an error of the source is raised as itself, not as DuckDB's."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, load: Load, at: table_at.TableAt) -> None:
        self._con = connection
        self._load = load
        self._at = at
        self._error: LakewrightError | None = None

    def __enter__(self) -> str:
        reader = pa.RecordBatchReader.from_batches(raw_schema(self._at.schema), self._batches())
        self._con.register("_source_rows", reader)
        return "_source_rows"

    def __exit__(self, *_: object) -> None:
        self._con.unregister("_source_rows")
        if self._error is not None:
            raise self._error from None

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._load.batches(self._at.schema)
        except LakewrightError as error:
            self._error = error
            raise


def _differences(connection: duckdb.DuckDBPyConnection, load: Load, at: table_at.TableAt, rows: str) -> str:
    """The keys of the first rows that differ, and how many there are."""
    key = ", ".join(map(quote, at.schema.key))
    columns = ", ".join(map(quote, at.schema.column_names))
    with _registered(connection, load, at) as source:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE _source AS SELECT {columns} FROM {source}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _lake AS SELECT {columns} FROM ({rows})")
    parts = []
    for label, one, other in (
        ("only in the source or other there", "_source", "_lake"),
        ("only in the lake or other there", "_lake", "_source"),
    ):
        found = f"SELECT {key} FROM (SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other})"
        count = _row(connection, f"SELECT count(*) FROM ({found})")[0]
        if count:
            keys = connection.execute(f"{found} ORDER BY ALL LIMIT {SHOWN_KEYS}").fetchall()
            parts.append(f"{count} {label}: {', '.join('(' + ', '.join(map(str, k)) + ')' for k in keys)}")
    connection.execute("DROP TABLE _source; DROP TABLE _lake")
    return "; ".join(parts)


def _row(connection: duckdb.DuckDBPyConnection, text: str) -> Any:
    return connection.execute(text).fetchall()[0]
