"""What a merge by another engine imports: no client of a database, for there may be none where it runs."""

from __future__ import annotations

import subprocess
import sys

BLOCKED = """
import importlib, sys
for name in ("duckdb", "psycopg2", "adbc_driver_postgresql", "adbc_driver_manager"):
    sys.modules[name] = None
for name in ("merge_all", "merge_spark", "wiring"):
    importlib.import_module("lakewright.pipeline." + name)
"""


def test_a_merge_by_another_engine_needs_no_client_of_a_database() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
