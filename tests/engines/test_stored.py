"""DuckDB reads a store's files through the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakewright.engines.stored import StoredFiles
from lakewright.storage.local import LocalStore
from lakewright.storage.reading import StoredFile

ROWS = 40_000


class Remote(LocalStore):
    """A store whose locations are URLs."""

    def location(self, name: str) -> str:
        return f"s3://bucket/{name}"


def test_threads_that_share_a_file_read_each_its_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Remote(tmp_path)
    with store.upload("raw/a b=1.parquet") as file:
        pq.write_table(pa.table({"n": range(ROWS), "text": [f"{n:x}" * 9 for n in range(ROWS)]}), file, row_group_size=2000)
    seek = StoredFile.seek

    def slow(self: StoredFile, *place: Any) -> int:
        found = seek(self, *place)
        time.sleep(0.001)  # another thread goes on between this seek and its read
        return found

    monkeypatch.setattr(StoredFile, "seek", slow)
    with duckdb.connect() as connection:
        connection.execute("SET threads = 8")
        connection.register_filesystem(StoredFiles("s3", store, ["raw"]))
        answer = "SELECT sum(n), count(DISTINCT text) FROM read_parquet('s3://bucket/raw/a b=1.parquet')"
        assert connection.execute(answer).fetchall() == [(ROWS * (ROWS - 1) // 2, ROWS)]
