"""AWS on this machine, for tests: moto in a process of its own, with what it lacks for Terraform to make a lake and take it away.

``with emulated_aws() as aws:`` and every program that is started with ``aws.environment()`` speaks to it: boto3, Terraform's
provider, the AWS CLI. Nothing that it keeps outlives it, and no call leaves the machine. It keeps what it is told and gives that
back, but does not do what AWS would do with it: no task captures, no job runs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

from lakewright.errors import MissingDependency

_NEEDED = ("moto", "flask_cors", "pyparsing")


@dataclasses.dataclass(frozen=True)
class EmulatedAws:
    """A running emulation: its URL, which stands for every service, and the region that `environment` names."""

    endpoint: str
    region: str

    def environment(self) -> dict[str, str]:
        """The variables that lead a program here, with credentials that are none, past the files of the person who runs it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextlib.contextmanager
def emulated_aws(region: str = "us-east-1") -> Iterator[EmulatedAws]:
    """An AWS with nothing in it, on a free port of this machine, for as long as the block runs, or this process.

    What it cannot do it answers with an error, and says so on stderr. Raises `MissingDependency` without moto's server.
    """
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            hint = "pip install 'lakewright[testing]'"
            raise MissingDependency("LW-801", f"the emulated AWS needs the package {package}", hint=hint)
    command = [sys.executable, "-m", "lakewright.testing.aws.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout  # the server ends with its stdin, so with this process however that ends
        try:
            yield EmulatedAws(f"http://127.0.0.1:{int(server.stdout.readline())}", region)
        finally:
            server.kill()
