"""Replace by rows that stand encoded already: their columns are copied into new file groups as they are."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from lakewright.formats.hudi import keys, schema, spliced
from lakewright.formats.hudi.base_file import SplicedFileWriter
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.lanes import Lanes, new_files
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.model.contracts import Store
from lakewright.model.table import EncodedRows, TableSpec
from lakewright.storage.reading import StoredFile


def copy_all(folder: Folder, instant: str, spec: TableSpec, parts: Iterator[EncodedRows]) -> list[WriteStat]:
    """Write the rows of `parts`, which have the columns of `spec`, into new file groups; return their stats.

    Raises as `replace.write_all`, and `FormatError` LW-412 where rows lack a column. Memory is bounded by row groups.
    """
    columns = schema.arrow_schema(spec.columns)
    usual = spliced.elements(columns)
    folder.add_partition("", instant)
    source: _Source | None = None
    with contextlib.ExitStack() as stack:
        lanes = Lanes(stack, new_files(SplicedFileWriter, folder, instant, spec))
        for part in parts:
            if source is None or source.name != part.name:
                source = _Source(folder.store, part)
            others = part.others.column_names
            copied = {name for name in columns.names if name not in others and source.encoded.elements.get(name) == usual[name]}
            read = [name for name in columns.names if name not in others and (name in spec.key or name not in copied)]
            rows = source.read(part, read)
            seen = pa.schema([field for field in columns if field.name in rows.column_names])
            copy = functools.partial(_copy, schema.fitted(rows, seen, spec.name), copied, source.encoded, part.group, spec)
            lanes.write("", copy)
        return lanes.finish()


class _Source:
    """A Parquet file with rows, for one thread but for ``encoded``."""

    def __init__(self, store: Store, part: EncodedRows) -> None:
        self.name = part.name
        file = StoredFile(store, part.name, part.size)
        self.encoded = spliced.Encoded(file, part.size)
        self._parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"), pre_buffer=True)

    def read(self, part: EncodedRows, names: list[str]) -> pa.Table:
        """The columns that the file lacks, and those of it with these names."""
        rows = part.others
        if names:
            found = self._parquet.read_row_group(part.group, names)
            for name in found.column_names:
                rows = rows.append_column(name, found.column(name))
        return rows


def _copy(rows: pa.Table, copied: set[str], source: spliced.Encoded, group: int, spec: TableSpec, to: SplicedFileWriter) -> None:
    record_keys = keys.record_keys(rows, spec.key, spec.name)
    to.inserts += rows.num_rows
    own = to.stamped(rows.drop_columns([name for name in rows.column_names if name in copied]), record_keys)
    chunks = source.chunks(group, copied) | to.encoded(own, rows.num_rows).chunks
    to.splice(spliced.Part(chunks, rows.num_rows), record_keys)
