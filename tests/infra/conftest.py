"""Terraform as `make infra` runs it: on a copy of infra/, offline, with the provider of TF_PLUGIN_DIR where that is set."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

INFRA = Path(__file__).resolve().parents[2] / "infra"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are for `make infra`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.infra)


class Terraform:
    """The program in a copy of infra/, so that nothing it leaves there lands in the repository."""

    def __init__(self, program: str, infra: Path, init: list[str], environment: dict[str, str]) -> None:
        self.program = program
        self.infra = infra
        self.offline = ["init", "-backend=false", "-input=false", *init]
        self._init = init
        self._environment = {**os.environ, "CHECKPOINT_DISABLE": "1", **environment}

    def __call__(self, folder: str, *arguments: str) -> str:
        """What `terraform ARGUMENTS` prints in this folder of infra/; the test fails with it where Terraform does."""
        command = [self.program, f"-chdir={self.infra / folder}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment | {"TF_CLI_ARGS": "-no-color"})
        if done.returncode:
            printed = done.stdout + done.stderr
            pytest.fail(f"terraform {' '.join(arguments)} in infra/{folder}:\n{printed}", pytrace=False)
        return done.stdout

    def init(self, folder: str, *backend: str) -> None:
        """Make a folder ready, without its backend, or with these arguments about it."""
        self(folder, *(["init", "-input=false", *backend, *self._init] if backend else self.offline))

    def copied(self, to: Path) -> Terraform:
        """The program in a copy of its own."""
        shutil.copytree(INFRA, to, ignore=shutil.ignore_patterns(".terraform*"))
        return Terraform(self.program, to, self._init, {})

    def within(self, environment: dict[str, str]) -> Terraform:
        """The program with these variables."""
        return Terraform(self.program, self.infra, self._init, environment)

    @contextlib.contextmanager
    def attached(self, said: Path, environment: dict[str, str]) -> Iterator[Terraform]:
        """With a provider that runs already, where TF_PLUGIN_DIR has it: else every command starts one of its own.

        It runs in `environment`, and writes to the file `said`. All configurations of the provider are one to it, the last:
        where they differ, in their regions, this is not for them.
        """
        mirror = Path(os.environ.get("TF_PLUGIN_DIR", os.devnull))
        provider = next(mirror.glob("registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_*"), None)
        if provider is None:
            yield self.within(environment)
            return
        # It cannot be told of certificates twice, as a plan and an apply would; what it speaks to here has none.
        quiet = {**os.environ, "TF_LOG": "OFF", "AWS_CA_BUNDLE": "", **environment}
        with said.open("w") as out, subprocess.Popen([provider, "-debug"], stdout=out, stderr=out, env=quiet) as process:
            while not (found := re.search(r"TF_REATTACH_PROVIDERS='(.*)'", said.read_text(encoding="utf-8"))):
                assert process.poll() is None, said.read_text(encoding="utf-8")
                time.sleep(0.1)
            yield Terraform(self.program, self.infra, [], environment | {"TF_REATTACH_PROVIDERS": found[1]})
            process.send_signal(signal.SIGINT)  # it takes its socket with it


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform as people run it; without it the test is left out on a laptop, and fails in CI."""
    program = shutil.which("terraform")
    if program is None:
        reason = "MISSING Terraform 1.11: nothing of infra/ was tested"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    mirror = os.environ.get("TF_PLUGIN_DIR")
    made = Terraform(program, INFRA, [f"-plugin-dir={mirror}"] if mirror else [], {})
    return made.copied(tmp_path_factory.mktemp("terraform") / "infra")


@pytest.fixture(scope="session")
def attached(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """Terraform with a provider that runs already."""
    with terraform.attached(tmp_path_factory.mktemp("provider") / "said", {}) as attached:
        yield attached
