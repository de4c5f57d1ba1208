"""Every kind of source against the source contract."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from lakewright.model.contracts import Source
from lakewright.model.names import DATASETS, TableName
from lakewright.project import kinds
from lakewright.project.datasets import DatasetFiles
from lakewright.sources.files.origin import Folder
from lakewright.sources.files.source import FilesSource
from lakewright.sources.files.tables import Rule
from lakewright.sources.files.transfer import TransferSettings
from lakewright.sources.postgres.source import PostgresSource
from lakewright.storage.local import LocalStore
from lakewright.testing.source_contract import CONTRACT, Subject


@dataclasses.dataclass
class Database:
    """A table of a PostgreSQL database."""

    url: str
    sql: Callable[[str], object]
    table: ClassVar = TableName("public", "numbers")
    column: ClassVar = "number"

    def source(self) -> Source:
        return PostgresSource(self.url, ["public.*"], f"contract_{self.url.partition('test_')[2][:12]}")

    def insert(self, numbers: Sequence[int]) -> None:
        self.sql(f"INSERT INTO numbers VALUES {', '.join(f'({number})' for number in numbers)}")


@dataclasses.dataclass
class Exports:
    """A dataset of files, each of which is one transaction; the definition of its files is known."""

    path: Path
    table: ClassVar = TableName(DATASETS, "numbers")
    column: ClassVar = "number"
    clock: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1_700_000_000))

    def source(self) -> Source:
        rule = Rule("numbers", ("*.csv",), (), "append", (), None, lambda part, whole: part > 0)
        place = (LocalStore(self.path / "lake"), "raw")
        return FilesSource(
            "drop",
            Folder(self.path / "in"),
            [rule],
            TransferSettings(0.001),
            1.0,
            place,
            "logs",
            DatasetFiles(self.path),
            self.path / "tmp",
        )

    def insert(self, numbers: Sequence[int]) -> None:
        now = next(self.clock)
        draft = self.path / "in" / ".draft"
        draft.write_text("\n".join(["number", *map(str, numbers)]) + "\n")
        os.utime(draft, (now, now))
        draft.rename(self.path / "in" / f"{now}.csv")


def database(request: pytest.FixtureRequest) -> Subject:
    sql = request.getfixturevalue("sql")
    sql("CREATE TABLE numbers (number int PRIMARY KEY)")
    return Database(request.getfixturevalue("url"), sql)


def folder(request: pytest.FixtureRequest) -> Subject:
    tmp_path = request.getfixturevalue("tmp_path")
    for folder in ("in", "lake", "datasets"):
        (tmp_path / folder).mkdir()
    (tmp_path / "datasets" / "numbers.yaml").write_text(
        "name: numbers\ncolumns: [{name: number, source_name: number, type: int}]\n"
    )
    return Exports(tmp_path)


SUBJECTS = {"postgres": database, "files": folder}


@pytest.fixture(params=kinds.SOURCES)
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param](request)


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], subject: Subject) -> None:
    check(subject)
