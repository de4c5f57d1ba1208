"""The tables of a lake as AWS's catalog wants them, and where what is known of them comes from."""

from __future__ import annotations

import datetime
import json

import pytest
from tests.deploy.conftest import TABLES, know, table

from lakewright.deploy import bundle, dms, preflight, schemas
from lakewright.deploy.catalog import catalog
from lakewright.deploy.render import render
from lakewright.deploy.target import targets
from lakewright.errors import DeployError
from lakewright.pipeline.lake import Lake
from lakewright.project.project import open_project
from lakewright.project.resolved import ResolvedSnapshot

ZONES = {"raw": "s3://x/raw", "curated": "s3://x/curated"}


def _rendered(project, name):
    render(targets(project, ["dev"]), write=True)
    return json.loads((project.folder / "live" / "dev" / "rendered" / name).read_text())


def test_columns_have_hives_types_and_partition_columns_stand_apart(project):
    tables = _rendered(project, "tables.json")
    assert {name: each["zone"] for name, each in tables.items()} == {
        **dict.fromkeys(("order_line", "orders", "people", "stock"), "curated"),
        "quarantine_people": "quarantine",
    }
    assert tables["order_line"]["partitions"] == [{"name": "at_day", "type": "string"}]
    columns = {column["name"]: column["type"] for column in tables["stock"]["columns"]}
    assert columns == {
        "id": "bigint",
        "price": "decimal(10,2)",
        "label": "string",
        "made": "timestamp",
        "_position": "string",
        "_hoodie_is_deleted": "boolean",
    }
    assert (tables["stock"]["type"], tables["stock"]["zone"]) == ("mor", "curated")


def test_the_job_is_told_how_files_are_read(project):
    assert render(targets(project, ["dev"]), write=False).left_out == ()
    files = _rendered(project, "project.json")["sources"]["drop"]["files"]
    orders = files["datasets"]["orders"]
    assert (orders["files"], orders["mode"]) == (["orders/*.csv"], "append")
    assert orders["definition"]["columns"] == [{"name": "id", "source_name": "Id", "type": "bigint"}]


def test_a_dataset_without_a_definition_is_refused_before_anything_is_written(project):
    (project.folder / "datasets" / "people.yaml").unlink()
    with pytest.raises(DeployError) as caught:
        render(targets(project, ["dev"]), write=True)
    assert (caught.value.code, caught.value.message) == ("LW-707", "nothing says how the files of dataset people are read")
    assert (caught.value.where or "").endswith("lake.yaml:4")
    assert "`lakewright capture` infers it" in str(caught.value.hint)
    assert not (project.folder / "live" / "dev").exists()


def test_a_table_is_cow_on_aws_where_lake_yaml_says_so(change):
    project = change("  region: eu-west-1\n", "  region: eu-west-1\n  cow: [stock]\n")
    assert _rendered(project, "tables.json")["stock"]["type"] == "cow"
    assert project.resolved.tables["stock"].type == "mor"


SNAPSHOTS = """snapshots:
  stock_q1: {table: stock, as_of: 2026-04-01}
  lines_q1: {table: order_line, as_of: 2026-04-01}
  people_q1: {table: people, as_of: 2026-04-01}
  gone_q1: {table: gone, as_of: 2026-04-01}
  kept_q1: {table: quarantine_people, as_of: 2026-04-01}
deploy:
  terraform"""


