"""Histories of a few rows, many of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from adbc_driver_postgresql import dbapi as adbc

from lakewright.sources.postgres.connection import Database

from .world import ENGINES


@pytest.fixture(autouse=True)
def _small(one_thread: None) -> None:
    """See `one_thread`."""


@pytest.fixture(scope="session", autouse=True)
def _engines() -> Iterator[None]:
    """Those of all lives end with the last."""
    yield
    while ENGINES:
        ENGINES.pop().close()


@pytest.fixture(scope="session", autouse=True)
def _types(database: str) -> Iterator[None]:
    """The loads of all lives know the server's types from one session: to ask for them takes longer than such a load."""
    first = Database(database).arrow()
    arrow = Database.arrow

    def like_first(self: Database, like: adbc.Connection | None = None) -> adbc.Connection:
        return arrow(self, like or (first if self.url == database else None))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "arrow", like_first)
        yield
    first.close()
