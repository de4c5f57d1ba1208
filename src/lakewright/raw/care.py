"""Care of a raw log over years: many small files become few large ones, and what is older than its retention is left out.

Both are folds that say otherwise than what they stand for. What one leaves out stays on disk until the next: a query that has
begun goes on undisturbed. Safe beside a capture, readers and another care; in a crash files are left that nobody names, which the
next capture that starts removes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.errors import Changed, LogError, NotFound, together
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.raw import layout, parquet
from lakewright.raw.folds import Care, Window
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import Expired, RawFile

LARGE = 64 * 1024 * 1024
"""Bytes from which on a file is large enough."""
TINY = 64 * 1024
"""Bytes below which a file is taken whatever the size of those beside it."""
FEWEST = 8
"""So many small files next to each other are worth a large one."""
PAGES = 32
"""Pages of file names that are looked at together, which bounds the memory."""
_ATTEMPTS = 20
"""How often a fold is tried while a capture appends."""


@dataclasses.dataclass(frozen=True)
class Limit:
    """What of a table may expire: changes up to ``position``, in files whose last commit was before ``time``."""

    position: Position
    time: datetime.datetime

    def lets_go(self, file: RawFile) -> bool:
        """Whether the file may expire, where all before it do."""
        return file.last <= self.position and file.last_time < self.time


# ---- many small files become few


def gather(log: RawLog, passed: Mapping[TableName, Position]) -> tuple[int, int]:
    """Write runs of small files into large ones, of each table up to the position that it has passed; how many became how many.

    The newest file of a table stays as it is: it tells of the log's end. A file that is missing or damaged raises `LogError`
    when the others are done.
    """
    view = log.view()
    window = Window.newest(view, PAGES)
    names, instead, failures = layout.Names(view.highest_lease), dict[str, Sequence[RawFile]](), list[LogError]()
    for run in _runs(window.files(view), passed):
        try:
            large = _gathered(log, names, run)
        except LogError as error:
            failures.append(error)
        except Changed:
            continue  # another care came first
        else:
            instead |= {file.name: (large,) if file is run[0] else () for file in run}
    new = [file for files in instead.values() for file in files]
    if new and not _land(log, Care(view.highest_lease, window, instead)):
        _discard(log, new)
        return 0, 0
    if failures:
        raise together(failures)
    return len(instead), len(new)


def _runs(files: Sequence[RawFile], passed: Mapping[TableName, Position]) -> Iterator[list[RawFile]]:
    """Files that are to become one each: of one table and schema, next to each other, oldest first."""
    for table, changes in _changes(files):
        known = [file for file in changes[:-1] if file.last <= passed.get(table, START)]
        for _, same in itertools.groupby(known, key=lambda file: file.schema):
            yield from _small_runs([*same])


def _small_runs(files: list[RawFile]) -> Iterator[list[RawFile]]:
    """From the newest back: a file joins while it is not larger than what it joins, so that a row is not written often."""
    run: list[RawFile] = []
    size = 0
    for file in reversed(files):
        if run and (size + file.bytes > LARGE or file.bytes > max(size, TINY)):
            if len(run) >= FEWEST:
                yield run[::-1]
            run, size = [], 0
        run.append(file)
        size += file.bytes
    if len(run) >= FEWEST:
        yield run[::-1]


def _gathered(log: RawLog, names: layout.Names, run: Sequence[RawFile]) -> RawFile:
    """A new file with the rows of some, which nobody names yet."""
    first, last = run[0], run[-1]
    name = names.log(first.table, first.first_time)
    schema = log.schema(first.table, first.schema)
    written = parquet.write(log.store, log.folder + name, schema, (_rows(log, file) for file in run))
    return dataclasses.replace(
        first,
        name=name,
        rows=written.rows,
        bytes=written.bytes,
        sha256=written.sha256,
        last=last.last,
        first_time=min(file.first_time for file in run),
        last_time=max(file.last_time for file in run),
    )


def _rows(log: RawLog, file: RawFile) -> pa.Table:
    """All rows of a small file; what was damaged does not get a new checksum."""
    try:
        data = log.store.read(log.folder + file.name)
    except NotFound:
        data = b""
    if hashlib.sha256(data).hexdigest() != file.sha256:
        log.verify(file)  # says what is wrong
    return pq.read_table(pa.BufferReader(data))


# ---- what is old is left out


def expire(log: RawLog, limits: Mapping[TableName, Limit]) -> int:
    """Leave out the changes that `limits` let go, oldest first, with loads that nothing can be folded over any more, and delete
    what was left out before; how many files were left out.

    The newest file of a table stays as it is. Whoever calls this keeps the checkpoints of those tables from going back. Of each
    table the first file is let go: another would keep the rest from being looked at.
    """
    view = log.view()
    window = Window.oldest(view, limits, PAGES)
    gone = tuple(page for manifest in view.manifests for page in manifest.replaced)
    for page in gone:
        for file in view.read(page):
            log.store.delete(log.folder + file.name)
    left_out, expired = list[RawFile](), list[Expired]()
    for table, files in _changes(window.files(view) if limits else ()):
        limit, older = limits.get(table), files if window.end is not None else files[:-1]
        if old := [*itertools.takewhile(limit.lets_go, older)] if limit else []:
            last = old[-1]
            expired.append(Expired(table, last.last, max(file.last_time for file in old), last.schema))
            left_out += old
    over = [load for each in expired for load in view.loads_of(each.table) if load.position < each.position]
    loads = [file for load in over for file in load.files]
    window = window if left_out else Window.newest(view, 0)
    care = Care(view.highest_lease, window, {file.name: () for file in left_out}, expired, loads, gone)
    return len(left_out) + len(loads) if (gone or left_out) and _land(log, care) else 0


def _changes(files: Sequence[RawFile]) -> Iterator[tuple[TableName, list[RawFile]]]:
    """The changes of each table, in position order."""
    ordered = sorted((file for file in files if file.kind == "log"), key=lambda file: (file.table, file.first))
    return ((table, [*group]) for table, group in itertools.groupby(ordered, key=lambda file: file.table))


# ---- what both end with


def _land(log: RawLog, care: Care) -> bool:
    """Fold the log so, beside a capture that appends; False where the plan does not fit it any more."""
    with contextlib.suppress(Changed):
        return any(log.fold_manifests(care) for _ in range(_ATTEMPTS))
    return False


def _discard(log: RawLog, files: Sequence[RawFile]) -> None:
    """Delete new files of a fold that did not come about; of one that did, and was folded away at once, they are named."""
    view = log.view()
    for file in files:
        if not view.names(file):
            log.store.delete(log.folder + file.name)
