"""Every `aws` and `terraform` command of a page exists, with its options, and where it is to be run with all that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from aws_commands import ROOT, Command, commands, faults

PAGES = [
    ROOT / "README.md",
    ROOT / "infra" / "README.md",
    *sorted((ROOT / "docs").glob("*/*.md")),
    *sorted((ROOT / "examples").glob("*/*.md")),
]


def _command(text: str) -> Command:
    return Command("page.md", text, text.split(), is_whole=True)


def test_the_commands_of_the_pages_exist():
    found = [command for page in PAGES for command in commands(page)]
    assert len(found) > 60
    assert [fault for command in found for fault in faults(command)] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("aws dms start-task --x", "AWS has no dms start-task"),
        ("aws dms describe-replication-tasks --filter x", "no option --filter"),
        ("aws dms describe-replication-tasks --filters Name=x,Value=y", "no key Value"),
        ("aws dms describe-replication-tasks --filters Name=x", "Values= is missing"),
        ("aws dms start-replication-task --replication-task-arn A --start-replication-task-type restart", "restart is none of"),
        ("aws cloudwatch get-metric-statistics --namespace AWS/DMS --metric-name CDCLatencySource", "--start-time is missing"),
        ("aws s3 rm s3://bucket --all-versions", "no option --all-versions"),
        ("terraform cost", "terraform has no ['cost']"),
        ("terraform plan -lock-table=x", "no option -lock-table"),
        ("terraform output -raw no_such_output", "no root has an output no_such_output"),
        ("terraform plan -target=module.lake.aws_nothing.at_all", "no module.lake.aws_nothing.at_all in infra/"),
    ],
)
def test_a_wrong_command_is_seen(text, fault):
    assert any(fault in told for told in faults(_command(text)))


def test_commands_are_read_as_a_shell_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("aws_commands.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "`aws s3 ls` is named.\n```\n$ aws s3api list-object-versions \\\n    --bucket B   # all of them\nout\n"
        'KEY="$(terraform output -raw backend)"\naws glue get-job --job-name "$(terraform output -raw job)"\n```\n'
    )
    assert [(command.words, command.is_whole) for command in commands(page)] == [
        (["aws", "s3api", "list-object-versions", "--bucket", "B"], True),
        (["terraform", "output", "-raw", "backend"], True),
        (["aws", "glue", "get-job", "--job-name", "INNER"], True),
        (["terraform", "output", "-raw", "job"], True),
        (["aws", "s3", "ls"], False),
    ]
