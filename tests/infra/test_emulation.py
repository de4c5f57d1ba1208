"""The emulated AWS as people use it in tests of their own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lakewright.errors import MissingDependency
from lakewright.testing.aws import emulated_aws


def test_programs_are_led_to_it_until_the_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 needs nothing but the variables; afterwards nobody listens."""
    with emulated_aws("eu-central-1") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        assert [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]] == ["lake"]
        assert boto3.client("glue").get_databases()["DatabaseList"] == []
        assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(aws.endpoint)


@pytest.mark.parametrize("said", [{"Name": 1}, {"Name": "job"}])
def test_what_a_services_model_does_not_allow_is_refused(said: dict[str, object]) -> None:
    """As AWS would do it, whatever the client let pass."""
    with emulated_aws() as aws:
        login = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        unchecked = Config(parameter_validation=False)
        glue = boto3.client("glue", "us-east-1", endpoint_url=aws.endpoint, config=unchecked, **login)
        with pytest.raises(ClientError, match=r"ValidationException.*CreateJob"):
            glue.create_job(**said)


def test_it_ends_with_a_process_that_is_killed() -> None:
    """A test run that is killed leaves no server behind."""
    program = (
        "import os, signal; from lakewright.testing.aws import emulated_aws\n"
        "with emulated_aws() as aws: print(aws.endpoint, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        endpoint = process.stdout.readline().strip()
    while True:
        try:
            urllib.request.urlopen(endpoint)
        except OSError as error:
            if "refused" in str(error):
                break


def test_without_moto_the_hint_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A known error, before anything starts."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="needs the package moto") as caught, emulated_aws():
        pass
    assert (caught.value.code, caught.value.hint) == ("LW-801", "pip install 'lakewright[testing]'")
