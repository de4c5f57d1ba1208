"""What an AWS account says before Terraform does: who asks, what it lacks, rules on buckets that would break tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions as failures
from botocore.config import Config

from lakewright.deploy.target import Target
from lakewright.errors import DeployError
from lakewright.model.finding import Finding
from lakewright.model.names import did_you_mean
from lakewright.project.deployment import OF_TABLES, READABLE

_DMS_ROLES = ("dms-vpc-role", "dms-cloudwatch-logs-role")
"""What DMS looks for by name, once in an account; `infra/bootstrap` makes them."""
_CREDENTIALS = "`aws sts get-caller-identity` tells which are used; AWS_PROFILE or `aws sso login` mend it"


class Account:
    """An account, asked by the user's credentials; AWS_ENDPOINT_URL stands for every service where it is set.

    Raises `DeployError`: LW-720 nobody answers, LW-721 access is denied, LW-722 there are no credentials.
    """

    def __init__(self, region: str) -> None:
        with _translated("AWS"):
            self._session = boto3.session.Session(region_name=region)
        self._config = Config(retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=5, read_timeout=20)

    def regions(self) -> list[str]:
        """AWS's regions, as the client's own tables have them."""
        return [
            region
            for partition in ("aws", "aws-cn", "aws-us-gov")
            for region in self._session.get_available_regions("glue", partition)
        ]

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer of one call."""
        with _translated(f"{service} {operation}"):
            answer: dict[str, Any] = getattr(self._session.client(service, config=self._config), operation)(**arguments)
            return answer

    def look(self, service: str, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """The same; None for what does not exist."""
        try:
            return self.ask(service, operation, **arguments)
        except _Missing:
            return None


class _Missing(DeployError):
    """What was asked for does not exist."""


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """botocore's errors as ours. No message holds what a server says beyond its error's code."""
    try:
        yield
    except failures.ClientError as error:
        code, status = str(error.response["Error"]["Code"]), error.response["ResponseMetadata"].get("HTTPStatusCode")
        if code.startswith("NoSuch") or code.endswith("NotFoundException") or (code == "404"):
            raise _Missing("LW-723", f"{what}: {code}") from None
        if status == 403 or code.startswith(("AccessDenied", "UnauthorizedOperation", "ExpiredToken", "InvalidClientToken")):
            hint = f"ask for the right to {what.replace(' ', ':', 1)}, or take another profile; {_CREDENTIALS}"
            raise DeployError("LW-721", f"{what}: access denied ({code})", hint=hint) from None
        raise DeployError("LW-723", f"{what}: refused ({code})", hint="AWS's own page of the operation says why") from None
    except (failures.NoCredentialsError, failures.PartialCredentialsError, failures.ProfileNotFound, failures.SSOError):
        raise DeployError("LW-722", "there are no credentials for AWS", hint=_CREDENTIALS) from None
    except failures.BotoCoreError as error:
        hint = "look at the network, the region and AWS_ENDPOINT_URL"
        raise DeployError("LW-720", f"{what}: AWS does not answer ({type(error).__name__})", hint=hint) from None


def examine(target: Target) -> Iterator[Finding]:
    """Ask the account; raises as `Account`."""
    account = Account(target.deployment.region)
    for region, setting in zip(target.regions, ("deploy.region", "replica_region"), strict=False):
        if region not in account.regions():
            mend = did_you_mean(region, account.regions()) or f"correct {setting} in lake.yaml"
            yield Finding("region", False, f"{region}: Glue has no such region that boto3 knows", mend)
            return
    who = account.ask("sts", "get_caller_identity")
    yield Finding("account", True, f"{who['Account']} as {str(who['Arn']).rpartition(':')[2]}")
    for role in _DMS_ROLES if target.settings.databases else ():
        there = account.look("iam", "get_role", RoleName=role) is not None
        yield Finding(f"role {role}", there, "there" if there else "missing", "apply infra/bootstrap, once for the account")
    for zone, allowed in READABLE.items():
        if zone in OF_TABLES:
            yield from _lifecycle(account, f"{target.name}-{zone}-{who['Account']}-{target.deployment.region}", zone, allowed)


def _lifecycle(account: Account, bucket: str, zone: str, allowed: tuple[str, ...]) -> Iterator[Finding]:
    """Rules that somebody gave a zone's bucket by hand; a bucket that is not there yet has none."""
    found = account.look("s3", "get_bucket_lifecycle_configuration", Bucket=bucket)
    for rule in found["Rules"] if found else ():
        name = rule.get("ID", "without a name")
        moved = [transition["StorageClass"] for transition in rule.get("Transitions", ())]
        if archived := [storage for storage in moved if storage not in allowed]:
            detail = f"rule {name} moves objects to {', '.join(archived)}, from where Athena and Hudi cannot read them"
            yield Finding(f"bucket {bucket}", False, detail, f"remove the rule: {zone} has to stay readable")
        if rule.get("Expiration"):
            yield Finding(f"bucket {bucket}", False, f"rule {name} deletes objects that tables need", "remove the rule")
