"""The contract of tables, where real Spark makes every commit: what merges with Spark rely on."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakewright.engines.spark import SparkEngine
from lakewright.formats.hudi import schema
from lakewright.model.contracts import Store, Table
from lakewright.model.names import quote_identifier as quote
from lakewright.model.table import COW, DELETED_COLUMN, MOR, Checkpoint, Commit, Snapshot, TableSpec
from lakewright.storage.local import LocalStore
from lakewright.testing import table_contract as contract
from lakewright.testing.table_model import Row, Subject
from tests import s3
from tests.formats.hudi_subject import PATH, Hudi
from tests.interop.engine import Spark

NOT_OF_SPARK = (
    contract.rows_may_stand_in_the_store_already,  # Spark decodes what it writes
    contract.bad_rows_change_nothing,  # the fold, and the loan's `refused`, see to that
    contract.an_overwritten_partition_has_the_new_rows_alone,  # no merge does it, and Spark's leaves a key in two partitions
    contract.a_table_without_partition_is_overwritten_as_a_whole,
    contract.a_replacement_may_change_columns,  # a merge by Spark keeps all columns, and has us widen the decimals
    contract.rows_go_in_change_and_leave,  # Spark counts a deleted key that is not there as a row that came and went
)
CHECKS = [check for check in contract.CONTRACT if check not in NOT_OF_SPARK]
IN_BRIEF = contract.commits_carry_checkpoints
"""The check that `make interop` runs, of tables with logs."""


class SparkWrite:
    """A commit by Spark, as merges have it make one: opened by a loan, made when it is committed."""

    def __init__(self, subject: SparkTables, table: Table) -> None:
        self._subject, self._table, self._loan = subject, table, table.lend()
        self._rows: pa.Table | None = None
        self._replaces = False
        self.base = self._loan.base
        self.instant = ""

    def upsert(self, rows: pa.Table, deletes: pa.Table) -> None:
        removed = deletes.append_column(DELETED_COLUMN, pa.repeat(True, len(deletes)))
        stored = pa.schema([field for field in self._loan.spec.arrow() if field.name not in rows.column_names])
        self._rows = pa.concat_tables([rows, stored.empty_table(), removed], promote_options="default")

    def replace(self, spec: TableSpec, batches: Iterator[pa.RecordBatch]) -> None:
        given = list(batches)
        self._rows = pa.Table.from_batches(given, given[0].schema if given else spec.arrow())
        self._replaces = True

    def commit(self, mark: Checkpoint) -> Commit:
        rows = self._loan.spec.arrow().empty_table() if self._rows is None else self._rows
        self._subject.write(rows, self._loan.settings(mark, replaces=self._replaces), self._loan.guard())
        return [commit for commit in self._table.history() if commit.checkpoint == mark][-1]


class SparkTable:
    """A table of ours into which Spark writes; the rest is ours."""

    def __init__(self, subject: SparkTables, table: Table) -> None:
        self._subject, self._table = subject, table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    @contextlib.contextmanager
    def write(self) -> Iterator[SparkWrite]:
        yield SparkWrite(self._subject, self._table)


class SparkTables:
    """Fulfils `Subject` with Spark as writer; `scratch` is a folder for what passes between the engines."""

    def __init__(self, engine: SparkEngine, store: Store, kind: str, scratch: Path) -> None:
        self._engine, self._location, self._ours = engine, store.location(PATH), Hudi(store, kind)
        self._sources = (str(scratch / f"{number}.parquet") for number in itertools.count())

    def create(self, spec: TableSpec) -> Any:
        return SparkTable(self, self._ours.create(spec))

    def open(self) -> Any:
        table = self._ours.open()
        return table and SparkTable(self, table)

    def put(self, name: str, data: bytes) -> None:
        self._ours.put(name, data)

    def rows(self, snapshot: Snapshot) -> list[Row]:
        return self._ours.rows(snapshot)

    def write(self, rows: pa.Table, settings: Mapping[str, str], guard: Callable[[], None]) -> None:
        """Let Spark make a commit of rows."""
        source = next(self._sources)
        pq.write_table(rows, source)
        kinds = [(field.name, str(schema.lake_type(field.type))) for field in rows.schema]
        self._engine.name(self._engine.files([source], kinds), "rows")
        columns = ", ".join(quote(name) for name in rows.column_names)
        self._engine.write(self._location, f"SELECT {columns} FROM rows", settings, guard)


of_each_kind = pytest.mark.parametrize(
    ("kind", "check"),
    [
        pytest.param(
            kind, check, id=f"{kind}-{check.__name__}", marks=() if (kind, check) == (MOR, IN_BRIEF) else pytest.mark.full
        )
        for kind in (COW, MOR)
        for check in CHECKS
    ],
)


@of_each_kind
def test_contract(engine: SparkEngine, tmp_path: Path, kind: str, check: Callable[[Subject], None]) -> None:
    check(SparkTables(engine, LocalStore(tmp_path), kind, tmp_path))


@pytest.fixture(scope="module")
def endpoint(spark: Spark) -> Iterator[str]:
    """moto's S3 with an empty bucket, for Spark too."""
    with pytest.MonkeyPatch.context() as patch, s3.moto() as proxy:
        for name, value in s3.CREDENTIALS.items():
            patch.setenv(name, value)
        s3.make_bucket(proxy.endpoint)
        spark.reach(proxy.endpoint, s3.CREDENTIALS)
        yield proxy.endpoint


@of_each_kind
def test_contract_on_s3(engine: SparkEngine, endpoint: str, tmp_path: Path, kind: str, check: Callable[[Subject], None]) -> None:
    store = s3.open_store(endpoint, str(tmp_path / "partials"), f"{kind}/{check.__name__}")
    check(SparkTables(engine, store, kind, tmp_path))
