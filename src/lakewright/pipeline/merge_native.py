"""A merge that DuckDB computes and our own writer writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from lakewright.errors import FormatError
from lakewright.model.contracts import Table, Write
from lakewright.model.table import Checkpoint, Commit
from lakewright.pipeline import damage, loaded, moves, rewrites, table_at
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.instants import Instant, based
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.rewrites import Rewrite
from lakewright.pipeline.table_at import TableAt
from lakewright.storage.lease import Lease

BATCH_ROWS = 100_000


def apply(
    lake: Holdings, mirror: Mirror, table: Table, lease: Lease, former: Sequence[Instant] = (), *, agreed: Rewrite | None = None
) -> Commit:
    """Fulfils `merge.Apply`; copies the renamed columns that are `agreed`."""
    log = lake.log(mirror.source)
    with table.write() as write:
        view = log.view()  # read after the instant is open: nobody else's pending merge can land any more
        at = table_at.plan(mirror, log, view, former or based(table, write.base), view.watermark)
        rewrites.require_agreed(at, agreed)
        moves.require_fitting(table, at.spec)
        return _written(lake, at, write, lease, at.checkpoint, anew=bool(former))


def fill(lake: Holdings, at: TableAt, table: Table, lease: Lease, mark: Checkpoint) -> Commit:
    """Fulfils `publish.Fill`."""
    with table.write() as write:
        return _written(lake, at, write, lease, mark, anew=True)


def _written(lake: Holdings, at: TableAt, write: Write, lease: Lease, mark: Checkpoint, *, anew: bool) -> Commit:
    """One commit, of all rows if they come `anew`, with the checkpoint `mark`."""
    log = lake.log(at.mirror.source)
    for file in (*at.load, *at.tail):
        log.verify(file)  # a changed value inside of a Parquet file is no fault to those who read it
    with damage.named_for(at, log):
        if loaded.is_all(at):
            write.adopt(at.spec, loaded.parts(at, log))
        else:
            _fold(write, Fold(lake.connection(), at, log), anew=anew)
    lease.check()
    return write.commit(mark)


def _fold(write: Write, fold: Fold, *, anew: bool) -> None:
    at = fold.at
    try:
        if fold.replaces or anew:
            write.replace(at.spec, batches(fold, fold.rows_sql(), at.spec.arrow()))
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


def batches(fold: Fold, text: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The answer to one of the fold's SELECTs, in batches of that schema."""
    for batch in fold.reader(text, BATCH_ROWS):
        yield from pa.Table.from_batches([batch]).cast(schema).to_batches()
