"""Requests to one S3 bucket: repeated within bounds, and their failures as errors of the tree.

Throttling, server errors and lost connections are repeated by botocore's standard mode, with pauses that grow; what it does not
know of is repeated here: a body that was cut, and a conflict with a conditional write that was under way. No message holds what a
server says beyond its error's code: a text of its own may hold a key.
"""

from __future__ import annotations

import contextlib
import functools
import random
import shlex
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import boto3
import botocore.exceptions as failures
from botocore.config import Config
from urllib3.exceptions import HTTPError

from lakewright.errors import NotFound, StorageError, StorageUnreachable

Result = TypeVar("Result")

SCHEME = "s3://"
ATTEMPTS = 5
"""How often a request is made at most."""
_PAUSE = 0.2
"""Seconds before the first repetition after a conflict, doubled with each."""

_NO_ANSWER = (
    failures.ConnectionError,
    failures.HTTPClientError,
    failures.IncompleteReadError,
    failures.ResponseStreamingError,
    failures.FlexibleChecksumError,
    HTTPError,
)
_NO_CREDENTIALS = (
    failures.NoCredentialsError,
    failures.PartialCredentialsError,
    failures.CredentialRetrievalError,
    failures.NoAuthTokenError,
    failures.TokenRetrievalError,
    failures.SSOError,
    failures.ProfileNotFound,
)
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "RequestExpired"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307"}
_OVERLOADED = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
_CREDENTIALS_HINT = "`aws sts get-caller-identity` tells which are used; `aws sso login`, or new keys, mend it"
_SETTINGS_HINT = "check zones and s3 in lake.yaml, and the AWS settings of this shell"


def place_of(url: str) -> tuple[str, str]:
    """The bucket of ``s3://bucket/prefix``, and what the keys below it begin with: nothing, or a prefix that ends in a slash."""
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    return bucket, f"{prefix.rstrip('/')}/" if prefix else ""


class Refused(Exception):
    """The condition of a write does not hold: the name is taken, or the object is another."""


class Conflict(Exception):
    """Another conditional write of the name was under way: what is sent has to be sent again."""


class PastEnd(Exception):
    """The range that was asked for begins behind the object's last byte."""


class Requests:
    """Requests to `bucket`, safe from several threads; `endpoint` and `region` are those that AWS's own settings name if None."""

    def __init__(self, bucket: str, endpoint: str | None, region: str | None) -> None:
        self._bucket = bucket
        with _known_failures(bucket, None):
            self._client = _client(endpoint, region)

    def send(self, operation: str, key: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The answer to one request, such as ``put_object``.

        Raises `Refused`, `Conflict`, `PastEnd`, `NotFound`, `StorageUnreachable` or another `StorageError`.
        """
        named = parameters if key is None else {"Key": key, **parameters}
        with _known_failures(self._bucket, key):
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self._bucket, **named)
            return answer

    def read(self, key: str, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
        """The body of an object, whole, and the answer that it came with; raises as `send`."""
        attempt = 0
        while True:
            answer = self.send("get_object", key, **parameters)
            try:
                with _known_failures(self._bucket, key), answer["Body"] as body:
                    return body.read(), answer
            except StorageUnreachable:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise
            _pause(attempt)

    def pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The pages of a listing, in order; raises as `send`."""
        pages = iter(self._client.get_paginator(operation).paginate(Bucket=self._bucket, **parameters))
        while True:
            with _known_failures(self._bucket, None):
                page = next(pages, None)
            if page is None:
                return
            yield page


def repeated(write: Callable[[], Result], place: str) -> Result:
    """What `write` returns, made again after each `Conflict`; raises `StorageUnreachable` where they do not end."""
    for attempt in range(ATTEMPTS):
        with contextlib.suppress(Conflict):
            return write()
        _pause(attempt)
    raise StorageUnreachable("LW-316", f"{place}: other writes were under way {ATTEMPTS} times", hint="try again")


def _pause(attempt: int) -> None:
    time.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1.0))


@contextlib.contextmanager
def _known_failures(bucket: str, key: str | None) -> Iterator[None]:
    place = f"s3://{bucket}/{key or ''}"
    try:
        yield
    except failures.ClientError as error:
        raise _of_answer(error, bucket, place) from None
    except _NO_CREDENTIALS as error:
        said = f"{place}: no AWS credentials to sign with ({type(error).__name__})"
        raise StorageError("LW-313", said, hint=_CREDENTIALS_HINT) from None
    except _NO_ANSWER as error:
        said = f"{place}: no answer, or half of one ({type(error).__name__}), {ATTEMPTS} times"
        raise StorageUnreachable("LW-316", said, hint="check the network and the endpoint, then go on") from None
    except (failures.BotoCoreError, ValueError) as error:
        raise StorageError(
            "LW-317", f"{place}: the settings make no request ({type(error).__name__})", hint=_SETTINGS_HINT
        ) from None


def _of_answer(error: failures.ClientError, bucket: str, place: str) -> Exception:
    """An answer that says no, by its code; one to a HEAD has no code but its status."""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code", status))
    if status == 412:
        return Refused()
    if status == 409:
        return Conflict()
    if status == 416:
        return PastEnd()
    if code == "NoSuchBucket":
        return StorageError("LW-311", f"there is no bucket {bucket}", hint=f"`aws s3 mb s3://{bucket}` makes it")
    if code in _EXPIRED:
        return StorageError("LW-313", f"{place}: the AWS credentials have expired ({code})", hint=_CREDENTIALS_HINT)
    if code == "RequestTimeTooSkewed":
        said = f"{place}: this machine's clock is too far from the server's ({code})"
        return StorageError("LW-314", said, hint="let NTP set the clock: `timedatectl` says whether it does")
    if code in _ELSEWHERE:
        hint = "name the bucket's region as s3.region in lake.yaml, or as AWS_REGION"
        return StorageError("LW-315", f"bucket {bucket} is in another region ({code})", hint=hint)
    if code == "InvalidObjectState":
        key = shlex.quote(place.removeprefix(f"s3://{bucket}/"))
        hint = f"`aws s3api restore-object --bucket {bucket} --key {key} --restore-request Days=7` brings it back in some hours"
        return StorageError("LW-318", f"{place} is archived in Glacier, and cannot be read as it is", hint=hint)
    if status in (401, 403):
        hint = "these credentials need s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListBucket there"
        return StorageError("LW-312", f"{place}: access denied ({code})", hint=hint)
    if code in _OVERLOADED or status >= 500:
        said = f"{place}: the server could not answer ({code}), {ATTEMPTS} times"
        return StorageUnreachable("LW-316", said, hint="wait, then go on: nothing was lost")
    if status == 404:
        return NotFound("LW-301", f"{place} does not exist")
    return StorageError("LW-317", f"{place}: {error.operation_name} was refused ({code})", hint=_SETTINGS_HINT)


@functools.cache
def _client(endpoint: str | None, region: str | None) -> Any:
    """Made once for all stores: it holds the connections. Endpoints that are not AWS's own want the bucket in the path."""
    session = boto3.session.Session(region_name=region)
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}

    def make(**style: Any) -> Any:
        config = Config(retries=retries, connect_timeout=10, read_timeout=60, max_pool_connections=16, **style)
        return session.client("s3", region_name=session.region_name or "us-east-1", endpoint_url=endpoint, config=config)

    client = make()
    return client if ".amazonaws.com" in client.meta.endpoint_url else make(s3={"addressing_style": "path"})
