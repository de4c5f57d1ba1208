"""Histories of a few rows, many of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pyarrow as pa
import pytest

from lakewright.engines.duckdb import DuckDBEngine


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads cost more than they give where there are a few rows."""
    monkeypatch.setattr(DuckDBEngine, "__init__", functools.partialmethod(DuckDBEngine.__init__, threads=1))
    count = pa.cpu_count()
    pa.set_cpu_count(1)
    yield
    pa.set_cpu_count(count)
