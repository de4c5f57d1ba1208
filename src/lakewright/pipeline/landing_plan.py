"""What of DMS's files goes into the raw log next: loads that are complete, and changes that nothing earlier can come before.

DMS marks no end of a load. It writes changes of a table only once its load is written, so the first file of changes tells; where
none comes, 15 minutes without another file of the load do. A load that was taken too early is taken again, with the files that
came. DMS writes a change a minute after it read it at the latest, in the order of the database's log: 3 minutes after a file of
changes all earlier ones are written too. Those of a table that is being loaded come later, in their order.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator, Mapping

import pyarrow.compute as pc

from lakewright.errors import LogError
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.raw import dms
from lakewright.raw.dms import Delivered, DmsFile
from lakewright.raw.dms_taken import Span, Taken, TakenTable

LOADED = datetime.timedelta(minutes=15)
"""After so long without another file, and without changes, a load is complete."""
SETTLED = datetime.timedelta(minutes=3)
"""After so long all changes are there that are earlier than those of a file. DMS's own batches take 60 seconds at most."""
MOST = 64 * 1024 * 1024
"""Bytes of files of changes that are taken at once, about; a landing holds their rows in memory."""


@dataclasses.dataclass
class LandingPlan:
    """``loads`` by table (no file: it has no rows), and files of ``changes`` in the order of writing, of which the rows up to
    the sequence ``cut`` are to be taken.

    A table of ``stops`` cannot go on until it is loaded again, one that is ``held`` until somebody corrects what the error names.
    ``delivered`` is what lies in the folder.
    """

    delivered: Mapping[TableName, Delivered]
    loads: dict[TableName, list[DmsFile]] = dataclasses.field(default_factory=dict)
    changes: dict[TableName, list[tuple[DmsFile, Span]]] = dataclasses.field(default_factory=dict)
    cut: str = ""
    stops: dict[TableName, LogError] = dataclasses.field(default_factory=dict)
    held: dict[TableName, LogError] = dataclasses.field(default_factory=dict)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.loads or self.changes or self.stops)


def plan(
    store: Store, folder: str, tables: Collection[TableName], taken: Taken, stopped: Collection[TableName], now: datetime.datetime
) -> LandingPlan:
    """What to take of `folder` for `tables`, of which `stopped` wait for a load; reads the sequences of new files."""
    found = LandingPlan(dms.delivered(store, folder))
    for table in found.delivered.keys() - set(tables):
        hint = "name it in the source's `tables` in lake.yaml, and `lakewright deploy render`; or leave it out of DMS's task"
        found.held[table] = LogError("LW-362", f"{folder}{table.schema}/{table.table}/ is of no table of this lake", hint=hint)
    written = [file.stamp.modified for each in found.delivered.values() for file in each.loads.values()]
    is_quiet = bool(written) and now - max(written) >= LOADED
    waiting = dict[TableName, list[tuple[DmsFile, Span]]]()
    for table in sorted(tables):
        each = found.delivered.get(table, Delivered({}, (), ()))
        was = taken.get(table)
        try:
            load = _next_load(each, was, is_quiet, now)
            if load is not None and _is_complete(load, each, now):
                found.loads[table] = load
            if was is not None and table not in stopped:
                waiting[table] = [*_new(store, table, _counted(each, was, load), was)]
        except LogError as error:
            if table not in found.loads:  # whose rows take the place of what is wrong
                (found.stops if error.code == "LW-364" else found.held)[table] = error
    _choose(found, waiting, now)
    for table in found.changes.keys() & found.loads.keys():
        del found.loads[table]  # what was before comes first
    return found


def _next_load(each: Delivered, was: TakenTable | None, is_quiet: bool, now: datetime.datetime) -> list[DmsFile] | None:
    """The files of a load that is not taken; none of a table that had no rows; None where there is none."""
    if each.strays:
        raise dms.not_of_dms(each.strays[0], "its name is neither that of a load nor of changes")
    first = each.loads.get(1)
    if first is not None:
        load = [file for _, file in sorted(each.loads.items()) if file.stamp.modified >= first.stamp.modified]
        if was is not None and all(was.load.get(file.name) == file.stamp for file in load):
            return None
        if [file.load for file in load] != [*range(1, len(load) + 1)] and _is_complete(load, each, now):
            raise dms.not_of_dms(load[-1].name, "files of the load before it are missing")
        return load
    return [] if was is None and (each.changes or (is_quiet and not each.loads)) else None


def _is_complete(load: list[DmsFile], each: Delivered, now: datetime.datetime) -> bool:
    newest = max((file.stamp.modified for file in load), default=None)
    if newest is None:
        return True
    return now - newest >= LOADED or any(file.stamp.modified >= newest for file in each.changes)


def _counted(each: Delivered, was: TakenTable, load: list[DmsFile] | None) -> list[DmsFile]:
    """The files of changes that were written after the load that is taken, and before the next one."""
    upto = load[0].stamp.modified if load else None
    return [
        file
        for file in each.changes
        if (was.since is None or file.stamp.modified >= was.since) and (upto is None or file.stamp.modified < upto)
    ]


def _new(store: Store, table: TableName, files: list[DmsFile], was: TakenTable) -> Iterator[tuple[DmsFile, Span]]:
    """Those of the files that may have rows that are not taken."""
    for file in files:
        known = was.files.get(file.name)
        if known is not None and known.stamp != file.stamp:
            raise dms.changed(table, file.name)
        if known is None:
            bounds = pc.min_max(dms.sequences(store, file)).as_py()
            yield file, Span(file.stamp, bounds["min"], bounds["max"])
        elif known.last > was.last:
            yield file, known


def _choose(found: LandingPlan, waiting: Mapping[TableName, list[tuple[DmsFile, Span]]], now: datetime.datetime) -> None:
    """Set the cut, and the files of changes that have rows up to it.

    The cut is the newest change before which nothing can come any more; where later transactions are known, it is before that
    change's own, of which some rows may be to come.
    """
    spans = [span for files in waiting.values() for _, span in files]
    if not spans:
        return
    lowest, newest = min(span.first for span in spans), max(span.last for span in spans)
    size = 0
    for span in sorted((span for span in spans if now - span.stamp.modified >= SETTLED), key=lambda span: span.last):
        size += span.stamp.size
        tick = span.last[: dms.TICK]
        found.cut = tick if newest[: dms.TICK] > tick else span.last
        if size > MOST and found.cut > lowest:
            break
    for table, files in waiting.items():
        if chosen := [(file, span) for file, span in files if span.first <= found.cut]:
            found.changes[table] = chosen
