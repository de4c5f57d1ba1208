"""Base files: Parquet with Hudi's meta columns and footer keys, written through the store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.formats.hudi import bloom, key_index, keys, partitions, schema, spliced
from lakewright.formats.hudi import footer as footers
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.spliced import Part, SplicedWriter
from lakewright.model.numbered import numbered
from lakewright.model.table import MOR, TableSpec
from lakewright.storage.encodings import SAMPLE, encodings

MAX_BYTES = 120 << 20
"""Size at which a base file is full: Hudi's ``hoodie.parquet.max.file.size``."""
ROW_GROUP_ROWS = 1 << 17
ROW_GROUP_BYTES = 64 << 20
"""In Arrow's memory; what bounds a writer's memory when rows are wide."""

LEAST_KEY, GREATEST_KEY = "hoodie_min_record_key", "hoodie_max_record_key"
"""Footer keys."""
_CALENDAR = "org.apache.spark.version"
"""Footer key of Spark 3: days before 1582 are Gregorian ones. Spark refuses to read such days from a file without it."""
SAME_IN_FILE = (schema.PARTITION_PATH, schema.FILE_NAME)
"""The meta columns that say the same of each row."""
_FEW_VALUES = (*SAME_IN_FILE, schema.COMMIT_TIME)
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_OF_KEYS = (bloom.FILTER, bloom.TYPE, LEAST_KEY, GREATEST_KEY)
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
        self._schema = pa.schema([pa.field(f.name, _DICTIONARY) if f.name in _FEW_VALUES else f for f in stored])
        self._parquet: Any = None
        self._bounds: tuple[str, ...] = ()
        self._bloom = bloom.BloomFilter()
        self._keys: list[pa.ChunkedArray] = []
        self._numbered = 0
        self._gathered: list[pa.Table] = []
        self._gathered_rows = self._gathered_bytes = 0
        self._options: dict[tuple[str, ...], dict[str, Any]] = {}

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        kind = "CREATE" if self._previous is None else "MERGE"
        self._folder.store.create(self._folder.marker_name(self._instant, self._partition, self._file_name, kind), b"")
        name = self._folder.data_name(self._partition, self._file_name)
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(self._folder.store.upload(name))
            self._sealed = footers.SealedFile(self._file)
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
            footer |= {_CALENDAR: "3.5.4"} | self._of_keys()
            parquet = self._parquet or self._opened(self._schema.empty_table())
            parquet.add_key_value_metadata(footer | footers.PLACE)
            self._sealed.withhold()
            parquet.close()
            self._sealed.seal()
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
        columns = [partitions.constant(self._instant, count), seqno, record_keys, *rows.columns]
        names = [schema.COMMIT_TIME, schema.COMMIT_SEQNO, schema.RECORD_KEY, *rows.column_names]
        return pa.table(columns, names=names)

    def write(self, rows: pa.Table) -> None:
        """Append rows with commit time, sequence number and record key; the other meta columns are the file's.

        Rows are gathered into row groups, so that many small appends do not make many small ones.
        """
        time = rows.column(schema.COMMIT_TIME).cast(_DICTIONARY)
        self._gathered.append(rows.set_column(rows.column_names.index(schema.COMMIT_TIME), schema.COMMIT_TIME, time))
        self._gathered_rows += rows.num_rows
        self._gathered_bytes += rows.nbytes
        if self._gathered_rows >= ROW_GROUP_ROWS or self._gathered_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _of_keys(self) -> dict[str, str]:
        """What the footer says of the file's record keys."""
        said = self._bloom.footer()
        if self._bounds:
            said |= {LEAST_KEY: min(self._bounds, key=keys.java_order), GREATEST_KEY: max(self._bounds, key=keys.java_order)}
        return said

    def _flush(self) -> None:
        if not self._gathered_rows:
            return
        rows = pa.concat_tables(self._gathered)
        self._gathered, self._gathered_rows, self._gathered_bytes = [], 0, 0
        self._note(rows.column(schema.RECORD_KEY))
        self._add(self._completed(rows, rows.num_rows))

    def _note(self, record_keys: pa.ChunkedArray) -> None:
        """Let the footer and the stat speak of rows that come next."""
        self._bounds += keys.bounds(record_keys)
        self._bloom.add(record_keys)
        if self._spec.type == MOR:
            self._keys.append(record_keys)
        self.rows += len(record_keys)

    def _completed(self, rows: pa.Table, count: int) -> pa.Table:
        """`count` rows, of all columns or of some, with the meta columns that are the file's."""
        own = {schema.PARTITION_PATH: self._partition, schema.FILE_NAME: self._file_name}
        columns = {name: partitions.constant(text, count) for name, text in own.items()}
        for name in rows.column_names:
            column = rows.column(name)
            columns[name] = column if pa.types.is_dictionary(column.type) else column.cast(self._schema.field(name).type)
        return pa.table({name: columns[name] for name in self._schema.names if name in columns})

    def _add(self, rows: pa.Table) -> None:
        """A row group."""
        self._parquet = self._parquet or self._opened(rows)
        self._parquet.write_table(rows, row_group_size=rows.num_rows)

    def _opened(self, rows: pa.Table) -> Any:
        """The writer of the file, which is to begin with `rows`."""
        return pq.ParquetWriter(self._sealed, self._schema, **encodings(rows), **_SETTINGS)


class SplicedFileWriter(BaseFileWriter):
    """Writes a base file of which some columns are encoded already, as those of another file."""

    _kept: dict[str, str] | None = None

    def encoded(self, rows: pa.Table, count: int) -> Part:
        """Some columns of `count` rows, and those that say the same of each row; may be called by several threads."""
        return self._encode(self._completed(rows, count))

    def splice(self, group: Part, record_keys: pa.ChunkedArray | None) -> None:
        """Append a row group of all columns with these record keys; None, after `keep_keys`: those that it has in its source."""
        self._flush()
        if record_keys is None:
            self.rows += group.rows
        else:
            self._note(record_keys)
        self._write(group)

    def keep_keys(self, footer: Mapping[str, str]) -> bool:
        """Have the filter and the bounds of another file's footer: the record keys will be the same. False: it lacks them.

        False for a merge-on-read table too, whose key indexes are made of the keys.
        """
        kept = {name: footer[name] for name in _OF_KEYS if name in footer}
        if self._spec.type == MOR or len(kept) < len(_OF_KEYS):
            return False
        self._kept = kept
        return True

    def _of_keys(self) -> dict[str, str]:
        return self._kept or super()._of_keys()

    def _add(self, rows: pa.Table) -> None:
        self._write(self._encode(rows))

    def _encode(self, rows: pa.Table) -> Part:
        """The rows, encoded as many before them in the file asked for that have the same columns, else as they do."""
        names = tuple(rows.column_names)
        options = self._options.get(names) or _SETTINGS | encodings(rows)
        if rows.num_rows >= SAMPLE:
            self._options[names] = options
        return spliced.encoded(rows, options)

    def _write(self, group: Part) -> None:
        self._parquet = self._parquet or self._opened(self._schema.empty_table())
        self._parquet.write(group)

    def _opened(self, rows: pa.Table) -> SplicedWriter:
        return SplicedWriter(self._sealed, rows.schema, _SETTINGS)
