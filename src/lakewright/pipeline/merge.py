"""Merge: a table's log since its checkpoint becomes one commit whose own metadata holds the new checkpoint."""

from __future__ import annotations

import functools
from collections.abc import Callable

from lakewright.model.contracts import Table
from lakewright.model.table import Commit, newest_mark
from lakewright.pipeline import renames, table_at
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.renames import Renames
from lakewright.pipeline.steps import Merged
from lakewright.pipeline.wiring import Wiring
from lakewright.raw.log import RawLog
from lakewright.storage.lease import Lease

Apply = Callable[[Wiring, Mirror, Table, Lease], Commit]
"""How an engine brings a table to the end of its log, in one commit that holds the checkpoint: the caller has the table's lease.

It must fail without a commit where any other write of the table completes between what it plans and its own completion.
"""


def merge(
    lake: Wiring, mirror: Mirror, *, wait: float = 0.0, apply: Apply | None = None, agreed: Renames | None = None
) -> Merged | None:
    """Bring the table up to the log's watermark in one commit; None while its source was never loaded.

    A table that is paused stays where it is, and so does one with renamed columns, unless they are those `agreed` to. Holds the
    table's lease for its run, and waits at most `wait` seconds for another's. A crash at any moment leaves the table at the old
    or the new checkpoint; a repeated merge changes nothing. `apply` is the engine: DuckDB and our own writer where it is None.
    Raises `CommitConflict` where another merge came first, and `LogError` where a raw file is not, byte by byte, what its
    manifest says.
    """
    log, table = lake.log(mirror.source), lake.format.open(mirror.path)
    if (done := _settled(mirror, log, table)) is not None:
        return done
    if log.view().load_of(mirror.origin, log.view().watermark) is None:
        return None
    waits = renames.waiting(lake, mirror, table)
    if waits is not None and (agreed is None or waits.columns != agreed.columns):
        return Merged(mirror.name, None, waits.position, waits=str(waits))
    with Lease.take(lake.store, lease_name(mirror), purpose="merge", wait=wait) as lease:
        table = lake.format.open(mirror.path)
        if (done := _settled(mirror, log, table)) is not None:  # another came first
            return done
        if table is None:
            table = lake.format.create(mirror.path, table_at.plan(mirror, log, log.view(), None, log.view().watermark).spec)
        table.compact(mirror.compact_after)  # first: one that a crash left is to be over before logs go on
        commit = (apply or _natively(agreed))(lake, mirror, table, lease)
        return Merged(mirror.name, commit, commit.checkpoint.position if commit.checkpoint else log.view().watermark)


def lease_name(mirror: Mirror) -> str:
    """Where a table's lease stands: beside the table, outside its folder."""
    zone, _, name = mirror.path.rpartition("/")
    return f"{zone}/_leases/{name}.json"


def _natively(agreed: Renames | None) -> Apply:
    """Imported when used: where Spark merges there may be no DuckDB."""
    from lakewright.pipeline.merge_native import apply

    return functools.partial(apply, agreed=agreed)


def _settled(mirror: Mirror, log: RawLog, table: Table | None) -> Merged | None:
    """What there is to say of a table that is paused, or for which the log holds nothing after its checkpoint; else None."""
    view = log.view()
    mark = newest_mark(table.history()) if table else None
    if mark is not None and mark.paused:
        return Merged(mirror.name, None, mark.position, paused=True)
    load = view.load_of(mirror.origin, view.watermark)
    if mark is None or load is None or mark.feed != view.feed or mark.generation != load.generation:
        return None
    return None if view.changes(mirror.origin, mark.position, view.watermark) else Merged(mirror.name, None, view.watermark)
