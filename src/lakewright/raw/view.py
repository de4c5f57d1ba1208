"""What the raw log says at one moment: a value that never changes, computed from manifests."""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence

from lakewright.errors import LogError, SourceError
from lakewright.model.contracts import Past, Stopped
from lakewright.model.names import TableName
from lakewright.model.position import START, Feed, Position
from lakewright.model.times import utc_now
from lakewright.raw import table_log
from lakewright.raw.manifest import Expired, Kind, Manifest, Page, RawFile, StoppedTable
from lakewright.raw.table_log import NOTHING, LoadInfo, TableLog, there


@dataclasses.dataclass(frozen=True)
class LogView:
    """The log up to manifest ``number`` (0: there is none). It never changes, and two views of one log never contradict.

    ``watermark`` is the log's end: up to there all tables of ``feed`` are complete; ``time`` is the commit time of the last
    transaction before it. ``manifests`` are those in force, in number order. ``read`` gives what a page names; the methods that
    ask for changes raise what it raises.
    """

    number: int = 0
    feed: Feed | None = None
    watermark: Position = START
    time: datetime.datetime | None = None
    highest_lease: int = 0
    manifests: tuple[Manifest, ...] = ()
    read: Callable[[Page], Sequence[RawFile]] = dataclasses.field(default=lambda page: (), repr=False, compare=False)
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

    def loads_of(self, table: TableName) -> tuple[LoadInfo, ...]:
        """The table's loads in the current feed, by generation."""
        return self._log(table).loads

    def expired(self, table: TableName) -> Expired | None:
        """How far the table's changes are left out; what starts before that cannot be folded any more."""
        return self._log(table).expired

    def expirations(self) -> tuple[Expired, ...]:
        """`expired` of each table that it is something of, in name order."""
        return tuple(log.expired for _, log in sorted(self._tables.items()) if log.expired is not None)

    def changes(self, table: TableName, after: Position, upto: Position) -> tuple[RawFile, ...]:
        """The table's files, in position order, that may hold changes in (after, upto]; their ends may lie outside."""
        log = self._log(table)
        older = self._in_pages(table, (page for page in log.pages if page.last > after and page.first <= upto))
        begin = bisect.bisect_right(log.changes, after, key=lambda file: file.last)
        end = bisect.bisect_right(log.changes, upto, key=lambda file: file.first)
        return (*(file for file in older if file.last > after and file.first <= upto), *log.changes[begin:end])

    def last_change(self, table: TableName, upto: Position) -> RawFile | None:
        """The table's newest file that may hold changes at or before `upto`."""
        log = self._log(table)
        older = (self._in_pages(table, [page]) for page in reversed(log.pages) if page.first <= upto)
        for files in itertools.chain([log.changes], map(tuple, older)):
            if end := bisect.bisect_right(files, upto, key=lambda file: file.first):
                return files[end - 1]
        return None

    def first_change(self, table: TableName) -> RawFile | None:
        """The table's oldest file of changes that is not left out."""
        log = self._log(table)
        return next(itertools.chain(self._in_pages(table, log.pages[:1]), log.changes), None)

    def schema_upto(self, table: TableName, load: LoadInfo, upto: Position) -> int:
        """The number of the schema that the table has at `upto`, which comes after `load`."""
        last, expired = self.last_change(table, upto), self.expired(table)
        numbers = [load.schema]
        numbers += [last.schema] if last is not None and last.last > load.position else []
        numbers += [expired.schema] if expired is not None and load.position < expired.position <= upto else []
        return max(numbers)

    def changes_after_time(self, table: TableName, time: datetime.datetime) -> tuple[RawFile, ...]:
        """The table's first file, if any, that holds a change committed after `time`.

        Over all tables these files hold the first transaction that committed after `time`: the one with the lowest position.
        """
        log = self._log(table)
        older = self._in_pages(table, (page for page in log.pages if page.last_time > time))
        return next(((file,) for file in itertools.chain(older, log.changes) if file.last_time > time), ())

    def reloads_after(self, time: datetime.datetime) -> Iterator[Position]:
        """Where tables were loaded after `time` that had been loaded before."""
        loads = (load for log in self._tables.values() for load in log.loads[1:])
        return (load.position for load in loads if load.time > time)

    def past(self) -> Past:
        """What a stream from the log's end on may send again; only the newest files are asked."""
        changes = [file for log in self._tables.values() for file in log.changes[-1:]]
        loads = [load.position for log in self._tables.values() for load in log.loads if load.position <= self.watermark]
        quiet = max([START, *loads, *(file.last for file in changes)])
        last = max((file for file in changes if file.rows), key=lambda file: file.last, default=None)
        return Past(last.last.lsn, (last.first_time, last.last_time), quiet) if last else Past(0, None, quiet)

    def files_of(self, table: TableName, after: Position = START, upto: Position | None = None) -> tuple[RawFile, ...]:
        """The table's files in the current feed: loads in (after, upto] by generation, then `changes`; by default all."""
        loads = itertools.chain.from_iterable(load.files for load in self._log(table).loads)
        chosen = (file for file in loads if file.first > after and (upto is None or file.first <= upto))
        return (*chosen, *self.changes(table, after, upto or self.watermark))

    def stopped(self) -> list[Stopped]:
        """The tables that stopped and were not loaded again since, in name order."""
        return [Stopped(s.table, s.position, SourceError(s.code, s.message, hint=s.hint)) for s in self.stops()]

    def all_stops(self) -> tuple[StoppedTable, ...]:
        """Where each table stopped, also where it was loaded again since; by name, then in position order."""
        stops = ((*log.earlier, log.stop) for _, log in sorted(self._tables.items()))
        return tuple(stop for stop in itertools.chain.from_iterable(stops) if stop is not None)

    def generations(self) -> tuple[tuple[TableName, int], ...]:
        """Each table's `generation`, in name order."""
        return tuple(sorted(self._generations.items()))

    def stop_of(self, table: TableName, upto: Position) -> StoppedTable | None:
        """Where the rows that a table has at a position stand in truth: it stopped before that, and was not loaded again."""
        load, log = self.load_of(table, upto), self._log(table)
        stops = [stop for stop in (*log.earlier, log.stop) if stop and load and load.position <= stop.position <= upto]
        return stops[0] if stops else None

    def stops(self) -> tuple[StoppedTable, ...]:
        """`stopped` as manifests keep it."""
        return tuple(log.stop for _, log in sorted(self._tables.items()) if log.stop is not None and log.is_stopped)

    def followed(self) -> frozenset[TableName]:
        """The tables whose changes are in the log up to its end: loaded, and not stopped."""
        return frozenset(self.tables()) - {stop.table for stop in self.stops()}

    def schema_number(self, table: TableName) -> int:
        """The number of the schema of the table's last row in the log; 0 where it has none."""
        log = self._log(table)
        load = log.loads[-1] if log.loads else None
        after = [file.schema for file in log.changes[-1:] if load is None or file.last > load.position]
        return after[0] if after else load.schema if load else 0

    def schema_number_at(self, table: TableName, lsn: int) -> int:
        """The number of the schema of what the transaction of that LSN gave the table, by now: of its newest load where that is
        later; 0 where the log has nothing of it."""
        load = self.newest_load(table)
        if load is not None and load.position.lsn > lsn:
            return load.schema
        return next((file.schema for file in self.changes(table, Position(lsn), Position(lsn + 1))), 0)

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

    def current_feed(self) -> tuple[Manifest, ...]:
        """The manifests in force after `earlier_feeds`."""
        return self.manifests[len(self.earlier_feeds()) :]

    def earlier_feeds(self) -> tuple[Manifest, ...]:
        """The manifests in force up to the last one of another feed."""
        foreign = [index for index, m in enumerate(self.manifests) if m.feed not in (None, self.feed)]
        return self.manifests[: foreign[-1] + 1] if foreign else ()

    def names(self, file: RawFile) -> bool:
        """Whether a file of the current feed is to be there."""
        loads = itertools.chain.from_iterable(load.files for load in self._log(file.table).loads)
        return file in (self.changes(file.table, START, file.last) if file.kind == "log" else tuple(loads))

    def named(self) -> Iterator[RawFile]:
        """Every file that is to be there, of all feeds."""
        for manifest in self.manifests:
            for page in (*manifest.former, *manifest.pages):
                yield from self.read(page)
            yield from there(manifest)

    # ---- how it grows

    def grown(self, manifest: Manifest) -> LogView:
        """This view and the manifest that follows; raises `LogError` where it does not start at the log's end."""
        before = self
        if manifest.replaces is not None:
            before = LogView(read=self.read)
            for kept in itertools.takewhile(lambda m: m.number < (manifest.replaces or 0), self.manifests):
                before = before.grown(kept)
        else:
            self._check_start(manifest)
        same = manifest.feed == before.feed
        return LogView(
            number=manifest.number,
            feed=manifest.feed,
            watermark=manifest.watermark,
            time=manifest.time,
            highest_lease=max(self.highest_lease, manifest.lease),
            manifests=(*before.manifests, manifest),
            read=self.read,
            _tables=table_log.grown(before._tables if same else {}, manifest),
            _generations=before._generations
            | dict(manifest.generations)
            | {f.table: f.generation for f in manifest.files if f.generation is not None},
        )

    def _check_start(self, manifest: Manifest) -> None:
        new_feed = manifest.kind == "load" and manifest.feed != self.feed
        if not new_feed and (manifest.feed, manifest.start) != (self.feed, self.watermark):
            raise LogError(
                "LW-355",
                f"manifest {manifest.number} starts at {manifest.start} of {manifest.feed}, "
                f"but the log ends at {self.watermark} of {self.feed}",
                hint="restore the folders _manifests and _pages from a backup, or load the source into a new lake",
            )

    def _log(self, table: TableName) -> TableLog:
        return self._tables.get(table, NOTHING)

    def _in_pages(self, table: TableName, pages: Iterable[Page]) -> Iterator[RawFile]:
        return (file for page in pages for file in self.read(page) if file.table == table)


def next_manifest(view: LogView, kind: Kind, lease: int) -> Manifest:
    """A manifest that follows `view` and leaves its end where it is."""
    return Manifest(
        number=view.number + 1,
        id=secrets.token_hex(8),
        after=view.manifests[-1].id if view.manifests else None,
        lease=lease,
        kind=kind,
        feed=view.feed,
        start=view.watermark,
        watermark=view.watermark,
        time=view.time,
        written=utc_now(),
    )
