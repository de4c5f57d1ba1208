"""Merge: a table's log since its checkpoint becomes one commit whose own metadata holds the new checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from lakewright.errors import FormatError
from lakewright.model.contracts import Table, Write
from lakewright.model.table import Commit, Snapshot
from lakewright.pipeline import damage, loaded, table_at
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Merged
from lakewright.pipeline.wiring import Wiring
from lakewright.raw.log import RawLog
from lakewright.storage.lease import Lease

BATCH_ROWS = 100_000


def merge(lake: Wiring, mirror: Mirror, *, wait: float = 0.0) -> Merged | None:
    """Bring the table up to the log's watermark in one commit; None while its source was never loaded.

    Holds the table's lease for its run, and waits at most `wait` seconds for another's. A crash at any moment leaves the table at
    the old or the new checkpoint; a repeated merge changes nothing. Raises `CommitConflict` where another merge came first, and
    `LogError` where a raw file is not, byte by byte, what its manifest says.
    """
    log, table = lake.log(mirror.source), lake.format.open(mirror.path)
    if _is_current(mirror, log, table):
        return Merged(mirror.name, None, log.view().watermark)
    if log.view().load_of(mirror.origin, log.view().watermark) is None:
        return None
    with Lease.take(lake.store, lease_name(mirror), purpose="merge", wait=wait) as lease:
        table = lake.format.open(mirror.path)
        if _is_current(mirror, log, table):  # another merge came first
            return Merged(mirror.name, None, log.view().watermark)
        if table is None:
            table = lake.format.create(mirror.path, table_at.plan(mirror, log, log.view(), None, log.view().watermark).spec)
        with table.write() as write:
            view = log.view()  # read after the instant is open: nobody else's pending merge can land any more
            at = table_at.plan(mirror, log, view, _Pinned(table, write), view.watermark)
            for file in (*at.load, *at.tail):
                log.verify(file)  # a changed value inside of a Parquet file is no fault to those who read it
            with damage.named_for(at, log):
                if loaded.is_all(at):
                    write.replace(at.spec, loaded.batches(at, log, BATCH_ROWS))
                else:
                    _apply(write, Fold(lake.connection(), at, log))
            lease.check()
            return Merged(mirror.name, write.commit(at.checkpoint), view.watermark)


def lease_name(mirror: Mirror) -> str:
    """Where a table's lease stands: beside the table, outside its folder."""
    zone, _, name = mirror.path.rpartition("/")
    return f"{zone}/_leases/{name}.json"


def _is_current(mirror: Mirror, log: RawLog, table: Table | None) -> bool:
    """Whether the log holds nothing for the table after its checkpoint."""
    view = log.view()
    mark = next((c.checkpoint for c in reversed(table.history()) if c.checkpoint), None) if table else None
    load = view.load_of(mirror.origin, view.watermark)
    if mark is None or load is None or mark.feed != view.feed or mark.generation != load.generation:
        return False
    return not view.changes(mirror.origin, mark.position, view.watermark)


class _Pinned:
    """The table as a pending write sees it: its newest snapshot, and no newer one whatever happens meanwhile."""

    def __init__(self, table: Table, write: Write) -> None:
        self._table = table
        self._base = write.base

    def snapshots(self) -> list[Commit]:
        return [self._base] if self._base else []

    def snapshot(self, instant: str | None = None) -> Snapshot | None:
        return self._table.snapshot(instant)


def _apply(write: Write, fold: Fold) -> None:
    at = fold.at
    try:
        added = at.snapshot is not None and {c.name for c in at.schema.columns} - {name for name, _ in at.snapshot.spec.columns}
        constant = any(at.schema.column(name).missing is not None for name in added or ())
        if at.snapshot is None or fold.truncated or constant:
            write.replace(at.spec, _batches(fold, fold.rows_sql(), at.spec.arrow()))
        else:
            spec = at.spec.arrow()
            upserts = fold.reader(fold.upserts_sql(), BATCH_ROWS).read_all().cast(spec)
            deletes = fold.reader(fold.deletes_sql(), BATCH_ROWS).read_all()
            deletes = deletes.cast(pa.schema([spec.field(name) for name in at.spec.key]))
            write.upsert(upserts, deletes)
    except pa.ArrowInvalid as error:
        raise FormatError("LW-440", f"rows of {at.mirror.name} do not fit its columns: {error}") from error
    finally:
        fold.close()


def _batches(fold: Fold, text: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in fold.reader(text, BATCH_ROWS):
        yield from pa.Table.from_batches([batch]).cast(schema).to_batches()
