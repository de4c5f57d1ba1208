"""lake.yaml as models: what can be set, what each setting means, and what it is when it is left out.

The models are the one truth: the file is checked against them, `json_schema` is what editors complete from, and the reference
page of the settings is printed from them. They are values; nothing here opens a connection or a file.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from lakewright.model.names import DATASETS, QUARANTINE, TableName, chosen, did_you_mean
from lakewright.project.deployment import Deployment
from lakewright.project.document import KeyPath
from lakewright.project.group import Problem, Settings
from lakewright.project.values import (
    S3_SCHEME,
    DecimalText,
    DeletedText,
    Duration,
    Endpoint,
    Folder,
    Moment,
    Name,
    OriginText,
    Partitions,
    PathText,
    Patterns,
    Place,
    SecretText,
    ShareText,
    ShortName,
    SizeText,
    TablePattern,
)


class Zones(Settings):
    """Where each kind of data lies: a folder inside the lake's folder, or ``s3://bucket/prefix``; none lies inside another."""

    raw: Place = "raw"
    """Change files and manifests, as captured."""
    curated: Place = "curated"
    """The lake's tables."""
    quarantine: Place = "quarantine"
    """Rows of files that do not fit their dataset, as tables."""
    logs: Place = "logs"
    """The run records of files: for each file that arrived, what became of its rows."""

    def elsewhere(self) -> dict[str, str]:
        """The zones that are not in the lake's folder, by name, each with its URL."""
        return {name: place for name, place in self.model_dump().items() if place.startswith(S3_SCHEME)}

    def folders(self) -> Zones:
        """The zones as folders of the lake's store, in which a zone that lies elsewhere stands under its own name."""
        return self.model_copy(update={name: name for name in self.elsewhere()})

    def problems(self) -> Iterator[Problem]:
        """Zones that are equal or lie inside each other."""
        hint = "give each zone a folder beside the others"
        folders = self.folders().model_dump()
        for (first, place), (second, other) in itertools.combinations(self.model_dump().items(), 2):
            if _overlap(place, other) or _overlap(folders[first], folders[second]):
                yield Problem(("zones", second), f"the same folder as zone {first}, or one inside the other", hint)


def _overlap(place: str, other: str) -> bool:
    return f"{place}/".startswith(f"{other}/") or f"{other}/".startswith(f"{place}/")


class S3(Settings):
    """How zones and files on S3 are reached. Credentials come from AWS's own places: environment, profile, instance."""

    endpoint: Endpoint | None = None
    """The server, as ``https://host:port``, where it is not AWS; without it AWS_ENDPOINT_URL counts."""
    region: str | None = Field(default=None, pattern="^[a-z0-9-]+$")
    """The buckets' region; without it AWS_REGION or the profile's counts."""


class PostgresSettings(Settings):
    """A PostgreSQL database, version 14 or later, whose changes are captured."""

    plain_schema: ClassVar = "public"
    raw_group: ClassVar = "database"
    comes_later: ClassVar = False
    rejected_schema: ClassVar = None

    kind: Literal["postgres"]
    """``postgres``."""
    url: SecretText
    """``postgresql://user:password@host:port/database``, or ``embedded`` for a server of the lake's own in ``.lakewright/pg``."""
    tables: list[TablePattern] = Field(default=["public.*"], min_length=1)
    """Which tables to capture, as ``schema.table``; in either name ``*`` stands for any characters and ``?`` for one. What begins
    with ``-`` leaves tables out, wherever it stands in the list: ``[public.*, -public.log_*]``. A pattern with wildcards chooses
    ordinary and partitioned tables; views and foreign tables have no changes of their own."""
    slot: str | None = Field(default=None, pattern="^[a-z0-9_]{1,63}$")
    """The replication slot; ``lakewright_<lake>_<source>`` unless said otherwise."""

    def slot_name(self, lake: str, source: str) -> str:
        """The name of its replication slot: one for each lake and source unless the settings say otherwise."""
        return self.slot or f"lakewright_{lake}_{source}"

    def wants(self, table: TableName) -> bool:
        """Whether the table is among those to capture."""
        return bool(chosen([table], self.tables))

    def choice(self) -> str:
        """What chooses the tables, as the file has it."""
        return f"tables: {', '.join(self.tables)}"

    def parts(self, table: TableName) -> tuple[TableName, ...]:
        """The tables that are made together with a table: itself."""
        return (table,)


