"""A PostgreSQL server of one test's own, and a lake that follows the test's database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakewright.sources.postgres.embedded import EmbeddedPostgres
from lakewright.sources.postgres.source import PostgresSource
from tests.sources.following import Lake


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """An embedded server, not started yet, that a test may kill and whose settings it may spoil."""
    folder = Path(tempfile.mkdtemp(prefix="lakewright-test-"))
    folder.chmod(0o755)
    embedded = EmbeddedPostgres(folder / "a folder" / "pg")
    yield embedded
    embedded.stop()
    shutil.rmtree(folder)


@pytest.fixture
def lake(url: str) -> Callable[..., Lake]:
    def begin(*tables: str) -> Lake:
        """Publish what there is and start from here."""
        name = f"lake_{url.partition('test_')[2][:12]}"
        source = PostgresSource(url, list(tables) or ["public.*"], name)
        schemas = source.discover().tables
        with source.open_load(schemas, after=None) as load:
            return Lake(source, load.position, schemas, {}, [])

    return begin