def test_a_snapshot_is_an_ordinary_table_of_the_catalog_and_the_jobs_to_write(change):
    project = change("deploy:\n  terraform", SNAPSHOTS)
    tables = _rendered(project, "tables.json")
    assert [*tables] == ["lines_q1", "order_line", "orders", "people", "people_q1", "quarantine_people", "stock", "stock_q1"]
    assert (tables["stock_q1"]["type"], tables["stock_q1"]["path"]) == ("cow", "stock_q1/")
    assert tables["stock_q1"]["columns"] == tables["stock"]["columns"]
    assert tables["lines_q1"]["partitions"] == tables["order_line"]["partitions"]
    left = {each.name: each.reason for each in render(targets(project, ["dev"]), write=False).left_out if "q1" in each.name}
    assert left["gone_q1"] == "its table gone is not on AWS"
    assert left["kept_q1"] == "quarantine_people has rejected rows, which stay out of zone curated"
    bundled = bundle.read(json.dumps(_rendered(project, "project.json")).encode(), ZONES)
    assert [*bundled.snapshots.items()] == [
        (name, ResolvedSnapshot(table, datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)))
        for name, table in (("lines_q1", "order_line"), ("people_q1", "people"), ("stock_q1", "stock"))
    ]
    target = targets(project, ["dev"])[0]
    told = [each for each in preflight.names(target, catalog(target, schemas.known(project, target.roots))) if "q1" in each.name]
    assert [(each.name, each.ok) for each in told] == [
        ("snapshot stock_q1", True),
        ("snapshot lines_q1", True),
        ("snapshot people_q1", True),
        ("table gone_q1", True),
        ("table kept_q1", True),
    ]
    assert "as of 2026-04-01 00:00:00 UTC, which Athena reads" in told[0].detail


def test_dms_takes_each_table_by_its_own_name(project):
    rules = _rendered(project, "dms/store/table-mappings.json")["rules"]
    assert [rule["object-locator"]["table-name"] for rule in rules] == ["item", "order[_]line", "%"]
    assert (rules[-1]["value"], rules[-1]["expression"]) == ("_position", "$AR_H_CHANGE_SEQ")
    settings = _rendered(project, "dms/store/task-settings.json")
    assert settings["FullLoadSettings"]["TargetTablePrepMode"] == "DO_NOTHING"
    assert settings["TargetMetadata"]["FullLobMode"] != settings["TargetMetadata"]["LimitedSizeLobMode"]


def test_a_table_without_key_is_refused():
    with pytest.raises(DeployError, match=r"table public\.log has no key") as caught:
        dms.table_mappings([table("public.log", "", line="text")])
    assert (caught.value.code, "`-public.log`" in caught.value.hint) == ("LW-705", True)


def test_a_source_and_a_table_that_were_never_captured(project):
    know(project.folder, {"drop": TABLES["drop"]})
    with pytest.raises(DeployError, match="source store was never captured") as caught:
        render(targets(project), write=True)
    assert (caught.value.code, caught.value.where.endswith("lake.yaml:3")) == ("LW-703", True)
    know(project.folder, {**TABLES, "store": TABLES["store"][:1]})
    with pytest.raises(DeployError, match=r"table store\.public\.order_line was never captured") as caught:
        render(targets(project), write=True)
    assert (caught.value.code, caught.value.where.endswith("lake.yaml:6")) == ("LW-703", True)
    assert "`lakewright capture`" in caught.value.hint


def test_known_tables_that_were_edited_by_hand(project):
    path = project.folder / "live" / schemas.FILE
    path.write_text(path.read_text().replace("numeric(10,2)", "numeric(12,2)"))
    with pytest.raises(DeployError, match=r"schemas\.json is not what was rendered: its checksum differs") as caught:
        render(targets(project), write=True)
    assert caught.value.code == "LW-704"


def test_a_lake_that_captured_knows_its_tables(tmp_path):
    """Then what is committed is made anew, and another machine renders the same of it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "people.csv").write_text("id,name\n1,Ada\n")
    (tmp_path / "lake.yaml").write_text(
        "lake: shop\nsources: {drop: {kind: files, path: in, settle: 1ms, datasets: {people: '*.csv'}}}\n"
        "deploy:\n  terraform: live\n  region: eu-west-1\n  environments:\n"
        "    dev: {cidr: 10.40.0.0/20, shares: {drop: {path: /drop}}}\n"
    )
    with Lake.open(tmp_path) as lake:
        lake.capture()
    project = open_project(tmp_path)
    render(targets(project), write=True)
    captured = json.loads((tmp_path / "live" / schemas.FILE).read_text())["sources"]["drop"]
    assert [*captured] == ["datasets.people", "quarantine.people"]
    assert [column["name"] for column in captured["datasets.people"]["columns"]][:2] == ["id", "name"]
    (tmp_path / "raw").rename(tmp_path / "away")
    assert render(targets(project), write=False).differences == ()
