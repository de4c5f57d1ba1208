"""Hudi tables as the contract of tables asks for one: in a store of any kind, read by pyarrow and by SQL."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import duckdb
import pyarrow.parquet as pq

from lakewright.engines.stored import StoredFiles
from lakewright.formats.hudi import HudiFormat
from lakewright.model.contracts import Store, Table
from lakewright.model.table import COW, Snapshot, TableSpec
from lakewright.pipeline.scan import Selection
from lakewright.pipeline.stored import Stored

PATH = "curated/things"


class Hudi:
    """A Hudi table in a store, read by pyarrow, and by SQL where it has logs."""

    def __init__(self, store: Store, kind: str = COW) -> None:
        self._store, self._kind = store, kind

    def create(self, spec: TableSpec) -> Table:
        return HudiFormat(self._store).create(PATH, dataclasses.replace(spec, type=self._kind))

    def open(self) -> Table | None:
        return HudiFormat(self._store).open(PATH)

    def put(self, name: str, data: bytes) -> None:
        self._store.create(name, data)

    def rows(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        if snapshot.logs:
            return self._merged(snapshot)
        files = (pq.ParquetFile(io.BytesIO(self._store.read(file.name))) for file in snapshot.files)
        return [row for file in files for row in file.read().to_pylist()]

    def _merged(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        table = self.open()
        assert table is not None
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if self._store.location(PATH).startswith("s3://"):
                connection.register_filesystem(StoredFiles("s3", self._store, ["curated"]))
            stored = Stored(connection, table, snapshot)
            rows = connection.sql(stored.sql(Selection(snapshot.spec))).to_arrow_table().cast(snapshot.spec.arrow())
            stored.close()
        assert len(rows) == snapshot.rows
        return rows.to_pylist()
