"""Base files: Parquet with Hudi's meta columns and footer keys, written and read through the store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.errors import FormatError
from lakewright.formats.hudi import bloom, key_index, keys, partitions, schema
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.spliced import Encoded, SplicedWriter
from lakewright.model.contracts import Store
from lakewright.model.numbered import numbered
from lakewright.model.table import MOR, TableSpec
from lakewright.storage.encodings import encodings
from lakewright.storage.reading import StoredFile

MAX_BYTES = 120 << 20
"""Size at which a base file is full: Hudi's ``hoodie.parquet.max.file.size``."""
ROW_GROUP_ROWS = 1 << 17
ROW_GROUP_BYTES = 64 << 20
"""In Arrow's memory; what bounds a writer's memory when rows are wide."""

LEAST_KEY, GREATEST_KEY = "hoodie_min_record_key", "hoodie_max_record_key"
"""Footer keys."""
_CALENDAR = "org.apache.spark.version"
"""Footer key of Spark 3: days before 1582 are Gregorian ones. Spark refuses to read such days from a file without it."""
_SAME_IN_FILE = (schema.PARTITION_PATH, schema.FILE_NAME)
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_SETTINGS = {"store_schema": False, "write_page_index": False, "write_page_checksum": True}


class BaseFileWriter:
    """Writes one base file of an instant; a context manager, and nothing is left if its block raises.

    The marker stands before the file's first byte, so that a rollback finds it. After the block ``stat`` is the file's stat.
    ``ordinal`` tells the files of the instant apart. ``previous`` is the instant of the group's last version, None for a new one.
    """

    stat: WriteStat

    def __init__(
        self,
        folder: Folder,
        instant: str,
        spec: TableSpec,
        partition: str,
        file_id: str,
        ordinal: int,
        previous: str | None = None,
    ) -> None:
        self.inserts = self.updates = self.deletes = 0
        self.rows = 0
        self._folder, self._instant, self._spec = folder, instant, spec
        self._partition, self._file_id, self._ordinal, self._previous = partition, file_id, ordinal, previous
        self._file_name = f"{file_id}_{ordinal}-0-0_{instant}.parquet"
        stored = schema.arrow_schema(spec.columns, meta=True)
        self._schema = pa.schema([pa.field(f.name, _DICTIONARY) if f.name in _SAME_IN_FILE else f for f in stored])
        self._parquet: Any = None
        self._bounds: tuple[str, ...] = ()
        self._bloom = bloom.BloomFilter()
        self._keys: list[pa.ChunkedArray] = []
        self._numbered = 0
        self._gathered: list[pa.Table] = []
        self._gathered_rows = self._gathered_bytes = 0

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        kind = "CREATE" if self._previous is None else "MERGE"
        self._folder.store.create(self._folder.marker_name(self._instant, self._partition, self._file_name, kind), b"")
        name = self._folder.data_name(self._partition, self._file_name)
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(self._folder.store.upload(name))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            with contextlib.suppress(Exception):  # what it still holds goes to a file that is about to vanish
                if self._parquet:
                    self._parquet.close()
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._flush()
            footer = {"parquet.avro.schema": schema.avro_schema(self._spec.name, self._spec.columns, meta=True)}
            footer |= {_CALENDAR: "3.5.4"} | self._bloom.footer()
            if self._bounds:
                footer[LEAST_KEY] = min(self._bounds, key=keys.java_order)
                footer[GREATEST_KEY] = max(self._bounds, key=keys.java_order)
            parquet = self._parquet or self._opened(self._schema.empty_table())
            parquet.add_key_value_metadata(footer)
            parquet.close()
            size = self._file.tell()
        if self._spec.type == MOR:  # looked up as it is, until a compaction; a copy-on-write table may write it anew at once
            name = self._folder.data_name(self._partition, self._file_name)
            key_index.write(self._folder, BaseFile(name, self._partition, self._file_id, self._instant, size), self._keys)
        self.stat = WriteStat(
            partition=self._partition,
            file_id=self._file_id,
            path=f"{self._partition}/{self._file_name}" if self._partition else self._file_name,
            previous=self._previous,
            rows=self.rows,
            inserts=self.inserts,
            updates=self.updates,
            deletes=self.deletes,
            size=size,
            took=int((time.monotonic() - self._start) * 1000),
        )

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.tell()

    def stamped(self, rows: pa.Table, record_keys: pa.Array) -> pa.Table:
        """`rows`, which this instant writes, with commit time, sequence number and record key in front."""
        count = rows.num_rows
        seqno = numbered(f"{self._instant}_{self._ordinal}_", self._numbered, count)
        self._numbered += count
        columns = [pa.repeat(pa.scalar(self._instant), count), seqno, record_keys, *rows.columns]
        names = [schema.COMMIT_TIME, schema.COMMIT_SEQNO, schema.RECORD_KEY, *rows.column_names]
        return pa.table(columns, names=names)

    def write(self, rows: pa.Table) -> None:
        """Append rows with commit time, sequence number and record key; the other meta columns are the file's.

        Rows are gathered into row groups, so that many small appends do not make many small ones.
        """
        self._gathered.append(rows)
        self._gathered_rows += rows.num_rows
        self._gathered_bytes += rows.nbytes
        if self._gathered_rows >= ROW_GROUP_ROWS or self._gathered_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._gathered_rows:
            return
        rows, count = pa.concat_tables(self._gathered), self._gathered_rows
        self._gathered, self._gathered_rows, self._gathered_bytes = [], 0, 0
        table = self._completed(rows, self._schema)
        self._parquet = self._parquet or self._opened(table)
        self._parquet.write_table(table, row_group_size=count)

    def _completed(self, rows: pa.Table, columns: pa.Schema) -> pa.Table:
        """Rows with the meta columns that are the file's; what the footer and the stat say of them is noted."""
        record_keys, count = rows.column(schema.RECORD_KEY), rows.num_rows
        self._bounds += keys.bounds(record_keys)
        self._bloom.add(record_keys)
        if self._spec.type == MOR:
            self._keys.append(record_keys)
        self.rows += count
        own = {schema.PARTITION_PATH: self._partition, schema.FILE_NAME: self._file_name}
        return pa.table(
            [partitions.constant(own[name], count) if name in own else rows.column(name) for name in columns.names],
            schema=columns,
        )

    def _opened(self, rows: pa.Table) -> Any:
        """The writer of the file, which is to begin with `rows`."""
        return pq.ParquetWriter(self._file, self._schema, **encodings(rows), **_SETTINGS)


