"""Damage: which file of a table it was that made a computation fail, and what else did where it was none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.engines.failures import known_errors, storage_error
from lakewright.errors import FormatError, LakewrightError, NotFound
from lakewright.model.contracts import Store
from lakewright.model.table import DataFile
from lakewright.pipeline.table_at import TableAt
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.storage.reading import StoredFile

READ_ATTEMPTS = 5
"""How often a table is looked at for one read."""
_T = TypeVar("_T")


def repeated(read: Callable[[], _T]) -> _T:
    """What `read` returns, which looks at tables and reads them; repeated where a file could not be read.

    A clean, or care of the raw log, may have taken it away between the look at its table and the read of it.
    """
    for _ in range(READ_ATTEMPTS - 1):
        try:
            return read()
        except LakewrightError as error:
            if error.code not in ("LW-301", "LW-303", "LW-405", "LW-417", "LW-510"):
                raise
    return read()


@contextlib.contextmanager
def named_for(at: TableAt, log: RawLog) -> Iterator[None]:
    """Where the block fails because a file of `at` is missing or damaged, raise the `LogError` or `FormatError` that names it.

    Any other error of DuckDB's becomes the `QueryError` that `engines.failures` makes of it.
    """
    with named(log, (*at.load, *at.tail), at.snapshot.files if at.snapshot else (), at.mirror.name):
        yield


@contextlib.contextmanager
def named(log: RawLog, raw: Sequence[RawFile], stored: Sequence[DataFile] = (), table: str = "") -> Iterator[None]:
    """The same for these raw files and these files of `table`; the files are read only after a failure."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        said = storage_error(error)
        if said is not None and not isinstance(said, NotFound):
            raise said from None
        for file in raw:
            log.verify(file)
        for data in stored:
            _open(log.store, data, table)
        with known_errors():
            raise


def _open(store: Store, file: DataFile, table: str) -> None:
    try:
        pq.read_metadata(pa.PythonFile(StoredFile(store, file.name, file.size), mode="r"))
    except (pa.ArrowException, OSError, NotFound):
        hint = f"restore it from a backup, or `lakewright resync {table}` loads the table anew"
        raise FormatError("LW-405", f"{file.location} of table {table} is missing or damaged", hint=hint) from None
