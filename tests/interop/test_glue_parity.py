"""The same workload merged by the job on Glue, on S3, and by us, on disk: all tables are equal, whenever the job is killed."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pyarrow as pa
import pytest
from hudi import HudiTableBuilder

from lakewright.deploy import bundle, schemas
from lakewright.pipeline.capture import capture_of
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
  drop:
    kind: files
    path: in
    settle: 1ms
    datasets:
      sold: {{files: sold/*.csv, limit: 50%}}
      staff: {{files: staff*.csv, mode: snapshot}}
tables:
  h_coded: {{from: db.h.coded, partition: "day(v)"}}
  h_pair: {{from: db.h.pair, partition: "x"}}
  h_wide: {{from: db.h.wide, type: mor}}
"""
ON_DISK = "lake: t" + SOURCES
ON_S3 = (
    """
lake: t
zones: {{raw: s3://lake/t/raw, curated: s3://lake/t/curated, quarantine: s3://lake/t/quarantine, logs: s3://lake/t/logs}}
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
FILES: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "sold/1.csv": ("id,at,amount,note", "1,2026-01-02,2.50,ä", "2,2026-01-03,0.10,", '3,2026-01-04,7.00,"a, b"'),
        "sold/2.csv": ("id,at,amount,note", "4,2026-01-02,1.25,x", "5,never,1.00,y"),
        "staff.csv": ("id,name", "1,Ada", "2,Alan", "2,Alan"),
    },
    {
        "sold/2.csv": ("id,at,amount,note", "4,2026-01-02,1.50,x", "6,2026-01-05,9.00,z"),
        "sold/3.csv": ("id,at,amount,note", "7,2026-01-06,3.00,", "8,2026-01-06,much,"),
        "staff-b.csv": ("id,name", "9,Nobody"),
        "staff-a.csv": ("id,name", "3,Grace", "1,Ada"),
    },
)
"""What DataSync brings in each round, in the order in which it was written: more, corrected and rejected rows, a whole table."""
OF_FILES = ("sold", "staff", "quarantine_sold", "quarantine_staff")
ARGUMENTS = {
    "bundle": "s3://lake/code/project.json",
    "zones": ",".join(f"{zone}=s3://lake/t/{zone}" for zone in ("raw", "curated", "quarantine", "logs")),
}


@pytest.mark.timeout(1800)  # it starts Spark three times to six, one after the other
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 6))])
def test_glue_and_we_make_the_same_tables(glue: Glue, aws: s3.Proxy, url: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, text, slot in ((here, ON_DISK, "here"), (there, ON_S3, "there")):
        folder.mkdir()
        (folder / "lake.yaml").write_text(text.format(url=url, slot=slot, endpoint=aws.endpoint))
    client = boto3.client("s3", endpoint_url=aws.endpoint)
    connection = psycopg2.connect(url)
    history = History(connection, "h", rng)
    requests = 0
    try:
        for kills in (0, 1 if seed == 0 else 3):
            if kills:  # of the rows of the first round
                ((moment,),) = run_sql(url, "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::text")
                for folder in (here, there):
                    with (folder / "lake.yaml").open("a") as file:
                        file.write(f"snapshots: {{first: {{table: h_whole, as_of: {moment}Z}}}}\n")
                first = history.rows("whole")
            for _ in range(rng.randint(30, 50)):
                history.transaction()
            run_sql(url, *CHANGES[: -1 if kills == 0 else None])
            deliver(FILES[kills > 0], here / "in", client)
            with Lake.open(here) as lake:
                lake.capture()
                lake.merge()
            with Lake.open(there) as lake:
                capture_of(lake, "db").run(threading.Event(), lake.source("db").current_position())
            definitions = schemas.definitions(open_project(here))
            rendered = bundle.project_json(open_project(there).resolved, "t-dev", definitions=definitions)
            client.put_object(Bucket=s3.BUCKET, Key="code/project.json", Body=rendered)
            for _ in range(kills):
                killed_after(rng.randint(1, requests), glue, aws)
            before = len(aws.requests)
            code, out, err = glue.run(aws.endpoint, ARGUMENTS)
            assert code == 0, err
            requests = len(aws.requests) - before
            lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]  # Hudi prints there too
            told = [line["event"] for line in lines if line["event"] != "captured" and line.get("subject") != "first"]
            assert told == [*["merged"] * (len(TABLES) + len(OF_FILES)), "measured"]
            for name in TABLES:
                assert_equal(here, there, f"h_{name}", client, tmp_path, history.rows(name))
            for name in OF_FILES:
                assert_equal(here, there, name, client, tmp_path)
        with Lake.open(here) as on_disk, Lake.open(there) as on_s3:
            columns = tuple(each.column for each in on_disk.schema("first").columns)
            assert own(on_s3, "first", columns) == own(on_disk, "first", columns) == first
            assert on_s3.verify("first")[0].flaws == ()
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


def deliver(files: dict[str, tuple[str, ...]], folder: Path, client: Any) -> None:
    """Write exports into a folder, each a second later than the one before, and bring them to raw as DataSync does."""
    for number, (name, lines) in enumerate(files.items()):
        path, text, seconds = folder / name, "\n".join(lines) + "\n", 1_700_000_000 + (files is FILES[1]) * 60 + number
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (seconds, seconds))
        noted = {"file-mtime": f"{seconds}000000000ns"}
        client.put_object(Bucket=s3.BUCKET, Key=f"t/raw/datasync/drop/{name}", Body=text.encode(), Metadata=noted)


def assert_equal(here: Path, there: Path, name: str, client: Any, scratch: Path, rows: Rows | None = None) -> None:
    """A table is sound, and the same rows in both lakes, by our reader and by hudi-rs: `rows`, where these are known."""
    with Lake.open(here) as on_disk, Lake.open(there) as on_s3:
        assert on_s3.verify(name)[0].flaws == ()
        mirror = on_disk.mirror(name)
        columns = on_disk.log(mirror.source).newest_schema(mirror.origin).column_names
        found = own(on_disk, mirror.name, columns)
        assert own(on_s3, mirror.name, columns) == found
        copied = copy(client, f"t/{mirror.path}/", scratch / f"{name}-{time.monotonic_ns()}")
        assert independent(copied, columns) == independent(on_disk.store.location(mirror.path), columns)
        assert independent(copied, columns) == (found if rows is None else rows)


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
