"""Terraform as `make infra` runs it: on a copy of infra/, offline, with the provider of TF_PLUGIN_DIR where that is set."""

from __future__ import annotations

import os
import shutil
import subprocess
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

    def __init__(self, program: str, infra: Path) -> None:
        self.program = program
        self.infra = infra
        mirror = os.environ.get("TF_PLUGIN_DIR")
        self._init = ["init", "-backend=false", "-input=false", *([f"-plugin-dir={mirror}"] if mirror else [])]

    def __call__(self, folder: str, *arguments: str) -> str:
        """What `terraform ARGUMENTS` prints in this folder of infra/; the test fails with it where Terraform does."""
        command = [self.program, f"-chdir={self.infra / folder}", *arguments, "-no-color"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CHECKPOINT_DISABLE": "1"})
        printed = done.stdout + done.stderr
        if done.returncode:
            pytest.fail(f"terraform {' '.join(arguments)} in infra/{folder}:\n{printed}", pytrace=False)
        return printed

    def init(self, folder: str) -> None:
        """Make a folder ready, without its backend."""
        self(folder, *self._init)


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform; without it the test is left out on a laptop, and fails in CI."""
    program = shutil.which("terraform")
    if program is None:
        reason = "MISSING Terraform 1.11: nothing of infra/ was tested"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    infra = tmp_path_factory.mktemp("terraform") / "infra"
    shutil.copytree(INFRA, infra, ignore=shutil.ignore_patterns(".terraform*"))
    return Terraform(program, infra)
