"""What the job tells the Glue Data Catalog of a table."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lakewright.deploy.registration import Registration
from lakewright.errors import DeployError
from lakewright.model.position import Feed, Position
from lakewright.model.table import Checkpoint, DataFile, Published, Snapshot, TableSpec
from lakewright.testing.aws import emulated_aws

COLUMNS = (("id", "bigint"), ("note", "string"), ("day", "string"), ("_position", "string"), ("_hoodie_is_deleted", "boolean"))
SPEC = TableSpec("orders", COLUMNS, ("id",), ("day",))
SERDE = {"SerializationLibrary": "parquet"}
LOCATION = "s3://lake/curated/orders"


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with emulated_aws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        client = boto3.client("glue")
        client.create_database(DatabaseInput={"Name": "shop"})
        yield client


def make(glue: Any, name: str = "orders") -> None:
    """The entry as Terraform makes it."""
    columns = [{"Name": name, "Type": kind, "Comment": "kept"} for name, kind in COLUMNS[:2]]
    described = {"Columns": columns, "Location": f"{LOCATION}/", "SerdeInfo": {**SERDE, "Parameters": {"path": f"{LOCATION}/"}}}
    keys = [{"Name": "day", "Type": "string"}]
    entry = {"Name": name, "StorageDescriptor": described, "PartitionKeys": keys, "Parameters": {"a": "b"}}
    glue.create_table(DatabaseName="shop", TableInput={**entry, "TableType": "EXTERNAL_TABLE"})


def snapshot(days: list[str | None], spec: TableSpec = SPEC) -> Snapshot:
    files = [
        DataFile(f"curated/orders/day={day or '__HIVE_DEFAULT_PARTITION__'}/{number}.parquet", "", 1, 1, (day,), ())
        for number, day in enumerate(days)
    ]
    return Snapshot("20261122", None, spec, tuple(files))


def partitions(glue: Any, name: str = "orders") -> dict[str, tuple[str, list[str]]]:
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName="shop", TableName=name)
    found = [partition for page in pages for partition in page["Partitions"]]
    return {
        each["Values"][0]: (each["StorageDescriptor"]["Location"], [c["Name"] for c in each["StorageDescriptor"]["Columns"]])
        for each in found
    }


def test_what_a_table_came_to_have_later_leaves_the_entry_of_its_snapshot(glue: Any) -> None:
    make(glue)
    spec = TableSpec("orders", tuple(column for column in COLUMNS if column[0] != "note"), ("id",), ("day",))
    of = Published("sales", datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC), 1)
    mark = Checkpoint(Feed("native", "7", 1), 1, Position(1), paused=True, published=of)
    told = dataclasses.replace(snapshot(["2026-10-31"], spec), checkpoint=mark)
    for _ in range(2):
        assert Registration().learn("shop", told, LOCATION) == []
        entry = glue.get_table(DatabaseName="shop", Name="orders")["Table"]
        assert [column["Name"] for column in entry["StorageDescriptor"]["Columns"]] == ["id"]
        assert partitions(glue) == {"2026-10-31": (f"{LOCATION}/day=2026-10-31", ["id"])}


def test_every_partition_is_registered_once_and_a_new_column_reaches_the_old_ones(glue: Any) -> None:
    make(glue)
    days = [f"2024-{number // 28 + 1:02d}-{number % 28 + 1:02d}" for number in range(130)]
    for _ in range(2):
        assert Registration().learn("shop", snapshot([*days, None, days[0]]), LOCATION) == []
    known = partitions(glue)
    assert set(known) == {*days, "__HIVE_DEFAULT_PARTITION__"}
    assert known["2024-01-02"] == (f"{LOCATION}/day=2024-01-02", ["id", "note"])
    wider = dataclasses.replace(SPEC, columns=(("id", "bigint"), ("note", "string"), ("price", "decimal(10,2)"), *COLUMNS[2:]))
    Registration().learn("shop", snapshot(["2024-12-31"], wider), LOCATION)
    Registration().learn("shop", snapshot([*days, None], wider), LOCATION)
    assert {tuple(columns) for _, columns in partitions(glue).values()} == {("id", "note", "price")}
    table = glue.get_table(DatabaseName="shop", Name="orders")["Table"]
    assert table["StorageDescriptor"]["Columns"][1:] == [
        {"Name": "note", "Type": "string", "Comment": "kept"},
        {"Name": "price", "Type": "decimal(10,2)"},
    ]
    assert table["Parameters"] == {"a": "b"}
    assert table["StorageDescriptor"]["SerdeInfo"] == {**SERDE, "Parameters": {"path": f"{LOCATION}/"}}


def test_a_table_that_moved_to_another_folder_is_read_there(glue: Any) -> None:
    make(glue)
    Registration().learn("shop", snapshot(["2024-01-01"]), LOCATION)
    for _ in range(2):
        Registration().learn("shop", snapshot(["2024-01-01"]), f"{LOCATION}-1-2")
    described = glue.get_table(DatabaseName="shop", Name="orders")["Table"]["StorageDescriptor"]
    assert (described["Location"], described["SerdeInfo"]["Parameters"]["path"]) == (f"{LOCATION}-1-2", f"{LOCATION}-1-2")
    assert partitions(glue)["2024-01-01"][0] == f"{LOCATION}-1-2/day=2024-01-01"


def test_both_entries_of_a_merge_on_read_table_learn_and_what_is_not_there_is_named(glue: Any) -> None:
    make(glue, "orders_ro")
    wider = dataclasses.replace(SPEC, columns=(("id", "decimal(10,0)"), *COLUMNS[1:]), type="mor")
    assert Registration().learn("shop", snapshot(["2024-01-01"], wider), LOCATION) == ["shop.orders_rt"]
    table = glue.get_table(DatabaseName="shop", Name="orders_ro")["Table"]
    assert table["StorageDescriptor"]["Columns"][0]["Type"] == "decimal(10,0)"
    assert list(partitions(glue, "orders_ro")) == ["2024-01-01"]


def test_a_catalog_that_does_not_answer_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with pytest.raises(DeployError, match=r"the catalog did not take shop\.orders: EndpointConnectionError") as caught:
        Registration("us-east-1").learn("shop", snapshot([]), LOCATION)
    assert caught.value.code == "LW-732"
