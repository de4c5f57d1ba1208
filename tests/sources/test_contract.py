"""Every kind of source against the source contract."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest

from lakewright.model.contracts import Source, Store
from lakewright.model.names import DATASETS, TableName
from lakewright.project import kinds
from lakewright.project.datasets import DatasetFiles
from lakewright.sources.files.origin import Folder, Origin
from lakewright.sources.files.prefix import Prefix
from lakewright.sources.files.source import FilesSource
from lakewright.sources.files.tables import Rule
from lakewright.sources.files.transfer import TransferSettings
from lakewright.sources.postgres.source import PostgresSource
from lakewright.storage.local import LocalStore
from lakewright.testing.source_contract import CONTRACT, Subject
from tests import s3


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
        return self.opened(Folder(self.path / "in"), LocalStore(self.path / "lake"))

    def opened(self, origin: Origin, store: Store) -> Source:
        rule = Rule("numbers", ("*.csv",), (), "append", (), None, lambda part, whole: part > 0)
        known, how = DatasetFiles(self.path), TransferSettings(0.001)
        return FilesSource("drop", origin, [rule], how, 1.0, (store, "raw"), "logs", known, self.path / "tmp")

    def insert(self, numbers: Sequence[int]) -> None:
        now = next(self.clock)
        draft = self.path / "in" / ".draft"
        draft.write_text("\n".join(["number", *map(str, numbers)]) + "\n")
        os.utime(draft, (now, now))
        draft.rename(self.path / "in" / f"{now}.csv")


@dataclasses.dataclass
class Objects(Exports):
    """The same below a prefix of a bucket, copied to another one."""

    endpoint: str = ""

    def __post_init__(self) -> None:
        self._client().put_object(Bucket=s3.BUCKET, Key="in/")

    def source(self) -> Source:
        return self.opened(
            Prefix(f"s3://{s3.BUCKET}/in", endpoint=self.endpoint),
            s3.open_store(self.endpoint, str(self.path / "partials"), "lake"),
        )

    def insert(self, numbers: Sequence[int]) -> None:
        text = "\n".join(["number", *map(str, numbers)]) + "\n"
        self._client().put_object(Bucket=s3.BUCKET, Key=f"in/{next(self.clock)}.csv", Body=text)

    def _client(self) -> Any:
        return boto3.client("s3", endpoint_url=self.endpoint)


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


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Proxy]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3.moto() as proxy:
        s3.make_bucket(proxy.endpoint)
        yield proxy


def bucket(request: pytest.FixtureRequest) -> Subject:
    folder(request)
    return Objects(request.getfixturevalue("tmp_path"), endpoint=request.getfixturevalue("aws").endpoint)


SUBJECTS = {"postgres": [database], "files": [folder, bucket]}


@pytest.fixture(params=[made for kind in kinds.SOURCES for made in SUBJECTS[kind]], ids=lambda made: made.__name__)
def subject(request: pytest.FixtureRequest) -> Subject:
    return request.param(request)


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], subject: Subject) -> None:
    check(subject)
