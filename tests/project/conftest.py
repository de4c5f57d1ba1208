"""A lake's folder from a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lakewright.project.project import Project, open_project


@pytest.fixture
def lake_yaml(tmp_path: Path) -> Callable[[str], Project]:
    """Write lake.yaml and load it."""

    def make(text: str) -> Project:
        (tmp_path / "lake.yaml").write_text(text)
        return open_project(tmp_path)

    return make
