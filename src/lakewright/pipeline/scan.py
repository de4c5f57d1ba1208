"""Files as relations: the SQL that reads a table's base files and its raw files under one schema."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.model import types
from lakewright.model.batch import DELETED, raw_schema
from lakewright.model.names import quote_identifier as quote
from lakewright.model.names import quote_literal
from lakewright.model.schema import Column, TableSchema
from lakewright.model.table import BASE_COLUMN, PLACE_COLUMN, DataFile, Snapshot, TableSpec
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.sources.postgres import values

PATH, NUMBER = '"scan path"', '"scan number"'
"""A row's file and its place in it, from 0; no column has such a name (LW-211)."""

_FILE, _PLACE = "file_index", "file_row_number"
"""DuckDB's names of the number of a row's file in the list that is read, and of the row's place in it, both from 0."""
_PLACE_BITS = 40
_AS_IT_IS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Values of partition columns that stand in a folder's name as they are, and for themselves alone."""
_MANY_ROWS = 1_000_000
"""A base file with so many rows is joined alone with what its logs replace: fewer keys, and no number of a file, for each row."""

_WIDER = (
    ({types.INT, types.BIGINT}, types.BIGINT),
    ({types.INT, types.FLOAT, types.DOUBLE}, types.DOUBLE),
    ({types.DATE, types.TIMESTAMP}, types.TIMESTAMP),
)
_DIGITS = {types.INT: (10, 0), types.BIGINT: (19, 0)}


@dataclasses.dataclass(frozen=True)
class Selection:
    """The columns of `spec`, of a snapshot that may be of another shape.

    ``columns`` are those that come from the source's table, ``called`` is what the snapshot calls those of them that it has.
    """

    spec: TableSpec
    columns: Sequence[Column] = ()
    called: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def sql(
        self,
        snapshot: Snapshot,
        literal: Callable[[Column], str],
        kind_of: Callable[[str], str],
        present: Collection[str] | None = None,
    ) -> str:
        """The select list in an engine's SQL: `literal` is the missing value of a column that the snapshot lacks, `kind_of` the
        engine's name of a lake type. Columns that are not `present` (default: all are) in the files that are read are null."""
        stored, of_source = dict(snapshot.spec.columns), {column.name: column for column in self.columns}
        listed = []
        for name, kind in self.spec.columns:
            former = self.called.get(name) if name in of_source else name
            if former is None:
                listed.append(literal(of_source[name]))
            elif former not in stored or (present is not None and former not in present):
                listed.append(f"CAST(NULL AS {kind_of(kind)}) AS {quote(name)}")
            elif (former, stored[former]) == (name, kind):
                listed.append(quote(name))
            else:
                listed.append(f"CAST({quote(former)} AS {kind_of(kind)}) AS {quote(name)}")
        return ", ".join(listed)


def snapshot_sql(snapshot: Snapshot, selection: Selection, changes: str | None = None) -> str:
    """A SELECT of a snapshot's rows with the columns of a selection; ``changes`` is the relation that holds what its logs do
    (`placed`)."""
    stored, spec = {name for name, _ in snapshot.spec.columns}, selection.spec

    def listed(files: Sequence[DataFile] | None = None) -> str:
        present = None if files is None else set[str]().union(*{file.columns for file in files})
        return selection.sql(snapshot, missing_sql, types.to_duckdb, present)

    others = _changed(snapshot) if changes else []
    changed = {file.location for file in others}
    parts: list[str] = []
    if plain := [file for file in snapshot.files if file.location not in changed]:
        parts += [f"SELECT {listed(some)} FROM {_stored(some, stored, told)}" for some, told in _by_folders(plain, snapshot.spec)]
    if changes:
        parts += [f"SELECT {listed(files)} FROM {rows}" for files, rows in _unchanged(others, snapshot.spec, changes)]
        parts.append(f"SELECT {listed()} FROM {changes} WHERE NOT {DELETED}")
    if not parts:
        nulls = (f"CAST(NULL AS {types.to_duckdb(kind)}) AS {quote(name)}" for name, kind in spec.columns)
        parts.append(f"SELECT {', '.join(nulls)} WHERE false")
    return " UNION ALL ".join(parts)


