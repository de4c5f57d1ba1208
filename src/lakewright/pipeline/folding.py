"""The fold of one table, computed in a DuckDB connection."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from lakewright.engines.failures import known_errors
from lakewright.model.batch import DELETED, OLD_KEY, OP, POSITION, UNAVAILABLE
from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import Column
from lakewright.model.table import ROW_COLUMN
from lakewright.pipeline import damage, scan
from lakewright.pipeline.table_at import TableAt
from lakewright.raw import fold
from lakewright.raw.log import RawLog


class Fold:
    """A `TableAt` in a connection: its tail materialised and folded, its base as SQL.

    ``truncated`` says that nothing of the base counts; ``changed`` is how many keys the tail touches. The connection's session is
    in UTC. The SELECTs are valid until `close`, which drops what was made. Making a fold and reading it raise `LogError` or
    `FormatError` for a file that is missing or damaged, else `QueryError`; no error of DuckDB's.
    """

    _serial = itertools.count()

    def __init__(self, connection: duckdb.DuckDBPyConnection, at: TableAt, log: RawLog) -> None:
        self.at = at
        self.truncated = False
        self.changed = 0
        self._con = connection
        self._log = log
        self._keyed = bool(at.schema.key)
        self._folded = f"_fold_{next(self._serial)}"
        self._tail = f"{self._folded}_tail"
        self._reading: pa.RecordBatchReader | None = None
        if at.tail:
            try:
                with damage.named_for(at, log):
                    self._make()
            except BaseException:
                self.close()
                raise

    def rows_sql(self) -> str:
        """A SELECT of all rows of the table at its position, with the columns of its spec."""
        listed = ", ".join(quote(name) for name, _ in self.at.spec.columns)
        made = self.at.mirror.stored(self.at.schema, self.at.generation)
        return self._rows(made, f"SELECT {listed if self.at.snapshot else made} FROM {self._base()} AS b")

    def visible_sql(self, column: Callable[[Column], str]) -> str:
        """A SELECT of all rows with the source's columns, each written by `column`, and the partition's day if any."""
        parts = [column(each) for each in self.at.schema.columns]
        if self.at.mirror.partition:
            parts.append(self.at.mirror.day_sql())
        listed = ", ".join(parts)
        return self._rows(listed, f"SELECT {listed} FROM {self._base()} AS b")

    def upserts_sql(self) -> str:
        """A SELECT of the rows that the tail inserts or changes, with the columns of the spec."""
        return f"SELECT {self.at.mirror.stored(self.at.schema, self.at.generation)} FROM {self._folded}{self._alive()}"

    def deletes_sql(self) -> str:
        """A SELECT of the keys that the tail removes."""
        keys = ", ".join(map(quote, self.at.spec.key))
        return f"SELECT {keys} FROM {self._folded} WHERE {DELETED if self._keyed else 'false'}"

    def reader(self, text: str, rows: int) -> pa.RecordBatchReader:
        """The answer to one of this fold's SELECTs, in batches of at most `rows`; it ends with `close`."""
        with damage.named_for(self.at, self._log):
            self._reading = self._con.sql(text).to_arrow_reader(rows)
        return pa.RecordBatchReader.from_batches(self._reading.schema, self._batches(self._reading))

    def close(self) -> None:
        """End what is still read, and drop what was made."""
        if self._reading is not None:
            self._reading.close()
        with known_errors():
            for table in (self._folded, self._tail, f"{self._tail}_next"):
                self._con.execute(f"DROP TABLE IF EXISTS {table}")

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        with damage.named_for(self.at, self._log):
            yield from reader

    def _make(self) -> None:
        at, con, tail = self.at, self._con, self._tail
        extra = f"{OP}, {POSITION}" + (f", {UNAVAILABLE}, {OLD_KEY}" if self._keyed else "")
        where = f" WHERE {POSITION} > '{at.after}' AND {POSITION} <= '{at.upto}'"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {tail} AS {scan.raw_sql(self._log, at.schema, at.tail, extra, where)}")
        rest = [name for name in at.schema.column_names if name not in at.schema.key]
        if self._keyed and self._one(fold.plain_sql(tail)):
            text = fold.last_rows_sql(at.schema.key, rest, tail)
        else:
            self.truncated = bool(self._one(fold.truncated_sql(tail)))
            text = self._folded_sql(rest)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {self._folded} AS {text}")
        con.execute(f"DROP TABLE {tail}")
        self.changed = int(self._one(f"SELECT count(*) FROM {self._folded}"))

    def _folded_sql(self, columns: list[str]) -> str:
        """The fold of a tail of any kind; `columns` are the table's but its key's."""
        if not self._keyed:
            return f"SELECT *, {POSITION} AS {ROW_COLUMN} FROM ({fold.append_sql(self.at.schema.column_names, self._tail)})"
        self._complete(columns)
        return fold.fold_sql(self.at.schema.key, columns, self._base(), self._tail)

    def _complete(self, columns: list[str]) -> None:
        tail = self._tail

        def step() -> None:
            text = fold.complete_sql(self.at.schema.key, columns, self._base(), tail)
            self._con.execute(f"CREATE OR REPLACE TEMP TABLE {tail}_next AS {text}")
            self._con.execute(f"DROP TABLE {tail}; ALTER TABLE {tail}_next RENAME TO {tail}")

        fold.complete(lambda: int(self._one(fold.incomplete_sql(tail))), step)

    def _rows(self, listed: str, base: str) -> str:
        if not self.at.tail:
            return base
        changed = f"SELECT {listed} FROM {self._folded}{self._alive()}"
        if self.truncated:
            return changed
        if self._keyed and self.changed:
            same = " AND ".join(f"f.{quote(name)} = b.{quote(name)}" for name in self.at.schema.key)
            base += f" WHERE NOT EXISTS (SELECT 1 FROM {self._folded} AS f WHERE {same})"
        return f"{base} UNION ALL {changed}"

    def _alive(self) -> str:
        return f" WHERE NOT {DELETED}" if self._keyed else ""

    def _base(self) -> str:
        """The table's rows before the tail, as a relation in parentheses."""
        at = self.at
        if at.snapshot is not None:
            return f"({scan.snapshot_sql(at.snapshot, at.spec, at.schema.columns)})"
        if self._keyed:
            return f"({scan.raw_sql(self._log, at.schema, at.load, POSITION)})"
        # A row of a load without key is known by its file and its place in it; a named file never changes.
        files = scan.strings(self._log.location(file) for file in at.load)
        row = f"{POSITION} || '-' || list_position({files}, {scan.PATH}) || '-' || {scan.NUMBER} AS {ROW_COLUMN}"
        return f"({scan.raw_sql(self._log, at.schema, at.load, f'{POSITION}, {row}', numbered=True)})"

    def _one(self, text: str) -> Any:
        return self._con.execute(text).fetchall()[0][0]


class Folds:
    """Folds kept for the next query: the newest of each table, which is still right while neither table nor log moved."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection
        self._newest: dict[str, Fold] = {}

    def take(self, at: TableAt, log: RawLog) -> Fold:
        """The fold of `at`: the kept one if it is the same, else a new one. Give it to `release` when its SELECTs are done."""
        kept = self._newest.get(at.mirror.name)
        return kept if kept is not None and kept.at == at else Fold(self._con, at, log)

    def release(self, fold: Fold) -> None:
        """Keep the fold, unless the one that is kept is of a later position; the other of the two is closed."""
        kept = self._newest.get(fold.at.mirror.name)
        if kept is fold:
            return
        if kept is not None and kept.at.feed == fold.at.feed and kept.at.upto > fold.at.upto:
            fold.close()
            return
        self._newest[fold.at.mirror.name] = fold
        if kept is not None:
            kept.close()
