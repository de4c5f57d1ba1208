"""What the logs of a snapshot hold in the place of its base files' rows, for engines that read base files themselves."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from lakewright.formats.hudi import keys, schema
from lakewright.formats.hudi.batches import batched
from lakewright.formats.hudi.file_names import BaseFile, Log, base_file_named, log_named
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.logs import Newest, newest_of
from lakewright.formats.hudi.places import places_of
from lakewright.formats.hudi.slices import Group
from lakewright.formats.hudi.threads import THREADS
from lakewright.model.batch import DELETED
from lakewright.model.table import BASE_COLUMN, PLACE_COLUMN, Snapshot, TableSpec

_TOGETHER_BYTES = 32 << 20
"""In Arrow's memory: slices whose changes are so large are given as one. Each alone would cost an engine a statement."""


def changes(folder: Folder, snapshot: Snapshot, ordering: str | None) -> Iterator[pa.RecordBatch]:
    """As `Table.changes` has it; `ordering` is the table's ordering column."""
    slices: dict[Group, list[Log]] = {}
    bases: dict[Group, tuple[BaseFile, str]] = {}
    for file in snapshot.files:
        if base := base_file_named(file.name, _partition(folder, file.name), file.size):
            bases[base.group] = base, file.location
    for each in snapshot.logs:
        log = log_named(each.name, _partition(folder, each.name), each.size)
        assert log is not None
        slices.setdefault(log.group, []).append(log)
    found = newest_of(folder, slices, snapshot.spec, ordering, columns=[name for name, _ in snapshot.spec.columns])
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for some in batched(found, lambda one: int(one[1].rows.nbytes + one[1].gone.nbytes), _TOGETHER_BYTES):
            tables = pool.map(lambda one: _of_slice(folder, bases.get(one[0]), one[1], snapshot.spec), some)
            yield from pa.concat_tables(tables).combine_chunks().to_batches()


def _partition(folder: Folder, name: str) -> str:
    return name.removeprefix(f"{folder.path}/").rpartition("/")[0]


def _of_slice(folder: Folder, base: tuple[BaseFile, str] | None, newest: Newest, spec: TableSpec) -> pa.Table:
    """The changes of one slice, whose base file and its location are `base`, if it has one."""
    gone = keys.key_columns(newest.gone, spec)
    stored = schema.arrow_schema(spec.columns)
    absent = [gone[f.name] if f.name in gone else pa.nulls(len(newest.gone), f.type) for f in stored]
    together = pa.concat_tables([newest.rows.select(stored.names), pa.table(absent, schema=stored)])
    record_keys = pa.concat_arrays([newest.keys, newest.gone])
    places = places_of(folder, base[0], record_keys) if base else np.full(len(record_keys), -1)
    location = pa.scalar(base[1] if base else None, pa.string())
    added = {
        BASE_COLUMN: pa.repeat(location, len(record_keys)),
        PLACE_COLUMN: pa.array(places, mask=places < 0),
        DELETED: pa.array(np.arange(len(record_keys)) >= len(newest.keys)),
    }
    for name, column in added.items():
        together = together.append_column(name, column)
    return together