def placed(snapshot: Snapshot, changes: pa.RecordBatch) -> pa.RecordBatch:
    """What `Table.changes` gives of a snapshot, as `snapshot_sql` has it: `PLACE_COLUMN` tells the file too.

    One number is looked up in fewer cycles than a file's name and a place in it are.
    """
    bases = pa.array([file.location for file in _changed(snapshot)], pa.string())
    file = pc.shift_left(pc.index_in(changes.column(BASE_COLUMN), value_set=bases).cast(pa.int64()), _PLACE_BITS)
    place = pc.bit_wise_or(file, changes.column(PLACE_COLUMN))
    return changes.set_column(changes.schema.get_field_index(PLACE_COLUMN), PLACE_COLUMN, place)


def _changed(snapshot: Snapshot) -> list[DataFile]:
    """The base files that have logs, those of many rows last."""
    bases = {log.base for log in snapshot.logs}
    return sorted((file for file in snapshot.files if file.location in bases), key=lambda file: file.rows >= _MANY_ROWS)


def _unchanged(files: Sequence[DataFile], spec: TableSpec, changes: str) -> Iterator[tuple[Sequence[DataFile], str]]:
    """The rows of base files that `changes` do not replace: for some files at a time, what stands behind FROM."""
    stored = {name for name, _ in spec.columns}
    if not files:
        return
    if {_FILE, _PLACE} & {name.lower() for name in stored}:  # a column hides DuckDB's of that name
        same = " AND ".join(f"c.{quote(name)} = b.{quote(name)}" for name in spec.key)
        rows = _stored(files, stored, options=f", filename = '{PATH[1:-1]}'")
        match = f"SELECT 1 FROM {changes} AS c WHERE c.{quote(BASE_COLUMN)} = b.{PATH} AND {same}"
        yield files, f"{rows} AS b WHERE NOT EXISTS ({match})"
        return
    # Of NOT EXISTS with an expression DuckDB makes a plan that first gathers all rows.
    place, few = quote(PLACE_COLUMN), sum(file.rows < _MANY_ROWS for file in files)
    if few:
        places = f"(SELECT {place} AS place FROM {changes}) AS c"
        match = f"c.place = (b.{_FILE}::BIGINT << {_PLACE_BITS} | b.{_PLACE})"
        yield files[:few], f"{_stored(files[:few], stored)} AS b ANTI JOIN {places} ON {match}"
    for number, file in enumerate(files[few:], few):
        first, last = number << _PLACE_BITS, (number + 1 << _PLACE_BITS) - 1
        places = f"(SELECT {place} - {first} AS place FROM {changes} WHERE {place} BETWEEN {first} AND {last}) AS c"
        yield [file], f"{_stored([file], stored)} AS b ANTI JOIN {places} ON c.place = b.{_PLACE}"


def _by_folders(files: Sequence[DataFile], spec: TableSpec) -> Iterator[tuple[Sequence[DataFile], Sequence[str]]]:
    """Files of whose folders DuckDB takes the partition columns, so that it opens those alone that a filter leaves; then others.

    It numbers the files that are left, so that this is not for those that have logs.
    """
    kinds = dict(spec.columns)

    def tells(file: DataFile) -> bool:
        values = [value for value in file.partition if value and _AS_IT_IS.fullmatch(value)]
        folder = "".join(f"/{name}={value}" for name, value in zip(spec.partition, values, strict=False))
        is_there = len(values) == len(spec.partition) and file.location.rpartition("/")[0].endswith(folder)
        return is_there and file.location.count("=") == len(values)

    if not spec.partition or any(kinds[name] != types.STRING for name in spec.partition):
        yield files, ()
        return
    telling = {partition for partition, file in {file.partition: file for file in files}.items() if tells(file)}
    told = [file for file in files if file.partition in telling]
    others = [file for file in files if file.partition not in telling]
    if told:
        yield told, spec.partition
    if others:
        yield others, ()


def _stored(files: Sequence[DataFile], columns: set[str], told: Sequence[str] = (), options: str = "") -> str:
    """Base files as a relation; those that lack one of `columns` have nulls there. Their folders tell the columns `told`."""
    union = any(columns - set(shape) for shape in {file.columns for file in files})
    return _parquet((file.location for file in files), union, told, options)


def raw_sql(
    log: RawLog, schema: TableSchema, files: Sequence[RawFile], extra: str, where: str = "", *, numbered: bool = False
) -> str:
    """A SELECT of raw rows with the stored columns of `schema` and `extra`; older rows have the new columns' missing value.

    With `numbered` the rows also have `PATH` and `NUMBER`, for `extra` to use.
    """
    parts = []
    for own, group in by_schema(log, schema, files):
        listed = ", ".join(_converted(column, schema.held(column, own)) for column in schema.stored)
        rows = _numbered(log, own, group) if numbered else raw_files(log, group)
        parts.append(f"SELECT {listed}, {extra} FROM {rows}{where}")
    return " UNION ALL ".join(parts)


