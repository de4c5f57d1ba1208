"""Zones: the store that they make together, wherever each lies, and the engine's way to read from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakewright.errors import LakewrightError
from lakewright.model.contracts import Store
from lakewright.model.finding import Finding
from lakewright.project import kinds
from lakewright.project.resolved import ResolvedLake
from lakewright.storage.local import LocalStore
from lakewright.storage.mounted import MountedStore

if TYPE_CHECKING:
    import duckdb

S3 = "s3"


def open_store(lake: ResolvedLake, folder: Path) -> Store:
    """The lake's store: its `folder`, in which a zone on S3 stands under the zone's name.

    Raises `MissingDependency` where a zone is on S3 and the extra is not installed.
    """
    local = LocalStore(folder)
    mounts = {zone: _open(lake, folder, url) for zone, url in lake.elsewhere.items()}
    return MountedStore(local, mounts) if mounts else local


def examine(lake: ResolvedLake, folder: Path) -> list[Finding]:
    """Whether each zone that lies elsewhere can be written and read, and keeps two writers apart."""
    findings = []
    for zone, url in lake.elsewhere.items():
        try:
            _open(lake, folder, url).examine()
            findings.append(Finding(f"zone {zone}", True, url))
        except LakewrightError as error:
            findings.append(Finding.of(f"zone {zone}", error))
    return findings


def _open(lake: ResolvedLake, folder: Path, url: str) -> Any:
    uploads = folder / ".lakewright" / "uploads"
    return kinds.load_kind(kinds.STORES, S3)(url, uploads, endpoint=lake.endpoint, region=lake.region)


def hadoop(lake: ResolvedLake) -> dict[str, str] | None:
    """Settings of Hadoop's ``fs.s3a`` for the zones that lie elsewhere; None where there are none."""
    if not lake.elsewhere:
        return None
    endpoint = lake.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = lake.region or os.environ.get("AWS_REGION")
    told = {"endpoint": endpoint, "path.style.access": endpoint and "true", "endpoint.region": region}
    return {name: value for name, value in told.items() if value}


def show(lake: ResolvedLake, store: Store, connection: duckdb.DuckDBPyConnection) -> None:
    """Let DuckDB read the zones that lie elsewhere, through the store."""
    if lake.elsewhere:
        stored = kinds.load_kind(kinds.FILE_SYSTEMS, S3)
        connection.register_filesystem(stored(S3, store, [*lake.elsewhere]))
