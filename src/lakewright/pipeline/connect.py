"""Connect: sources made of their settings, one function for each kind; an embedded database is started and stopped here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lakewright.errors import SourceError
from lakewright.model.contracts import Source
from lakewright.model.names import did_you_mean
from lakewright.pipeline.connect_files import connect_files
from lakewright.pipeline.holdings import Holdings
from lakewright.project import kinds
from lakewright.project.datasets import DatasetFiles
from lakewright.project.project import Project
from lakewright.project.spec import FilesSettings, PostgresSettings
from lakewright.project.values import S3_SCHEME
from lakewright.sources.files.origin import Folder, Origin
from lakewright.sources.postgres.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from lakewright.sources.postgres import source as postgres

EMBEDDED = "embedded"


def connect(lake: Holdings, project: Project, name: str) -> Source:
    """The source of that name; an embedded database is started.

    Raises `SourceError` for a name that lake.yaml does not have.
    """
    settings = project.settings.sources.get(name)
    if settings is None:
        hint = did_you_mean(name, project.settings.sources) or f"sources: {', '.join(project.settings.sources)}"
        raise SourceError("LW-248", f"there is no source {name}", hint=hint)
    if isinstance(settings, FilesSettings):
        resolved = lake.resolved.sources[name].files
        assert resolved is not None
        return connect_files(lake, name, resolved, _origin(project, name, settings.path), DatasetFiles(project.folder))
    return _postgres(project, name, settings)


def down(project: Project) -> list[str]:
    """Stop the folder's embedded PostgreSQL if a source uses it and it runs."""
    server = _embedded(project)
    if not any(map(_is_embedded, project.settings.sources.values())) or not server.is_running():
        return []
    server.stop()
    return [name for name, source in project.settings.sources.items() if _is_embedded(source)]


def _postgres(project: Project, name: str, settings: PostgresSettings) -> postgres.PostgresSource:
    url = settings.url.reveal()
    if _is_embedded(settings):
        server = _embedded(project)
        server.start()
        url = server.url
    tables = [table for table in project.settings.tables.values() if table.origin.source == name]
    overrides = {table.origin.table: table.types for table in tables if table.types}
    made: type[postgres.PostgresSource] = kinds.load_kind(kinds.SOURCES, settings.kind)
    return made(url, settings.tables, settings.slot_name(project.settings.lake, name), overrides)


def _origin(project: Project, name: str, path: str) -> Origin:
    """Where the files of a source come from; raises `MissingDependency` where that is on S3 and the extra is not installed."""
    called, s3 = project.reference(("sources", name, "path")), project.settings.s3
    if not path.startswith(S3_SCHEME):
        return Folder(project.folder / path, called)
    made: Callable[..., Origin] = kinds.load_kind(kinds.ORIGINS, "s3")
    return made(path, called, endpoint=s3.endpoint, region=s3.region)


def _is_embedded(settings: PostgresSettings | FilesSettings) -> bool:
    return isinstance(settings, PostgresSettings) and settings.url.reveal() == EMBEDDED


def _embedded(project: Project) -> EmbeddedPostgres:
    return EmbeddedPostgres(project.folder / ".lakewright" / "pg")
