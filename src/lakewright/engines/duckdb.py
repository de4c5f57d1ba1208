"""The local engine: DuckDB in this process, with bounded memory, threads and disk."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from lakewright.engines.athena_sql import macros
from lakewright.engines.athena_sql import statement as statements
from lakewright.engines.athena_sql.place import at_named_word
from lakewright.engines.athena_sql.tables import resolve
from lakewright.engines.athena_sql.translate import translate
from lakewright.engines.failures import known_errors
from lakewright.engines.relation import Relations
from lakewright.engines.result import Result, arrow_schema, athena_columns, converted, of_rows
from lakewright.errors import QueryError
from lakewright.model import duckdb_settings

BATCH_ROWS = 65_536
_T = TypeVar("_T")


class DuckDBEngine:
    """Athena's SQL over relations, and a DuckDB connection for what the pipeline computes itself.

    At most `memory_limit` is used; what does not fit goes to files in `temp`, at most `max_temp` of them. An engine has one
    connection: use it from one thread at a time. An answer that is still being read ends when the next statement starts.
    """

    def __init__(self, temp: Path, *, memory_limit: str = "50%", threads: int | None = None, max_temp: str = "100GB") -> None:
        self._con = duckdb.connect(":memory:")
        self._worker = concurrent.futures.ThreadPoolExecutor(1, "duckdb")
        # Started now: Ctrl-C in the middle of a thread's start leaves one that nobody can end.
        self._worker.submit(int).result()
        self._open: pa.RecordBatchReader | None = None
        self._defined: set[str] = set()
        # A named file never changes, so what was read of its footer stays true.
        more: dict[str, object] = {"preserve_insertion_order": False, "parquet_metadata_cache": True}
        for statement in duckdb_settings.statements(
            temp, memory_limit, max_temp, more | ({"threads": threads} if threads else {})
        ):
            self._con.execute(statement)

    def close(self) -> None:
        """Let go of memory and temporary files."""
        self._finish()
        self._worker.shutdown()
        self._con.close()

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The engine's one connection, idle and in UTC; relations may refer to what is made in it."""
        self._finish()
        return self._con

    def query(self, text: str, relations: Relations) -> Result:
        """The answer to one statement in Athena's SQL: SELECT, WITH, VALUES, EXPLAIN, SHOW TABLES, SHOW COLUMNS or DESCRIBE.

        Rows are computed as they are read. Raises `QueryError`: LW-500 to LW-507 with the place in `text`, LW-508 to LW-511 for
        what fails while it runs, also from the stream. No message holds a value of a row. Ctrl-C stops the computation.
        """
        statement = statements.parse(text)
        if isinstance(statement, statements.ShowTables):
            return _show_tables(statement, relations)
        if isinstance(statement, statements.ShowColumns):
            columns = resolve(statement.table, statement.node, statement.text, relations).columns
            return of_rows(("column", "type"), [(name.lower(), kind) for name, kind in columns])
        sql = self.translate(statement, relations)
        if statement.explain:
            plan = self._run(lambda: self._con.execute(f"EXPLAIN {sql}").fetchall())
            return of_rows(("query plan",), [(line,) for _, tree in plan for line in tree.splitlines()])
        try:
            described, reader = self._stream(sql)
        except QueryError as error:
            raise at_named_word(error, statement.tree, text) from None
        schema = arrow_schema(described, reader.schema)
        batches = (converted(batch, schema) for batch in self._batches(reader))
        return Result(athena_columns(described), pa.RecordBatchReader.from_batches(schema, batches), lambda: self._end(reader))

    def translate(self, query: statements.Query, relations: Relations) -> str:
        """The DuckDB SELECT that answers `query`; raises `QueryError` as `query` does."""
        self._finish()
        sql = translate(query, relations, self._moment)
        self._define(sql)
        return sql

    def _stream(self, sql: str) -> tuple[list[tuple[str, str]], pa.RecordBatchReader]:
        """Start a SELECT: (name, DuckDB type) of its columns and its rows."""
        self._finish()

        def start() -> tuple[list[tuple[str, str]], pa.RecordBatchReader]:
            answer = self._con.sql(sql)
            described = list(zip(answer.columns, map(str, answer.types), strict=True))
            return described, answer.to_arrow_reader(BATCH_ROWS)

        described, self._open = self._run(start)
        return described, self._open

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        with contextlib.closing(reader), contextlib.suppress(StopIteration):
            while self._reads(reader):
                yield self._run(reader.read_next_batch)
            raise QueryError("LW-511", "the answer was closed before all of its rows were read")

    def _run(self, work: Callable[[], _T]) -> _T:
        """Do `work` in the engine's thread, so that Ctrl-C is heard meanwhile: it stops what DuckDB is doing."""
        try:
            with known_errors():
                return self._worker.submit(work).result()
        except KeyboardInterrupt:
            self._stop()
            raise

    def _stop(self) -> None:
        """Wait until the engine's thread has nothing to do, and interrupt what it does if that takes long."""
        idle = self._worker.submit(lambda: None)
        while not concurrent.futures.wait([idle], timeout=0.1).done:
            self._con.interrupt()

    def _finish(self) -> None:
        """End what is still being read: DuckDB starts nothing beside an open result."""
        self._stop()
        if self._open is not None:
            self._open.close()
            self._open = None
        self._con.complete()

    def _end(self, reader: pa.RecordBatchReader) -> None:
        """End the reading of `reader`, unless another statement did already."""
        if self._reads(reader):
            self._finish()

    def _reads(self, reader: pa.RecordBatchReader) -> bool:
        return self._open is reader

    def _define(self, sql: str) -> None:
        """Make the macros that a SELECT of DuckDB needs, unless they are there."""
        missing = [macro for macro in macros.needed(sql) if macro.name not in self._defined]
        if missing:
            text = "; ".join([macros.SCHEMAS, *(macro.statement.removesuffix(";") for macro in missing)])
            self._run(lambda: self._con.execute(text))
            self._defined |= {macro.name for macro in missing}

    def _moment(self, sql: str) -> datetime.datetime:
        self._define(sql)
        rows = self._run(lambda: self._con.execute(f"SELECT epoch_us(CAST(moment AS TIMESTAMPTZ)) FROM ({sql})").fetchall())
        if rows[0][0] is None:
            raise QueryError("LW-507", "the time of FOR TIMESTAMP AS OF is NULL")
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=rows[0][0])


def _show_tables(statement: statements.ShowTables, relations: Relations) -> Result:
    pattern = None
    if statement.pattern is not None:
        pattern = re.compile("|".join(re.escape(part).replace(r"\*", ".*") for part in statement.pattern.lower().split("|")))
    names = [
        (schema, name)
        for schema, name in relations.names()
        if statement.schema in (None, schema) and (pattern is None or pattern.fullmatch(name))
    ]
    return of_rows(("schema", "table"), names)
