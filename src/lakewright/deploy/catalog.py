"""The lake's tables as the Glue Data Catalog and Athena want them: columns in Hive's types, partition columns apart."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, NamedTuple

from lakewright.deploy.schemas import Known
from lakewright.deploy.target import Target
from lakewright.model.table import COW, TableSpec
from lakewright.pipeline import survey
from lakewright.pipeline.mirror import Mirror
from lakewright.project.resolved import ResolvedLake
from lakewright.project.tables import LakeTable, lake_tables

ZONE = "curated"
"""Where tables are, but for those of rejected rows."""


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A table or a saved query that the lake does not have on AWS, and why."""

    name: str
    reason: str


@dataclasses.dataclass(frozen=True)
class DeployedTable:
    """A table on AWS: what the lake knows of it, and how it is stored in its zone; ``as_of`` is a snapshot's time."""

    table: LakeTable
    mirror: Mirror
    spec: TableSpec
    zone: str
    as_of: datetime.datetime | None = None


class Catalog(NamedTuple):
    """The tables of an environment in name order, then its snapshots; and what it lacks of them, with the reason."""

    tables: list[DeployedTable]
    left_out: list[LeftOut]


def catalog(target: Target, known: Known) -> Catalog:
    """The tables of an environment."""
    lake = target.resolved
    found, misfits = lake_tables(lake, known)
    zones = {folder: zone for zone, folder in lake.folders.items()}
    deployed = []
    for table in found:
        mirror = survey.mirror_of(lake, table)
        deployed.append(DeployedTable(table, mirror, mirror.spec(table.schema), zones[mirror.path.rpartition("/")[0]]))
    left_out = [LeftOut(misfit.name or misfit.source, misfit.error.line()) for misfit in misfits]
    by_name = {each.table.name: each for each in deployed}
    for name, snapshot in lake.snapshots.items():
        if name in by_name or snapshot.table not in by_name:
            reason = f"there is a table {name} already" if name in by_name else f"its table {snapshot.table} is not on AWS"
            left_out.append(LeftOut(name, reason))
        elif by_name[snapshot.table].zone != ZONE:
            left_out.append(LeftOut(name, f"{snapshot.table} has rejected rows, which stay out of zone {ZONE}"))
        else:
            deployed.append(_snapshot(lake, name, snapshot.as_of, by_name[snapshot.table]))
    return Catalog(deployed, left_out)


def _snapshot(lake: ResolvedLake, name: str, as_of: datetime.datetime, of: DeployedTable) -> DeployedTable:
    """A snapshot as its table is now; what its columns were then the job tells the catalog when it has written it."""
    mirror = dataclasses.replace(of.mirror, name=name, path=f"{lake.folders[ZONE]}/{name}", type=COW)
    return DeployedTable(dataclasses.replace(of.table, name=name), mirror, mirror.spec(of.table.schema), ZONE, as_of)


def tables(found: Catalog) -> dict[str, Any]:
    """The input `tables` of the stack lake. Hudi's own columns are added there."""
    return {each.table.name: _table(each) for each in found.tables}


def _table(each: DeployedTable) -> dict[str, Any]:
    columns = [{"name": name, "type": kind} for name, kind in each.spec.columns]
    partition = each.spec.partition
    return {
        "zone": each.zone,
        "name": each.table.name,
        "path": f"{each.table.name}/",
        "type": each.spec.type,
        "columns": [column for column in columns if column["name"] not in partition],
        "partitions": [column for name in partition for column in columns if column["name"] == name],
    }
