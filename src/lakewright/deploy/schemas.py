"""The source tables that a lake knows: what its raw logs hold, or else what was committed beside the Terraform roots.

A lake that captured knows its tables without asking a source. What it knows is committed with the rendered files, so that another
machine, CI among them, renders the same without a lake.
"""

from __future__ import annotations

from pathlib import Path

from lakewright.errors import DeployError
from lakewright.model.schema import Column, TableSchema
from lakewright.pipeline import survey
from lakewright.pipeline.holdings import Holdings
from lakewright.project.datasets import DatasetFiles
from lakewright.project.document import KeyPath
from lakewright.project.known import FILE, Known, committed, read
from lakewright.project.project import Project
from lakewright.project.spec import FilesSettings
from lakewright.sources.files.dataset import Dataset

__all__ = ["FILE", "Known", "committed", "definitions", "known"]


def known(project: Project, roots: Path) -> dict[str, list[TableSchema]]:
    """The tables that lake.yaml chooses; raises `DeployError` LW-703 for a source or a listed table that is unknown."""
    with Holdings(project.resolved, project.folder) as lake:
        captured = survey.schemas(lake)
    recorded = read(roots / FILE)
    found: dict[str, list[TableSchema]] = {}
    for source, settings in project.settings.sources.items():
        tables = captured.get(source) or recorded.get(source) or ()
        found[source] = [_plain(table) for table in sorted(tables, key=lambda t: t.name) if settings.wants(table.name)]
        if not found[source]:
            raise _unknown(project, ("sources", source), f"source {source} was never captured: its tables are unknown")
    for name, table in project.settings.tables.items():
        source, origin = table.origin.source, table.origin.table
        if project.settings.sources[source].wants(origin) and origin not in {each.name for each in found[source]}:
            raise _unknown(project, ("tables", name), f"table {table.origin} was never captured: its columns are unknown")
    return found


def definitions(project: Project) -> dict[str, Dataset]:
    """How the files of each dataset are read; raises `DeployError` LW-707 for one of which nothing says it."""
    files, found = DatasetFiles(project.folder), dict[str, Dataset]()
    for source, settings in project.settings.sources.items():
        for name in settings.datasets if isinstance(settings, FilesSettings) else ():
            definition = files.get(name)
            if definition is None:
                hint = f"`lakewright capture` infers it from the first file and writes datasets/{name}.yaml; then render again"
                where = project.document.where(("sources", source, "datasets", name))
                raise DeployError("LW-707", f"nothing says how the files of dataset {name} are read", hint=hint, where=where)
            found[name] = definition
    return found


def _unknown(project: Project, path: KeyPath, message: str) -> DeployError:
    hint = "`lakewright capture` learns the tables, then render again"
    return DeployError("LW-703", message, hint=hint, where=project.document.where(path))


def _plain(schema: TableSchema) -> TableSchema:
    """A table as a new lake would see it: without what only this log or this server has."""
    columns = tuple(
        Column(column.name, column.source_type, column.type, number=number) for number, column in enumerate(schema.columns, 1)
    )
    return TableSchema(schema.name, columns, schema.key)
