"""What the raw log has of each table: its loads, its changes, where it stopped; and what a manifest adds to that."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Mapping

from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.raw.manifest import Expired, Manifest, Page, RawFile, StoppedTable


@dataclasses.dataclass(frozen=True)
class LoadInfo:
    """A full load of a table as of ``position``, the consistent point, and its commit time; ``schema`` is a number.

    There are no ``files`` where they expired.
    """

    generation: int
    position: Position
    time: datetime.datetime
    schema: int
    files: tuple[RawFile, ...]


@dataclasses.dataclass(frozen=True)
class TableLog:
    """What the log has of one table in the current feed: loads by generation, and changes in position order.

    The older changes are in ``pages``, in files that are read when somebody asks; the newest is always in ``changes``.
    ``earlier`` are the stops before ``stop``, in position order: of the time from each to the load after it the log has nothing.
    """

    loads: tuple[LoadInfo, ...] = ()
    pages: tuple[Page, ...] = ()
    changes: tuple[RawFile, ...] = ()
    stop: StoppedTable | None = None
    expired: Expired | None = None
    earlier: tuple[StoppedTable, ...] = ()

    @property
    def is_stopped(self) -> bool:
        """Whether it stopped and was not loaded again since."""
        return self.stop is not None and (not self.loads or self.loads[-1].position <= self.stop.position)


NOTHING = TableLog()
"""Of a table that no manifest names."""


def there(manifest: Manifest) -> list[RawFile]:
    """The files of `manifest` without those of loads that are gone, of which a fold still tells."""
    upto = {expired.table: expired.position for expired in manifest.expired}
    return [file for file in manifest.files if file.kind == "log" or file.first >= upto.get(file.table, START)]


def grown(before: Mapping[TableName, TableLog], manifest: Manifest) -> dict[TableName, TableLog]:
    """What the log has of each table of a feed with the manifest that follows."""
    tables = dict(before)
    kept = frozenset(there(manifest)) if manifest.expired else manifest.files
    for expired in manifest.expired:
        tables[expired.table] = dataclasses.replace(tables.get(expired.table, NOTHING), expired=expired)
    for page in manifest.pages:
        for name in page.tables:
            log = tables.get(name, NOTHING)
            tables[name] = dataclasses.replace(log, pages=(*log.pages, page))
    ordered = sorted(manifest.files, key=lambda file: (file.table, file.generation or 0, file.first))
    for (table, generation), group in itertools.groupby(ordered, key=lambda file: (file.table, file.generation)):
        log, files = tables.get(table, NOTHING), tuple(group)
        if generation is None:
            tables[table] = dataclasses.replace(log, changes=log.changes + files)
        else:
            load = LoadInfo(generation, files[0].first, files[0].last_time, files[0].schema, tuple(f for f in files if f in kept))
            # A source without changes since has the load where the table stopped: the load was later all the same.
            stop = None if log.stop and log.stop.position == load.position else log.stop
            tables[table] = dataclasses.replace(log, loads=(*log.loads, load), stop=stop)
    for stop in manifest.stopped:
        log = tables.get(stop.table, NOTHING)
        former = (log.stop,) if log.stop and log.stop.position < stop.position else ()
        tables[stop.table] = dataclasses.replace(log, stop=stop, earlier=(*log.earlier, *former))
    return tables
