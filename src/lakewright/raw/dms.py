"""What AWS DMS writes to S3 for a source: where its files lie, what each is, and what a row of one is in the raw log.

Below ``<zone>/dms/<source>/``, a folder of DMS's own, for it writes files over others of their name when it loads a table again::

    <schema>/<table>/LOAD00000001.parquet                    a full load, in files with a hexadecimal number
    <schema>/<table>/YYYY/MM/DD/YYYYMMDD-HHMMSSmmm.parquet   changes, in the folder of their commit's day

Columns: ``Op`` is I, U or D; ``_commit_time`` the commit's time as text, in a load that of the transfer; ``_position`` DMS's
sequence of changes (``$AR_H_CHANGE_SEQ``), 35 digits, of which the first 16 are a time to hundredths of a second and the others a
counter. Its text order is the order of changes. Nothing marks the end of a load, a transaction or a batch.

What such a file cannot tell is listed by table and column in `deploy.losses`. Source: AWS DMS guide, "Using Amazon S3 as a
target", and its header expressions.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import io
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakewright.errors import LogError
from lakewright.model.batch import COMMIT_TIME, OP, POSITION
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.storage.objects import path_part
from lakewright.storage.reading import StoredFile

_LOAD = re.compile(r"LOAD([0-9A-F]{8})\.parquet")
_CHANGES = re.compile(r"\d{4}/\d\d/\d\d/\d{8}-\d{9,10}\.parquet")
_SEQUENCE = r"^[0-9]{35}$"
_SMALL = 4 * 1024 * 1024
"""Bytes of a file that is read at once and not by its parts."""
TICK = 16
"""Digits of a sequence that are its time: rows of one transaction have one."""
RELOAD = (
    "load the table again: `aws dms reload-tables --replication-task-arn TASK_ARN --reload-option data-reload"
    " --tables-to-reload SchemaName={0.schema},TableName={0.table}`"
)


class Stamp(NamedTuple):
    """What tells a file from the one that was under its name before: its size in bytes and when it was written (UTC)."""

    size: int
    modified: datetime.datetime


@dataclasses.dataclass(frozen=True)
class DmsFile:
    """A file by its name in the store; ``load`` is its number in a full load, None of changes."""

    name: str
    stamp: Stamp
    load: int | None = None


@dataclasses.dataclass(frozen=True)
class Delivered:
    """What lies in a table's folder: files of loads by number, changes in the order of writing, and names that are neither."""

    loads: Mapping[int, DmsFile]
    changes: tuple[DmsFile, ...]
    strays: tuple[str, ...]


def folder(zone: str, source: str) -> str:
    """Where DMS writes for a source; `zone` is the raw zone's prefix. Terraform gives it to the target endpoint."""
    return f"{zone.rstrip('/')}/dms/{path_part(source)}/"


def delivered(store: Store, folder: str) -> dict[TableName, Delivered]:
    """What lies in the folder now, by table."""
    found: dict[TableName, tuple[dict[int, DmsFile], list[DmsFile], list[str]]] = {}
    for entry in store.list(folder):
        schema, _, rest = entry.name.removeprefix(folder).partition("/")
        table, _, name = rest.partition("/")
        if not name:
            continue  # beside the tables' folders
        loads, changes, strays = found.setdefault(TableName(schema, table), ({}, [], []))
        stamp = Stamp(entry.size, entry.modified)
        if match := _LOAD.fullmatch(name):
            loads[int(match[1], 16)] = DmsFile(entry.name, stamp, int(match[1], 16))
        elif _CHANGES.fullmatch(name):
            changes.append(DmsFile(entry.name, stamp))
        else:
            strays.append(entry.name)

    def written(file: DmsFile) -> tuple[datetime.datetime, str]:
        return file.stamp.modified, file.name.rpartition("/")[2]

    return {t: Delivered(loads, tuple(sorted(of, key=written)), tuple(odd)) for t, (loads, of, odd) in sorted(found.items())}


def columns(store: Store, file: DmsFile) -> pa.Schema:
    """The columns of a file; raises `LogError` LW-362 for what is no file of DMS."""
    schema = _open(store, file).schema_arrow
    missing = [name for name in (OP, COMMIT_TIME, POSITION) if name not in schema.names]
    if missing:
        raise not_of_dms(file.name, f"it has no column {missing[0]}")
    return schema


def sequences(store: Store, file: DmsFile) -> pa.ChunkedArray:
    """The sequence of each row of a file of changes; raises `LogError` LW-362 for what is none."""
    columns(store, file)
    with reading(file):
        found = _open(store, file).read([POSITION]).column(POSITION).cast(pa.string())
    if len(found) == 0:
        raise not_of_dms(file.name, "it has no rows")
    fits = pc.match_substring_regex(found, _SEQUENCE).fill_null(False)
    if not pc.all(fits).as_py():
        raise not_of_dms(file.name, f"{POSITION} is not $AR_H_CHANGE_SEQ, 35 digits")
    return found


def batches(store: Store, file: DmsFile) -> Iterator[pa.Table]:
    """The rows of a file, some at a time; raises as `columns`."""
    with reading(file):
        for batch in _open(store, file).iter_batches():
            yield pa.Table.from_batches([batch])


@contextlib.contextmanager
def reading(file: DmsFile) -> Iterator[None]:
    """A block in which what pyarrow raises of a file is `LogError` LW-362."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise not_of_dms(file.name, str(error).splitlines()[0]) from error


def not_of_dms(name: str, reason: str) -> LogError:
    """The error LW-362 of a file that DMS does not write so."""
    hint = "remove it, or correct the endpoint's settings as the module dms of infra/ has them; the other tables go on"
    return LogError("LW-362", f"{name} is not what DMS writes for this lake: {reason}", hint=hint)


def unfit(table: TableName, name: str, reason: str) -> LogError:
    """The error LW-362 of a file with rows that the table cannot take as it is."""
    hint = f"`lakewright deploy render` and apply where the table is another one now, then {RELOAD.format(table)}"
    return LogError("LW-362", f"{name} does not fit table {table}: {reason}", hint=hint)


def late(table: TableName, name: str) -> LogError:
    """The error LW-363 of changes that came after newer ones of their table."""
    message = f"{name} has changes of {table} from before some that were taken already, and those never came"
    return LogError("LW-363", message, hint=RELOAD.format(table))


def changed(table: TableName, name: str) -> LogError:
    """The error LW-364 of a file of changes that is another one now."""
    return LogError("LW-364", f"{name} was written anew after its changes were taken", hint=RELOAD.format(table))


def _open(store: Store, file: DmsFile) -> pq.ParquetFile:
    small = file.stamp.size <= _SMALL
    data = io.BytesIO(store.read(file.name)) if small else StoredFile(store, file.name, file.stamp.size)
    with reading(file):
        return pq.ParquetFile(pa.PythonFile(data, mode="r"))
