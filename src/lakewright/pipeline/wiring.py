"""Wiring: what a lake is made of - what it holds and its sources -, opened and let go of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from lakewright.errors import ConfigError
from lakewright.model.contracts import Source, Store
from lakewright.model.names import TableName, did_you_mean
from lakewright.pipeline.sourced import Sourced
from lakewright.project.project import Project, open_project

if TYPE_CHECKING:
    from lakewright.project.document import KeyPath
    from lakewright.sources.files.inspection import Inspection
    from lakewright.sources.files.source import FilesSource


class Wiring(Sourced):
    """The parts of one lake, each made when it is first used, and let go of by `close`.

    A process that neither asks a source nor computes in DuckDB needs no client of a database: those are imported when used.
    """

    def __init__(self, project: Project, store: Store | None = None) -> None:
        super().__init__(project.resolved, project.folder, store)
        self.project = project
        self._sources: dict[str, Source] = {}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The lake of a folder with a lake.yaml."""
        return cls(open_project(folder))

    def close(self) -> None:
        """Let go of every connection; an embedded database goes on."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()
        super().close()

    def where(self, path: KeyPath) -> str | None:
        """The place of a setting, as ``lake.yaml:12``."""
        return self.project.document.where(path)

    def source(self, name: str) -> Source:
        """The source of that name, connected when first used; an embedded database is started."""
        if name not in self._sources:
            from lakewright.pipeline import connect

            self._sources[name] = connect.connect(self, self.project, name)
        return self._sources[name]

    def wants(self, source: str, table: TableName) -> bool:
        """Whether lake.yaml chooses the table of a source."""
        return self.project.settings.sources[source].wants(table)

    def has_slot(self, source: str) -> bool:
        """Whether the source remembers, by a replication slot, how far its log is."""
        return self.project.settings.slot(source) is not None

    def inspection(self, name: str) -> Inspection:
        """What looks into the files of the source of that name; raises `ConfigError` where it has none."""
        sources = self.project.settings.sources
        known = [each for each, settings in sources.items() if settings.kind == "files"]
        if name not in known:
            hint = did_you_mean(name, known) or f"sources of files: {', '.join(known) or 'none'}"
            raise ConfigError("LW-278", f"{name} is no source of files", hint=hint)
        return cast("FilesSource", self.source(name)).inspection
