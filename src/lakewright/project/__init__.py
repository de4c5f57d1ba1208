"""A lake's folder as values: lake.yaml, saved queries, and the plug-ins they name."""

from __future__ import annotations

from lakewright.project.project import Project, find, open_project
from lakewright.project.spec import LakeSettings, PostgresSettings, Retention, TableSettings, Zones
from lakewright.project.tables import LakeTable, Misfit, lake_tables, setting_faults
from lakewright.project.values import Origin, Partition, Secret

__all__ = [
    "LakeSettings",
    "LakeTable",
    "Misfit",
    "Origin",
    "Partition",
    "PostgresSettings",
    "Project",
    "Retention",
    "Secret",
    "TableSettings",
    "Zones",
    "find",
    "lake_tables",
    "open_project",
    "setting_faults",
]
