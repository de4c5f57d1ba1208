"""An engine over three small tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_tables import Shop

from lakewright.engines.duckdb import DuckDBEngine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(tmp_path_factory.mktemp("duckdb"), memory_limit="256MB", threads=1)
    yield made
    made.close()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    return tmp_path / "temp"
