"""`HudiFormat` and its tables."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa

from lakewright.errors import AlreadyExists, FormatError, LakewrightError, NotFound
from lakewright.formats.hudi import (
    archive,
    changes,
    clean,
    commits,
    compact,
    inventory,
    look,
    properties,
    repair,
    savepoint,
    schema,
    slices,
    verify,
)
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.loan import HudiLoan
from lakewright.formats.hudi.snapshot import snapshot_of
from lakewright.formats.hudi.timeline import CLEAN, COMPLETED, ROLLBACK, SAVEPOINT, WRITES, Instant, Timeline, parse_time
from lakewright.formats.hudi.write import HudiWrite, lock
from lakewright.model.contracts import Store
from lakewright.model.table import MOR, Commit, Flaw, RolledBack, Snapshot, TableSpec, Verification
from lakewright.model.times import utc_now

Result = TypeVar("Result")

_ATTEMPTS = 3
_REMEMBERED = 1 << 14
"""Commits of all tables that a format keeps in memory: completed instants never change."""


class HudiFormat:
    """Fulfils `lakewright.model.contracts.TableFormat` with Hudi tables, version 6."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[tuple[str, Instant], Commit] = {}
        self._looks: dict[str, look.Look] = {}

    def open(self, path: str) -> HudiTable | None:
        """The table at `path`, or None where there is nothing; raises `FormatError` LW-401, LW-402 or LW-403."""
        folder = Folder(self._store, path)
        found = folder.read_properties()
        if found is None:
            if folder.is_empty():
                return None
            found = folder.read_properties()  # somebody may have made the table meanwhile
        if found is None:
            raise FormatError("LW-401", f"{path} is not a Hudi table", hint="move what is there away, or choose another folder")
        if properties.is_local(found) and commits.newest_with_checkpoint(folder, folder.hoodie()) is None:
            message = f"the instants of {path} are in local time, and only UTC can be read and written here"
            raise FormatError("LW-402", message, hint=properties.IN_UTC)
        return self._table(path, found)

    def create(self, path: str, spec: TableSpec) -> HudiTable:
        """Make an empty table; raises `FormatError` LW-401, LW-406 or, for a spec that Hudi cannot hold, LW-408."""
        schema.check_spec(spec)
        folder = Folder(self._store, path)
        found = properties.of_spec(spec)
        if not folder.is_empty() and folder.read_properties() is None:
            raise FormatError("LW-401", f"{path} is not empty", hint="move what is there away, or choose another folder")
        try:
            folder.create_properties(found)
        except AlreadyExists:
            raise FormatError("LW-406", f"there is a table at {path} already", hint="choose another folder") from None
        return self._table(path, found)

    def _table(self, path: str, found: properties.Properties) -> HudiTable:
        return HudiTable(Folder(self._store, path, properties.path_style(found)), found, self._read, self._looks)


