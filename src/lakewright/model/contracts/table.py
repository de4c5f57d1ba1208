"""Table: what a table format keeps, how it is read, and its writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from lakewright.errors import FormatError
from lakewright.model.table import Checkpoint, Commit, EncodedRows, Flaw, RolledBack, Snapshot, TableSpec, Verification


class Write(Protocol):
    """One pending instant of a table. Nothing is visible before `commit` returns; leaving the block without it undoes all.

    Opening it rolls back every other pending write on the table, but none that may be a commit whose file was lost: the caller
    holds the table's lease.
    """

    instant: str

    @property
    def base(self) -> Commit | None:
        """The newest completed instant that has a checkpoint, as of the opening; raises `FormatError` where it is damaged."""
        ...

    def upsert(self, rows: pa.Table, deletes: pa.Table) -> None:
        """Insert or replace `rows` by key, remove the keys of `deletes` (its columns are the key); at most once per instant.

        Columns the table does not have yet are added, null in older rows. A key occurs at most once in both together; a
        deleted key the table does not have is no error. A row whose partition moved leaves the old one.
        """
        ...

    def replace(self, spec: TableSpec, batches: Iterator[pa.RecordBatch]) -> None:
        """Make `batches` the table's only rows, under `spec`; memory is bounded. At most once per instant."""
        ...

    def overwrite(self, rows: pa.Table) -> None:
        """Make `rows` the only rows of the partitions that they are in; at most once per instant.

        Other partitions stay as they are, but for rows with the keys of these: they leave. A table without partition is replaced
        as a whole. No rows change nothing. Columns are added as by `upsert`.
        """
        ...

    def adopt(self, spec: TableSpec, parts: Iterator[EncodedRows]) -> None:
        """As `replace`, by rows of which the table may take over how they are encoded; of a table without partition."""
        ...

    def gather(self, below: int, fewest: int) -> int:
        """Write base files with fewer than `below` bytes into larger ones, where a partition has at least `fewest` of them.

        Returns how many: 0 where there is nothing to commit. Rows stay as they are, older snapshots can be read as before.
        """
        ...

    def commit(self, checkpoint: Checkpoint) -> Commit:
        """Complete the instant with its checkpoint, in one atomic step.

        Raises `CommitConflict` if the instant is no longer pending, or if any other write of the table completed since it was
        opened, one without a checkpoint too: nothing was changed then. Raises `FormatError` where another engine is rewriting
        files that this changed.
        """
        ...

    def leave(self, path: str) -> Commit:
        """Complete the instant as the last one here: the table goes on at `path`, and neither `Write` nor `Loan` opens any more.

        It has no rows and no checkpoint. Raises as `commit`; the instant must not have taken rows.
        """
        ...


class Loan(Protocol):
    """A table made ready for one write by another engine, under the lease that the caller holds.

    What dead writers left was rolled back. ``base`` is the newest completed instant that has a checkpoint, ``spec`` the table's
    as of then.
    """

    base: Commit | None
    spec: TableSpec

    def settings(self, checkpoint: Checkpoint, *, replaces: bool) -> Mapping[str, str]:
        """What the engine's writer is told for one commit with `checkpoint`: of changes, or of rows that take the place of all.

        A changed row whose `DELETED_COLUMN` is true leaves the table.
        """
        ...

    def refused(self) -> list[tuple[str, FormatError]]:
        """Conditions in SQL on rows that the table cannot take, and what each means."""
        ...

    def guard(self) -> Callable[[], None]:
        """A function, which can be sent to another process, that raises `CommitConflict` where a write completed since."""
        ...


