from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import s3

from lakewright.testing.store_contract import OpenStore


@pytest.fixture(scope="module")
def s3_server(request: pytest.FixtureRequest) -> Iterator[s3.Proxy]:
    """moto, or the server that is the parameter, with the bucket, behind a proxy, for the tests of a module."""
    with pytest.MonkeyPatch.context() as patch, s3.SERVERS[getattr(request, "param", "moto")]() as proxy:
        for name, value in s3.CREDENTIALS.items():
            patch.setenv(name, value)
        s3.make_bucket(proxy.endpoint)
        yield proxy


@pytest.fixture
def proxy(s3_server: s3.Proxy) -> s3.Proxy:
    """The same, without faults."""
    s3_server.faults.clear()
    s3_server.requests.clear()
    return s3_server


@pytest.fixture
def opened(proxy: s3.Proxy, tmp_path: Path) -> OpenStore:
    """Opens one store, empty at first; picklable."""
    return functools.partial(s3.open_store, proxy.endpoint, str(tmp_path / "partials"), uuid.uuid4().hex)
