"""The settings `volumes` of an environment: what the lake carries, from which `lakewright cost` computes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lakewright.project.group import Settings

Amount = Annotated[float, Field(ge=0)]


class Volumes(Settings):
    """What the lake carries, for `lakewright cost`. What is left out has no amount there, and the estimate says so."""

    changes_gb_per_day: Amount | None = None
    """Change files that DMS writes to raw, in GB."""
    files_gb_per_day: Amount | None = None
    """Files that DataSync brings to raw, in GB."""
    raw_gb: Amount | None = None
    """What raw holds, in GB."""
    curated_gb: Amount | None = None
    """What the newest files of all tables hold, in GB."""
    rewritten_gb_per_day: Amount | None = None
    """What merges write to the tables, in GB: of a ``cow`` table every file that holds a changed row."""
    busy_tables: int | None = Field(default=None, ge=0)
    """How many tables change from one merge to the next."""
    merges_per_day: Amount | None = None
    """How often the job runs; as `merge.schedule` says unless it is ``arrival``."""
    merge_minutes: Amount | None = None
    """How long a run of the job takes."""
    merge_dpus: Amount | None = None
    """What a run of the job uses on average, in DPU: a worker of size G.1X is one."""
    crawl_minutes: Amount = 10
    """How long a run of a crawler takes; ten minutes are paid for at least."""
    queries_tb_per_month: Amount | None = None
    """What Athena reads for queries, in TB."""
    logs_gb_per_month: Amount | None = None
    """What services write to CloudWatch's logs, in GB."""
    capacity_units: Amount | None = None
    """Of a serverless replication, on average; its `min_capacity` unless said otherwise."""
    vpn_connections: int = Field(default=0, ge=0)
    """VPN connections to the databases that are paid for with the lake."""