class FilesDataset(Settings):
    """Files of one kind, which together are one table."""

    files: Patterns
    """Which files below the source's path, as ``orders/*.csv``; ``*`` stands for any characters but ``/``, ``**`` for
    folders too."""
    exclude: Patterns = ()
    """Files that are left out all the same."""
    mode: Literal["append", "snapshot", "upsert", "delta"] = "append"
    """What a file is: ``append`` more rows, ``snapshot`` the whole table, ``upsert`` new and changed rows by key, ``delta`` the
    same and deleted ones. A corrected file, one of the same name with other content, replaces its own rows."""
    key: list[Name] = []
    """The columns that tell a row from others, for ``upsert`` and ``delta``."""
    deleted: DeletedText | None = None
    """Which rows of a ``delta`` are deletes, as ``column = value``."""
    limit: ShareText = Field(default="10%", validate_default=True)
    """How many rows of a file may be rejected, a count or a share such as ``1%``; with more the whole file waits. One row alone
    is more than no share, unless the file has no other."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Settings that do not go together, each with the reason."""
        if self.mode in ("upsert", "delta") and not self.key:
            yield "mode", f"{self.mode} needs a key"
        if self.mode == "append" and self.key:
            yield "key", "append keeps every row of every file: it takes no key"
        if (self.mode == "delta") != (self.deleted is not None):
            yield "mode", "delta and deleted belong together"


DatasetSetting = Annotated[FilesDataset, BeforeValidator(lambda value: {"files": value} if isinstance(value, str) else value)]


class FilesSettings(Settings):
    """A folder into which others put files, such as exports: what is new or changed in it is taken over and read."""

    plain_schema: ClassVar = DATASETS
    raw_group: ClassVar = "files"
    comes_later: ClassVar = True
    """Whether a table that is chosen may be missing still: it comes with its first file."""
    rejected_schema: ClassVar = QUARANTINE
    """The schema of the tables of rejected rows."""

    kind: Literal["files"]
    """``files``."""
    path: PathText
    """The folder, from the lake's folder or absolute; or ``s3://bucket/prefix``, reached as `s3` says."""
    datasets: dict[Name, DatasetSetting] = Field(min_length=1)
    """Which files are which table, by the table's name; ``name: pattern`` is short for ``name: {files: pattern}``."""
    every: Duration = Field(default=datetime.timedelta(seconds=10), json_schema_extra={"default": "10s"})
    """How often the folder is looked at."""
    settle: Duration = Field(default=datetime.timedelta(seconds=2), json_schema_extra={"default": "2s"})
    """How long a file has to stay as it is before it is taken: somebody may still be writing it."""
    marker: str | None = None
    """What a file waits for, with ``{name}`` for its own name: ``{name}.done`` beside it."""
    bandwidth: SizeText | None = None
    """How much may be read in a second, as ``20MB``."""
    verify: Literal["only_files_transferred", "point_in_time_consistent", "none"] = "only_files_transferred"
    """Which copies are read back and compared: those made now, all, none. AWS DataSync's names."""
    deleted: Literal["preserve", "remove"] = "preserve"
    """What becomes of the rows of a file that is no longer there."""

    def wants(self, table: TableName) -> bool:
        """Whether the table is a dataset, or the quarantine of one."""
        return table.schema in (DATASETS, QUARANTINE) and table.table in self.datasets

    def choice(self) -> str:
        """What chooses the tables, as the file has it."""
        return f"datasets: {', '.join(self.datasets)}"

    def parts(self, table: TableName) -> tuple[TableName, ...]:
        """The tables that are made together: a dataset and its quarantine."""
        return TableName(DATASETS, table.table), TableName(QUARANTINE, table.table)


class Savepoints(Settings):
    """For how long the newest commit of each span is kept, whatever came after; none unless said otherwise."""

    hourly: Duration | None = None
    """For how long the newest commit of each hour is kept."""
    daily: Duration | None = None
    """For how long the newest commit of each day, in UTC, is kept."""

    def policy(self) -> tuple[tuple[datetime.timedelta, datetime.timedelta], ...]:
        """Each span that has its savepoints, with how long they are kept."""
        spans = ((datetime.timedelta(hours=1), self.hourly), (datetime.timedelta(days=1), self.daily))
        return tuple((span, kept) for span, kept in spans if kept is not None)


class Retention(Settings):
    """How long what a newer commit replaced stays readable."""

    recent: Duration = Field(default=datetime.timedelta(hours=1), json_schema_extra={"default": "1h"})
    """Reads as of any moment up to so long ago see the table as it was; older files are deleted (Hudi's
    hoodie.cleaner.hours.retained)."""
    savepoints: Savepoints = Savepoints()
    """Which older commits keep their files, as Hudi's savepoints: a read as of a moment after one is computed from it and the
    captured log. Those that are over are removed, those made by hand stay."""
    raw: Duration | None = None
    """For how long captured changes of a database are kept at least; for ever unless said otherwise. Those that follow a commit
    of the table which can be read are kept in any case, so `savepoints` keep them for as long as themselves."""


