"""The same workload merged by the job on Glue, on S3, and by us, on disk: all tables are equal, whenever the job is killed."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pyarrow as pa
import pytest
from hudi import HudiTableBuilder

from lakewright.deploy import bundle
from lakewright.pipeline.lake import Lake
from lakewright.project.project import open_project
from tests import s3
from tests.conftest import run_sql
from tests.interop.glue import Glue, kill
from tests.property.histories import TABLES, History
from tests.property.world import Rows, as_rows

SOURCES = """
sources:
  db: {{kind: postgres, url: "{url}", tables: ["h.*"], slot: "{slot}"}}
tables:
  h_coded: {{from: db.h.coded, partition: "day(v)"}}
  h_pair: {{from: db.h.pair, partition: "x"}}
  h_wide: {{from: db.h.wide, type: mor}}
"""
ON_DISK = "lake: t" + SOURCES
ON_S3 = (
    """
lake: t
zones: {{raw: s3://lake/t/raw, curated: s3://lake/t/curated}}
s3: {{endpoint: "{endpoint}", region: us-east-1}}"""
    + SOURCES
)
CHANGES = (
    "DELETE FROM h.whole WHERE id >= 5100 OR id % 7 = 0",
    "INSERT INTO h.whole SELECT g, g, repeat('x', 5000) FROM generate_series(5000, 5040) g ON CONFLICT (id) DO UPDATE SET v = 0",
    "UPDATE h.whole SET id = id + 100 WHERE id BETWEEN 5000 AND 5010",
    "ALTER TABLE h.whole ADD COLUMN later text DEFAULT 'new'; UPDATE h.whole SET later = NULL WHERE id % 2 = 0",
)
"""What no history may be without: rows, keys that change, deletes, and in the second round a new column."""
ARGUMENTS = {"bundle": "s3://lake/code/project.json", "zones": "raw=s3://lake/t/raw,curated=s3://lake/t/curated"}


@pytest.mark.timeout(1800)  # it starts Spark three times to six, one after the other
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 6))])
def test_glue_and_we_make_the_same_tables(glue: Glue, aws: s3.Proxy, url: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, text, slot in ((here, ON_DISK, "here"), (there, ON_S3, "there")):
        folder.mkdir()
        (folder / "lake.yaml").write_text(text.format(url=url, slot=slot, endpoint=aws.endpoint))
    client = boto3.client("s3", endpoint_url=aws.endpoint)
    rendered = bundle.project_json(open_project(there).resolved, "t-dev")
    client.put_object(Bucket=s3.BUCKET, Key="code/project.json", Body=rendered)
    connection = psycopg2.connect(url)
    history = History(connection, "h", rng)
    requests = 0
    try:
        for kills in (0, 1 if seed == 0 else 3):
            for _ in range(rng.randint(30, 50)):
                history.transaction()
            run_sql(url, *CHANGES[: -1 if kills == 0 else None])
            for folder in (here, there):
                with Lake.open(folder) as lake:
                    lake.capture()
            with Lake.open(here) as lake:
                lake.merge()
            for _ in range(kills):
                killed_after(rng.randint(1, requests), glue, aws)
            before = len(aws.requests)
            code, out, err = glue.run(aws.endpoint, ARGUMENTS)
            assert code == 0, err
            requests = len(aws.requests) - before
            told = [json.loads(line)["event"] for line in out.splitlines() if line.startswith("{")]  # Hudi prints there too
            assert told == [*["merged"] * len(TABLES), "measured"]
            for name in TABLES:
                assert_equal(here, there, name, history.rows(name), client, tmp_path)
    finally:
        connection.close()


def killed_after(requests: int, glue: Glue, aws: s3.Proxy) -> None:
    """Start the job, and kill all of it at a request to S3."""
    upto = len(aws.requests) + requests
    job = glue.start(aws.endpoint, ARGUMENTS)
    try:
        while len(aws.requests) < upto and job.poll() is None:
            time.sleep(0.005)
    finally:
        kill(job)


def assert_equal(here: Path, there: Path, name: str, rows: Rows, client: Any, scratch: Path) -> None:
    """A table is sound, and the same rows in both lakes, by our reader and by hudi-rs: those of its source."""
    with Lake.open(here) as on_disk, Lake.open(there) as on_s3:
        assert on_s3.verify(f"h_{name}")[0].flaws == ()
        mirror = on_disk.mirror(f"h_{name}")
        columns = on_disk.log("db").newest_schema(mirror.origin).column_names
        assert own(on_s3, mirror.name, columns) == own(on_disk, mirror.name, columns)
        copied = copy(client, f"t/curated/{mirror.name}/", scratch / f"{name}-{time.monotonic_ns()}")
        assert independent(copied, columns) == independent(on_disk.store.location(mirror.path), columns) == rows


def own(lake: Lake, name: str, columns: tuple[str, ...]) -> Rows:
    with lake.sql(f"SELECT * FROM {name}", committed=True) as answer:
        batches = list(answer.batches())
    return as_rows(pa.Table.from_batches(batches), columns) if batches else []


def independent(location: object, columns: tuple[str, ...]) -> Rows:
    batches = HudiTableBuilder.from_base_uri(str(location)).build().read()
    return as_rows(pa.Table.from_batches(batches), columns) if batches else []


def copy(client: Any, prefix: str, target: Path) -> Path:
    """A table's folder, on disk."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=s3.BUCKET, Prefix=prefix):
        for found in page["Contents"]:
            path = target / found["Key"].removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not found["Key"].endswith("/"):
                client.download_file(s3.BUCKET, found["Key"], str(path))
    return target
