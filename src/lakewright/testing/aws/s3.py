"""S3 where moto 5.2.5 is wrong."""

from __future__ import annotations

import json
from typing import Any

import xmltodict
from moto.iam.access_control import IAMPolicy
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.s3.responses import S3Response

from lakewright.testing.aws.mending import around


@around(FakeBucket, "get_permission")
def _judged(_: Any, self: FakeBucket, action: str, resource: str) -> Any:
    """moto denies where it cannot judge a statement's condition: a bucket that wants TLS would answer nobody."""
    policy = json.loads(self.policy or '{"Statement": []}')
    certain = [statement for statement in policy["Statement"] if "Condition" not in statement]
    return IAMPolicy(json.dumps(policy | {"Statement": certain})).is_action_permitted(action, resource)


@around(FakeBucket, "set_lifecycle")
def _set_lifecycle(original: Any, self: Any, rules: list[dict[str, Any]]) -> None:
    original(self, rules)
    self.lifecycle_said = rules


@around(S3Response, "get_bucket_lifecycle")
def _get_lifecycle(original: Any, self: S3Response) -> Any:
    """moto forgets NewerNoncurrentVersions of an expiration; Terraform waits until it reads what it wrote."""
    status, headers, _ = original(self)
    rules = self.backend.get_bucket(self.bucket_name).lifecycle_said  # type: ignore[attr-defined]
    return status, headers, xmltodict.unparse({"LifecycleConfiguration": {"Rule": rules}})


def _dispose(_: FakeDeleteMarker) -> None:
    """moto calls this of every version of an object that is deleted, and delete markers do not have it."""


FakeDeleteMarker.dispose = _dispose  # type: ignore[attr-defined]
