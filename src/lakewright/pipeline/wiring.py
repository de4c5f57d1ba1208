"""Wiring: what a lake is made of - its store, its table format, its sources, their logs, the tables that follow from both."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import duckdb

from lakewright.errors import ConfigError, LakewrightError, LogError, NotLoaded, QueryError, together
from lakewright.model.contracts import Source, Store
from lakewright.model.names import TableName, did_you_mean
from lakewright.model.schema import TableSchema
from lakewright.model.table_format import TableFormat
from lakewright.pipeline import connect, mirrors, zones
from lakewright.pipeline.capture import Capture
from lakewright.pipeline.folding import Folds
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.steps import Step
from lakewright.project import kinds
from lakewright.project.load import Project
from lakewright.project.load import load as load_project
from lakewright.project.tables import Misfit, lake_name, setting_faults
from lakewright.project.values import Origin
from lakewright.raw.log import RawLog

if TYPE_CHECKING:
    from lakewright.engines.duckdb import DuckDBEngine
    from lakewright.sources.files.inspection import Inspection
    from lakewright.sources.files.source import FilesSource


class Wiring:
    """The parts of one lake, each made when it is first used, and let go of by `close`."""

    def __init__(self, project: Project, store: Store | None = None) -> None:
        self.project = project
        self.store = store or zones.open_store(project)
        self.format: TableFormat = kinds.load_kind(kinds.FORMATS, "hudi")(self.store)
        self._sources: dict[str, Source] = {}
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

    def capture_of(self, source: str, notice: Callable[[Step], None]) -> Capture:
        """One run of capture over a source; what cannot be a table of the lake is left out of it.

        Raises as `require_fitting`, before anything is captured.
        """
        self.require_fitting(source)
        return Capture(self.source(source), self.log(source), self.store, _Choice(self, source), notice)

    def setting_faults(self, source: str) -> list[ConfigError]:
        """Settings of the source's tables that fit nothing that the source has or its log ever had: misspelt ones."""
        origin = self.source(source)
        versions: dict[TableName, list[TableSchema]] = {table: [] for table in origin.refused()}
        for schema in [*self._logged()[0].get(source, ()), *origin.discover()]:
            versions.setdefault(schema.name, []).append(schema)
        return setting_faults(self.project, source, versions)

    def require_fitting(self, source: str) -> None:
        """Raise the first of `setting_faults`, with the others in its notes."""
        faults = self.setting_faults(source)
        if faults:
            raise together(faults)

    def misfits(self, source: str, newcomers: Sequence[TableSchema]) -> dict[TableName, LakewrightError]:
        """Which of some tables of a source cannot be tables of the lake beside those that are captured, and why."""
        return mirrors.misfits(self.project, self._logged()[0], source, newcomers)

    def left_out(self, source: str, *, loaded: bool = False) -> dict[TableName, LakewrightError]:
        """The tables of a source that lake.yaml chooses and that are not captured, with the reason of each.

        The source cannot give them, the lake cannot take them, or they stopped; with `loaded`, also those that are not loaded.
        """
        origin, wants, view = self.source(source), self.project.settings.sources[source].wants, self.log(source).view()
        tables = origin.discover()
        stopped = {stop.table: stop.error for stop in view.stopped() if wants(stop.table)}
        missing = {schema.name for schema in tables} - set(view.tables()) if loaded else ()
        absent = {table: NotLoaded(table) for table in missing}
        return {**absent, **origin.refused(), **self.misfits(source, tables), **stopped}

    def survey(self) -> tuple[list[Mirror], list[Misfit]]:
        """The tables that the raw logs know, and what of them cannot be read or named; no source has to answer."""
        known, damaged = self._logged()
        found, misfits = mirrors.mirrors(self.project, known)
        return found, damaged + misfits

    def mirrors(self, names: Sequence[str] | None = None) -> list[Mirror]:
        """The tables of `survey`, in name order.

        `names` chooses among them, by their own or by the source table's name, as errors of a source have it. Raises what keeps
        one of those from being a table, `QueryError` with the nearest name where there is none.
        """
        found, misfits = self.survey()
        if names is None:
            return found
        unknown = sorted(set(names) - {name for mirror in found for name in (mirror.name, str(mirror.origin))})
        for misfit in misfits if unknown else ():
            if misfit.table is None or {misfit.name, str(misfit.table)} & set(unknown):
                raise misfit.error
        if unknown:
            raise _no_such_table(unknown[0], [mirror.name for mirror in found])
        return [mirror for mirror in found if mirror.name in names or str(mirror.origin) in names]

    def mirror(self, name: str) -> Mirror:
        """The table of that name; raises as `mirrors`."""
        return self.mirrors([name])[0]

    def _logged(self) -> tuple[dict[str, list[TableSchema]], list[Misfit]]:
        """What the raw logs know of their tables; one that is damaged keeps nothing from the others."""
        known: dict[str, list[TableSchema]] = {}
        damaged: list[Misfit] = []
        for source in self.project.settings.sources:
            log = self.log(source)
            try:
                tables = log.view().tables()
            except LogError as error:
                damaged.append(Misfit(source, None, error))
                continue
            known[source] = []
            for table in tables:
                try:
                    known[source].append(log.newest_schema(table))
                except LogError as error:
                    damaged.append(Misfit(source, table, error, lake_name(self.project.settings, Origin(source, table))))
        return known, damaged


def _no_such_table(name: str, known: Sequence[str]) -> QueryError:
    """The error for a name that is no table of the lake."""
    hint = did_you_mean(name, list(known)) or (f"tables: {', '.join(known)}" if known else "`lakewright capture` loads the first")
    return QueryError("LW-524", f"there is no table {name}", hint=hint)


@dataclasses.dataclass(frozen=True)
class _Choice:
    """What lake.yaml says of a source's tables, as a capture asks it."""

    lake: Wiring
    source: str

    def wants(self, table: TableName) -> bool:
        return self.lake.project.settings.sources[self.source].wants(table)

    def misfits(self, newcomers: Sequence[TableSchema]) -> dict[TableName, LakewrightError]:
        return self.lake.misfits(self.source, newcomers)
