"""Definitions: what of a dataset's table was read under another definition of the dataset than there is now."""

from __future__ import annotations

from lakewright.errors import ConfigError, LogError, SourceError
from lakewright.model.names import DATASETS, QUARANTINE, TableName
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.wiring import Wiring
from lakewright.project.spec import FilesSettings


def former(lake: Wiring, mirror: Mirror) -> str | None:
    """Which files of a table were read under a former definition, with what reads them anew; None where none was.

    None too where the definition is wrong or the log cannot be read, which others tell of.
    """
    settings, log, dataset = lake.project.settings.sources[mirror.source], lake.log(mirror.source), mirror.origin.table
    if not isinstance(settings, FilesSettings) or dataset not in settings.datasets:
        return None
    try:
        used = log.definitions(TableName(DATASETS, dataset)) | log.definitions(TableName(QUARANTINE, dataset))
        now = lake.source(mirror.source).discover().tables
        if used <= {schema.definition for schema in now if schema.name.table == dataset}:
            return None  # without a look at each of the files
        files = lake.inspection(mirror.source).read_otherwise(dataset, log.past(), log.view().watermark)
    except (ConfigError, LogError, SourceError):
        return None
    if not files:
        return None
    these = f"1 file was read under a former definition: {files[0]}"
    if len(files) > 1:
        these = f"{len(files):,} files were read under a former definition, such as {files[0]}"
    return f"{these}; `lakewright resync {dataset}` reads all anew"
