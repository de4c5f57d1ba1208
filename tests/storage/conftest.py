from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests import s3


@pytest.fixture(scope="module", params=[*s3.SERVERS])
def s3_server(request: pytest.FixtureRequest) -> Iterator[s3.Proxy]:
    """A server with the bucket, behind a proxy, for the tests of a module."""
    with pytest.MonkeyPatch.context() as patch, s3.SERVERS[request.param]() as proxy:
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
