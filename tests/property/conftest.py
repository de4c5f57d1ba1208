"""Histories of a few rows, many of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import known_types

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


@pytest.fixture(scope="module", autouse=True)
def _types() -> Iterator[None]:
    """The lives of a module know the types from one session; it ends with them, for other tests count sessions."""
    with pytest.MonkeyPatch.context() as patch, known_types(patch):
        yield
