"""Wiring: what a lake is made of - its store, its table format, its sources and their logs, opened and let go of."""

from __future__ import annotations

import functools
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from lakewright.errors import ConfigError
from lakewright.model.contracts import Source, Store, TableFormat
from lakewright.model.names import did_you_mean
from lakewright.pipeline import zones
from lakewright.project import kinds
from lakewright.project.project import Project, open_project
from lakewright.raw.log import RawLog

if TYPE_CHECKING:
    import duckdb

    from lakewright.engines.duckdb import DuckDBEngine
    from lakewright.pipeline.folding import Folds
    from lakewright.sources.files.inspection import Inspection
    from lakewright.sources.files.source import FilesSource


class Wiring:
    """The parts of one lake, each made when it is first used, and let go of by `close`.

    A process that neither asks a source nor computes in DuckDB needs no client of a database: those are imported when used.
    """

    def __init__(self, project: Project, store: Store | None = None) -> None:
        self.project = project
        self.store = store or zones.open_store(project)
        self.format: TableFormat = kinds.load_kind(kinds.FORMATS, "hudi")(self.store)
        self._sources: dict[str, Source] = {}
        self._logs: dict[str, RawLog] = {}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The lake of a folder with a lake.yaml."""
        return cls(open_project(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection; an embedded database goes on."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()
        if "engine" in self.__dict__:
            self.engine.close()
            del self.engine
        self.__dict__.pop("folds", None)

    @functools.cached_property
    def engine(self) -> DuckDBEngine:
        """Made when first used: a capture computes nothing."""
        made: type[DuckDBEngine] = kinds.load_kind(kinds.ENGINES, "duckdb")
        engine = made(self.project.folder / ".lakewright" / "tmp")
        zones.show(self.project, self.store, engine.connection())
        return engine

    @functools.cached_property
    def folds(self) -> Folds:
        """What queries of this lake keep for the next one."""
        from lakewright.pipeline.folding import Folds

        return Folds(self.connection())

    def log(self, source: str) -> RawLog:
        """The raw log of a source."""
        if source not in self._logs:
            self._logs[source] = RawLog(
                self.store, self.project.settings.zones.folders().raw, source, self.project.settings.sources[source].raw_group
            )
        return self._logs[source]

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The lake's one DuckDB connection, in UTC."""
        return self.engine.connection()

    def source(self, name: str) -> Source:
        """The source of that name, connected when first used; an embedded database is started."""
        if name not in self._sources:
            from lakewright.pipeline import connect

            self._sources[name] = connect.connect(self.project, self.store, name)
        return self._sources[name]

    def inspection(self, name: str) -> Inspection:
        """What looks into the files of the source of that name; raises `ConfigError` where it has none."""
        sources = self.project.settings.sources
        known = [each for each, settings in sources.items() if settings.kind == "files"]
        if name not in known:
            hint = did_you_mean(name, known) or f"sources of files: {', '.join(known) or 'none'}"
            raise ConfigError("LW-278", f"{name} is no source of files", hint=hint)
        return cast("FilesSource", self.source(name)).inspection
