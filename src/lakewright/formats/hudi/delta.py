"""Upsert into a merge-on-read table: changes of rows that a file group holds go to a log of it, new rows to base files.

Engines look for a key in base files only (Spark's SIMPLE and BLOOM indexes), so no key may be in a log alone. New rows go where
Spark itself puts them: into a small base file of a group that has no log, which then takes all changes of that group, or into a
new group. A row that comes back while its group's base file still has it goes to that group's log.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import NotFound
from lakewright.formats.hudi import upsert
from lakewright.formats.hudi.append import Addition, append
from lakewright.formats.hudi.arrays import Numbers
from lakewright.formats.hudi.file_names import Log
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.logs import newest_of
from lakewright.formats.hudi.metadata import AppendedTo, WriteStat
from lakewright.formats.hudi.slices import Group, View
from lakewright.formats.hudi.threads import THREADS
from lakewright.formats.hudi.upsert import Changes, Rewrite
from lakewright.model.table import TableSpec

_SMALL_BYTES = 4 << 20
"""Below this size a base file takes new rows: writing it again has to cost little beside a log."""


@dataclasses.dataclass
class _Held:
    """What changes are for rows of a file group: their numbers, and whether the group's logs say that the row is gone already.

    Of them ``rows`` come to stand in the group, ``revived`` of these are of rows that were gone, and ``removed`` leave it.
    """

    group: Group
    numbers: Numbers
    gone: npt.NDArray[np.bool_]
    rows: Numbers = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    removed: Numbers = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    revived: int = 0


def upsert_into(
    folder: Folder, instant: str, spec: TableSpec, ordering: str | None, view: View, changes: Changes
) -> list[WriteStat]:
    """Write the base files and logs of the instant, several at a time, and return their stats."""
    written = view.logs_as_of()
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        bases = upsert.find(folder, view.as_of(), changes, pool, are_kept=True)
        both = {(b.partition, b.source.file_id): b for b in bases if b.source}
        logged = _logged(folder, spec, ordering, view, written, changes)
        held = [_held(group, both.get(group), logged.get(group, _NOTHING)) for group in dict.fromkeys([*both, *logged])]
        placed = _settle(held, changes)
        open_groups = [
            both[h.group] for h in held if h.group in both and not ({h.group} & (written.keys() | view.compacting.keys()))
        ]
        for rewrite, each in ((both[h.group], h) for h in held if h.group in both):
            rewrite.change = np.where(np.isin(rewrite.change, each.rows), rewrite.change, -1)
        width = upsert.bytes_per_row(bases, changes.rows)
        more = upsert.place(np.flatnonzero(~placed), changes, open_groups, width, _SMALL_BYTES)
        work = [*(group for group in open_groups if len(group.inserts)), *more]
        stats = upsert.write(folder, instant, spec, changes, work, pool)
        rewritten = {(group.partition, group.source.file_id) for group in work if group.source}
        slices = _Slices(view, written)
        jobs = [h for h in held if h.group not in rewritten and len(h.rows) + len(h.removed)]
        additions = [
            Addition(slices(h.group), ordinal, h.rows, changes.keys.take(pa.array(h.removed)))
            for ordinal, h in enumerate(jobs, len(work))
        ]
        appended = append(folder, instant, spec, additions, changes, pool)
        revived = zip(appended, jobs, strict=True)
        return stats + [dataclasses.replace(stat, inserts=h.revived, updates=len(h.rows) - h.revived) for stat, h in revived]


_NOTHING = (np.empty(0, np.int64), np.empty(0, np.int64))


def _logged(
    folder: Folder, spec: TableSpec, ordering: str | None, view: View, written: dict[Group, list[Log]], changes: Changes
) -> dict[Group, tuple[Numbers, Numbers]]:
    """For slices with logs, the numbers of the changes whose key these have: those of rows that are alive, and that are gone.

    Where every log is ours and none removed a row, the base file has all of its keys, and it says nothing more.
    """
    if not len(changes.keys):
        return {}
    plain = _plain(folder, view, written)
    asked = {group: logs for group, logs in written.items() if not plain.issuperset(logs)}
    state = {}
    for group, found in newest_of(folder, asked, spec, ordering, columns=()):
        numbers = (pc.index_in(changes.keys, value_set=keys) for keys in (found.keys, found.gone))
        alive, gone = (np.flatnonzero(each.is_valid().to_numpy(zero_copy_only=False)) for each in numbers)
        state[group] = alive, gone
    return state


def _plain(folder: Folder, view: View, written: dict[Group, list[Log]]) -> set[Log]:
    """Those logs of ours of which their commits say that they removed no row; none of a commit that is archived."""
    ours = {log.name: log for logs in written.values() for log in logs if log.checksum is not None}
    instants = {log.instant for log in ours.values()}
    found = set()
    for instant in view.hoodie.timeline.writes:
        if instant.time in instants:
            with contextlib.suppress(NotFound):  # archived meanwhile
                stats = folder.read_commit(instant).stats
                found |= {ours[name] for stat in stats if not stat.deletes and (name := folder.data_name("", stat.path)) in ours}
    return found


def _held(group: Group, base: Rewrite | None, state: tuple[Numbers, Numbers]) -> _Held:
    in_base = base.change if base else np.empty(0, np.int64)
    numbers = np.union1d(in_base, state[0])
    return _Held(group, numbers, np.isin(numbers, state[1]))


def _settle(held: list[_Held], changes: Changes) -> npt.NDArray[np.bool_]:
    """Decide for each group which changes write a row there and which remove one; return which rows have a place now.

    A row stays where its key is, if that is in its partition: where it is alive before where it is gone.
    """
    placed = np.zeros(len(changes.rows), bool)
    for is_gone in (False, True):
        for each in held:
            numbers = each.numbers[each.gone == is_gone]
            stays = changes.stay(numbers, each.group[0])
            stays[stays] = ~placed[numbers[stays]]
            placed[numbers[stays]] = True
            each.rows = np.sort(np.concatenate([each.rows, numbers[stays]]))
            if is_gone:
                each.revived = int(stays.sum())
            else:
                each.removed = numbers[~stays]
    return placed


class _Slices:
    """The slice of each group, as the next log of it has to know it."""

    def __init__(self, view: View, written: dict[Group, list[Log]]) -> None:
        self._bases = {file.group: file for file in view.as_of()}
        self._view, self._written = view, written

    def __call__(self, group: Group) -> AppendedTo:
        base, written = self._bases.get(group), self._written.get(group, [])
        compaction = self._view.compacting.get(group)
        instant = compaction or (base.instant if base else written[-1].base)
        number = 1 + max((log.number for log in self._view.logs if (log.group, log.base) == (group, instant)), default=0)
        names = tuple(log.name.rpartition("/")[2] for log in written if log.base == instant)
        file = base.name.rpartition("/")[2] if base and not compaction else ""
        return AppendedTo(*group, instant, number, file, names)
