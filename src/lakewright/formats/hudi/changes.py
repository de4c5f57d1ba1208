"""What the logs of a snapshot hold in the place of its base files' rows, for engines that read base files themselves."""

from __future__ import annotations

import concurrent.futures
import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import key_index, keys, schema
from lakewright.formats.hudi.base_file import BaseFileReader
from lakewright.formats.hudi.folder import BaseFile, Folder, Log, base_file_named, log_named
from lakewright.formats.hudi.key_index import Wanted
from lakewright.formats.hudi.logs import Newest, newest_of
from lakewright.formats.hudi.slices import Group
from lakewright.formats.hudi.upsert import THREADS
from lakewright.model.batch import DELETED
from lakewright.model.table import BASE_COLUMN, PLACE_COLUMN, Snapshot, TableSpec

_TOGETHER = 64
"""Slices whose changes are given as one: each alone would cost an engine a statement."""


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
        while some := list(itertools.islice(found, _TOGETHER)):
            tables = pool.map(lambda one: _of_slice(folder, bases.get(one[0]), one[1], snapshot.spec), some)
            yield from pa.concat_tables(tables).combine_chunks().to_batches()


def _partition(folder: Folder, name: str) -> str:
    return name.removeprefix(f"{folder.path}/").rpartition("/")[0]


def _of_slice(folder: Folder, base: tuple[BaseFile, str] | None, newest: Newest, spec: TableSpec) -> pa.Table:
    """The changes of one slice, whose base file and its location are `base`, if it has one."""
    gone = keys.columns_of(newest.gone, spec)
    stored = schema.arrow_schema(spec.columns)
    absent = [gone[f.name] if f.name in gone else pa.nulls(len(newest.gone), f.type) for f in stored]
    together = pa.concat_tables([newest.rows.select(stored.names), pa.table(absent, schema=stored)])
    record_keys = pa.concat_arrays([newest.keys, newest.gone])
    places = _places(folder, base[0], record_keys) if base else np.full(len(record_keys), -1)
    location = pa.scalar(base[1] if base else None, pa.string())
    added = {
        BASE_COLUMN: pa.repeat(location, len(record_keys)),
        PLACE_COLUMN: pa.array(places, mask=places < 0),
        DELETED: pa.array(np.arange(len(record_keys)) >= len(newest.keys)),
    }
    for name, column in added.items():
        together = together.append_column(name, column)
    return together


def _places(folder: Folder, base: BaseFile, record_keys: pa.Array) -> npt.NDArray[np.int64]:
    """The row of each key in a base file, -1 for one that is not there."""
    places = np.full(len(record_keys), -1)
    if not len(record_keys):
        return places
    if (index := key_index.read(folder, base)) is not None:
        rows, numbers = index.find(Wanted.of(record_keys))
        places[numbers] = rows
        return places
    bounds = pc.min_max(record_keys).as_py()
    for start, column in BaseFileReader(folder.store, base.name, base.size).keys(bounds["min"], bounds["max"]):
        at = pc.fill_null(pc.index_in(column, value_set=record_keys), -1).to_numpy()
        here = np.flatnonzero(at >= 0)
        places[at[here]] = start + here
    return places
