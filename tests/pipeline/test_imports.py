"""What a merge by another engine imports: only what is there where Spark runs."""

from __future__ import annotations

import subprocess
import sys

BLOCKED = """
import importlib, sys
clients = ["duckdb", "psycopg2", "adbc_driver_postgresql", "adbc_driver_manager"]
readers = ["yaml", "pydantic", "pydantic_core", "click", "rich", "sqlglot"]
for name in clients + readers:
    sys.modules[name] = None
for name in ("pipeline.merge_all", "pipeline.merge_spark", "deploy.glue_job"):
    importlib.import_module("lakewright." + name)
"""


def test_a_merge_by_another_engine_needs_neither_a_client_of_a_database_nor_what_reads_lake_yaml() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
