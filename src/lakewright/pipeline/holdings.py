"""Holdings: what a lake holds, wherever it lies - its raw logs and its tables - and the engine that reads both."""

from __future__ import annotations

import functools
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lakewright.model.contracts import Store, Table, TableFormat
from lakewright.model.table import Commit
from lakewright.pipeline import zones
from lakewright.pipeline.folders import Folders
from lakewright.pipeline.instants import Instant, Instants
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.published import Record, Records
from lakewright.pipeline.retries import Retries
from lakewright.project import kinds
from lakewright.project.resolved import ResolvedLake
from lakewright.raw.log import RawLog

if TYPE_CHECKING:
    import duckdb

    from lakewright.engines.duckdb import DuckDBEngine
    from lakewright.pipeline.folding import Folds
    from lakewright.project.document import KeyPath


class Holdings:
    """The parts of one lake that need no source, each made when it is first used, and let go of by `close`.

    ``folder`` is where this machine keeps what it needs meanwhile, and those zones that lie nowhere else. A process that does not
    compute in DuckDB needs neither that nor a library that reads lake.yaml.
    """

    def __init__(self, resolved: ResolvedLake, folder: Path, store: Store | None = None) -> None:
        self.resolved = resolved
        self.folder = folder
        self.store = store or zones.open_store(resolved, folder)
        self.format: TableFormat = kinds.load_kind(kinds.FORMATS, "hudi")(self.store)
        self.folders = Folders(self.store, self.format)
        self.records = Records(self.store, resolved.folders["curated"])
        self.retries = Retries(self.store, resolved.folders["raw"])
        self._logs: dict[str, RawLog] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection."""
        if "engine" in self.__dict__:
            self.engine.close()
            del self.engine
        self.__dict__.pop("folds", None)

    @functools.cached_property
    def engine(self) -> DuckDBEngine:
        """Made when first used: a capture computes nothing."""
        made: type[DuckDBEngine] = kinds.load_kind(kinds.ENGINES, "duckdb")
        engine = made(self.folder / ".lakewright" / "tmp")
        zones.show(self.resolved, self.store, engine.connection())
        return engine

    @functools.cached_property
    def folds(self) -> Folds:
        """What queries of this lake keep for the next one."""
        from lakewright.pipeline.folding import Folds

        return Folds(self.connection())

    def table(self, mirror: Mirror) -> Table | None:
        """The stored table in the folder that it is in now, None where there is none yet.

        Raises `FormatError` for what is in its place.
        """
        return self.folders.table(mirror)

    def instants(self, mirror: Mirror) -> Instants:
        """The commits of a table that can be read, newest first, former folders included; none where there is no table yet."""
        return Instants(self.folders.tables(mirror))

    def instant(self, mirror: Mirror, time: str) -> Instant:
        """One of those; raises `FormatError` LW-415 where it is unknown or cleaned, and LW-522 where there is no table."""
        found = self.instants(mirror).find(time)
        if found is None:
            if (table := self.table(mirror)) is not None:
                table.snapshot(time)  # which says why
            raise mirror.no_instant()
        return found

    def commits(self, mirror: Mirror) -> list[Commit]:
        """All that is known of the commits of a table, oldest first, whether they can be read or not."""
        tables = [*self.folders.tables(mirror)]
        return [commit for table in reversed(tables) for commit in table.history()]

    def published(self) -> list[Record]:
        """The snapshots that are written, in name order, also those that lake.yaml names no more."""
        return [each for each in self.records.all() if next(self.store.list(f"{self.records.path(each.name)}/"), None)]

    def where(self, path: KeyPath) -> str | None:
        """The place of a setting, as ``lake.yaml:12``; None where this process has no lake.yaml."""
        return None

    def log(self, source: str) -> RawLog:
        """The raw log of a source."""
        if source not in self._logs:
            group = self.resolved.sources[source].raw_group
            self._logs[source] = RawLog(self.store, self.resolved.folders["raw"], source, group)
        return self._logs[source]

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The lake's one DuckDB connection, in UTC."""
        return self.engine.connection()