class SplicedFileWriter(BaseFileWriter):
    """Writes a base file of rows whose columns, but for some, are encoded already."""

    def copy(self, rows: pa.Table, source: Encoded, group: int) -> None:
        """Append the rows of a row group of `source`: those of their columns that `rows` lacks are copied. Else as `write`."""
        own = {*rows.column_names, *_SAME_IN_FILE}
        rows = self._completed(rows, pa.schema([field for field in self._schema if field.name in own]))
        self._parquet = self._parquet or SplicedWriter(self._file, self._schema, _SETTINGS)
        self._parquet.write(rows, source, group, encodings(rows))


class BaseFileReader:
    """Reads one base file; raises `FormatError` LW-405, which names it, where it is damaged."""

    def __init__(self, store: Store, name: str, size: int) -> None:
        self.name = name
        with self._translated():
            file = pa.PythonFile(StoredFile(store, name, size), mode="r")
            self._parquet = pq.ParquetFile(file, pre_buffer=True, page_checksum_verification=True)
        self.rows: int = self._parquet.metadata.num_rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns but the meta columns."""
        return tuple(name for name in self._parquet.schema_arrow.names if name not in schema.META_COLUMNS)

    @property
    def footer(self) -> dict[str, str]:
        """The key-value metadata."""
        return {key.decode(): text.decode("utf-8", "replace") for key, text in (self._parquet.metadata.metadata or {}).items()}

    def row_groups(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns, meta columns too, by row group; the file is damaged where it lacks one."""
        for index in range(self._parquet.num_row_groups):
            with self._translated():
                yield self._row_group(index, list(columns)).select(columns)

    def keys(self, least: str, greatest: str) -> Iterator[tuple[int, pa.ChunkedArray]]:
        """The record keys by row group, each with the number of its first row.

        Row groups whose statistics say that they hold no key between `least` and `greatest` are left out.
        """
        start = 0
        with self._translated():
            column = self._parquet.schema_arrow.get_field_index(schema.RECORD_KEY)
            for index in range(self._parquet.num_row_groups):
                group = self._parquet.metadata.row_group(index)
                bounds = group.column(column).statistics
                if bounds is None or not bounds.has_min_max or (bounds.min <= greatest and least <= bounds.max):
                    yield start, self._row_group(index, [schema.RECORD_KEY]).column(0)
                start += group.num_rows

    def batches(self, spec: TableSpec) -> Iterator[pa.Table]:
        """The rows in order, as commit time, sequence number, record key and the columns of `spec`.

        A column that the file lacks is null; one that `spec` lacks, or has otherwise, is damage. Each table is one chunk of at
        most `ROW_GROUP_ROWS` rows.
        """
        wanted = pa.schema([f for f in schema.arrow_schema(spec.columns, meta=True) if f.name not in _SAME_IN_FILE])
        with self._translated():
            stored = self._parquet.schema_arrow
            for field in stored:
                if field.name not in _SAME_IN_FILE and not schema.holds(wanted, field):
                    raise ValueError(f"the table has no column {field.name} of type {field.type}")
            present = [name for name in wanted.names if name in stored.names]
            found = self._parquet.iter_batches(ROW_GROUP_ROWS, columns=present)
        missing = self.rows
        while True:
            with self._translated():
                batch = next(found, None)
                if batch is None:
                    if missing:
                        raise ValueError(f"{missing} rows are missing")
                    return
                missing -= batch.num_rows
                columns = [
                    batch.column(f.name).cast(f.type) if f.name in present else pa.nulls(batch.num_rows, f.type) for f in wanted
                ]
            yield pa.table(columns, schema=wanted)

    def _row_group(self, index: int, columns: list[str]) -> pa.Table:
        found, rows = self._parquet.read_row_group(index, columns), self._parquet.metadata.row_group(index).num_rows
        if found.num_rows != rows:  # Arrow is content with less
            raise ValueError(f"{rows - found.num_rows} rows are missing")
        return found

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise FormatError("LW-405", f"{self.name} is damaged: {reason}", hint="restore the file from a backup") from error
