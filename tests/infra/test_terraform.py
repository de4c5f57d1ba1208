"""Every folder of infra/ is formatted, and each that has tests of its own passes them; roots that AWS would see are valid."""

from __future__ import annotations

import re

import pytest
from tests.infra.conftest import INFRA, Terraform

SUITES = sorted({str(file.parents[1].relative_to(INFRA)) for file in INFRA.glob("**/tests/*.tftest.hcl")})
ROOTS = sorted({str(file.parent.relative_to(INFRA)) for file in INFRA.glob("**/backend.tf")})


def test_every_file_is_formatted(terraform: Terraform) -> None:
    terraform(".", "fmt", "-check", "-diff", "-recursive")


@pytest.mark.parametrize("folder", SUITES)
def test_a_folders_own_tests_pass(attached: Terraform, folder: str) -> None:
    """The folder's own tests: what it makes, by default and by choice, and what each validation refuses."""
    attached.init(folder)
    printed = attached(folder, "test")
    assert re.search(r"Success! [1-9]\d* passed, 0 failed\.", printed), printed


@pytest.mark.parametrize("folder", ROOTS)
def test_what_is_applied_is_valid(terraform: Terraform, folder: str) -> None:
    """What is applied is valid as it stands in the repository."""
    terraform.init(folder)
    terraform(folder, "validate")
