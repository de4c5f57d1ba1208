"""A PostgreSQL server of one test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakewright.sources.postgres.embedded import EmbeddedPostgres


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """An embedded server, not started yet, that a test may kill and whose settings it may spoil."""
    folder = Path(tempfile.mkdtemp(prefix="lakewright-test-"))
    folder.chmod(0o755)
    embedded = EmbeddedPostgres(folder / "a folder" / "pg")
    yield embedded
    embedded.stop()
    shutil.rmtree(folder)
