"""The variable `lake` of an environment's root: everything that lake.yaml says of its size, its network and its limits."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from lakewright.deploy.schedule import longest_pause
from lakewright.deploy.target import Target
from lakewright.errors import ConfigError
from lakewright.project.deployment import Lifecycle
from lakewright.project.document import shown
from lakewright.project.spec import FilesDataset, FilesSettings

_HOLDS = {"raw": "raw", "curated": "tables", "quarantine": "tables", "logs": "logs", "results": "results"}
"""What each zone holds, in the words of the module storage."""


def variables(target: Target) -> dict[str, Any]:
    """The root's variables, as terraform.tfvars.json has them."""
    settings, region = target.settings, target.deployment.region
    return {
        "lake": {
            "name": target.name,
            "environment": target.environment,
            "region": region,
            "disposable": settings.disposable,
            "network": {
                "cidr": str(settings.cidr),
                "availability_zones": [region + letter for letter in settings.availability_zones],
            },
            "databases": {name: _database(target, name) for name in settings.databases},
            "dms": _dms(target),
            "transfers": _transfers(target),
            "crawlers": {"csv": {"paths": ["csv/"], "schedule": settings.crawl}} if settings.shares else {},
            "merge": settings.merge.model_dump(mode="json") | {"every_minutes": longest_pause(settings.merge.schedule)},
            "zones": {zone: _zone(holds, getattr(settings.zones, zone)) for zone, holds in _HOLDS.items() if _has(target, zone)},
            **settings.model_dump(
                mode="json", include={"log_days", "emails", "bucket_limit_gb", "monthly_usd", "anomaly_usd", "trail"}
            ),
        }
    }


def _has(target: Target, zone: str) -> bool:
    """Whether the lake has the zone: only files have rows that do not fit."""
    return zone != "quarantine" or bool(target.settings.shares)


def _zone(holds: str, rule: Lifecycle) -> dict[str, Any]:
    return {"holds": holds, **rule.model_dump(mode="json")}


def _database(target: Target, name: str) -> dict[str, Any]:
    settings = target.settings.databases[name]
    values = settings.model_dump(mode="json", exclude={"certificate"})
    return {**values, "ca_certificate_pem": _certificate(target, name, settings.certificate)}


def _certificate(target: Target, source: str, name: str | None) -> str | None:
    """The text of a certificate's file; raises `ConfigError` LW-106 where it cannot be read."""
    if name is None:
        return None
    path = target.project.folder / name
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not PEM"
        setting = ("deploy", "environments", target.environment, "databases", source, "certificate")
        where = target.project.document.where(setting)
        hint = "the path is relative to the lake's folder"
        raise ConfigError("LW-106", f"cannot read {shown(path)}: {reason}", hint=hint, where=where) from error


def _dms(target: Target) -> dict[str, Any]:
    """An instance or capacity units; the other is null."""
    dms = target.settings.dms
    if dms.serverless is not None:
        return {"instance": None, "serverless": {**dms.serverless.model_dump(), "multi_az": dms.multi_az}}
    instance = {
        "class": dms.instance,
        "storage_gb": dms.storage_gb,
        "multi_az": dms.multi_az,
        "engine_version": dms.engine_version,
    }
    return {"instance": instance, "serverless": None}


def _transfers(target: Target) -> dict[str, Any]:
    """A transfer for each dataset, to the folder of raw where its files are read: ``csv/<dataset>/``."""
    found = {}
    for source, share in target.settings.shares.items():
        settings = target.project.settings.sources[source]
        for dataset, selection in settings.datasets.items() if isinstance(settings, FilesSettings) else ():
            folder, patterns = _filters(selection)
            path = posixpath.join(share.path, folder) if folder else share.path
            found[dataset.replace("_", "-")] = {
                "source": source,
                "folder": f"{dataset}/",
                "path": path,
                "patterns": patterns,
                "schedule": share.schedule,
            }
    return found


def _filters(selection: FilesDataset) -> tuple[str, list[str]]:
    """The folder that all of a dataset's patterns lie in, and DataSync's filters below it; none means every file.

    A filter of DataSync may have a wildcard as its last character alone, so more may be transferred than the dataset has; which
    files are read its patterns decide.
    https://docs.aws.amazon.com/datasync/latest/userguide/filtering.html
    """
    folders = [posixpath.dirname(re.split(r"[*?]", pattern, maxsplit=1)[0]) for pattern in selection.files]
    folder = posixpath.commonpath(folders) if all(folders) else ""
    filters = []
    for pattern in selection.files:
        fixed = re.split(r"[*?]", pattern, maxsplit=1)[0]
        rest = posixpath.relpath(fixed, folder) if fixed.rstrip("/") != folder else ""
        filters.append(rest + ("" if fixed == pattern else "*"))
    return folder, [] if "*" in filters else sorted(set(filters))
