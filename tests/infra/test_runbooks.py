"""The AWS commands of the pages, asked of the emulated AWS: it does them, or says that what they name is not there."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.docs.aws_commands import ROOT, Command, call, commands

from lakewright.testing.aws import emulated_aws

PAGES = [*sorted((ROOT / "docs" / "howto").glob("aws-*.md")), ROOT / "docs" / "tutorial" / "deploy.md"]
FILES: dict[str, Any] = {
    "file://login.json": "{}",
    "file://expire.json": {"Rules": [{"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]},
}
MALFORMED = {"MalformedXML", "ValidationError", "ValidationException", "InvalidParameterCombination"}
NOT_EMULATED = {"500", "501", "InternalError", "InternalFailure", "NotImplemented", "UnknownError"}


@pytest.mark.timeout(120)
def test_the_commands_of_the_pages_are_taken() -> None:
    """None is malformed, and the emulation answers most: what it has, or which thing it has not."""
    whole = {command.text: command for page in PAGES for command in commands(page) if command.is_whole}
    with emulated_aws() as aws:
        answers = {text: _answer(command, aws.endpoint) for text, command in whole.items() if command.words[0] == "aws"}
    assert {text: answer for text, answer in answers.items() if answer in MALFORMED} == {}
    assert sum(answer not in NOT_EMULATED for answer in answers.values()) >= 0.6 * len(answers) > 20


def _answer(command: Command, endpoint: str) -> str:
    """``done``, or the code of what was answered."""
    asked = call(command, FILES)
    if asked is None:
        return "done"
    service, method, parameters = asked
    client = boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
    )
    try:
        getattr(client, method)(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"
