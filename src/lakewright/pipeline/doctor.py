"""Doctor: whether everything that capture needs is there, and what mends what is not."""

from __future__ import annotations

import dataclasses
import shutil

from lakewright.errors import RESYNC, LakewrightError
from lakewright.model.finding import Finding
from lakewright.pipeline import survey, zones
from lakewright.pipeline.feed import moved
from lakewright.pipeline.wiring import Wiring
from lakewright.project.project import Project

LOW_DISK = 5 * 2**30
"""Free bytes below which `doctor` complains."""


def examine(lake: Wiring) -> list[Finding]:
    """Everything that capture needs, in the order a person would look."""
    project = lake.project
    free = shutil.disk_usage(project.folder).free
    mend = "make room, or move the lake's folder to a larger disk"
    findings = [
        *zones.examine(project.resolved, project.folder),
        Finding("disk", free > LOW_DISK, f"{free / 2**30:.0f} GiB free in {project.folder}", None if free > LOW_DISK else mend),
    ]
    for name in project.settings.sources:
        try:
            source = lake.source(name)
            findings += source.examine()
            faults = survey.setting_faults(lake, name)
            findings += [Finding(f"{name}: settings", False, f"{f.line(hinted=False)}, {f.where}", f.hint) for f in faults]
            feed = lake.log(name).view().feed
            if feed is not None and (error := moved(source.feed(), feed)) is not None:
                findings.append(_placed(project, name, Finding.of(f"{name}: server", error)))
            elif feed is not None and source.status().state == "missing":
                detail = f"{project.settings.slot(name)} is gone, and the log goes on from it"
                findings.append(Finding(f"{name}: slot", False, detail, RESYNC))
        except LakewrightError as error:
            findings.append(_placed(project, name, Finding.of(f"{name}: connection", error)))
    return findings


def _placed(project: Project, source: str, found: Finding) -> Finding:
    """The same finding with the place of the source's url."""
    place = project.document.where(("sources", source, "url"))
    return dataclasses.replace(found, detail=f"{found.detail}; see {place}")
