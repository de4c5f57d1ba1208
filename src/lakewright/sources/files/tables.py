"""The tables that a dataset's files make: its rows, and the rows of its files that do not fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

from lakewright.model import types
from lakewright.model.names import DATASETS, QUARANTINE, TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.sources.files.dataset import ARRIVAL, FILE, LINE
from lakewright.sources.files.definition import Definition

Mode = Literal["append", "snapshot", "upsert", "delta"]


@dataclasses.dataclass(frozen=True)
class Rule:
    """Which files are of a dataset, and what they mean: patterns, ``mode``, ``key``, ``deleted`` (column, value) as in lake.yaml.

    ``exceeded`` says of the number of rejected rows and of all rows whether the whole file has to wait.
    """

    name: str
    files: tuple[str, ...]
    exclude: tuple[str, ...]
    mode: Mode
    key: tuple[str, ...]
    deleted: tuple[str, str] | None
    exceeded: Callable[[int, int], bool]

    @property
    def table(self) -> TableName:
        """The name of the dataset's table in the source."""
        return TableName(DATASETS, self.name)

    @property
    def quarantine(self) -> TableName:
        """The name of the table of its rejected rows."""
        return TableName(QUARANTINE, self.name)


def table_schema(rule: Rule, definition: Definition) -> TableSchema:
    """The dataset's table: the columns of its files; where every row of every file counts also the row's file and line, its key.

    A snapshot has no key: a file is the whole table.
    """
    columns = [Column(column.name, column.type, column.type) for column in definition.dataset.columns]
    key = rule.key
    if rule.mode == "append":
        columns += _place()
        key = (FILE, LINE)
    key = key if rule.mode != "snapshot" else ()
    return TableSchema(rule.table, tuple(columns), key, definition=definition.digest)


def quarantine_schema(rule: Rule, definition: Definition | None) -> TableSchema:
    """The table of rejected rows: file, line, and the number of the arrival that the version of the file came with; the column
    and value that do not fit, why, and the row as it was written."""
    texts = [Column(name, types.STRING, types.STRING) for name in ("column", "value", "reason", "text")]
    columns = (*_place(), Column(ARRIVAL, types.BIGINT, types.BIGINT), *texts)
    return TableSchema(rule.quarantine, columns, (FILE, LINE), definition=definition.digest if definition else "")


def _place() -> list[Column]:
    return [Column(FILE, types.STRING, types.STRING), Column(LINE, types.BIGINT, types.BIGINT)]
