"""demo.yaml: what `lakewright demo FOLDER` does with a folder, as models."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from lakewright.project.check import check
from lakewright.project.document import read
from lakewright.project.spec import Settings

FILE = "demo.yaml"


class Workload(Settings):
    """Live changes: a script run again and again, each time in a transaction of its own."""

    script: str
    """The SQL file; ``current_setting('lakewright.step')`` counts its runs from 1."""
    rate: float = Field(default=20, gt=0, le=10_000)
    """Runs per second."""
    seconds: float = Field(default=20, gt=0, le=3_600)
    """How long it lasts."""


class Follow(Settings):
    """One row whose life is shown, from insert to delete."""

    table: str
    """The table of the lake that has the row."""
    key: dict[str, str | int]
    """The row's key: each column and its value."""
    insert: str
    """The SQL statement that makes the row."""
    update: str
    """The SQL statement that changes it."""
    delete: str
    """The SQL statement that removes it."""


class Demo(Settings):
    """What `lakewright demo FOLDER` does; all SQL runs on the folder's embedded database.

    A generator reads ``current_setting('lakewright.scale')`` to see how much data is asked for.
    """

    seed: list[str] = Field(min_length=1)
    """SQL files run in this order when the database is empty."""
    scale: float = Field(default=1, gt=0)
    """What ``lakewright.scale`` is unless the command says otherwise."""
    workload: Workload
    """Live changes while the lake is up."""
    follow: Follow
    """The row whose life is shown."""
    queries: list[str] = Field(default=[])
    """Saved queries to show, by name."""


def load_demo(folder: Path) -> Demo:
    """Read a folder's demo.yaml; raises `ConfigError` with file:line."""
    return check(read(folder.absolute() / FILE), Demo)
