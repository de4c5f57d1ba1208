"""Base files, read through the store: rows, keys and footers, and row groups as they are encoded."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.errors import FormatError
from lakewright.formats.hudi import footer, schema, spliced
from lakewright.formats.hudi.base_file import ROW_GROUP_ROWS, SAME_IN_FILE
from lakewright.formats.hudi.spliced import Encoded
from lakewright.model.contracts import Store
from lakewright.model.table import TableSpec
from lakewright.storage.reading import StoredFile

_FOOTER_BYTES = 64 << 10
"""From the end of a file, in one read: PyArrow looks for the footer in so much. A longer footer is read once more."""


class BaseFileReader:
    """Reads one base file; raises `FormatError` LW-405, which names it, where it is damaged."""

    def __init__(self, store: Store, name: str, size: int) -> None:
        self.name = name
        self._file, self._size = StoredFile(store, name, size), size
        with self.translated():
            self._is_sound = self._has_sound_footer()
            self._parquet = self._opened()
        self.rows: int = self._parquet.metadata.num_rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns but the meta columns."""
        return tuple(name for name in self._parquet.schema_arrow.names if name not in schema.META_COLUMNS)

    @property
    def footer(self) -> dict[str, str]:
        """The key-value metadata."""
        return {key.decode(): text.decode("utf-8", "replace") for key, text in (self._parquet.metadata.metadata or {}).items()}

    @property
    def group_rows(self) -> list[int]:
        """The number of rows of each row group."""
        return [self._parquet.metadata.row_group(index).num_rows for index in range(self._parquet.num_row_groups)]

    def group_bytes(self, index: int) -> int:
        """What a row group takes when it is unpacked."""
        return int(self._parquet.metadata.row_group(index).total_byte_size)

    @functools.cached_property
    def encoded(self) -> Encoded:
        """The file as it is encoded."""
        with self.translated():
            return Encoded(self._file, self._size)

    def hold(self, offset: int, size: int) -> None:
        """Read a part of the file in one go: its bytes stay at hand, in place of those before."""
        with self.translated():
            self._file.hold(offset, size)

    def group(self, index: int, columns: pa.Schema) -> pa.Table:
        """Some columns of a row group.

        Texts that go by a dictionary come so, but for record keys, else as `columns` has them; a column that the file lacks is
        null.
        """
        with self.translated():
            found = self._read(self._by_dictionary, index, [name for name in columns.names if name in self._names])
            own = {name: found.column(name) for name in found.column_names}
            rows = self.group_rows[index]
            for field in columns:
                column = own.get(field.name)
                if column is None:
                    own[field.name] = pa.chunked_array([pa.nulls(rows, field.type)])
                elif not pa.types.is_dictionary(column.type):
                    own[field.name] = column.cast(field.type)
        return pa.table({name: own[name] for name in columns.names})

    def row_groups(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns, meta columns too, by row group; the file is damaged where it lacks one."""
        for index in range(self._parquet.num_row_groups):
            with self.translated():
                yield self._row_group(index, list(columns)).select(columns)

    def require_sound_pages(self, index: int) -> None:
        """Raise where a page of a row group is not as its checksum says, or its head not as the footer; all stay at hand."""
        with self.translated():
            self.hold(*self.encoded.extent(index))
            for name, chunk in self.encoded.chunks(index, self.encoded.elements).items():
                spliced.require_agreeing(name, chunk, self.group_rows[index])

    def keys(self, least: str, greatest: str) -> Iterator[tuple[int, pa.ChunkedArray]]:
        """The record keys by row group, each with the number of its first row.

        Row groups whose statistics say that they hold no key between `least` and `greatest` are left out.
        """
        start = 0
        first, last = least.encode(), greatest.encode()
        with self.translated():
            for index, rows in enumerate(self.group_rows):
                bounds = self._bounds(index)
                if bounds is None or (bounds[0] <= last and first <= bounds[1]):
                    yield start, self._row_group(index, [schema.RECORD_KEY]).column(0)
                start += rows

    def wanted(self, spec: TableSpec) -> pa.Schema:
        """What the rows of a table consist of: commit time, sequence number, record key and the columns of `spec`.

        Raises where the file has a column that `spec` lacks, or has otherwise.
        """
        wanted = pa.schema([f for f in schema.arrow_schema(spec.columns, meta=True) if f.name not in SAME_IN_FILE])
        with self.translated():
            for field in self._parquet.schema_arrow:
                if field.name not in SAME_IN_FILE and not schema.holds(wanted, field):
                    raise ValueError(f"the table has no column {field.name} of type {field.type}")
        return wanted

    def batches(self, spec: TableSpec, groups: Sequence[int] | None = None, most: int = ROW_GROUP_ROWS) -> Iterator[pa.Table]:
        """The rows of some row groups in order, or of all, as `wanted` says; raises as that.

        A column that the file lacks is null. Each table is one chunk of at most `most` rows.
        """
        wanted = self.wanted(spec)
        present = [name for name in wanted.names if name in self._names]
        with self.translated():
            found = self._parquet.iter_batches(most, columns=present, row_groups=groups)
        missing = self.rows if groups is None else sum(self.group_rows[index] for index in groups)
        while True:
            with self.translated():
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

    def _has_sound_footer(self) -> bool:
        """Whether the footer has a checksum, and is what it says: else PyArrow does not tell each damage, or dies of it."""
        end = self._size - footer.TAIL
        if end < 0:
            return False  # it is PyArrow that tells
        self.hold(max(0, self._size - _FOOTER_BYTES), min(self._size, _FOOTER_BYTES))
        self._file.seek(end)
        length = int.from_bytes(self._file.read(4), "little")
        if length > end:
            return False
        if length + footer.TAIL > _FOOTER_BYTES:
            self.hold(end - length, length + footer.TAIL)
        self._file.seek(end - length)
        return footer.is_sound(self._file.read(length))

    def _bounds(self, index: int) -> tuple[bytes, bytes] | None:
        """The least and the greatest record key of a row group, or None where its statistics lack them."""
        if not self._is_sound:  # PyArrow's own end the process where the footer is damaged
            return self.encoded.bounds(index, schema.RECORD_KEY)
        column = self._parquet.schema_arrow.get_field_index(schema.RECORD_KEY)
        found = self._parquet.metadata.row_group(index).column(column).statistics
        return (found.min.encode(), found.max.encode()) if found is not None and found.has_min_max else None

    def _row_group(self, index: int, columns: list[str]) -> pa.Table:
        return schema.plain(self._read(self._parquet, index, columns))

    def _read(self, file: pq.ParquetFile, index: int, columns: list[str]) -> pa.Table:
        found, rows = file.read_row_group(index, columns), self._parquet.metadata.row_group(index).num_rows
        if found.num_rows != rows:  # Arrow is content with less
            raise ValueError(f"{rows - found.num_rows} rows are missing")
        return found

    @property
    def _names(self) -> list[str]:
        return list(self._parquet.schema_arrow.names)

    @functools.cached_property
    def _by_dictionary(self) -> pq.ParquetFile:
        """The file, whose texts come as they go: by a dictionary, where the first row group has one."""
        texts = {field.name for field in self._parquet.schema_arrow if field.type == pa.string()} - {schema.RECORD_KEY}
        few = self.encoded.by_dictionary(0)  # PyArrow's own answer ends the process where the footer is damaged
        return self._opened(metadata=self._parquet.metadata, read_dictionary=[name for name in few if name in texts])

    def _opened(self, **options: Any) -> pq.ParquetFile:
        file = pa.PythonFile(self._file, mode="r")
        # INT96 in nanoseconds would end in 2262
        return pq.ParquetFile(file, pre_buffer=True, page_checksum_verification=True, coerce_int96_timestamp_unit="us", **options)

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what is raised for a damaged file into `FormatError` LW-405, which names it."""
        try:
            yield
        except (pa.ArrowException, OSError, KeyError, IndexError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise FormatError("LW-405", f"{self.name} is damaged: {reason}", hint="restore the file from a backup") from error
