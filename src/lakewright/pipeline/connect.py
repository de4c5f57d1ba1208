"""Connect: sources made of their settings, one function for each kind; an embedded database is started and stopped here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lakewright.errors import SourceError
from lakewright.model.contracts import Source, Store
from lakewright.model.names import did_you_mean
from lakewright.model.position import Position
from lakewright.project import kinds
from lakewright.project.datasets import DatasetFiles
from lakewright.project.project import Project
from lakewright.project.spec import FilesSettings, PostgresSettings
from lakewright.sources.files.origin import Folder
from lakewright.sources.files.tables import Rule
from lakewright.sources.files.transfer import TransferSettings
from lakewright.sources.postgres.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from lakewright.sources.files import source as files
    from lakewright.sources.postgres import source as postgres

EMBEDDED = "embedded"


def connect(project: Project, store: Store, name: str, logged: Callable[[], Position]) -> Source:
    """The source of that name, whose log ends at `logged`; an embedded database is started.

    Raises `SourceError` for a name that lake.yaml does not have.
    """
    settings = project.settings.sources.get(name)
    if settings is None:
        hint = did_you_mean(name, project.settings.sources) or f"sources: {', '.join(project.settings.sources)}"
        raise SourceError("LW-248", f"there is no source {name}", hint=hint)
    if isinstance(settings, FilesSettings):
        return _files(project, store, name, settings, logged)
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


def _files(
    project: Project, store: Store, name: str, settings: FilesSettings, logged: Callable[[], Position]
) -> files.FilesSource:
    rules = [
        Rule(dataset, each.files, each.exclude, each.mode, tuple(each.key), each.deleted, each.limit.exceeded)
        for dataset, each in settings.datasets.items()
    ]
    zones = project.settings.zones.folders()
    how = TransferSettings(
        settings.settle.total_seconds(), settings.marker, settings.bandwidth, settings.verify, settings.deleted
    )
    made: type[files.FilesSource] = kinds.load_kind(kinds.SOURCES, settings.kind)
    return made(
        name,
        Folder(project.folder / settings.path, project.reference(("sources", name, "path"))),
        rules,
        how,
        settings.every.total_seconds(),
        (store, zones.raw),
        zones.logs,
        DatasetFiles(project.folder),
        project.folder / ".lakewright" / "tmp",
        logged,
    )


def _is_embedded(settings: PostgresSettings | FilesSettings) -> bool:
    return isinstance(settings, PostgresSettings) and settings.url.reveal() == EMBEDDED


def _embedded(project: Project) -> EmbeddedPostgres:
    return EmbeddedPostgres(project.folder / ".lakewright" / "pg")
