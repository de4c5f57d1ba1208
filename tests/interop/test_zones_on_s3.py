"""Spark and we merge in turn into tables on S3, or on what stands in for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakewright.pipeline.lake import Lake
from tests import s3
from tests.conftest import run_sql

LAKE = """
lake: shop
zones: {{raw: s3://lake/shop/raw, curated: s3://lake/shop/curated}}
s3: {{endpoint: "{endpoint}", region: us-east-1}}
sources:
  db: {{kind: postgres, url: "{url}", tables: ["public.*"]}}
tables:
  orders: {{from: db.public.orders, partition: region}}
"""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3.ministack() as proxy:
        s3.make_bucket(proxy.endpoint)
        yield proxy.endpoint


def test_spark_and_we_merge_in_turn_on_s3(endpoint: str, url: str, tmp_path: Path) -> None:
    run_sql(
        url,
        "CREATE TABLE orders (id int PRIMARY KEY, region int, note text)",
        "INSERT INTO orders SELECT g, g % 3, 'note ' || g FROM generate_series(1, 50) g",
    )
    (tmp_path / "lake.yaml").write_text(LAKE.format(endpoint=endpoint, url=url))
    for options in ((), ("--engine", "spark", "--master", "local[1]"), ()):
        for command in (("capture",), ("merge", *options)):
            subprocess.run([sys.executable, "-m", "lakewright", "-C", str(tmp_path), *command], check=True)
        with Lake.open(tmp_path) as lake:
            assert lake.check("db").passed
            assert lake.verify("orders")[0].flaws == ()
        run_sql(
            url,
            "UPDATE orders SET region = region + 1, note = note || '!' WHERE id % 2 = 0",
            "DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)",
            "INSERT INTO orders SELECT max(id) + 1 FROM orders",
        )
