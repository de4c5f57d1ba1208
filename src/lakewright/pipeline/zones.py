"""Zones: the store that they make together, wherever each lies, and the engine's way to read from it."""

from __future__ import annotations

import duckdb

from lakewright.model.contracts import Store
from lakewright.project import kinds
from lakewright.project.load import Project
from lakewright.storage.local import LocalStore
from lakewright.storage.mounted import MountedStore

S3 = "s3"


def open_store(project: Project) -> Store:
    """The lake's store: its folder, in which a zone on S3 stands under the zone's name.

    Raises `MissingDependency` where a zone is on S3 and the extra is not installed.
    """
    lake, local = project.lake, LocalStore(project.folder)
    if not lake.zones.elsewhere():
        return local
    make, uploads = kinds.load_kind(kinds.STORES, S3), project.folder / ".lakewright" / "uploads"
    mounts = {
        zone: make(url, uploads, endpoint=lake.s3.endpoint, region=lake.s3.region) for zone, url in lake.zones.elsewhere().items()
    }
    return MountedStore(local, mounts)


def show(project: Project, store: Store, connection: duckdb.DuckDBPyConnection) -> None:
    """Let DuckDB read the zones that lie elsewhere, through the store."""
    if project.lake.zones.elsewhere():
        stored = kinds.load_kind(kinds.FILE_SYSTEMS, S3)
        connection.register_filesystem(stored(S3, store, [*project.lake.zones.elsewhere()]))
