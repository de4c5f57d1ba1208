"""What the raw log says at one moment: a pure value, computed from manifests."""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import itertools
from collections.abc import Iterable, Sequence

from lakewright.errors import LogError, SourceError
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.position import START, Feed, Position
from lakewright.raw.manifest import Manifest, RawFile, StoppedTable


@dataclasses.dataclass(frozen=True)
class LoadInfo:
    """A full load of a table as of ``position``, the consistent point, and its commit time; ``schema`` is a number."""

    generation: int
    position: Position
    time: datetime.datetime
    schema: int
    files: tuple[RawFile, ...]


@dataclasses.dataclass(frozen=True)
class TableLog:
    """What the log has of one table in the current feed; loads by generation, changes in position order."""

    loads: tuple[LoadInfo, ...] = ()
    changes: tuple[RawFile, ...] = ()
    stop: StoppedTable | None = None


@dataclasses.dataclass(frozen=True)
class LogView:
    """The log up to manifest ``number`` (0: there is none). It never changes, and two views of one log never contradict.

    ``watermark`` is the log's end: up to there all tables of ``feed`` are complete; ``time`` is the commit time of the last
    transaction before it, ``written`` when the newest manifest was. ``manifests`` are those in force, in number order.
    """

    number: int = 0
    feed: Feed | None = None
    watermark: Position = START
    time: datetime.datetime | None = None
    written: datetime.datetime | None = None
    highest_lease: int = 0
    manifests: tuple[Manifest, ...] = ()
    _tables: dict[TableName, TableLog] = dataclasses.field(default_factory=dict, repr=False)
    _generations: dict[TableName, int] = dataclasses.field(default_factory=dict, repr=False)

    # ---- what it says

    def tables(self) -> list[TableName]:
        """The tables that were loaded in the current feed, in name order."""
        return sorted(table for table, log in self._tables.items() if log.loads)

    def load_of(self, table: TableName, position: Position) -> LoadInfo | None:
        """The table's newest load whose consistent point is at or before `position`; None: it does not exist there."""
        return next((load for load in reversed(self._log(table).loads) if load.position <= position), None)

    def newest_load(self, table: TableName) -> LoadInfo | None:
        """The table's newest load, wherever its consistent point is."""
        return next(reversed(self._log(table).loads), None)

    def first_load(self, table: TableName) -> LoadInfo | None:
        """The table's oldest load in the current feed: of moments before it the log knows nothing."""
        return next(iter(self._log(table).loads), None)

    def changes(self, table: TableName, after: Position, upto: Position) -> tuple[RawFile, ...]:
        """The table's files, in position order, that may hold changes in (after, upto]; their ends may lie outside."""
        files = self._log(table).changes
        begin = bisect.bisect_right(files, after, key=lambda file: file.last)
        end = bisect.bisect_right(files, upto, key=lambda file: file.first)
        return files[begin:end]

    def changes_after_time(self, table: TableName, time: datetime.datetime) -> tuple[RawFile, ...]:
        """The table's first file, if any, that holds a change committed after `time`.

        Over all tables these files hold the first transaction that committed after `time`: the one with the lowest position.
        """
        return next(((file,) for file in self._log(table).changes if file.last_time > time), ())

    def files_of(self, table: TableName) -> tuple[RawFile, ...]:
        """All of the table's files in the current feed: loads by generation, then changes in position order."""
        log = self._log(table)
        return (*itertools.chain.from_iterable(load.files for load in log.loads), *log.changes)

    def stopped(self) -> list[Stopped]:
        """The tables that stopped and were not loaded again since, in name order."""
        return [Stopped(s.table, s.position, SourceError(s.code, s.message, hint=s.hint)) for s in self.stops()]

    def stops(self) -> tuple[StoppedTable, ...]:
        """`stopped` as manifests keep it."""
        return tuple(
            log.stop for _, log in sorted(self._tables.items()) if log.stop is not None and _is_open(log.stop, log.loads)
        )

    def followed(self) -> frozenset[TableName]:
        """The tables whose changes are in the log up to its end: loaded, and not stopped."""
        return frozenset(self.tables()) - {stop.table for stop in self.stops()}

    def schema_number(self, table: TableName) -> int:
        """The number of the schema of the table's last row in the log; 0 where it has none."""
        log = self._log(table)
        load = log.loads[-1] if log.loads else None
        after = [file.schema for file in log.changes[-1:] if load is None or file.last > load.position]
        return after[0] if after else load.schema if load else 0

    def former_schema_number(self, table: TableName) -> int:
        """The number of the table's schema in the log when its newest load joined; 0 where it was not followed then."""
        log = self._log(table)
        if len(log.loads) < 2 or (log.stop is not None and log.stop.position >= log.loads[-2].position):
            return 0
        load = log.loads[-2]
        return max([load.schema, *(file.schema for file in log.changes[-1:] if file.last > load.position)])

    def generation(self, table: TableName) -> int:
        """The number of the table's newest load, over all feeds; 0 where there is none."""
        return self._generations.get(table, 0)

    def earlier_feeds(self) -> tuple[Manifest, ...]:
        """The manifests in force up to the last one of another feed."""
        foreign = [index for index, m in enumerate(self.manifests) if m.feed not in (None, self.feed)]
        return self.manifests[: foreign[-1] + 1] if foreign else ()

    # ---- how it grows

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> LogView:
        """The view of manifests in number order; raises `LogError` where they contradict each other."""
        view = cls()
        for manifest in manifests:
            view = view.grown(manifest)
        return view

    def grown(self, manifest: Manifest) -> LogView:
        """This view and the manifest that follows; raises `LogError` where it does not start at the log's end."""
        before = self
        if manifest.replaces is not None:
            before = LogView.of(itertools.takewhile(lambda m: m.number < (manifest.replaces or 0), self.manifests))
        else:
            self._check_start(manifest)
        same = manifest.feed == before.feed
        return LogView(
            number=manifest.number,
            feed=manifest.feed,
            watermark=manifest.watermark,
            time=manifest.time,
            written=manifest.written,
            highest_lease=max(self.highest_lease, manifest.lease),
            manifests=(*before.manifests, manifest),
            _tables=_with(before._tables if same else {}, manifest),
            _generations=before._generations | {f.table: f.generation for f in manifest.files if f.generation is not None},
        )

    def _check_start(self, manifest: Manifest) -> None:
        new_feed = manifest.kind == "load" and manifest.feed != self.feed
        if not new_feed and (manifest.feed, manifest.start) != (self.feed, self.watermark):
            raise LogError(
                "LW-355",
                f"manifest {manifest.number} starts at {manifest.start} of {manifest.feed}, "
                f"but the log ends at {self.watermark} of {self.feed}",
                hint="restore the folder _manifests from a backup, or load the source into a new lake",
            )

    def _log(self, table: TableName) -> TableLog:
        return self._tables.get(table, _NOTHING)


_NOTHING = TableLog()


def _is_open(stop: StoppedTable, loads: Sequence[LoadInfo]) -> bool:
    return not loads or loads[-1].position <= stop.position


def _with(tables: dict[TableName, TableLog], manifest: Manifest) -> dict[TableName, TableLog]:
    tables = dict(tables)
    ordered = sorted(manifest.files, key=lambda file: (file.table, file.generation or 0, file.first))
    for (table, generation), group in itertools.groupby(ordered, key=lambda file: (file.table, file.generation)):
        log, files = tables.get(table, _NOTHING), tuple(group)
        if generation is None:
            tables[table] = dataclasses.replace(log, changes=log.changes + files)
        else:
            load = LoadInfo(generation, files[0].first, files[0].last_time, files[0].schema, files)
            tables[table] = dataclasses.replace(log, loads=(*log.loads, load))
    for stop in manifest.stopped:
        tables[stop.table] = dataclasses.replace(tables.get(stop.table, _NOTHING), stop=stop)
    return tables
