"""Run a command in this process and see what it prints."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from lakewright.cli.main import main


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed on stdout, as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error object on the last line of stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


@pytest.fixture
def lakewright(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `lakewright` with these arguments."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def _small(one_thread: None) -> None:
    """See `one_thread`."""
