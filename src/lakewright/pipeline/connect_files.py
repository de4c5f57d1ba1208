"""Sources of files made of a resolved lake: without lake.yaml, as the job on Glue has them, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lakewright.model.position import Position
from lakewright.pipeline.holdings import Holdings
from lakewright.project import kinds
from lakewright.project.resolved import ResolvedFiles
from lakewright.project.share import Share
from lakewright.sources.files.origin import Origin
from lakewright.sources.files.tables import Rule
from lakewright.sources.files.transfer import TransferSettings

if TYPE_CHECKING:
    from lakewright.sources.files.arrival_reader import Definitions
    from lakewright.sources.files.source import FilesSource


def connect_files(lake: Holdings, name: str, settings: ResolvedFiles, origin: Origin, definitions: Definitions) -> FilesSource:
    """The source of that name, whose files come from `origin` and are read under `definitions`."""
    rules = [
        Rule(dataset, each.files, each.exclude, each.mode, each.key, each.deleted, Share.parse(each.limit).exceeded)
        for dataset, each in settings.datasets.items()
    ]
    how = TransferSettings(settings.settle, settings.marker, settings.bandwidth, settings.verify, settings.deleted)
    raw, logs = (lake.resolved.folders[zone] for zone in ("raw", "logs"))
    scratch: Path = lake.folder / ".lakewright" / "tmp"
    logged: Callable[[], Position] = lambda: lake.log(name).view().watermark  # noqa: E731
    made: type[FilesSource] = kinds.load_kind(kinds.SOURCES, "files")
    return made(name, origin, rules, how, settings.every, (lake.store, raw), logs, definitions, scratch, logged)
