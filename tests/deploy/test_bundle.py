"""What the job on Glue takes with it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lakewright.deploy import bundle
from lakewright.errors import DeployError
from lakewright.project.names import Origin, Partition
from lakewright.project.project import open_project

LAKE = """
lake: shop
zones: {raw: in, quarantine: bad}
s3: {endpoint: "http://127.0.0.1:1"}
sources:
  db: {kind: postgres, url: "postgresql://reader:secret@db.invalid/shop", tables: ["public.*"]}
  drop: {kind: files, path: exports, datasets: {sales: "*.csv"}}
tables:
  orders:
    from: db.public.orders
    partition: [region, day(made)]
    type: mor
    compact_after: 3
    timeline: {keep: 7, archive_after: 9}
    retention: {recent: 2h, savepoints: {hourly: 7d}, raw: 30d}
    types: {price: "decimal(10,2)"}
  sold: {from: drop.datasets.sales}
"""
ZONES = {"raw": "s3://one/raw", "curated": "s3://two"}


@pytest.fixture
def rendered(tmp_path: Path) -> bytes:
    (tmp_path / "lake.yaml").write_text(LAKE)
    return bundle.project_json(open_project(tmp_path).resolved, "shop-dev")


def test_the_project_comes_back_without_what_sources_alone_need(rendered: bytes, tmp_path: Path) -> None:
    before = open_project(tmp_path).resolved
    lake = bundle.read(rendered, ZONES)
    assert (lake.name, lake.elsewhere, lake.endpoint) == ("shop-dev", ZONES, None)
    assert lake.folders == {"raw": "raw", "curated": "curated", "quarantine": "bad", "logs": "logs"}
    assert lake.tables == before.tables
    assert lake.tables["orders"].partition == (Partition("region"), Partition("made", is_day=True))
    assert lake.tables["orders"].origin == Origin.parse("db.public.orders")
    assert lake.sources == before.sources
    assert not any(word in rendered.decode() for word in ("secret", "invalid", "127.0.0.1", "exports"))


@pytest.mark.parametrize(
    ("changed", "zones", "said"),
    [
        ({"version": 1}, ZONES, "its version is 1"),
        ({"region": 5}, ZONES, "it is not what was rendered, its checksum differs"),
        ({}, {"raw": "s3://one"}, "nothing says where zone curated lies"),
        ({}, {**ZONES, "rwa": "s3://one"}, "the lake has no zone rwa"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(rendered: bytes, changed: object, zones: dict[str, str], said: str) -> None:
    data = json.dumps(json.loads(rendered) | changed).encode()  # type: ignore[operator]
    with pytest.raises(DeployError, match=said) as caught:
        bundle.read(data, zones)
    assert caught.value.code == "LW-730"


def test_the_packages_of_the_job_are_those_that_tests_run_with() -> None:
    locked = Path(__file__).parents[2] / "requirements" / "dev.lock"
    versions = {line.partition(" ;")[0] for line in locked.read_text().splitlines()}
    ours = [line for line in bundle.LOCK.read_text().splitlines() if not line.startswith("#")]
    assert set(ours) <= versions


def test_our_wheel_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        bundle._write_wheel(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with zipfile.ZipFile(tmp_path / "one") as archive:
        assert "lakewright/deploy/glue_job.py" in archive.namelist()
        assert not [name for name in archive.namelist() if "__pycache__" in name]


def test_the_job_says_in_one_line_what_is_wrong_with_its_arguments() -> None:
    command = [sys.executable, "-m", "lakewright.deploy.glue_job", "--JOB_NAME", "merge", "--zones", "raw=s3://one"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "--bundle (LW-730)" in done.stderr
