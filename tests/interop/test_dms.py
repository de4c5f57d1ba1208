"""What DMS wrote, by the job on Glue and by us: the tables of a capture of our own, whenever the job is killed."""

from __future__ import annotations

import datetime
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest

from lakewright.deploy import bundle
from lakewright.pipeline import landing
from lakewright.pipeline.lake import Lake
from lakewright.project import known
from lakewright.project.project import open_project
from tests import dms, s3
from tests.conftest import run_sql
from tests.interop.glue import Glue
from tests.interop.test_glue_parity import ARGUMENTS, copy, independent, killed_after

SOURCE = """
lake: t
sources:
  db: {{kind: postgres, url: "{url}", tables: ["s.*"], slot: "dms"}}
tables:
  s_line: {{from: db.s.line, type: mor}}
deploy:
  terraform: live
  region: us-east-1
  environments:
    dev:
      cidr: 10.40.0.0/20
      databases: {{db: {{name: db, address: 192.168.7.20/32, route: 192.168.0.0/16}}}}
"""


@pytest.mark.timeout(900)  # it starts Spark three times
def test_the_job_and_we_land_the_same(glue: Glue, aws: s3.Proxy, url: str, tmp_path: Path) -> None:
    captured, here = tmp_path / "captured", tmp_path / "here"
    for folder in (captured, here):
        (folder / "live").mkdir(parents=True)
        (folder / "lake.yaml").write_text(SOURCE.format(url=url))
    run_sql(url, *dms.BEGINNING)
    with Lake.open(captured) as lake:
        lake.capture()
        tables = lake.log("db").followed()
        task = dms.Task(s3.open_store(aws.endpoint, str(tmp_path / "partial"), "t"), "raw/dms/db/", lake.log("db"))
    (here / "live" / known.FILE).write_text(json.dumps(known.committed({"db": tables})))
    client = boto3.client("s3", endpoint_url=aws.endpoint)
    rendered = bundle.project_json(open_project(here).resolved, "t-dev", captured={"db": tables})
    client.put_object(Bucket=s3.BUCKET, Key="code/project.json", Body=rendered)
    aws.age = datetime.timedelta(minutes=30)
    task.load(files=2)
    for step in range(2):
        if step:
            run_sql(url, *(statement for statements in dms.STEPS for statement in statements))
            with Lake.open(captured) as lake:
                lake.capture()
            task.follow(parts=2)
            killed_after(random.Random(step).randint(20, 80), glue, aws)
        code, out, err = glue.run(aws.endpoint, ARGUMENTS)
        assert code == 0, err
        told = [json.loads(line)["event"] for line in out.splitlines() if line.startswith("{")]
        assert told[-4:] == ["merged", "merged", "merged", "measured"]
        land(here, client, tmp_path / f"files-{step}")
        with Lake.open(captured) as lake:
            lake.merge()
            for mirror in lake.mirrors():
                columns = lake.log("db").newest_schema(mirror.origin).column_names
                rows = independent(lake.store.location(mirror.path), columns)
                assert independent(copy(client, f"t/curated/{mirror.name}/", tmp_path / f"{mirror.name}-{step}"), columns) == rows
                assert independent(here / "curated" / mirror.name, columns) == rows


def land(here: Path, client: Any, scratch: Path) -> None:
    """Land the same files on disk, as old as they are, and merge them natively."""
    copy(client, "t/raw/dms/", scratch)
    for found in client.list_objects_v2(Bucket=s3.BUCKET, Prefix="t/raw/dms/")["Contents"]:
        time = found["LastModified"].timestamp()
        os.utime(scratch / found["Key"].removeprefix("t/raw/dms/"), (time, time))
    shutil.copytree(scratch, here / "raw" / "dms", dirs_exist_ok=True)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=30)
    with Lake.open(here) as lake:
        assert landing.land_all(lake, clock=lambda: later) == []
        lake.merge()
