"""Transfer: what is new or changed in an origin is copied, verified, and then registered as an arrival.

A name and a time decide nothing: a file whose size or time differs from its newest arrival is looked at, and is an arrival if its
checksum differs too. Nothing is taken that may still be written: a file is left alone until it stood still for a while, and
what changes while it is read is read again at the next look.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from lakewright.errors import LakewrightError, LogError, NotFound, SourceError
from lakewright.model.contracts import Store, Waiting
from lakewright.model.times import utc_now
from lakewright.observe import log
from lakewright.sources.files.arrival_reader import unforeseen
from lakewright.sources.files.arrivals import Arrival, Arrivals, damaged, label
from lakewright.sources.files.aside import Interrupted
from lakewright.sources.files.audit import AuditProgress, FileCheck, audit
from lakewright.sources.files.copying import Copier, Pace, Progress
from lakewright.sources.files.origin import Origin, OriginFile, SourceChanged
from lakewright.sources.files.selection import Assignment, Selection, assign

Verify = Literal["only_files_transferred", "point_in_time_consistent", "none"]
Deleted = Literal["preserve", "remove"]
_AT_ONCE = 2


@dataclasses.dataclass(frozen=True)
class TransferSettings:
    """How files are transferred; the words are those of AWS DataSync.

    ``settle`` is the time in seconds for which a file must have stood still, or be gone, before that counts; ``marker`` the
    name of the file that must stand beside it (see `assign`); ``bandwidth`` a limit in bytes a second. ``verify``: read back
    what was transferred, or compare every file and every object at each look, or nothing. ``deleted``: whether a file that is
    removed from the origin is removed here too.
    """

    settle: float = 10.0
    marker: str | None = None
    bandwidth: int | None = None
    verify: Verify = "only_files_transferred"
    deleted: Deleted = "preserve"


class Transfer:
    """Follows an origin. After each look ``waiting`` tells by file name what is wrong with the files that it did not take,
    ``settling`` how many must stand still a little longer, ``unmatched`` how many no dataset takes.
    """

    def __init__(
        self,
        origin: Origin,
        store: Store,
        arrivals: Arrivals,
        selections: Sequence[Selection],
        settings: TransferSettings,
        progress: Progress = lambda name, done, size: None,
    ) -> None:
        self.waiting: dict[str, LakewrightError] = {}
        self.settling = 0
        self.unmatched = 0
        self._origin = origin
        self._store = store
        self._arrivals = arrivals
        self._selections = selections
        self._settings = settings
        self._progress = progress
        self._still: dict[str, tuple[str | None, float, bool]] = {}
        self._equal: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()

    def look(self, stop: threading.Event) -> list[Arrival]:
        """Take what is new by now and return its arrivals, in the order of the files' times, then names.

        A file that cannot be taken leaves the others alone. Raises `SourceError` where the origin itself fails, `StorageError`
        where the store does: the next look goes on. Returns early once `stop` is set; a copy under way is resumed later.
        """
        entries = self._origin.files()
        files = [entry for entry in entries if entry.is_regular]
        newest = self._arrivals.newest()
        assignment = assign(entries, self._selections, self._settings.marker)
        gone = self._gone(files, newest) if self._settings.deleted == "remove" else []
        self._keep_time(files, gone)
        settled = [(file, dataset) for file, dataset in assignment.taken if self._is_settled(file)]
        due = [(file, dataset) for file, dataset in settled if self._is_due(file, dataset, newest.get(file.name))]
        removed = [name for name in gone if self._is_gone_for_long(name)]
        self.settling = len(assignment.taken) - len(settled) + len(gone) - len(removed)
        self.waiting = {**assignment.faults}
        found = [*self._taken(self._in_order(due), newest, stop)]
        for name in removed if not stop.is_set() else []:
            last = newest[name]
            found += self._registered(dataclasses.replace(last, arrived=utc_now(), removed=True), last)
        self._tell(assignment)
        return found

    def assignment(self) -> Assignment:
        """What `look` would divide the files of the origin into; nothing is taken. Raises as it does."""
        return assign(self._origin.files(), self._selections, self._settings.marker)

    def held_back(self) -> Assignment:
        """As `assignment`, and among its faults those of files that are new or changed and cannot be opened."""
        assignment, newest = self.assignment(), self._arrivals.newest()
        for file, dataset in assignment.taken:
            if self._is_due(file, dataset, newest.get(file.name)):
                try:
                    self._origin.require_readable(file.name)
                except SourceChanged:
                    continue  # the next look sees what became of it
                except SourceError as error:
                    assignment.faults[file.name] = error
        return assignment

    def audit(self, told: Waiting) -> list[FileCheck]:
        """See `audit.audit`; `told` what is waited for. Raises as `look` does."""
        assignment, pace = self.assignment(), Pace(self._settings.bandwidth, lambda: False)
        progress = AuditProgress(assignment, self._arrivals.source, told)
        copier = Copier(self._origin, self._store, verify=False, pace=pace, progress=progress)
        return list(audit(assignment, self._arrivals, copier))

    # ---- which files

    def _gone(self, files: Sequence[OriginFile], newest: Mapping[str, Arrival]) -> list[str]:
        """The files that are registered and not in the origin, whatever the patterns take now, in name order."""
        present = {file.name for file in files}
        return sorted(name for name, last in newest.items() if not last.removed and name not in present)

    def _keep_time(self, files: Sequence[OriginFile], gone: Sequence[str]) -> None:
        """Note since when each file has stood still, or been gone, and whether it was ever seen otherwise."""
        before, now = self._still, time.monotonic()
        self._still = {}
        for name, version in [*((file.name, file.version) for file in files), *((name, None) for name in gone)]:
            known = before.get(name)
            self._still[name] = known if known and known[0] == version else (version, now, known is not None)

    def _is_settled(self, file: OriginFile) -> bool:
        """Whether the file stood still for long: by our looks, or, at the first one, by its own time."""
        _, since, moved = self._still[file.name]
        age = (utc_now() - file.modified).total_seconds()
        return time.monotonic() - since >= self._settings.settle or (not moved and age >= self._settings.settle)

    def _is_gone_for_long(self, name: str) -> bool:
        return time.monotonic() - self._still[name][1] >= self._settings.settle

    def _is_due(self, file: OriginFile, dataset: str, last: Arrival | None) -> bool:
        if last is None or last.removed or last.dataset != dataset or self._settings.verify == "point_in_time_consistent":
            return True
        return (file.size, file.modified) != (last.size, last.modified) and self._equal.get(file.name) != file.version

    def _in_order(self, due: Sequence[tuple[OriginFile, str]]) -> list[tuple[OriginFile, str]]:
        """The files in the order in which they were written; one of which that cannot be told is not taken."""
        dated = list[tuple[datetime.datetime, str, OriginFile, str]]()
        for file, dataset in due:
            try:
                dated.append((self._origin.written(file) if len(due) > 1 else file.modified, file.name, file, dataset))
            except SourceError as error:
                self.waiting[file.name] = error
        return [(file, dataset) for _, _, file, dataset in sorted(dated, key=lambda one: one[:2])]

    # ---- taking them

    def _taken(
        self, due: Sequence[tuple[OriginFile, str]], newest: Mapping[str, Arrival], stop: threading.Event
    ) -> Iterator[Arrival]:
        """Copy the files, several at once, and register each as soon as all before it are."""
        ended = threading.Event()
        pace = Pace(self._settings.bandwidth, lambda: stop.is_set() or ended.is_set())
        verify = self._settings.verify != "none"
        copier = Copier(self._origin, self._store, verify=verify, pace=pace, progress=self._progress)
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="transfer")
        try:
            jobs = [(file.name, pool.submit(self._take, copier, file, dataset, newest.get(file.name))) for file, dataset in due]
            for name, job in jobs:
                try:
                    with unforeseen(label(name)):
                        arrival = job.result()
                except (SourceError, LogError) as error:
                    self.waiting[name] = error
                else:
                    yield from self._registered(arrival, newest.get(name)) if arrival else ()
        except Interrupted:
            return
        finally:
            ended.set()
            pool.shutdown(cancel_futures=True)

    def _take(self, copier: Copier, file: OriginFile, dataset: str, last: Arrival | None) -> Arrival | None:
        """Copy a file if its bytes are not those of its newest arrival."""
        may_be_equal = last and not last.removed and (last.dataset, last.size) == (dataset, file.size)
        if last and may_be_equal and copier.checksum(file) == last.sha256:
            self._equal[file.name] = file.version
            if self._settings.verify == "point_in_time_consistent":
                _compare(copier, last)
            return None

        def stored_name(attempt: int) -> str:
            version = f"{file.version} after {last.number if last else 0}, {attempt}"
            return self._arrivals.stored_name(dataset, file.name, file.modified, version)

        stored, sha256 = copier.copy(file, stored_name)
        return Arrival(0, file.name, dataset, stored, file.size, sha256, file.modified, utc_now())

    def _registered(self, arrival: Arrival, last: Arrival | None) -> Iterator[Arrival]:
        """Register an arrival; a file that was another dataset's is removed there first, so that its rows are in one table."""
        steps = [arrival]
        if last and not last.removed and last.dataset != arrival.dataset:
            steps.insert(0, dataclasses.replace(last, arrived=utc_now(), removed=True))
        for step in steps:
            last = self._arrivals.append(step, last)
            if last is None:
                return
            yield last

    # ---- telling

    def _tell(self, assignment: Assignment) -> None:
        """Write to the log what is new among what was not taken, once."""
        self.unmatched = len(assignment.unmatched)
        new = [name for name in assignment.unmatched if (name, "") not in self._told]
        if new:
            log.write(
                "no dataset takes",
                "warning",
                source=self._arrivals.source,
                detail=f"{len(new)} files of the origin, such as {new[0]!r}",
            )
        for name, error in self.waiting.items():
            if (name, error.code) not in self._told:
                where, hint = self._arrivals.source, error.hint or ""
                log.write("not taken", "warning", source=where, detail=error.message, code=error.code, hint=hint)
        self._told = {
            *((name, "") for name in assignment.unmatched),
            *((name, error.code) for name, error in self.waiting.items()),
        }


def _compare(copier: Copier, arrival: Arrival) -> None:
    """Raise `LogError` where the object of an arrival is not what it says."""
    with contextlib.suppress(NotFound):
        if copier.stored_checksum(arrival.stored) == arrival.sha256:
            return
    raise damaged(arrival, "missing or damaged")
