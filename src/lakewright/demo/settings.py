"""demo.yaml: what `lakewright demo FOLDER` does with a folder, as models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from lakewright.project.check import check
from lakewright.project.document import read
from lakewright.project.group import Problem, Settings
from lakewright.project.values import ShortName

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


class Export(Settings):
    """A file that is dropped into the folder of a source."""

    file: str
    """Its name below the source's path."""
    query: str
    """The SQL file that makes it: each row of its answer, one text or bytea, is a record of the file with its line end, the first
    one the header. ``current_setting('lakewright.file')`` is the file's name, and ``lakewright.corrected`` is ``true`` when it is
    sent again."""


class ExportSettings(Settings):
    """Files that arrive while the lake is up."""

    source: ShortName
    """The source of kind ``files`` into whose folder they are dropped."""
    files: list[Export] = Field(min_length=1)
    """The files, in the order in which they are written."""
    corrected: list[str] = Field(default=[])
    """Names of those that are sent again, corrected."""
    queries: list[str] = Field(default=[])
    """Saved queries to show before that, by name."""


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
    exports: ExportSettings | None = None
    """Files that arrive while the lake is up."""
    queries: list[str] = Field(default=[])
    """Saved queries to show, by name."""

    def problems(self) -> Iterator[Problem]:
        """Files to correct that are none of those sent."""
        files = [export.file for export in self.exports.files] if self.exports else []
        for name in self.exports.corrected if self.exports else []:
            if name not in files:
                yield Problem(("exports", "corrected"), f"{name} is none of the files", f"files: {', '.join(files)}")


def load_demo(folder: Path) -> Demo:
    """Read a folder's demo.yaml; raises `ConfigError` with file:line."""
    return check(read(folder.absolute() / FILE), Demo)
