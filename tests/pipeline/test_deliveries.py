"""Files that DataSync brought, captured by the job's own lake: the rows that a laptop has of the same files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests import s3

from lakewright.deploy import bundle
from lakewright.pipeline import deliveries, merge_all
from lakewright.pipeline.deliveries import DeliveredLake
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.steps import Merged
from lakewright.project.datasets import DatasetFiles
from lakewright.project.project import open_project
from lakewright.sources.files.dataset import Dataset

ZONES = {zone: f"s3://lake/t/{zone}" for zone in ("raw", "curated", "quarantine", "logs")}
LAKE = """
lake: t
sources:
  exports:
    kind: files
    path: in
    settle: 1ms
    deleted: remove
    datasets:
      people: {files: people*.csv, mode: snapshot, limit: 50%}
      sales: {files: sales/*.csv, limit: 50%}
      stock: {files: stock*.csv, mode: upsert, key: [id], limit: 50%}
"""
TABLES = ("people", "sales", "stock", "quarantine_people", "quarantine_sales", "quarantine_stock")


class World:
    """A folder of exports, a lake beside it, and the same on AWS."""

    def __init__(self, root: Path, endpoint: str) -> None:
        self.here, self.there = root / "here", root / "there"
        for folder in (self.here, self.there):
            folder.mkdir()
        zones = "zones: {" + ", ".join(f"{zone}: {url}" for zone, url in ZONES.items()) + "}\n"
        (self.here / "lake.yaml").write_text(LAKE)
        (self.there / "lake.yaml").write_text(f'{LAKE}{zones}s3: {{endpoint: "{endpoint}"}}\n')
        self.client: Any = boto3.client("s3", endpoint_url=endpoint)
        self.seconds = 1_700_000_000

    def put(self, name: str, *lines: str, later: int = 1) -> None:
        """An export that was written some seconds after the one before; DataSync notes when."""
        self.seconds += later
        path, text = self.here / "in" / name, "\n".join(lines) + "\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (self.seconds, self.seconds))
        noted = {"file-mtime": f"{self.seconds}000000000ns"}
        self.client.put_object(Bucket=s3.BUCKET, Key=f"t/raw/datasync/exports/{name}", Body=text, Metadata=noted)

    def remove(self, name: str) -> None:
        (self.here / "in" / name).unlink()
        self.client.delete_object(Bucket=s3.BUCKET, Key=f"t/raw/datasync/exports/{name}")

    def laptop(self) -> None:
        with Lake.open(self.here) as lake:
            lake.capture()
            lake.merge()

    def job(self, root: Path | None = None) -> list[str]:
        """A run of the job, which merges by itself here; what it fails with."""
        with DeliveredLake(bundle.read(self.bundle(), ZONES), (root or self.there) / "job") as lake:
            failures = deliveries.take_all(lake)
            merged: list[Merged] = []
            merge_all.merge_all(lake, None, merged.append)
        return [f"{error.message} ({error.code})" for error in failures]

    def bundle(self) -> bytes:
        project = open_project(self.here)
        found = DatasetFiles(self.here)
        known = {name: found.get(name) for name in project.settings.sources["exports"].datasets}
        return bundle.project_json(project.resolved, "t-dev", definitions={name: each for name, each in known.items() if each})

    def rows(self, folder: Path, *tables: str) -> list[list[dict[str, object]]]:
        """The rows of tables, as they are stored."""
        found = []
        with Lake.open(folder) as lake:
            for table in tables:
                with lake.sql(f'SELECT * FROM "{table}"', committed=True) as answer:
                    found.append(sorted((row for batch in answer.batches() for row in batch.to_pylist()), key=repr))
        return found

    def equal(self) -> dict[str, list[dict[str, object]]]:
        """The rows of all tables, which are those of the laptop."""
        found = dict(zip(TABLES, self.rows(self.there, *TABLES), strict=True))
        assert found == dict(zip(TABLES, self.rows(self.here, *TABLES), strict=True))
        return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3.moto() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        s3.make_bucket(proxy.endpoint)
        yield World(tmp_path, proxy.endpoint)


def test_the_job_makes_of_delivered_files_what_a_laptop_makes_of_them(world: World) -> None:
    world.put("people-1.csv", "id,born", "1,1990-12-31", "2,1990-12-30")
    world.put("stock.csv", "id,price", "1,2.50", "2,3.50")
    world.put("sales/1.csv", "id,price", "1,2.50", "2,3.50")
    world.put("sales/2.csv", "id,price", "3,x", "4,1.00")
    world.laptop()
    assert world.job() == []

    world.put("stock-b.csv", "id,price", "1,9.00", "3,1.00")
    world.put("people-2.csv", "id,born", "1,1991-12-31", "7,never")
    world.put("stock-a.csv", "id,price", "1,8.00", "2,nothing")  # by its name it would be before -b
    world.put("people-1a.csv", "id,born", "1,1992-12-31")
    world.put("sales/1.csv", "id,price", "1,2.75", "3,3.50")
    world.remove("sales/2.csv")
    world.laptop()
    assert world.job() == []
    found = world.equal()
    assert [(row["id"], float(str(row["price"]))) for row in found["stock"]] == [(1, 8.0), (2, 3.5), (3, 1.0)]
    assert [str(row["born"]) for row in found["people"]] == ["1992-12-31"]
    assert [(row["_file"], row["id"]) for row in found["sales"]] == [("sales/1.csv", 1), ("sales/1.csv", 3)]
    assert [row["value"] for row in found["quarantine_stock"]] == ["nothing"]
    assert found["quarantine_sales"] == found["quarantine_people"] == []
    assert not [*(world.there / "job").rglob("arrival-*")]


def test_what_is_wrong_with_deliveries_is_told_by_each_run_and_keeps_no_other_file_from_its_table(world: World) -> None:
    world.put("stock.csv", "id,price", "1,2.50", "2,3.50")
    world.laptop()
    (definition,) = (world.here / "datasets").iterdir()
    text = definition.read_text()
    for name in ("people", "sales"):
        definition.with_name(f"{name}.yaml").write_text(text.replace("stock", name))
    delivered = {"Bucket": s3.BUCKET, "Key": "t/raw/datasync/exports/stock.csv"}
    world.client.delete_object(**delivered)
    assert world.job() == []  # nothing was ever delivered
    world.put("stock.csv", "id,price", "1,2.50", "2,3.50")
    world.put("stock-1.csv", "id,price,more", "1,2.50,x")
    world.put("sales/2.csv", "id,price", "2,2.50")
    waits = ["stock-1.csv: the file does not fit the dataset stock: column more is new (LW-262)"]
    assert (world.job(), world.job()) == (waits, waits)
    for name in ("stock.csv", "stock-1.csv", "sales/2.csv"):
        world.client.delete_object(**{**delivered, "Key": f"t/raw/datasync/exports/{name}"})
    assert world.job() == ["there is nothing at 's3://lake/t/raw/datasync/exports/' (LW-280)"]
    assert [len(rows) for rows in world.rows(world.there, "stock", "sales")] == [2, 1]
    definition.unlink()
    world.put("stock.csv", "id,price", "1,2.50")
    assert world.job() == ["the dataset stock has no definition (LW-279)"]


def test_settings_of_files_come_back_from_the_bundle(world: World) -> None:
    (world.here / "datasets").mkdir()
    (world.here / "datasets" / "stock.yaml").write_text("name: stock\ncolumns: [{name: id, source_name: Id, type: int}]\n")
    project = open_project(world.here)
    settings = bundle.read(world.bundle(), ZONES).sources["exports"].files
    assert settings is not None
    stock = settings.datasets["stock"]
    assert (stock.mode, stock.key, stock.limit, settings.deleted, settings.settle) == ("upsert", ("id",), "50%", "remove", 0.001)
    read = {name: each.definition and Dataset.from_json({**each.definition}) for name, each in settings.datasets.items()}
    assert read == {"people": None, "sales": None, "stock": DatasetFiles(world.here).get("stock")}
    stripped = {name: dataclasses.replace(each, definition=None) for name, each in settings.datasets.items()}
    assert dataclasses.replace(settings, datasets=stripped) == project.resolved.sources["exports"].files
