"""What is committed of the examples' environments is what their lake.yaml says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakewright.deploy.render import render, require_current
from lakewright.deploy.target import targets
from lakewright.project.project import open_project

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [folder for folder in sorted((ROOT / "examples").iterdir()) if "\ndeploy:" in (folder / "lake.yaml").read_text()]


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_rendered_files_are_current(folder: Path) -> None:
    """`lakewright deploy render --check`, in the suite; but for those over files, every saved query is Athena's too."""
    rendered = render(targets(open_project(folder)), write=False)
    assert rendered.differences == ()
    require_current(rendered)
    files = {left.name for left in rendered.left_out if "not on AWS" in left.reason}
    others = [left for left in rendered.left_out if left.name not in files]
    assert [left for left in others if not any(f"no table {name} on AWS" in left.reason for name in files)] == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_roots_are_one_text(folder: Path) -> None:
    """How environments differ lake.yaml says; of their Terraform only the key of the state does."""
    roots = [target.folder for target in targets(open_project(folder))]
    for name in ("main.tf", "outputs.tf", "variables.tf"):
        assert len({(root / name).read_text() for root in roots}) == 1
    assert len({(root / "backend.tf").read_text().replace(f"/{root.name}/", "/ENV/") for root in roots}) == 1
