"""A lake with an environment on AWS, and the commands of `lakewright deploy` in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lakewright.deploy import schemas
from lakewright.model.names import TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.model.types import from_postgres
from lakewright.project.project import Project, open_project

LAKE = """\
lake: shop
sources:
  store: {kind: postgres, url: embedded}
  drop: {kind: files, path: in, datasets: {orders: 'orders/*.csv', people: people.csv}}
tables:
  order_line: {from: store.public.order_line, partition: day(at)}
  stock: {from: store.public.item, type: mor}
deploy:
  terraform: live
  region: eu-west-1
  environments:
    dev:
      cidr: 10.40.0.0/20
      databases: {store: {name: store, address: 192.168.7.20/32, route: 192.168.0.0/16}}
      shares: {drop: {path: /drop}}
    prod:
      cidr: 10.41.0.0/20
      databases: {store: {name: store, address: 192.168.7.20/32, route: 192.168.0.0/16}}
      shares: {drop: {path: /drop, schedule: rate(1 day)}}
      dms: {serverless: {max_capacity: 8}}
"""


def table(full: str, key: str, **columns: str) -> TableSchema:
    """A table of a source."""
    found = (Column(column, kind, from_postgres(kind), number=number) for number, (column, kind) in enumerate(columns.items(), 1))
    return TableSchema(TableName.parse(full), tuple(found), tuple(key.split()))


TABLES = {
    "store": [
        table("public.item", "id", id="bigint", price="numeric(10,2)", label="text", made="timestamp with time zone"),
        table("public.order_line", "order_id line", order_id="bigint", line="integer", at="date"),
    ],
    "drop": [
        table("datasets.orders", "_file _line", id="bigint", _file="text", _line="bigint"),
        table("datasets.people", "", id="bigint", name="text"),
        table("quarantine.people", "_file _line", _file="text", _line="bigint", reason="text"),
    ],
}
"""What the lake knows of its sources, as an earlier capture left it."""
DEFINED = {
    "orders": "{name: id, source_name: Id, type: bigint}",
    "people": "{name: id, source_name: id, type: bigint}, {name: name, source_name: name, type: string}",
}
"""How the files of the datasets are read."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lake's folder with two environments, whose tables are known."""
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "live").mkdir()
    know(tmp_path, TABLES)
    (tmp_path / "datasets").mkdir()
    for name, columns in DEFINED.items():
        (tmp_path / "datasets" / f"{name}.yaml").write_text(f"name: {name}\ncolumns: [{columns}]\n")
    return tmp_path


def know(folder: Path, tables: dict[str, list[TableSchema]]) -> None:
    """Write what is committed of a lake's tables."""
    (folder / "live" / schemas.FILE).write_text(json.dumps(schemas.committed(tables)))


@pytest.fixture
def project(folder: Path) -> Project:
    """Its settings."""
    return open_project(folder)


@pytest.fixture
def change(folder: Path) -> Callable[[str, str], Project]:
    """Replace a text in lake.yaml, once; the settings after it."""

    def replace(old: str, new: str) -> Project:
        text = (folder / "lake.yaml").read_text()
        assert old in text
        (folder / "lake.yaml").write_text(text.replace(old, new, 1))
        return open_project(folder)

    return replace
