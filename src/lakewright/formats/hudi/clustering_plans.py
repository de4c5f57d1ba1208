"""Pending clusterings of other engines: which file groups they are of, and those that a write makes void."""

from __future__ import annotations

from typing import Any

from lakewright.errors import FormatError
from lakewright.formats.hudi import avro
from lakewright.formats.hudi.folder import Folder, Hoodie
from lakewright.formats.hudi.slices import Group
from lakewright.formats.hudi.timeline import REPLACE, REQUESTED, Instant


def is_clustering(folder: Folder, hoodie: Hoodie, instant: Instant) -> bool:
    """Whether a pending replacecommit is a clustering plan, which belongs to whoever scheduled it."""
    return _plan(folder, hoodie, instant) is not None


def take_back(folder: Folder, hoodie: Hoodie, written: set[Group]) -> None:
    """Remove other engines' plans to cluster file groups that were `written` since: run later, they would bring former rows back.

    The caller has the lock and is about to complete its write. Raises `FormatError` LW-414 where one is under way.
    """
    for instant in hoodie.timeline.pending:
        if instant.action == REPLACE and written & _groups(folder, hoodie, instant):
            if instant.state != REQUESTED:
                message = f"another engine clusters files of {folder.path} that a write changed (instant {instant.time})"
                table = folder.path.rpartition("/")[2]
                hint = f"let it complete that (Spark: `CALL run_clustering(table => '{table}', op => 'execute')`), and repeat"
                raise FormatError("LW-414", message, hint=hint)
            folder.store.delete(folder.instant_name(*instant))


def _groups(folder: Folder, hoodie: Hoodie, instant: Instant) -> set[Group]:
    """The file groups that a pending clustering is of; raises `FormatError` LW-404."""
    plan = _plan(folder, hoodie, instant)
    with avro.taken(folder.instant_name(instant.time, instant.action, REQUESTED)):
        groups = (plan or {}).get("inputGroups") or ()
        return {(each["partitionPath"] or "", each["fileId"]) for group in groups for each in group["slices"] or ()}


def _plan(folder: Folder, hoodie: Hoodie, instant: Instant) -> dict[str, Any] | None:
    if REQUESTED not in hoodie.timeline.states(instant.time, instant.action):
        return None
    name = folder.instant_name(instant.time, instant.action, REQUESTED)
    data = folder.store.read(name)
    return avro.decode(data, name).get("clusteringPlan") if data else None
