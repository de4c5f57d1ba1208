"""lake.yaml resolved: what merging needs of it, as plain values and as JSON, without YAML or a validation library."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakewright.model import fields
from lakewright.model.schema import TableSchema
from lakewright.project import known
from lakewright.project.names import Origin, Partition

if TYPE_CHECKING:
    from lakewright.project.spec import LakeSettings, TableSettings

_HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class ResolvedSource:
    """Where a source's raw log lies (``raw_group``), the schema whose tables have no prefix, and that of rejected rows.

    ``tables`` are those that DMS may write to raw for it: none where it captures nothing of the source.
    """

    raw_group: str
    plain_schema: str
    rejected_schema: str | None = None
    tables: tuple[TableSchema, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The source as JSON values."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**plain, "tables": known.tables_to_json(self.tables)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResolvedSource:
        """What `to_json` gave; raises ValueError, KeyError or TypeError for anything else."""
        return cls(**{**data, "tables": tuple(known.tables_from_json(fields.get(data, "tables", dict)))})


@dataclasses.dataclass(frozen=True)
class ResolvedTable:
    """A table's settings, each as `project.spec.TableSettings` has it; retention in its parts."""

    origin: Origin
    partition: tuple[Partition, ...] = ()
    type: str = "cow"
    compact_after: int = 5
    small_files: int | None = None
    recent: datetime.timedelta = _HOUR
    savepoints: tuple[tuple[datetime.timedelta, datetime.timedelta], ...] = ()
    raw: datetime.timedelta | None = None
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ResolvedSnapshot:
    """A snapshot's table, by its name in the lake, and its time."""

    table: str
    as_of: datetime.datetime


@dataclasses.dataclass(frozen=True)
class ResolvedLake:
    """A lake without what only its sources need: no address, no login.

    ``folders`` has for each zone its folder in the lake's store, ``elsewhere`` the URLs of those that are mounted there.
    ``endpoint`` and ``region`` say how these are reached.
    """

    name: str
    folders: Mapping[str, str]
    elsewhere: Mapping[str, str]
    endpoint: str | None
    region: str | None
    sources: Mapping[str, ResolvedSource]
    tables: Mapping[str, ResolvedTable]
    snapshots: Mapping[str, ResolvedSnapshot] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The lake as JSON values."""
        tables = {name: _table_to_json(table) for name, table in self.tables.items()}
        sources = {name: source.to_json() for name, source in self.sources.items()}
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        snapshots = {name: {"table": each.table, "as_of": each.as_of.isoformat()} for name, each in self.snapshots.items()}
        plain |= {"folders": {**self.folders}, "elsewhere": {**self.elsewhere}}
        return {**plain, "sources": sources, "tables": tables, "snapshots": snapshots}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResolvedLake:
        """What `to_json` gave; raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            name=fields.get(data, "name", str),
            folders=fields.get(data, "folders", dict),
            elsewhere=fields.get(data, "elsewhere", dict),
            endpoint=data["endpoint"],
            region=data["region"],
            sources={name: ResolvedSource.from_json(source) for name, source in fields.get(data, "sources", dict).items()},
            tables={name: _table(table) for name, table in fields.get(data, "tables", dict).items()},
            snapshots={
                name: ResolvedSnapshot(fields.get(each, "table", str), fields.time(each, "as_of"))
                for name, each in fields.get(data, "snapshots", dict).items()
            },
        )


def resolve(lake: LakeSettings, tables: known.Known) -> ResolvedLake:
    """A lake's settings, resolved; `tables` are those of the sources that DMS captures."""
    return ResolvedLake(
        name=lake.lake,
        folders=lake.zones.folders().model_dump(),
        elsewhere=lake.zones.elsewhere(),
        endpoint=lake.s3.endpoint,
        region=lake.s3.region,
        sources={
            name: ResolvedSource(source.raw_group, source.plain_schema, source.rejected_schema, tuple(tables.get(name, ())))
            for name, source in lake.sources.items()
        },
        tables={name: _resolve_table(table) for name, table in lake.tables.items()},
        snapshots={name: ResolvedSnapshot(each.table, each.as_of) for name, each in lake.snapshots.items()},
    )


def _resolve_table(table: TableSettings) -> ResolvedTable:
    kept = table.retention
    plain = {name: getattr(table, name) for name in ("origin", "partition", "type", "compact_after", "small_files", "types")}
    return ResolvedTable(**plain, recent=kept.recent, savepoints=kept.savepoints.policy(), raw=kept.raw)


def _table_to_json(table: ResolvedTable) -> dict[str, Any]:
    """Spans of time are in seconds."""
    return dataclasses.asdict(table) | {
        "origin": str(table.origin),
        "partition": [str(each) for each in table.partition],
        "recent": table.recent.total_seconds(),
        "savepoints": [[span.total_seconds(), kept.total_seconds()] for span, kept in table.savepoints],
        "raw": None if table.raw is None else table.raw.total_seconds(),
        "types": {**table.types},
    }


def _table(data: Mapping[str, Any]) -> ResolvedTable:
    spans = tuple((datetime.timedelta(seconds=span), datetime.timedelta(seconds=kept)) for span, kept in data["savepoints"])
    return ResolvedTable(
        **{
            **data,
            "origin": Origin.parse(data["origin"]),
            "partition": tuple(Partition.parse(each) for each in data["partition"]),
            "recent": datetime.timedelta(seconds=data["recent"]),
            "savepoints": spans,
            "raw": None if data["raw"] is None else datetime.timedelta(seconds=data["raw"]),
        }
    )
