"""The source tables that a lake knows: what its raw logs hold, or else what was committed beside the Terraform roots.

A lake that captured knows its tables without asking a source. What it knows is committed with the rendered files, so that another
machine, CI among them, renders the same without a lake.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lakewright.errors import DeployError
from lakewright.model.names import TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.pipeline import survey
from lakewright.pipeline.holdings import Holdings
from lakewright.project.document import KeyPath, shown
from lakewright.project.project import Project

FILE = "schemas.json"

Known = Mapping[str, Sequence[TableSchema]]
"""The tables of each source in name order; of a column only what a table of the lake takes from it."""


def known(project: Project, roots: Path) -> dict[str, list[TableSchema]]:
    """The tables that lake.yaml chooses; raises `DeployError` LW-703 for a source or a listed table that is unknown."""
    with Holdings(project.resolved, project.folder) as lake:
        captured = survey.schemas(lake)
    committed = _committed(roots / FILE)
    found: dict[str, list[TableSchema]] = {}
    for source, settings in project.settings.sources.items():
        tables = captured.get(source) or committed.get(source) or ()
        found[source] = [_plain(table) for table in sorted(tables, key=lambda t: t.name) if settings.wants(table.name)]
        if not found[source]:
            raise _unknown(project, ("sources", source), f"source {source} was never captured: its tables are unknown")
    for name, table in project.settings.tables.items():
        source, origin = table.origin.source, table.origin.table
        if project.settings.sources[source].wants(origin) and origin not in {each.name for each in found[source]}:
            raise _unknown(project, ("tables", name), f"table {table.origin} was never captured: its columns are unknown")
    return found


def committed(schemas: Known) -> dict[str, Any]:
    """What `known` reads back, as JSON values."""
    sources = {
        source: {str(table.name): {"key": [*table.key], "columns": [_of_column(c) for c in table.columns]} for table in tables}
        for source, tables in schemas.items()
    }
    return {"version": 1, "sources": sources, "checksum": _checksum(sources)}


def _unknown(project: Project, path: KeyPath, message: str) -> DeployError:
    hint = "`lakewright capture` learns the tables, then render again"
    return DeployError("LW-703", message, hint=hint, where=project.document.where(path))


def _committed(path: Path) -> dict[str, list[TableSchema]]:
    """The tables in a file that `committed` made; raises `DeployError` LW-704 for one that it did not."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != 1 or content["checksum"] != _checksum(content["sources"]):
            raise ValueError("its checksum differs")
        return {source: [_table(*entry) for entry in tables.items()] for source, tables in content["sources"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error) or type(error).__name__
        hint = "take it from Git again, or capture the lake here and remove it: `lakewright deploy render` makes it"
        raise DeployError("LW-704", f"{shown(path)} is not what was rendered: {reason}", hint=hint) from error


def _plain(schema: TableSchema) -> TableSchema:
    """A table as a new lake would see it: without what only this log or this server has."""
    columns = tuple(
        Column(column.name, column.source_type, column.type, number=number) for number, column in enumerate(schema.columns, 1)
    )
    return TableSchema(schema.name, columns, schema.key)


def _of_column(column: Column) -> dict[str, Any]:
    return {"name": column.name, "source_type": column.source_type, "type": column.type}


def _table(name: str, content: Mapping[str, Any]) -> TableSchema:
    columns = tuple(Column(**column, number=number) for number, column in enumerate(content["columns"], 1))
    return TableSchema(TableName.parse(name), columns, tuple(content["key"]))


def _checksum(sources: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(sources, sort_keys=True).encode()):08x}"