class HudiTable:
    """Fulfils `lakewright.model.contracts.Table`; ``spec`` is as of its first use, or of this object's last commit."""

    def __init__(
        self,
        folder: Folder,
        found: properties.Properties,
        read: dict[tuple[str, Instant], Commit],
        looks: dict[str, look.Look],
    ) -> None:
        self._folder = folder
        self._properties = found
        self._read = read
        self._looks = looks
        # What `snapshots` saw: the snapshot of one of its instants, which comes next mostly, needs no other look.
        self._seen: look.Look | None = None
        self._spec: TableSpec | None = None

    @property
    def path(self) -> str:
        """The folder in the store that it is in."""
        return self._folder.path

    @property
    def spec(self) -> TableSpec:
        """Raises `FormatError` LW-402 or LW-404 where the newest commit does not tell it."""
        if self._spec is None:
            self._spec = commits.spec_as_of(self._folder, self._folder.timeline(), self._properties)
        return self._spec

    def history(self) -> list[Commit]:
        """Completed instants, oldest first; those that were archived are left out."""
        return _repeated(self._history)

    def snapshots(self) -> list[Commit]:
        """Those completed instants, oldest first, that `snapshot` can read."""
        return _repeated(self._snapshots)

    def snapshot(self, instant: str | None = None) -> Snapshot | None:
        """The table as of `instant`.

        Raises `FormatError` LW-415 where it is unknown or cleaned, LW-417 or LW-405 where its files are not as they were written.
        """
        return _repeated(lambda: self._snapshot(instant))

    def _history(self) -> list[Commit]:
        timeline = self._folder.hoodie(self._folder.public()).timeline
        services = (i for i in timeline.instants if i.state == COMPLETED and i.action in (CLEAN, ROLLBACK))
        return self._commits(timeline, sorted([*timeline.writes, *services]))

    def _look(self) -> look.Look:
        found = look.again(self._folder, self._looks.get(self._folder.path))
        self._looks[self._folder.path] = found
        return found

    def _snapshots(self) -> list[Commit]:
        seen = self._seen = self._look()
        timeline = seen.view.hoodie.timeline
        return self._commits(timeline, (i for i, gone in zip(timeline.writes, seen.cleaned, strict=True) if not gone))

    def _snapshot(self, instant: str | None) -> Snapshot | None:
        seen, self._seen = self._seen if instant else None, None
        if seen is None or instant not in seen.view.hoodie.timeline.write_times:
            seen = self._look()
        writes = seen.view.hoodie.timeline.writes
        if instant is None and not writes:
            inventory.check(self._folder, seen.view)
            return None
        time = instant or writes[-1].time
        kept = seen.snapshot  # once: another thread that reads the table may put another instant's there
        if kept is not None and kept.instant == time:
            return kept
        index = next((i for i, write in enumerate(writes) if write.time == time), None)
        if index is None:
            hint = "`lakewright history TABLE` lists those that are not archived; `restore` and `diff` take any time too"
            raise FormatError("LW-415", f"{self._folder.path} has no instant {time}", hint=hint)
        if time != writes[-1].time and seen.cleaned[index]:
            moment = parse_time(time).replace(tzinfo=None).isoformat(timespec="milliseconds")
            hint = f"choose a later one, or {moment}: `restore` and `diff` take any time too"
            raise FormatError("LW-415", f"files of instant {time} of {self._folder.path} were cleaned", hint=hint)
        inventory.check(self._folder, seen.view, time)
        found = seen.snapshot = snapshot_of(self._folder, self._properties, seen.view, time)
        return found

    def changes(self, snapshot: Snapshot) -> Iterator[pa.RecordBatch]:
        """What the snapshot's logs hold in the place of base files' rows; raises `FormatError` LW-405 for a damaged log."""
        return changes.changes(self._folder, snapshot, properties.ordering(self._properties, snapshot.spec))

    @contextlib.contextmanager
    def write(self) -> Iterator[HudiWrite]:
        """Open an instant; the caller holds the table's lease."""
        write = HudiWrite(self._folder)
        try:
            yield write
        except BaseException:
            if not write.is_committed:
                with contextlib.suppress(LakewrightError):  # what is left is rolled back by the next write
                    write.undo()
            raise
        if write.is_committed:
            self._spec = write.spec
        else:
            write.undo()

    def require_past(self) -> None:
        """Raise `FormatError` LW-413 where the newest instant is in the future: Spark does not look."""
        self._folder.hoodie().timeline.require_past(utc_now())

    def lend(self) -> HudiLoan:
        """Make the table ready for a write by Spark; the caller holds the table's lease."""
        return HudiLoan(self._folder)

    def clean(self, keep: Sequence[str]) -> int:
        """Delete files that neither the newest snapshot nor those of `keep` need; return how many."""
        with lock(self._folder):
            return clean.clean(self._folder, keep)

    def archive(self, keep: Sequence[str], newest: int, least: int) -> int:
        """Move to Hudi's archive what is older than the instants of `keep` and the `newest` writes; return how many writes."""
        if len(self._folder.timeline().writes) < newest + least:
            return 0
        with lock(self._folder):
            view = slices.load(self._folder)
            inventory.check(self._folder, view)  # what belongs to no commit is deleted, and may be of one that was lost
            return archive.archive(self._folder, view, keep, newest, least)

    def compact(self, least: int) -> int:
        """Write base files with at least `least` logs anew; the caller holds the table's lease."""
        if self.spec.type != MOR:
            return 0
        view = slices.load(self._folder)
        if not (compact.due(view, least) or compact.runnable(self._folder, view)):
            return 0
        return compact.compact(self._folder, least)

    def save(self, instant: str, reason: str) -> bool:
        """Make the savepoint of a commit; raises `FormatError` LW-415 for one that cannot be read."""
        with lock(self._folder):
            return savepoint.save(self._folder, instant, reason)

    def release(self, instants: Collection[str]) -> int:
        """Remove savepoints; raises `FormatError` LW-415 where there is none."""
        with lock(self._folder):
            return savepoint.release(self._folder, instants)

    def reasons(self, instants: Collection[str]) -> dict[str, str]:
        """What the savepoints of these instants say; a damaged one says nothing."""
        return savepoint.reasons(self._folder, instants)

    def roll_back(self, *, dry_run: bool = False) -> RolledBack:
        """Undo the newest commit; raises `FormatError` LW-418."""
        with lock(self._folder):
            return repair.newest_undone(self._folder, dry_run=dry_run)

    def repair(self, *, dry_run: bool = False) -> list[Flaw]:
        """Mend what can be without a row being lost."""
        with lock(self._folder):
            return repair.mended(self._folder, dry_run=dry_run)

    def verify(self) -> Verification:
        """Read the folder and every row's meta columns, and tell all that is wrong."""
        return _repeated(lambda: verify.verify(self._folder, self.spec))

    def _commits(self, timeline: Timeline, instants: Iterable[Instant]) -> list[Commit]:
        """Instants of a timeline, oldest first; where one was archived meanwhile, so were those before it without a savepoint."""
        found: list[Commit] = []
        for instant in instants:
            try:
                commit = self._commit(instant)
                is_saved = COMPLETED in timeline.states(instant.time, SAVEPOINT)
                found.append(dataclasses.replace(commit, saved=True) if is_saved else commit)
            except NotFound:
                found = [commit for commit in found if commit.saved]
        return found

    def _commit(self, instant: Instant) -> Commit:
        if instant.action not in WRITES:
            return commits.of_service(instant)
        found = self._read.get((self._folder.path, instant))
        if found is None:
            found = commits.of_metadata(instant.time, instant.action, self._folder.read_commit(instant))
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            self._read[self._folder.path, instant] = found
        return found


def _repeated(read: Callable[[], Result]) -> Result:
    """What `read` returns, listing again where a file that a listing named was archived or cleaned meanwhile."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(NotFound):
            return read()
    return read()
