"""Plan: what Terraform would do to an environment, in words, and what of it cannot be undone."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from lakewright.deploy import preflight, render
from lakewright.deploy.target import Target
from lakewright.deploy.terraform import Terraform
from lakewright.errors import DeployError
from lakewright.project.document import shown

FILE = ".terraform/lakewright.tfplan"
"""Where the plan is kept, in the root, for `terraform apply` to do exactly that."""

Action = Literal["make", "change", "replace", "remove"]
_ACTIONS: dict[tuple[str, ...], Action] = {
    ("create",): "make",
    ("update",): "change",
    ("delete",): "remove",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}
_RELOAD = "every table is loaded anew, and the former slot holds the source's log back until it is dropped there"
_GONE: dict[str, str] = {
    "aws_athena_workgroup": "its history of queries goes",
    "aws_cloudtrail": "calls are not recorded any more",
    "aws_cloudwatch_log_group": "its logs go",
    "aws_dms_endpoint": _RELOAD,
    "aws_dms_replication_config": _RELOAD,
    "aws_dms_replication_instance": _RELOAD,
    "aws_dms_replication_task": _RELOAD,
    "aws_dms_s3_endpoint": _RELOAD,
    "aws_glue_catalog_database": "its tables go from the catalog, those that crawlers made too; their files stay",
    "aws_glue_catalog_table": "columns and partitions that the job added go from the catalog until it runs again; files stay",
    "aws_s3_bucket_replication_configuration": "nothing more is copied; what is written until it is back never is",
    "aws_subnet": "what is in it is made anew, change capture too",
    "aws_vpc": "what is in it is made anew, change capture too",
}
"""By type what is lost where one is removed or replaced."""


@dataclasses.dataclass(frozen=True)
class Change:
    """What becomes of one thing: its address in Terraform, its type, the settings that change, and what cannot be undone."""

    address: str
    action: Action
    kind: str
    settings: tuple[str, ...] = ()
    lost: str | None = None


@dataclasses.dataclass(frozen=True)
class Planned:
    """What would be done: how many of each type would be made, all other changes, and the command that does it."""

    environment: str
    makes: Mapping[str, int]
    changes: tuple[Change, ...]
    apply: str | None


def plan(target: Target) -> Planned:
    """Let Terraform plan, and keep the plan for `terraform apply`.

    Raises as `Terraform`, LW-603 where the rendered files are not what lake.yaml says, and LW-745 for a variable of the root that
    nobody gave.
    """
    terraform = Terraform(target)
    render.require_current(render.render([target], write=False))
    try:
        terraform.run("plan", "-input=false", f"-out={FILE}")
    except DeployError as error:
        raise _missing(target) or error from None
    return explain(target.environment, terraform.json("show", "-json", FILE), terraform.command("apply", FILE))


def _missing(target: Target) -> DeployError | None:
    """The first variable of the root that nobody gave: more than Terraform says of it."""
    for finding in preflight.variables(target):
        if not finding.ok and finding.name.startswith("variable "):
            where = shown(target.folder / "variables.tf")
            return DeployError("LW-745", f"{finding.name} {finding.detail}", hint=finding.mend, where=where)
    return None


def explain(environment: str, planned: Mapping[str, Any], apply: str) -> Planned:
    """A plan in Terraform's JSON, in words. https://developer.hashicorp.com/terraform/internals/json-format#plan-representation"""
    changes = [change for entry in planned.get("resource_changes", ()) if (change := _change(entry)) is not None]
    makes = collections.Counter(change.kind for change in changes if change.action == "make")
    others = tuple(sorted((change for change in changes if change.action != "make"), key=lambda c: (c.lost is None, c.address)))
    return Planned(environment, dict(sorted(makes.items())), others, apply if changes else None)


def _change(entry: Mapping[str, Any]) -> Change | None:
    action = _ACTIONS.get(tuple(entry["change"]["actions"]))
    if action is None or entry["mode"] != "managed":
        return None
    kind, before = str(entry["type"]), entry["change"]["before"] or {}
    settings = tuple(_settings(entry["change"])) if action in ("change", "replace") else ()
    lost = _lost(kind, before) if action in ("remove", "replace") else None
    return Change(str(entry["address"]), action, kind.removeprefix("aws_").replace("_", " "), settings, lost)


def _settings(change: Mapping[str, Any]) -> Iterator[str]:
    """The settings that change; where something is replaced, those that force it."""
    if change.get("replace_paths"):
        yield from dict.fromkeys(".".join(map(str, path)) for path in change["replace_paths"])
        return
    before, after, unknown = change["before"] or {}, change["after"] or {}, change["after_unknown"] or {}
    yield from (name for name in sorted({*before, *after}) if before.get(name) != after.get(name) or unknown.get(name) is True)


def _lost(kind: str, before: Mapping[str, Any]) -> str | None:
    """What nobody brings back once it is removed or replaced."""
    if kind == "aws_s3_bucket":
        return "all of its objects go, every version of them" if before.get("force_destroy") else "fails while it holds objects"
    if kind == "aws_kms_key":
        days, key = before.get("deletion_window_in_days") or 30, before.get("key_id")
        back = f"`aws kms cancel-key-deletion --key-id {key}`, then `aws kms enable-key --key-id {key}`"
        return f"after {days} days nothing that it encrypted can be read; until then {back} bring it back"
    if kind == "aws_secretsmanager_secret":
        days = before.get("recovery_window_in_days")
        return "its value goes at once" if days == 0 else f"its value goes after {days or 30} days"
    return _GONE.get(kind)
