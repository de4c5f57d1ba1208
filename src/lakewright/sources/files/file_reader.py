"""The rows of one file of a dataset: the good ones with their lake types, and every other with its place and reason."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lakewright.errors import SourceError
from lakewright.model import types
from lakewright.sources.files import scan
from lakewright.sources.files.casts import cast, nulls_left_out
from lakewright.sources.files.dataset import LINE, Dataset, FileColumn, misfit
from lakewright.sources.files.plain import plain
from lakewright.sources.files.records import HEADER_AGAIN, KEY_TWICE, MAX_LINE, MAX_TEXT, NOT_AN_OBJECT, SKIPPED, names, relation
from lakewright.sources.files.rejected import row_text
from lakewright.sources.files.sniff import unlike
from lakewright.sources.files.structure import structure

BATCH_ROWS = 100_000
BATCH_BYTES = 32 << 20

REJECTS = pa.schema(
    [
        pa.field(LINE, pa.int64()),
        pa.field("column", pa.string()),
        pa.field("value", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("text", pa.string()),
    ]
)
"""Rejected rows: ``column`` (as the lake names it) and ``value`` are null where it is the whole row that does not fit. ``reason``
begins with one of the words columns, quotes, encoding, length, header, json, type, key, and a colon. ``text`` is the record as it
stands in the file, or written again from its values where it could be told apart; at most 64 KB of it. Of a record whose quotes
are broken each line is a reject."""

_BROKEN = {
    "UNQUOTED VALUE": "quotes: not closed, or text behind a closing quote",
    "INVALID ENCODING": "encoding: not UTF-8",
    "LINE SIZE OVER MAXIMUM": f"length: more than {MAX_LINE:,} bytes",
}
_SPECIAL = {
    HEADER_AGAIN: "header: the header once more",
    NOT_AN_OBJECT: "json: not one object",
    KEY_TWICE: "json: a key twice",
}
_NO_KEY = "key: no value in a column of the key"


class Piece(NamedTuple):
    """Consecutive rows of a file: ``rows`` as `Dataset.arrow`, ``rejects`` as `REJECTS`, each in the order of their lines."""

    rows: pa.RecordBatch
    rejects: pa.RecordBatch


class FileReader:
    """One pass over a file; `pieces` once, and then the counts: ``rows_in_file`` is ``taken`` and ``rejected`` together.

    ``_line`` is the number of the record, the file's first line being 1: the line of a text editor, if no earlier value holds a
    line end and no earlier line is blank. It is distinct, grows in the order of the file, and is the same whenever the same
    bytes are read with the same dataset.
    """

    def __init__(
        self, connection: Any, path: Path, dataset: Dataset, required: Sequence[str], found: list[str], place: str, assume: bool
    ) -> None:
        self._connection, self._path, self._dataset, self._headers, self._place = connection, path, dataset, found, place
        self._required = required
        self._structure = structure(connection, path, dataset.dialect, found, place, assume=assume)
        self.taken = self.rejected = self.skipped = 0

    @property
    def rows_in_file(self) -> int:
        """The records of the file that are neither blank nor comments; final once all pieces were taken."""
        return self._structure.records + self._structure.broken - self.skipped

    def pieces(self) -> Iterator[Piece]:
        """All rows in file order; raises LW-270 at the end where they are not as many as the file's records.

        What was given does not count where `Misjudged` is raised; see `read`.
        """
        start, structure = 0, self._structure
        with contextlib.closing(self._connection.cursor()) as cursor, scan.known_errors(self._place):
            with contextlib.closing(self._connection.sql(self._select()).to_arrow_reader(self._piece_rows())) as reader:
                for batch in reader:
                    yield self._piece(batch, start, cursor)
                    start += batch.num_rows
            structure.confirm(self._connection, start)
            for low in range(structure.broken_before(start), len(structure.before), BATCH_ROWS):
                yield self._counted(self._no_rows(), self._broken(cursor, low, min(low + BATCH_ROWS, len(structure.before))))
        if start != structure.records or self.taken + self.rejected != self.rows_in_file:
            raise SourceError(
                "LW-270",
                f"{self.rows_in_file:,} records were counted in the file, but {self.taken + self.rejected:,} were read",
                where=self._place,
                hint="was the file changed while it was read?",
            )

    def _piece_rows(self) -> int:
        """So many rows that a piece has about `BATCH_BYTES`."""
        width = self._path.stat().st_size / max(1, self._structure.records)
        return int(max(1, min(BATCH_ROWS, BATCH_BYTES / max(1.0, width))))

    def _select(self) -> str:
        dialect, columns = self._dataset.dialect, self._dataset.columns
        places = [f"c{self._headers.index(column.source_name)}" for column in columns]
        casts = ", ".join(
            f"{cast(place, column, dialect)} AS t{number}"
            for number, (place, column) in enumerate(zip(places, columns, strict=True))
        )
        faults = " ".join(
            f"WHEN t{number} IS NULL AND {nulls_left_out(place, column)} IS NOT NULL THEN {number}"
            for number, (place, column) in enumerate(zip(places, columns, strict=True))
            if column.type != types.STRING
        )
        for number, column in enumerate(columns):
            faults += f" WHEN t{number} IS NULL THEN {number + len(columns)}" if column.name in self._required else ""
        values = ", ".join(f"t{number}" for number in range(len(columns)))
        fault = f"CASE WHEN special IS NOT NULL THEN special {faults} END"
        record = "[line]" if dialect.format == "json" else f"[{', '.join(f'c{n}' for n in range(len(self._headers)))}]"
        source = f"SELECT *, {casts} FROM ({relation(self._path, dialect, self._headers, self._structure.parallel)})"
        return f"""
            SELECT {values}, fault, CASE WHEN fault IS NOT NULL THEN {record} END AS record,
                   CASE fault {" ".join(f"WHEN {n} THEN {place}" for n, place in enumerate(places))} END AS value
            FROM (SELECT *, {fault} AS fault FROM ({source}))"""

    def _piece(self, batch: pa.RecordBatch, start: int, cursor: Any) -> Piece:
        """What stands from record `start` on, as far as `batch` goes."""
        structure, count = self._structure, batch.num_rows
        lines = pa.array(structure.lines(start, count))
        schema = self._dataset.arrow()
        values = [batch.column(number).cast(schema.field(number).type) for number in range(len(self._dataset.columns))]
        rows = pa.RecordBatch.from_arrays([*values, lines], schema=schema)
        fault = batch.column("fault")
        rejects = self._broken(cursor, structure.broken_before(start), structure.broken_before(start + count))
        if fault.null_count < count:
            bad = pc.is_valid(fault)
            rows = rows.filter(pc.is_null(fault))
            found = self._misfits(batch.select(["fault", "record", "value"]).filter(bad), lines.filter(bad))
            rejects = pa.concat_batches([rejects, found]).sort_by(LINE)
        return self._counted(rows, rejects)

    def _misfits(self, faulty: pa.RecordBatch, lines: pa.Array) -> pa.RecordBatch:
        """The rejects among records that have the right columns; skipped ones are counted here and left out."""
        rejects, columns = [], self._dataset.columns
        for line, fault, record, value in zip(lines.to_pylist(), *(faulty.column(n).to_pylist() for n in range(3)), strict=True):
            if fault == SKIPPED:
                self.skipped += 1
                continue
            column = columns[fault % len(columns)] if fault >= 0 else None
            why = _NO_KEY if fault >= len(columns) else _SPECIAL.get(fault) or f"type: not {_described(columns[fault])}"
            rejects.append((line, column and column.name, value, why, self._written(record)))
        return _rejects(rejects)

    def _broken(self, cursor: Any, low: int, high: int) -> pa.RecordBatch:
        """The rejects among the broken records from number `low` to before `high`; comments are left out."""
        if low == high:
            return _rejects([])
        found = cursor.execute(
            "SELECT number, part, kind, text, message FROM broken"
            f" WHERE counts AND number >= {low} AND number < {high} ORDER BY number"
        ).fetchall()
        line = self._structure.line_of_broken
        return _rejects(
            [
                (line(n), None, None, _broken_reason(kind, message, part, line(n - part + 1)), _cut(text.lstrip("\r\n")))
                for n, part, kind, text, message in found
            ]
        )

    def _written(self, record: list[str | None]) -> str:
        """A record as text again."""
        dialect = self._dataset.dialect
        return _cut((record[0] or "") if dialect.format == "json" else row_text(record, self._headers, dialect))

    def _counted(self, rows: pa.RecordBatch, rejects: pa.RecordBatch) -> Piece:
        self.taken += rows.num_rows
        self.rejected += rejects.num_rows
        return Piece(rows, rejects)

    def _no_rows(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([], schema=self._dataset.arrow())


@contextlib.contextmanager
def read(
    path: Path,
    dataset: Dataset,
    *,
    temp: Path,
    required: Sequence[str] = (),
    assume: bool = False,
) -> Iterator[FileReader]:
    """Read a file of the dataset; needs room in `temp` for its text where it is compressed or not in UTF-8.

    A row without a value in one of the columns `required` is rejected too. With `assume` a large file is read once and not
    twice, where each line of it is a record; `Misjudged` at the end says that it has to be read again, without.

    Raises `SourceError`: LW-262 where its columns are not the dataset's, and what `plain`, `headers` and `structure` raise.
    """
    if (reason := unlike(path, dataset.dialect)) is not None:
        raise _no_fit(dataset, reason, path.name)
    with plain(path, dataset.dialect, temp) as text, scan.opened(temp, path.name) as connection:
        found = names(connection, text, dataset.dialect, path.name)
        if (reason := misfit(dataset, found)) is not None:
            raise _no_fit(dataset, reason, f"{path.name}:{dataset.dialect.skip + 1}")
        if dataset.dialect.format == "json":
            found = [column.source_name for column in dataset.columns]
        yield FileReader(connection, text, dataset, required, found, path.name, assume)


def file_names(path: Path, dataset: Dataset, *, temp: Path) -> list[str]:
    """The names of a file's columns, in its order; raises as `read` does but for LW-262."""
    with plain(path, dataset.dialect, temp) as text, scan.opened(temp, path.name) as connection:
        return names(connection, text, dataset.dialect, path.name)


def _no_fit(dataset: Dataset, reason: str, where: str) -> SourceError:
    message = f"the file does not fit the dataset {dataset.name}: {reason}"
    hint = f"send it corrected; or let datasets/{dataset.name}.yaml fit it, then `lakewright quarantine accept` takes it"
    return SourceError("LW-262", message, where=where, hint=hint)


def _described(column: FileColumn) -> str:
    article = "an" if column.type[0] in "aeiou" else "a"
    return f"{article} {column.type}" + (f" written as {column.format}" if column.format else "")


def _broken_reason(kind: str, message: str, part: int, begin: int) -> str:
    if part > 1:
        return f"quotes: of the record that begins in line {begin}"
    numbers = re.findall(r"\d+", message) if kind.endswith("COLUMNS") else []
    return f"columns: {numbers[1]} instead of {numbers[0]}" if len(numbers) == 2 else _BROKEN.get(kind, f"record: {kind.lower()}")


def _cut(text: str) -> str:
    return text.encode()[:MAX_TEXT].decode(errors="ignore") if len(text) * 4 > MAX_TEXT else text


def _rejects(rows: list[tuple[int, str | None, str | None, str, str]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(REJECTS.names, row, strict=True)) for row in rows], schema=REJECTS)
