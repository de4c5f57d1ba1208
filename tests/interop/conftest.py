"""One Spark for the session: starting it and warming it up takes longer than most tests."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.engine import Spark


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are for `make interop`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))  # of py4j, in its own time


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """A warm session; the test fails, rather than be left out, where `make interop` did not set the stage."""
    missing = [name for name in ("JAVA_HOME", "HUDI_BUNDLE") if not os.environ.get(name)]
    if missing:
        pytest.fail(f"{' and '.join(missing)} not set: run `make interop`")
    with warnings.catch_warnings(action="default"):
        engine = Spark(Path(os.environ["HUDI_BUNDLE"]), tmp_path_factory.mktemp("spark"))
    yield engine
    engine.close()