def by_schema(log: RawLog, schema: TableSchema, files: Iterable[RawFile]) -> list[tuple[TableSchema, list[RawFile]]]:
    """Files of one table by the schema they were written under, oldest first."""
    groups = itertools.groupby(sorted(files, key=lambda file: file.schema), key=lambda file: file.schema)
    return [(log.schema(schema.name, number), list(group)) for number, group in groups]


def raw_files(log: RawLog, files: Iterable[RawFile]) -> str:
    """Raw files of one schema as they are, as a relation."""
    return _parquet(log.location(file) for file in files)


def shared_schema(schemas: Sequence[TableSchema]) -> TableSchema:
    """The last schema, with columns of types that the values under all `schemas` have or can be given."""
    last = schemas[-1]

    def shared(column: Column) -> Column:
        held = (last.held(column, own) for own in schemas)
        return dataclasses.replace(column, type=common_type({each.type for each in held if each} or {column.type}))

    columns, dropped = (tuple(map(shared, each)) for each in (last.columns, last.dropped))
    return dataclasses.replace(last, columns=columns, dropped=dropped)


def common_type(kinds: set[str]) -> str:
    """The narrowest lake type that holds every value of these types as it is; text where there is no other."""
    if len(kinds) == 1:
        return next(iter(kinds))
    for narrow, wide in _WIDER:
        if kinds <= narrow:
            return wide
    sizes = [types.decimal_parts(kind) or _DIGITS.get(kind, (99, 0)) for kind in kinds]
    whole, scale = max(precision - scale for precision, scale in sizes), max(scale for _, scale in sizes)
    return types.decimal_type(whole + scale, scale) if whole + scale <= types.MAX_DECIMAL_PRECISION else types.STRING


def missing_sql(column: Column) -> str:
    """The value that rows older than the column have, named as the column."""
    kind, name = types.to_duckdb(column.type), quote(column.name)
    missing = values.decode(column, pa.array([column.missing], pa.string())).array[0]
    if missing.is_valid and column.type == types.DATE:
        return f"DATE '1970-01-01' + ({missing.value}) AS {name}"
    if missing.is_valid and column.type == types.TIMESTAMP:
        return f"make_timestamptz({missing.value}) AS {name}"
    value = missing.as_py()
    if value is None:
        return f"CAST(NULL AS {kind}) AS {name}"
    if isinstance(value, bytes):
        return f"from_hex('{value.hex()}') AS {name}"
    return f"CAST({quote_literal(str(value))} AS {kind}) AS {name}"


def strings(texts: Iterable[str]) -> str:
    """A list of strings as SQL."""
    return "[" + ", ".join(map(quote_literal, texts)) + "]"


def _converted(column: Column, held: Column | None) -> str:
    """The column as rows have it whose own column `held` has its values."""
    if held is None:
        return missing_sql(column)
    if (held.name, held.type) == (column.name, column.type):
        return quote(column.name)
    return f"CAST({quote(held.name)} AS {types.to_duckdb(column.type)}) AS {quote(column.name)}"


def _numbered(log: RawLog, own: TableSchema, files: Sequence[RawFile]) -> str:
    """Raw files with `PATH` and `NUMBER`. The files' columns are renamed below: a column of theirs hides DuckDB's of its name."""
    names = raw_schema(own).names
    stored = [quote(f"stored {name}") for name in names]
    listed = ", ".join(f"{inner} AS {quote(name)}" for inner, name in zip(stored, names, strict=True))
    rows = f"{raw_files(log, files)} AS stored ({', '.join(stored)})"
    return f"(SELECT {listed}, filename AS {PATH}, file_row_number AS {NUMBER} FROM {rows})"


def _parquet(paths: Iterable[str], union: bool = False, told: Sequence[str] = (), options: str = "") -> str:
    """Files as a relation. A folder such as ``day=2026-01-01`` on their way is no column, or tells the text of one."""
    kinds = ", ".join(f"{quote_literal(name)}: VARCHAR" for name in told)
    folders = f"hive_partitioning = true, hive_types = {{{kinds}}}" if told else "hive_partitioning = false"
    return f"read_parquet({strings(paths)}, {folders}{', union_by_name = true' if union else ''}{options})"
