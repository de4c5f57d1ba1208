"""lake.yaml resolved: what merging needs of it, as plain values and as JSON, without YAML or a validation library."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from lakewright.model import fields
from lakewright.model.schema import TableSchema
from lakewright.project import known
from lakewright.project.names import Origin, Partition
from lakewright.project.share import Share

if TYPE_CHECKING:
    from lakewright.project.spec import LakeSettings, SourceSettings, TableSettings

Mode = Literal["append", "snapshot", "upsert", "delta"]
Verify = Literal["only_files_transferred", "point_in_time_consistent", "none"]
OfDeleted = Literal["preserve", "remove"]
_HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class ResolvedDataset:
    """A dataset's settings, each as `project.spec.FilesDataset` has it.

    ``definition`` is how its files are read, as JSON values; None where that is looked up in the project's folder.
    """

    files: tuple[str, ...]
    exclude: tuple[str, ...]
    mode: Mode
    key: tuple[str, ...]
    deleted: tuple[str, str] | None
    limit: str
    definition: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResolvedDataset:
        """What `dataclasses.asdict` and JSON made of one; raises ValueError, KeyError or TypeError for anything else."""
        deleted = data["deleted"] and tuple(data["deleted"])
        Share.parse(data["limit"])
        return cls(**{**data, **{name: tuple(data[name]) for name in ("files", "exclude", "key")}, "deleted": deleted})


@dataclasses.dataclass(frozen=True)
class ResolvedFiles:
    """The settings of a source of files, each as `project.spec.FilesSettings` has it; times in seconds."""

    datasets: Mapping[str, ResolvedDataset]
    every: float
    settle: float
    marker: str | None
    bandwidth: int | None
    verify: Verify
    deleted: OfDeleted

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResolvedFiles:
        """What `dataclasses.asdict` and JSON made of them; raises ValueError, KeyError or TypeError for anything else."""
        datasets = {name: ResolvedDataset.from_json(each) for name, each in fields.get(data, "datasets", dict).items()}
        return cls(**{**data, "datasets": datasets})


@dataclasses.dataclass(frozen=True)
class ResolvedSource:
    """Where a source's raw log lies (``raw_group``), the schema whose tables have no prefix, and that of rejected rows.

    ``tables`` are those that DMS may write to raw for it: none where it captures nothing of the source. ``files`` is what else a
    source of files has.
    """

    raw_group: str
    plain_schema: str
    rejected_schema: str | None = None
    tables: tuple[TableSchema, ...] = ()
    files: ResolvedFiles | None = None

    def to_json(self) -> dict[str, Any]:
        """The source as JSON values."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        files = self.files and dataclasses.asdict(self.files)
        return {**plain, "tables": known.tables_to_json(self.tables), "files": files}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResolvedSource:
        """What `to_json` gave; raises ValueError, KeyError or TypeError for anything else."""
        tables, files = tuple(known.tables_from_json(fields.get(data, "tables", dict))), data["files"]
        return cls(**{**data, "tables": tables, "files": files and ResolvedFiles.from_json(files)})


@dataclasses.dataclass(frozen=True)
class ResolvedTable:
    """A table's settings, each as `project.spec.TableSettings` has it; retention and timeline in their parts."""

    origin: Origin
    partition: tuple[Partition, ...] = ()
    type: str = "cow"
    compact_after: int = 5
    timeline_keep: int = 20
    archive_after: int = 100
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
            name: ResolvedSource(
                source.raw_group, source.plain_schema, source.rejected_schema, tuple(tables.get(name, ())), _resolve_files(source)
            )
            for name, source in lake.sources.items()
        },
        tables={name: _resolve_table(table) for name, table in lake.tables.items()},
        snapshots={name: ResolvedSnapshot(each.table, each.as_of) for name, each in lake.snapshots.items()},
    )


def _resolve_files(source: SourceSettings) -> ResolvedFiles | None:
    if source.kind != "files":
        return None
    datasets = {
        name: ResolvedDataset(
            each.files, each.exclude, each.mode, tuple(each.key), each.deleted and (*each.deleted,), str(each.limit)
        )
        for name, each in source.datasets.items()
    }
    every, settle = source.every.total_seconds(), source.settle.total_seconds()
    return ResolvedFiles(datasets, every, settle, source.marker, source.bandwidth, source.verify, source.deleted)


def _resolve_table(table: TableSettings) -> ResolvedTable:
    kept = table.retention
    plain = {name: getattr(table, name) for name in ("origin", "partition", "type", "compact_after", "small_files", "types")}
    return ResolvedTable(
        **plain,
        recent=kept.recent,
        savepoints=kept.savepoints.policy(),
        raw=kept.raw,
        timeline_keep=table.timeline.keep,
        archive_after=table.timeline.archive_after,
    )


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
