"""Which class stands behind each kind of plug-in: one line each, imported when it is used."""

from __future__ import annotations

import importlib
from typing import Any

from lakewright.errors import MissingDependency

SOURCES = {
    "postgres": "lakewright.sources.postgres.source:PostgresSource",
    "files": "lakewright.sources.files.source:FilesSource",
}
"""`Source` by the ``kind`` of a source in lake.yaml."""
FORMATS = {"hudi": "lakewright.formats.hudi:HudiFormat"}
"""`TableFormat` by name."""
ENGINES = {"duckdb": "lakewright.engines.duckdb:DuckDBEngine", "spark": "lakewright.engines.spark:SparkEngine"}
"""Engine by name."""
STORES = {"s3": "lakewright.storage.s3:S3Store"}
"""`Store` by the scheme of its URL; the local directory needs none."""
ORIGINS = {"s3": "lakewright.sources.files.prefix:Prefix"}
"""`Origin` of files by the scheme of its URL; a folder of this machine needs none."""
FILE_SYSTEMS = {"s3": "lakewright.engines.stored:StoredFiles"}
"""How engines read a store's files, by the scheme of their URLs."""
_EXTRAS = {
    "boto3": "lakewright[aws]",
    "botocore": "lakewright[aws]",
    "fsspec": "lakewright[aws]",
    "pyspark": "lakewright[spark]",
    "py4j": "lakewright[spark]",
}
"""What to install for a package that belongs to an extra."""


def load_kind(kinds: dict[str, str], kind: str) -> Any:
    """The class of a kind; raises `MissingDependency` where a package that it needs is not installed."""
    module, _, name = kinds[kind].partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lakewright"):
            raise
        hint = f"pip install {_EXTRAS.get(error.name.partition('.')[0], error.name)}"
        raise MissingDependency("LW-801", f"{kind} needs the package {error.name}", hint=hint) from error
