"""A project as it would be with other settings: what --what-if asks about."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from lakewright.errors import DeployError
from lakewright.project.check import check
from lakewright.project.project import Project
from lakewright.project.spec import LakeSettings


def what_if(project: Project, environment: str, changes: Sequence[str]) -> Project:
    """The project, had lake.yaml these settings of an environment, each as ``dms.instance=dms.t3.large``.

    Raises `DeployError` LW-711 for what is not of that form, and `ConfigError` as for lake.yaml itself.
    """
    data, texts = copy.deepcopy(project.document.data), dict(project.document.texts)
    for change in changes:
        name, equals, text = change.partition("=")
        if not name or not equals:
            hint = "write --what-if volumes.merge_minutes=3, or any other setting of the environment"
            raise DeployError("LW-711", f"{change!r} is not SETTING=VALUE", hint=hint)
        path = ("deploy", "environments", environment, *name.split("."))
        group = data
        for part in path[:-1]:
            if not isinstance(group.get(part), dict):
                group[part] = {}
            group = group[part]
        group[path[-1]] = _value(text)
        texts[path] = text
    document = dataclasses.replace(project.document, data=data, texts=texts)
    return dataclasses.replace(project, settings=check(document, LakeSettings), document=document)


def _value(text: str) -> Any:
    """``true``, ``null``, numbers, lists and mappings are what JSON takes them for, all else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
