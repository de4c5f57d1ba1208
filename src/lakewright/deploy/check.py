"""Check: whether an environment can be made, before Terraform tries, and which rows on AWS will differ from the laptop's."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator

from lakewright.deploy import preflight, render, schemas
from lakewright.deploy.catalog import catalog
from lakewright.deploy.losses import Loss, losses
from lakewright.deploy.target import Target
from lakewright.errors import SourceError
from lakewright.model.finding import Finding
from lakewright.pipeline.wiring import Wiring
from lakewright.project import kinds
from lakewright.project.spec import PostgresSettings

_OF_INTEREST = ("version", "primary", "encoding", "wal_level", "replication slots", "wal senders", "replication privilege")
"""What DMS asks of a database as our own capture does."""


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was looked at, and for each table what DMS gives otherwise than a capture of our own."""

    environment: str
    findings: tuple[Finding, ...]
    losses: tuple[Loss, ...]


def check(target: Target, today: datetime.date) -> Checked:
    """Look at everything; what keeps one part from being looked at is a finding. Raises `DeployError` for unknown tables."""
    known = schemas.known(target.project, target.roots)
    found = catalog(target, known)
    parts = {
        "rendered files": _rendered(target),
        "names": preflight.names(target, found),
        "rows": preflight.rows(target, known, found),
        "versions": preflight.versions(target, today),
        "variables": preflight.variables(target),
        **{f"source {source}": _database(target, source) for source in target.settings.databases},
        "AWS": _account(target),
    }
    findings = [finding for name, part in parts.items() for finding in preflight.safely(name, part)]
    lob_max_kb = target.settings.dms.lob_max_kb
    lost = [loss for source in target.settings.databases for table in known[source] for loss in losses(table, lob_max_kb)]
    return Checked(target.environment, tuple(findings), tuple(lost))


def _account(target: Target) -> Iterator[Finding]:
    """What the account says; boto3, which asks it, is loaded here: all else is looked at without."""
    examine = kinds.load_kind({"AWS": "lakewright.deploy.account:examine"}, "AWS")
    yield from examine(target)


def _rendered(target: Target) -> Iterator[Finding]:
    """Whether Terraform would take what lake.yaml says."""
    differences = render.render([target], write=False).differences
    detail = ", ".join(difference.file for difference in differences) or "as lake.yaml says"
    yield Finding("rendered files", not differences, detail, f"`lakewright deploy render {target.environment}`")


def _database(target: Target, source: str) -> Iterator[Finding]:
    """What the server lacks for logical replication, where this machine reaches it."""
    settings = target.project.settings.sources[source]
    if isinstance(settings, PostgresSettings) and settings.url.reveal() == "embedded":
        yield Finding(f"{source}: server", True, "embedded here: AWS captures another database, which was not looked at")
        return
    with Wiring.open(target.project.folder) as lake:
        try:
            findings = lake.source(source).examine()
        except SourceError as error:
            yield Finding(f"{source}: server", True, f"was not looked at: {error.message}")
            return
    for finding in findings:
        if finding.name in _OF_INTEREST:
            yield dataclasses.replace(finding, name=f"{source}: {finding.name}")
        if finding.name == "version" and (needed := _newer_dms_needed(finding.detail, target.settings.dms.engine_version)):
            yield Finding(f"{source}: DMS", False, needed, "leave dms.engine_version out: the newest is taken")


def _newer_dms_needed(server: str, version: str | None) -> str | None:
    """Which DMS the server needs, where `version` of it, the one in lake.yaml, does not know the server's yet; None else."""
    match = re.search(r"PostgreSQL (\d+)", server)
    least = {15: (3, 5, 1), 16: (3, 5, 3), 17: (3, 6, 1)}.get(int(match[1])) if match else None
    if version is None or least is None or tuple(map(int, version.split("."))) >= least:
        return None
    return f"PostgreSQL {match[1] if match else ''} needs DMS {'.'.join(map(str, least))}, lake.yaml names {version}"