class Timeline(Settings):
    """How many writes stay on the table's timeline, the folder ``.hoodie`` that each read and merge lists; older ones go to
    Hudi's archive. Those that a read within `retention` needs stay in any case."""

    keep: int = Field(default=20, ge=2)
    """So many of the newest writes stay (Hudi's hoodie.keep.min.commits); `rollback` goes to the one before the newest."""
    archive_after: int = Field(default=100, ge=1)
    """So many others go together, with the clean that finds them; fewer wait (with `keep`, Hudi's hoodie.keep.max.commits)."""


class TableSettings(Settings):
    """A table of the lake. Its columns, types and key (Hudi's hoodie.table.recordkey.fields) come from the source."""

    origin: OriginText = Field(alias="from")
    """The table it mirrors, as ``source.schema.table``."""
    partition: Partitions = ()
    """``day(column)``: one folder for each UTC day of a date or timestamp column. A column: one for each of its values. A list of
    such: folders in folders. Unpartitioned unless said otherwise (Hudi's hoodie.table.partition.fields)."""
    small_files: SizeText | None = None
    """Of a `cow` table: base files below this size, as ``16MB``, are written into larger ones once a partition has eight of them
    (Hudi's hoodie.clustering.plan.strategy.small.file.limit). New rows go into files with room anyway, so it is for tables that
    other engines write too."""
    retention: Retention = Retention()
    """How long what a newer commit replaced stays readable."""
    type: Literal["cow", "mor"] = "cow"
    """``cow`` writes the files of changed rows anew (Hudi's COPY_ON_WRITE); ``mor`` writes changes to logs beside them
    (MERGE_ON_READ), which makes a merge cheap and a read dearer. It is Hudi's hoodie.table.type."""
    compact_after: int = Field(default=5, ge=1)
    """Of a ``mor`` table: a base file with so many logs is written anew with what they say, before the next merge (Hudi's
    hoodie.compact.inline.max.delta.commits)."""
    timeline: Timeline = Timeline()
    """How many writes stay on the table's timeline."""
    types: dict[str, DecimalText] = {}
    """``decimal(precision,scale)`` for numeric columns of the source that have no precision, which are exact text otherwise."""


class SnapshotSettings(Settings):
    """A table of its own with the rows that another one had at a time. It is written once, and never changes."""

    table: Name
    """The table of the lake whose rows they are."""
    as_of: Moment
    """The time, as ``2026-11-01T00:00:00Z`` (UTC unless it says otherwise): all that was committed in the source up to then is in
    the rows, and nothing that came after. It may be in the future: the snapshot is written once the log is past it."""


SourceSettings = Annotated[PostgresSettings | FilesSettings, Field(discriminator="kind")]


class LakeSettings(Settings):
    """A lake: where its data comes from, which tables it has, where its files lie."""

    lake: ShortName
    """The lake's name."""
    zones: Zones = Zones()
    """Where each kind of data lies."""
    s3: S3 = S3()
    """How zones and files on S3 are reached."""
    sources: dict[ShortName, SourceSettings] = Field(min_length=1)
    """The databases and folders that are captured, by name."""
    tables: dict[Name, TableSettings] = {}
    """Tables that need more than their defaults, by name. A captured table that is not listed is a table of its own name. One
    that is not captured any more keeps its name here."""
    snapshots: dict[Name, SnapshotSettings] = {}
    """Snapshots of tables, each a table of its own by that name, for engines that cannot go back in time, Athena among them."""
    queries: Folder = "queries"
    """The folder of saved queries, one ``.sql`` file each."""
    rules: Folder = "rules"
    """The folder of rules about tables' rows: for each table that has some a file of its name, ``.dqdl`` behind it, in DQDL.
    AWS Glue Data Quality evaluates them."""
    deploy: Deployment | None = None
    """The lake on AWS."""

    def slot(self, source: str) -> str | None:
        """The name of a source's replication slot; None where it has none."""
        settings = self.sources[source]
        return settings.slot_name(self.lake, source) if isinstance(settings, PostgresSettings) else None

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
            elif table.origin in taken:
                yield Problem(path, f"table {taken[table.origin]} already mirrors {table.origin}", "keep one of the two tables")
            taken.setdefault(table.origin, name)
        for name, snapshot in self.snapshots.items():
            if name in self.tables:
                yield Problem(("snapshots", name), f"there is a table {name} already", "choose another name for the snapshot")
            if snapshot.table in self.snapshots:
                message = f"{snapshot.table} is a snapshot itself"
                yield Problem(("snapshots", name, "table"), message, f"name its table: {self.snapshots[snapshot.table].table}")
        for name, source in self.sources.items():
            for dataset, settings in source.datasets.items() if isinstance(source, FilesSettings) else ():
                for setting, message in settings.problems():
                    yield Problem(("sources", name, "datasets", dataset, setting), message)
        if self.deploy is not None:
            yield from self.deploy.problems(self.lake, {name: source.kind for name, source in self.sources.items()}, self.tables)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of lake.yaml, with the descriptions that editors show."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **LakeSettings.model_json_schema(by_alias=True)}
