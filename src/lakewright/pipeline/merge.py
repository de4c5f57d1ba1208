"""Merge: a table's log since its checkpoint becomes one commit whose own metadata holds the new checkpoint."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from lakewright.errors import CommitConflict, FormatError
from lakewright.model.contracts import Table
from lakewright.model.table import MOR, Commit, newest_mark
from lakewright.pipeline import moves, rewrites, table_at
from lakewright.pipeline.hold import held
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.instants import Instant, based
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.rewrites import Rewrite
from lakewright.pipeline.steps import Merged
from lakewright.raw.view import LogView
from lakewright.storage.lease import Lease

Apply = Callable[[Holdings, Mirror, Table, Lease, Sequence[Instant]], Commit]
"""How an engine brings a table to the end of its log, in one commit that holds the checkpoint: the caller has the table's lease.

A table in a new folder, which is empty, gets all of its rows: those of the instant that is given, if one is, and of the log.
It must fail without a commit where any other write of the table completes between what it plans and its own completion.
"""


def merge(
    lake: Holdings, mirror: Mirror, *, wait: float = 0.0, apply: Apply | None = None, agreed: Rewrite | None = None
) -> Merged | None:
    """Bring the table up to the log's watermark in one commit; None while its source was never loaded.

    A table that is paused stays where it is, and so does one that has to be written anew, unless that is what is `agreed` to. One
    that was loaded anew and does not fit its folder any more is moved to a new one. Holds the table's lease for its run, and
    waits at most `wait` seconds for another's. A crash at any moment leaves the table at the old or the new checkpoint; a
    repeated merge changes nothing. `apply` is the engine: DuckDB and our own writer where it is None.

    Raises `CommitConflict` where another merge came first, and `LogError` where a raw file is not, byte by byte, what its
    manifest says.
    """
    log, table = lake.log(mirror.source), lake.table(mirror)
    view = log.view()
    if (done := _settled(mirror, view, table, asked=agreed is not None)) is not None:
        return done
    if view.load_of(mirror.origin, view.watermark) is None:
        return None
    waits = rewrites.waiting(lake, mirror)
    if waits is not None and not waits.is_same(agreed):
        return Merged(mirror.name, None, waits.position, waits=str(waits))
    with held(lake, mirror, "merge", wait) as mine:
        table, view = mine.found, log.view()
        asked = waits is not None and rewrites.waiting(lake, mirror) is not None
        if (done := _settled(mirror, view, table, asked=asked)) is not None:  # another came first
            return done
        if table is None:
            spec = table_at.plan(mirror, log, view, (), view.watermark).spec
            lake.records.forget(mirror.name)  # that of a snapshot of this name, whose folder somebody removed
            table = lake.format.create(lake.folders.record(mirror).path, spec)
        if table.spec.type == MOR and _goes_on(mirror, view, table):
            table.compact(mirror.compact_after)  # first: one that a crash left is to be over before logs go on
        commit = _apply(lake, mirror, table, mine.lease, apply or _natively(agreed), agreed)
        return Merged(mirror.name, commit, commit.checkpoint.position if commit.checkpoint else view.watermark)


def _goes_on(mirror: Mirror, view: LogView, table: Table) -> bool:
    """Whether the log goes on from the table's rows; if not, all are replaced, and need not be readable any more."""
    load, mark = view.load_of(mirror.origin, view.watermark), newest_mark(table.history())
    return bool(load and mark and mark.follows(view.feed, load.generation, mirror.origin))


def _apply(lake: Holdings, mirror: Mirror, table: Table, lease: Lease, apply: Apply, agreed: Rewrite | None) -> Commit:
    """Merge where the table is, or move it."""
    log = lake.log(mirror.source)
    view = log.view()
    load, mark = view.load_of(mirror.origin, view.watermark), newest_mark(table.history())
    assert load is not None
    schema = log.schema(mirror.origin, view.schema_upto(mirror.origin, load, view.watermark))
    if moves.fits(table.spec, mirror.spec(schema)):
        return apply(lake, mirror, table, lease, ())
    if mark is None and table.snapshots():
        raise FormatError("LW-407", f"{table.path} has a table of another shape than {mirror.name}'s", hint="move it away")
    if mark and mark.follows(view.feed, load.generation, mirror.origin) and agreed is None:
        raise CommitConflict("LW-416", f"table {mirror.name} was moved meanwhile", hint="try again")
    with table.write() as leaving:
        former = based(table, leaving.base)
        view = log.view()
        spec = table_at.plan(mirror, log, view, former, view.watermark).spec
        return moves.move(lake, mirror, lease, leaving, spec, lambda fresh: apply(lake, mirror, fresh, lease, former))


def _natively(agreed: Rewrite | None) -> Apply:
    """Imported when used: where Spark merges there may be no DuckDB."""
    from lakewright.pipeline.merge_native import apply

    return functools.partial(apply, agreed=agreed)


def _settled(mirror: Mirror, view: LogView, table: Table | None, *, asked: bool) -> Merged | None:
    """What there is to say of a table that is paused, or for which the log holds nothing after its checkpoint; else None.

    With `asked` there is something to do without the log.
    """
    mark = newest_mark(table.history()) if table else None
    if mark is not None and mark.paused:
        return Merged(mirror.name, None, mark.position, paused=True)
    load = view.load_of(mirror.origin, view.watermark)
    if asked or mark is None or load is None or not mark.follows(view.feed, load.generation, mirror.origin):
        return None
    return None if view.changes(mirror.origin, mark.position, view.watermark) else Merged(mirror.name, None, view.watermark)
