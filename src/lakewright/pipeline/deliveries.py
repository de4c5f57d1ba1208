"""Deliveries: files that AWS DataSync brought to a folder of the raw zone, captured as a folder's are on a laptop.

They lie in ``<raw>/datasync/<source>/``, under their names below the source's path, apart from what is ours: DataSync writes over
a file when a newer one takes its place, and deletes what was deleted.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lakewright.errors import LakewrightError, SourceError, SourceUnreachable
from lakewright.model.names import TableName
from lakewright.pipeline.sourced import Sourced
from lakewright.pipeline.steps import Notice, ignore
from lakewright.project import kinds
from lakewright.project.resolved import ResolvedFiles, ResolvedLake
from lakewright.sources.files.dataset import Dataset

if TYPE_CHECKING:
    from lakewright.sources.files.source import FilesSource

FOLDER = "datasync"
"""Of the raw zone, with a folder for each source."""
WAIT = 60.0
"""Seconds to wait for a source's lease."""


class DeliveredLake(Sourced):
    """A lake whose raw zone is on S3, and whose sources of files are what DataSync brought there."""

    def __init__(self, resolved: ResolvedLake, folder: Path) -> None:
        super().__init__(resolved, folder)
        self._sources: dict[str, FilesSource] = {}

    def source(self, name: str) -> FilesSource:
        """The source of that name, made when first used; raises `SourceError` LW-279 where a dataset has no definition."""
        if name not in self._sources:
            self._sources[name] = self._connected(name)
        return self._sources[name]

    def _connected(self, name: str) -> FilesSource:
        from lakewright.pipeline.connect_files import connect_files  # with what a job without files does not need

        settings = self.resolved.sources[name].files
        assert settings is not None
        url = f"{self.resolved.elsewhere['raw'].rstrip('/')}/{FOLDER}/{name}"
        origin = kinds.load_kind(kinds.ORIGINS, "s3")(url, endpoint=self.resolved.endpoint, region=self.resolved.region)
        return connect_files(self, name, settings, origin, _definitions(settings))

    def wants(self, source: str, table: TableName) -> bool:
        """Whether the table is of a dataset."""
        settings = self.resolved.sources[source].files
        return settings is not None and table.table in settings.datasets

    def has_slot(self, source: str) -> bool:
        """Files are numbered in the lake."""
        return False


@dataclasses.dataclass(frozen=True)
class _Given:
    """Definitions of all datasets, which nobody changes here; fulfils `sources.files.arrival_reader.Definitions`."""

    known: Mapping[str, Dataset]

    def get(self, name: str) -> Dataset:
        """See `Definitions`."""
        return self.known[name]

    def keep(self, dataset: Dataset, origin: str) -> None:
        """See `Definitions`; `get` has all, so none is ever inferred."""
        raise AssertionError(dataset.name)


def _definitions(settings: ResolvedFiles) -> _Given:
    """Raises `SourceError` LW-279 where one is missing: the files of its dataset would have to wait for good."""
    known = {}
    for name, each in settings.datasets.items():
        if each.definition is None:
            hint = "`lakewright deploy render` puts datasets/*.yaml into the bundle"
            raise SourceError("LW-279", f"the dataset {name} has no definition", hint=hint)
        known[name] = Dataset.from_json({**each.definition})
    return _Given(known)


def take_all(lake: DeliveredLake, notice: Notice = ignore) -> list[LakewrightError]:
    """Capture what was delivered by now, source by source; returns what went wrong: the other sources and files are taken.

    A source of which nothing was ever delivered has no tables yet, and that is nothing wrong.
    """
    failures: list[LakewrightError] = []
    for name, resolved in lake.resolved.sources.items():
        if resolved.files is not None:
            try:
                failures += _take(lake, name, notice)
            except LakewrightError as error:
                failures.append(error)
    return failures


def _take(lake: DeliveredLake, name: str, notice: Notice) -> list[LakewrightError]:
    """Capture a source; returns why its tables stand still, and why files of it wait or were not taken."""
    from lakewright.pipeline.capture import Capture

    source, log = lake.source(name), lake.log(name)
    try:
        end = source.current_position()
    except SourceUnreachable as error:
        if error.code == "LW-280" and log.view().feed is None:
            return []
        raise
    Capture(lake, name, notice).run(threading.Event(), end, wait=WAIT)
    faults = source.inspection.held_back().faults
    waiting = [SourceError(error.code, f"{file}: {error.message}", hint=error.hint) for file, error in faults.items()]
    return [*(stop.error for stop in log.view().stopped()), *waiting]
