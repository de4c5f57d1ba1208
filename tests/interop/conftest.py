"""One Spark for each process of the tests, and one Trino: starting them and warming them up takes longer than most tests."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakewright.engines.spark import SparkEngine
from tests import s3
from tests.interop.engine import Spark
from tests.interop.glue import Glue, install
from tests.interop.trino import Trino


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are for `make interop`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))  # of py4j, in its own time
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """A warm session; the test fails, rather than be left out, where `make interop` did not set the stage."""
    _, bundle = set_by("make interop", "JAVA_HOME", "HUDI_BUNDLE")
    with warnings.catch_warnings(action="default"):
        engine = Spark(bundle, tmp_path_factory.mktemp("spark"))
    yield engine
    engine.close()


@pytest.fixture
def engine(spark: Spark) -> Iterator[SparkEngine]:
    """Spark as merges have it, in that session."""
    engine = SparkEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def trino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """A server over an empty Glue; the test fails, rather than be left out, where `make interop-trino` did not set the stage."""
    java, home = set_by("make interop-trino", "JAVA25_HOME", "TRINO_HOME")
    with s3.ministack("glue") as glue:
        engine = Trino(home, java, tmp_path_factory.mktemp("trino"), glue.endpoint)
        yield engine
        engine.close()


@pytest.fixture(scope="session")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Glue:
    """The job's packages, installed where nothing else of ours is."""
    _, hudi = set_by("make interop", "JAVA_HOME", "HUDI_BUNDLE")
    return install(tmp_path_factory.mktemp("glue"), hudi)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Proxy]:
    """An AWS with an empty bucket."""
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3.ministack("s3,glue,monitoring") as proxy:
        s3.make_bucket(proxy.endpoint)
        yield proxy


def set_by(target: str, *names: str) -> list[Path]:
    """What the environment has under these names."""
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.fail(f"{' and '.join(missing)} not set: run `{target}`")
    return [Path(os.environ[name]) for name in names]