class Table(Protocol):
    """One table of a format; reads see completed instants only and may run beside a writer."""

    @property
    def path(self) -> str:
        """The folder in the store that it is in."""
        ...

    @property
    def spec(self) -> TableSpec:
        """As of its first use, or of this object's last commit; raises `FormatError` where the newest commit does not tell it."""
        ...

    def history(self) -> list[Commit]:
        """Completed instants, oldest first."""
        ...

    def snapshots(self) -> list[Commit]:
        """Those completed instants, oldest first, whose files are all still there, so that `snapshot` can read them."""
        ...

    def snapshot(self, instant: str | None = None) -> Snapshot | None:
        """The table as of `instant` (default: the newest); None while nothing is committed.

        Raises `FormatError` where the instant is unknown, its files were cleaned, or one of them is missing.
        """
        ...

    def changes(self, snapshot: Snapshot) -> Iterator[pa.RecordBatch]:
        """What the logs of a snapshot hold in the place of base files' rows: one row for each changed key of a base file.

        It has the columns of the snapshot's spec, `BASE_COLUMN`, `PLACE_COLUMN`, which is null where the base file has no row of
        that key, and ``_deleted``, which says that the row is gone: then only its key is not null. A row of a base file counts
        unless a change has its file and its place.
        """
        ...

    def write(self) -> contextlib.AbstractContextManager[Write]:
        """Open an instant; the caller holds the table's lease. Raises `CommitConflict` where the table was left."""
        ...

    def require_past(self) -> None:
        """Raise `FormatError` LW-413 where another engine would place its commit before the newest instant, and lose it."""
        ...

    def lend(self) -> Loan:
        """Make the table ready for a write by another engine; raises as opening a `Write` and `require_past` do."""
        ...

    def compact(self, least: int) -> int:
        """Write each base file anew that has at least `least` logs, with what they say; return how many.

        The caller holds the table's lease. No row changes, and the table's checkpoint stays; a crash leaves the table as it was.
        Compactions that wait to be run are run too, other engines' as well.
        """
        ...

    def clean(self, keep: Sequence[str]) -> int:
        """Delete files that neither the newest snapshot nor those of the instants in `keep` need; return how many.

        Raises `FormatError` where files of the newest snapshot are not as they were written.
        """
        ...

    def archive(self, keep: Sequence[str], newest: int, least: int) -> int:
        """Let commits older than the instants in `keep` go from the history; return how many.

        The `newest` ones and those that have a savepoint stay, and fewer than `least` wait. No row of the table changes. A commit
        that went is not read any more. Raises as `clean`.
        """
        ...

    def save(self, instant: str, reason: str) -> bool:
        """Make a savepoint of a commit that can be read: no clean takes its files; False where it has one.

        Raises `FormatError` where the instant is unknown or its files were cleaned.
        """
        ...

    def release(self, instants: Collection[str]) -> int:
        """Remove the savepoints of commits; return how many. Raises `FormatError` for an instant that has none."""
        ...

    def reasons(self, instants: Collection[str]) -> dict[str, str]:
        """The reasons of those of these instants that have a savepoint; one of another engine tells who made it.

        A damaged one is left out.
        """
        ...

    def roll_back(self, *, dry_run: bool = False) -> RolledBack:
        """Undo the newest commit, whatever its file says; with `dry_run` only say what that takes. The caller holds the lease.

        Raises `FormatError` where what was before it is not there any more, or somebody keeps it.
        """
        ...

    def repair(self, *, dry_run: bool = False) -> list[Flaw]:
        """Mend what `verify` finds and what can be mended without a row being lost; with `dry_run` only say what.

        The caller holds the lease.
        """
        ...

    def verify(self) -> Verification:
        """Read the folder and every row's meta columns, and tell all that is wrong; memory is bounded."""
        ...


class TableFormat(Protocol):
    """Keeps tables below paths of a store."""

    def open(self, path: str) -> Table | None:
        """The table at `path`, or None where there is nothing; raises `FormatError` for what is there but is not one of ours."""
        ...

    def create(self, path: str, spec: TableSpec) -> Table:
        """Make an empty table at `path`; raises `FormatError` where there is one."""
        ...
