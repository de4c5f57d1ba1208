"""The variable `lake` of an environment's root: everything that lake.yaml says of its size, its network and its limits."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from lakewright.deploy.schedule import longest_pause
from lakewright.deploy.target import Target
from lakewright.errors import ConfigError
from lakewright.pipeline.deliveries import FOLDER
from lakewright.project.deployment import Lifecycle
from lakewright.project.document import shown
from lakewright.project.spec import FilesSettings

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
            "crawlers": {"csv": {"paths": [f"{FOLDER}/"], "schedule": settings.crawl}} if settings.shares else {},
            "merge": settings.merge.model_dump(mode="json") | {"every_minutes": longest_pause(settings.merge.schedule)},
            "zones": {zone: _zone(holds, getattr(settings.zones, zone)) for zone, holds in _HOLDS.items() if _has(target, zone)},
            **settings.model_dump(
                mode="json",
                include={"replica_region", "log_days", "emails", "bucket_limit_gb", "monthly_usd", "anomaly_usd", "trail"},
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
    """A transfer for each source of files, to the folder of raw from which the job takes them: ``datasync/<source>/``."""
    found = {}
    for source, share in target.settings.shares.items():
        settings = target.project.settings.sources[source]
        assert isinstance(settings, FilesSettings)
        found[source.replace("_", "-")] = {
            "folder": f"{source}/",
            "path": share.path,
            "patterns": _filters(settings),
            "schedule": share.schedule,
            "keep_deleted": settings.deleted == "preserve",
        }
    return found


def _filters(settings: FilesSettings) -> list[str]:
    """DataSync's filters for the files of a source; none means every file.

    A filter of DataSync may have a wildcard as its last character alone, so more may be transferred than the datasets have; which
    files are read their patterns decide. Where a marker has to stand beside a file, all of its folder is transferred.
    https://docs.aws.amazon.com/datasync/latest/userguide/filtering.html
    """
    filters = set()
    for pattern in (pattern for dataset in settings.datasets.values() for pattern in dataset.files):
        fixed = re.split(r"[*?]", pattern, maxsplit=1)[0]
        if settings.marker is not None:
            folder = posixpath.dirname(fixed)
            filters.add(f"{folder}/*" if folder else "*")
        else:
            filters.add(fixed + ("" if fixed == pattern else "*"))
    return [] if "*" in filters else sorted(filters)
