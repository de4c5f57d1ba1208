"""Outputs: what Terraform made of an environment, and the commands of its first day with the names filled in."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from lakewright.deploy.catalog import ZONE
from lakewright.deploy.target import Target
from lakewright.deploy.terraform import Terraform
from lakewright.errors import DeployError
from lakewright.project.document import shown


@dataclasses.dataclass(frozen=True)
class Step:
    """A command, and what it is for."""

    what: str
    command: str


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What there is: every output of the root but secrets, and the commands to look at it and to start it."""

    environment: str
    outputs: Mapping[str, Any]
    commands: tuple[Step, ...]


def outputs(target: Target) -> Outputs:
    """Ask Terraform; raises as `Terraform`, and LW-744 where nothing was applied yet."""
    terraform = Terraform(target)
    found = {name: output["value"] for name, output in terraform.json("output", "-json").items() if not output["sensitive"]}
    if "lake" not in found:
        hint = f"`lakewright deploy plan {target.environment}`, then apply it"
        raise DeployError("LW-744", f"{shown(terraform.root)} has no output yet: nothing was applied", hint=hint)
    return Outputs(target.environment, found, tuple(steps(target, found["lake"])))


def steps(target: Target, lake: Mapping[str, Any]) -> Iterator[Step]:
    """The commands, in the order in which a person needs them; `lake` is the output of that name."""
    if lake.get("task_arn"):
        yield from _capture(target, lake)
    for name, arn in (lake.get("transfers") or {}).items():
        yield Step(f"transfer {name} now", _aws("datasync start-task-execution", task_arn=arn))
    if target.settings.shares:
        yield Step("look through raw files for new columns now", _aws("glue start-crawler", name=f"{target.name}-csv"))
    if lake.get("workflow"):
        yield Step("merge now", _aws("glue start-workflow-run", name=lake["workflow"]))
    quality = lake.get("quality") or {"rule_sets": {}}
    for table, rules in quality["rule_sets"].items():
        source = json.dumps({"GlueTable": {"DatabaseName": target.database(ZONE), "TableName": table}})
        command = _aws("glue start-data-quality-ruleset-evaluation-run", data_source=source, role=quality["role_arn"])
        yield Step(f"evaluate the rules of {table} now", f"{command} --ruleset-names {rules} --number-of-workers 2")
    if quality["rule_sets"]:
        yield Step("see which rules failed", "aws glue list-data-quality-results")
    for workgroup in (lake.get("workgroups") or {}).values():
        database = lake["databases"]["curated"]
        command = _aws("athena start-query-execution", work_group=workgroup, query_execution_context=f"Database={database}")
        yield Step("ask Athena which tables there are", f"{command} --query-string 'SHOW TABLES'")
    for zone, uri in (lake.get("zones") or {}).items():
        if zone == "raw":
            yield Step("see what arrived in raw", f"aws s3 ls {shlex.quote(uri)} --recursive --summarize")


def _capture(target: Target, lake: Mapping[str, Any]) -> Iterator[Step]:
    """The task or the serverless replication: its state, its tables, its lag."""
    arn = lake["task_arn"]
    if target.settings.dms.serverless is not None:
        filters = f"Name=replication-config-arn,Values={arn}"
        yield Step("see whether capture runs", _aws("dms describe-replications", filters=filters))
        yield Step("see each table's rows", _aws("dms describe-replication-table-statistics", replication_config_arn=arn))
        dimensions = [f"Name=ReplicationConfigIdentifier,Value={target.name}-{next(iter(target.settings.databases))}"]
    else:
        yield Step(
            "see whether capture runs", _aws("dms describe-replication-tasks", filters=f"Name=replication-task-arn,Values={arn}")
        )
        yield Step("see each table's rows", _aws("dms describe-table-statistics", replication_task_arn=arn))
        task = str(arn).rpartition(":")[2]
        dimensions = [f"Name=ReplicationInstanceIdentifier,Value={target.name}", f"Name=ReplicationTaskIdentifier,Value={task}"]
    for side, endpoint in (lake.get("endpoints") or {}).items():
        filters = f"Name=endpoint-arn,Values={endpoint}"
        yield Step(f"see whether DMS reaches its {side}", _aws("dms describe-connections", filters=filters))
    command = _aws("cloudwatch get-metric-statistics", namespace="AWS/DMS", metric_name="CDCLatencySource", period="300")
    last_hour = '--start-time "$(date -u -d \'1 hour ago\' +%FT%TZ)" --end-time "$(date -u +%FT%TZ)" --statistics Maximum'
    yield Step("see how far capture is behind, in seconds", f"{command} {last_hour} --dimensions {' '.join(dimensions)}")


def _aws(operation: str, **options: str) -> str:
    """A command of the AWS CLI."""
    given = " ".join(f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in options.items())
    return f"aws {operation} {given}"
