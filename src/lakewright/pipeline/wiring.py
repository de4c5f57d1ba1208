"""Wiring: what a lake is made of - its store, its table format, its sources, their logs, the tables that follow from both."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from lakewright.model.contracts import Store, TableFormat
from lakewright.model.schema import TableSchema
from lakewright.pipeline import setup
from lakewright.pipeline.folding import Folds
from lakewright.pipeline.mirror import Mirror
from lakewright.project import kinds
from lakewright.project.load import Project
from lakewright.project.load import load as load_project
from lakewright.raw.log import RawLog
from lakewright.storage.local import LocalStore


class Wiring:
    """The parts of one lake, each made when it is first used, and let go of by `close`."""

    def __init__(self, project: Project, store: Store | None = None) -> None:
        self.project = project
        self.store = store or LocalStore(project.folder)
        self.format: TableFormat = kinds.load_kind(kinds.FORMATS, "hudi")(self.store)
        self.folds = Folds(self.connection())
        self._sources: dict[str, Any] = {}
        self._logs: dict[str, RawLog] = {}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The lake of a folder with a lake.yaml."""
        return cls(load_project(folder))

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

    @functools.cached_property
    def engine(self) -> Any:
        """Made when first used: a capture computes nothing."""
        return kinds.load_kind(kinds.ENGINES, "duckdb")(self.project.folder / ".lakewright" / "tmp")

    def log(self, source: str) -> RawLog:
        """The raw log of a source."""
        if source not in self._logs:
            self._logs[source] = RawLog(self.store, self.project.lake.zones.raw, source)
        return self._logs[source]

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The lake's one DuckDB connection, in UTC."""
        return self.engine.connection()  # type: ignore[no-any-return]

    def source(self, name: str) -> Any:
        """The source of that name, connected when first used; an embedded database is started."""
        if name not in self._sources:
            self._sources[name] = setup.connect(self.project, name)
        return self._sources[name]

    def mirrors(self, names: Sequence[str] | None = None) -> list[Mirror]:
        """The tables that the raw log knows, from metadata only: no source has to answer.

        `names` chooses among them, by their own or by the source table's name, as errors of a source have it.
        """
        known = {name: self._logged(name) for name in self.project.lake.sources}
        found = setup.mirrors(self.project, known)
        if names is None:
            return found
        unknown = sorted(set(names) - {name for mirror in found for name in (mirror.name, str(mirror.origin))})
        if unknown:
            raise setup.no_such_table(unknown[0], [mirror.name for mirror in found])
        return [mirror for mirror in found if mirror.name in names or str(mirror.origin) in names]

    def mirror(self, name: str) -> Mirror:
        """The table of that name; raises `QueryError` with the nearest name."""
        return self.mirrors([name])[0]

    def _logged(self, source: str) -> list[TableSchema]:
        log = self.log(source)
        return [log.newest_schema(table) for table in log.view().tables()]
