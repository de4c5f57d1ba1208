"""Target: one environment of a lake on AWS, by lake.yaml."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from lakewright.errors import DeployError
from lakewright.model.names import did_you_mean
from lakewright.model.table import COW
from lakewright.project.deployment import Deployment, Environment, full_name
from lakewright.project.project import Project
from lakewright.project.resolved import ResolvedLake


@dataclasses.dataclass(frozen=True)
class Target:
    """An environment: its settings, and where its Terraform root is."""

    project: Project
    environment: str
    deployment: Deployment
    settings: Environment

    @property
    def name(self) -> str:
        """``<lake>-<environment>``, which every name of it on AWS begins with."""
        return full_name(self.project.settings.lake, self.environment)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that it is in: that of its copies too, where it has some."""
        return tuple(region for region in (self.deployment.region, self.settings.replica_region) if region is not None)

    @property
    def resolved(self) -> ResolvedLake:
        """The lake's settings as they are on AWS."""
        resolved = self.project.resolved
        tables = {
            name: dataclasses.replace(table, type=COW) if name in self.deployment.cow else table
            for name, table in resolved.tables.items()
        }
        return dataclasses.replace(resolved, tables=tables)

    def database(self, zone: str) -> str:
        """The name of a zone's database in the catalog."""
        return f"{self.name}_{zone}".replace("-", "_")

    @property
    def roots(self) -> Path:
        """The folder of the roots of all environments."""
        return Path(os.path.normpath(self.project.folder / self.deployment.terraform))

    @property
    def folder(self) -> Path:
        """Its own root."""
        return self.roots / self.environment


def targets(project: Project, names: Sequence[str] = ()) -> list[Target]:
    """The environments of those names, or all of them; raises `DeployError` LW-701 for one that lake.yaml does not have."""
    deployment = project.settings.deploy
    if deployment is None:
        hint = "`lakewright config schema` prints the settings of `deploy`"
        raise DeployError("LW-701", "lake.yaml has no environments on AWS", hint=hint, where=project.document.where(()))
    known = deployment.environments
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or "add it under deploy.environments"
            message = f"there is no environment {name} (environments: {', '.join(known)})"
            raise DeployError("LW-701", message, hint=hint, where=project.document.where(("deploy", "environments")))
    return [Target(project, name, deployment, known[name]) for name in names or known]


def target(project: Project, name: str) -> Target:
    """The environment of that name; raises as `targets`."""
    return targets(project, [name])[0]
