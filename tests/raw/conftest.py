from __future__ import annotations

from pathlib import Path

import pytest

from lakewright.raw import pages
from lakewright.raw.log import RawLog
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import FaultyStore


@pytest.fixture
def store(tmp_path: Path) -> FaultyStore:
    return FaultyStore(LocalStore(tmp_path))


@pytest.fixture
def log(store: FaultyStore) -> RawLog:
    return RawLog(store, "raw", "shop")


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds fill pages with one file each."""
    monkeypatch.setattr(pages, "FILES", 1)
