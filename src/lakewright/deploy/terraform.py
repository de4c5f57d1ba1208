"""Terraform, run in an environment's root as a person would run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lakewright.deploy.target import Target
from lakewright.errors import DeployError
from lakewright.project.document import shown

_ENVIRONMENT = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
"""No question, no look for newer versions."""
_LEAST, _BELOW = (1, 11), (2, 0)
"""The versions that the modules take: write-only arguments and the lock file came with the first."""
_PROVIDER = "registry.terraform.io/hashicorp/aws"
_ERROR = re.compile(r"Error: (.+)")


class Terraform:
    """The program in a root.

    Raises `DeployError`: LW-740 where it is missing, LW-741 of a wrong version, LW-742 where it failed, LW-743 without a root.
    """

    def __init__(self, target: Target) -> None:
        self.root = target.folder
        self._program = shutil.which("terraform")
        if self._program is None:
            hint = "install Terraform 1.11 or later, see https://developer.hashicorp.com/terraform/install"
            raise DeployError("LW-740", "terraform is not installed here, or not in PATH", hint=hint)
        if not (self.root / "backend.tf").is_file():
            hint = "correct deploy.terraform in lake.yaml, or copy the root of another environment"
            where = target.project.document.where(("deploy", "terraform"))
            raise DeployError("LW-743", f"{shown(self.root)} is no root of Terraform: no backend.tf", hint=hint, where=where)
        self._require_versions()

    def run(self, *arguments: str) -> str:
        """What ``terraform ARGUMENTS`` prints; raises LW-742 with its first error."""
        command = [str(self._program), f"-chdir={self.root}", *arguments, "-no-color"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **_ENVIRONMENT})
        if done.returncode:
            found = _ERROR.search(done.stderr)
            reason = found[1].strip().rstrip(".") if found else f"exit code {done.returncode}"
            first = self.command("init", "-backend-config=../backend.hcl")
            hint = f"`{self.command(*arguments)}` says more; before all others `{first}`"
            raise DeployError("LW-742", f"terraform {arguments[0]}: {reason[:1].lower()}{reason[1:]}", hint=hint)
        return done.stdout

    def command(self, *arguments: str) -> str:
        """The same as a person types it, in whatever folder."""
        return shlex.join(["terraform", f"-chdir={self.root}", *arguments])

    def json(self, *arguments: str) -> Any:
        """What it prints as JSON."""
        return json.loads(self.run(*arguments))

    def _require_versions(self) -> None:
        found = self.json("version", "-json")
        version = str(found["terraform_version"])
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        if not _LEAST <= numbers < _BELOW:
            least = ".".join(map(str, _LEAST))
            message = f"Terraform is {version}, and {least} or later of 1 is needed"
            raise DeployError("LW-741", message, hint=f"install Terraform {least}")
        wanted = provider_version(self.root)
        selected = found.get("provider_selections", {}).get(_PROVIDER)
        if wanted and selected and selected != wanted:
            hint = f"`{self.command('init', '-upgrade')}` takes the one that the root names"
            raise DeployError("LW-741", f"the AWS provider is {selected}, and the root names {wanted}", hint=hint)


def provider_version(root: Path) -> str | None:
    """The version of the AWS provider that a root names."""
    text = (root / "backend.tf").read_text(encoding="utf-8")
    match = re.search(r'source\s*=\s*"hashicorp/aws"\s*\n\s*version\s*=\s*"([0-9.]+)"', text)
    return match[1] if match else None
