"""The source tables that are committed beside the Terraform roots, as rendering a lake left them: names, keys, columns, types.

With them another machine renders the same without a lake, and what DMS wrote becomes rows of their types without a source.
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

FILE = "schemas.json"

Known = Mapping[str, Sequence[TableSchema]]
"""The tables of each source in name order; of a column only what a table of the lake takes from it."""


def committed(schemas: Known) -> dict[str, Any]:
    """What `read` reads back, as JSON values."""
    sources = {source: tables_to_json(tables) for source, tables in schemas.items()}
    return {"version": 1, "sources": sources, "checksum": _checksum(sources)}


def read(path: Path) -> dict[str, list[TableSchema]]:
    """The tables in a file that `committed` made; raises `DeployError` LW-704 for one that it did not."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != 1 or content["checksum"] != _checksum(content["sources"]):
            raise ValueError("its checksum differs")
        return {source: tables_from_json(tables) for source, tables in content["sources"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        from lakewright.project.document import shown  # the job on Glue has no YAML library, and no such file either

        reason = error.strerror if isinstance(error, OSError) else str(error) or type(error).__name__
        hint = "take it from Git again, or capture the lake here and remove it: `lakewright deploy render` makes it"
        raise DeployError("LW-704", f"{shown(path)} is not what was rendered: {reason}", hint=hint) from error


def tables_to_json(tables: Sequence[TableSchema]) -> dict[str, Any]:
    """Tables by name, without what only a log or a server has."""
    return {str(table.name): {"key": [*table.key], "columns": [_of_column(c) for c in table.columns]} for table in tables}


def tables_from_json(tables: Mapping[str, Any]) -> list[TableSchema]:
    """What `tables_to_json` gave; raises ValueError, KeyError or TypeError for anything else."""
    return [_table(name, content) for name, content in tables.items()]


def _of_column(column: Column) -> dict[str, Any]:
    return {"name": column.name, "source_type": column.source_type, "type": column.type}


def _table(name: str, content: Mapping[str, Any]) -> TableSchema:
    columns = tuple(Column(**column, number=number) for number, column in enumerate(content["columns"], 1))
    return TableSchema(TableName.parse(name), columns, tuple(content["key"]))


def _checksum(sources: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(sources, sort_keys=True).encode()):08x}"
