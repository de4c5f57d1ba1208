"""lake.yaml as models: what can be set, what each setting means, and what it is when it is left out.

The models are the one truth: the file is checked against them, `json_schema` is what editors complete from, and the reference
page of the settings is printed from them. They are values; nothing here opens a connection or a file.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lakewright.model.names import TableName, chosen, did_you_mean
from lakewright.project.document import KeyPath
from lakewright.project.values import (
    DecimalText,
    Duration,
    Folder,
    Name,
    OriginText,
    PartitionText,
    SecretText,
    ShortName,
    TablePattern,
)


class Settings(BaseModel):
    """A group of settings; what is not named is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A fault of a setting that only shows beside the others: which setting, what is wrong, what helps."""

    path: KeyPath
    message: str
    hint: str | None = None


class Zones(Settings):
    """Folders inside the lake's folder, one for each kind of data; none lies inside another."""

    raw: Folder = "raw"
    """Change files and manifests, as captured."""
    curated: Folder = "curated"
    """The lake's tables."""
    logs: Folder = "logs"
    """Kept for runs and verdicts; nothing is written there yet."""

    def problems(self) -> Iterator[Problem]:
        """Zones that are equal or lie inside each other."""
        for (first, folder), (second, other) in itertools.combinations(self.model_dump().items(), 2):
            if f"{folder}/".startswith(f"{other}/") or f"{other}/".startswith(f"{folder}/"):
                yield Problem(("zones", second), f"the same folder as zone {first}, or one inside the other")


class PostgresSource(Settings):
    """A PostgreSQL database, version 14 or later, whose changes are captured."""

    kind: Literal["postgres"]
    """``postgres``."""
    url: SecretText
    """``postgresql://user:password@host:port/database``, or ``embedded`` for a server of the lake's own in ``.lakewright/pg``."""
    tables: list[TablePattern] = Field(default=["public.*"], min_length=1)
    """Which tables to capture, as ``schema.table``; in either name ``*`` stands for any characters and ``?`` for one. What begins
    with ``-`` leaves tables out, wherever it stands in the list: ``[public.*, -public.log_*]``."""
    slot: str | None = Field(default=None, pattern="^[a-z0-9_]{1,63}$")
    """The replication slot; ``lakewright_<lake>_<source>`` unless said otherwise."""

    def wants(self, table: TableName) -> bool:
        """Whether the table is among those to capture."""
        return bool(chosen([table], self.tables))


class Retention(Settings):
    """How long what a newer commit replaced stays readable."""

    recent: Duration = Field(default=datetime.timedelta(hours=1), json_schema_extra={"default": "1h"})
    """Reads as of any moment up to so long ago see the table as it was; older files are deleted."""


class Table(Settings):
    """A table of the lake. Its columns, types and key come from the source."""

    origin: OriginText = Field(alias="from")
    """The table it mirrors, as ``source.schema.table``."""
    partition: PartitionText | None = None
    """``day(column)``: one folder for each UTC day of a date or timestamp column; unpartitioned unless said otherwise."""
    retention: Retention = Retention()
    """How long what a newer commit replaced stays readable."""
    types: dict[str, DecimalText] = {}
    """``decimal(precision,scale)`` for numeric columns of the source that have no precision, which are exact text otherwise."""


class Lake(Settings):
    """A lake: where its data comes from, which tables it has, where its files lie."""

    lake: ShortName
    """The lake's name."""
    zones: Zones = Zones()
    """Folders inside the lake's folder."""
    sources: dict[ShortName, PostgresSource] = Field(min_length=1)
    """The databases that are captured, by name."""
    tables: dict[Name, Table] = {}
    """Tables that need more than their defaults, by name. A captured table that is not listed is a table of its own name."""
    queries: Folder = "queries"
    """The folder of saved queries, one ``.sql`` file each."""

    def slot(self, source: str) -> str:
        """The name of a source's replication slot."""
        return self.sources[source].slot or f"lakewright_{self.lake}_{source}"

    def problems(self) -> Iterator[Problem]:
        """What is wrong with settings that are each right alone."""
        yield from self.zones.problems()
        taken: dict[Any, str] = {}
        for name, table in self.tables.items():
            path: KeyPath = ("tables", name, "from")
            source = self.sources.get(table.origin.source)
            if source is None:
                hint = did_you_mean(table.origin.source, self.sources) or "name it under sources"
                yield Problem(path, f"there is no source {table.origin.source} (sources: {', '.join(self.sources)})", hint)
            elif not source.wants(table.origin.table):
                hint = f"add {table.origin.table} to sources.{table.origin.source}.tables"
                yield Problem(path, f"{table.origin.table} is not captured (tables: {', '.join(source.tables)})", hint)
            elif table.origin in taken:
                yield Problem(path, f"table {taken[table.origin]} already mirrors {table.origin}", "keep one of the two tables")
            taken.setdefault(table.origin, name)


def json_schema(model: type[Settings] = Lake) -> dict[str, Any]:
    """The JSON Schema of a file, with the descriptions that editors show."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
