"""What a merge by another engine imports: only what is there where Spark runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKED = """
import importlib, sys
for name in {blocked}:
    sys.modules[name] = None
for name in {modules}:
    importlib.import_module("lakewright." + name)
"""
CLIENTS = ("psycopg2", "adbc_driver_postgresql", "adbc_driver_manager")
READERS = ("yaml", "pydantic", "pydantic_core", "click", "rich", "sqlglot")


@pytest.mark.parametrize(
    ("engine", "modules"),
    [
        (("duckdb",), ("pipeline.merge_all", "pipeline.merge_spark", "deploy.glue_job")),
        ((), ("pipeline.deliveries", "pipeline.capture", "pipeline.connect_files", "sources.files.source")),
    ],
    ids=["merge", "capture of files"],
)
def test_a_job_needs_neither_a_client_of_a_database_nor_what_reads_lake_yaml(
    engine: tuple[str, ...], modules: tuple[str, ...]
) -> None:
    text = BLOCKED.format(blocked=engine + CLIENTS + READERS, modules=modules)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
