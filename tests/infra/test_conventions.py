"""What infra/README.md promises of the modules: small, tested, typed, documented, and without a word of any lake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.infra.conftest import INFRA

MODULES = sorted(folder for folder in INFRA.glob("modules/*") if folder.is_dir())
PARTS = [*MODULES, *sorted(folder for folder in INFRA.glob("stacks/*") if folder.is_dir())]
LINES = 250


def _text(folder: Path, pattern: str = "*.tf") -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob(pattern)))


@pytest.mark.parametrize("folder", PARTS, ids=lambda folder: folder.name)
def test_a_module_is_short_and_has_its_files(folder: Path) -> None:
    """A module is read in one sitting, and has a page, an example and tests."""
    lines = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in folder.glob("*.tf")}
    assert sum(count for name, count in lines.items() if name != "variables.tf") <= LINES, lines
    wanted = ["README.md", "main.tf", "variables.tf", "outputs.tf", "versions.tf", f"tests/{folder.name}.tftest.hcl"]
    if folder in MODULES:
        wanted.append("examples/minimal/main.tf")
    assert [name for name in wanted if not (folder / name).is_file()] == []


@pytest.mark.parametrize("folder", PARTS, ids=lambda folder: folder.name)
def test_a_module_has_one_provider_exact_types_and_no_secret(folder: Path) -> None:
    """Only the aws provider, which the root configures; no type that lets a typing error pass; no secret that enters state."""
    text = _text(folder)
    assert set(re.findall(r'source\s*=\s*"([\w-]+/[\w-]+)"', text)) == {"hashicorp/aws"}
    assert re.findall(r'^provider "', text, re.MULTILINE) == []
    assert re.findall(r"\bany\b", re.sub(r'"[^"]*"|#.*', "", text)) == []
    assert re.findall(r"^\s*(?:secret_string|password|master_password)\s*=", text, re.MULTILINE) == []
    for variable in re.findall(r'^variable "\w+" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL):
        assert "description" in variable, variable
        assert re.search(r"^  type ", variable, re.MULTILINE), variable


@pytest.mark.parametrize("folder", PARTS, ids=lambda folder: folder.name)
def test_each_validation_is_seen_to_refuse(folder: Path) -> None:
    """Each validation is seen to refuse something."""
    variables = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', _text(folder), re.MULTILINE | re.DOTALL)
    suite = _text(folder, "tests/*.tftest.hcl")
    for name, block in variables:
        refused = len(re.findall(rf"expect_failures = \[var\.{name}\]", suite))
        assert refused >= block.count("  validation {"), f"{folder.name}: {name} refuses more than its tests show"


def test_a_check_that_is_left_out_says_why() -> None:
    """Each check of security that is left out says why, beside what it is about."""
    for file in INFRA.glob("**/*.tf"):
        for line in file.read_text(encoding="utf-8").splitlines():
            assert "checkov:skip" not in line or re.search(r"#checkov:skip=CKV2?_AWS_\d+:\S+( \S+)+$", line), f"{file}: {line}"


def test_no_example_is_named() -> None:
    """Modules and stacks serve every lake: an example's name is a word of its live folder alone."""
    names = [folder.name for folder in (INFRA.parent / "examples").iterdir() if folder.is_dir()]
    text = "\n".join(_text(folder, "**/*.*") for folder in PARTS)
    assert [name for name in names if name in text.lower()] == []
