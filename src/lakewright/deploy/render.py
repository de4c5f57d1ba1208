"""Render: what Terraform takes of lake.yaml, as files in the folder of each environment; the same each time.

A root takes ``terraform.tfvars.json`` by itself. It, everything in ``rendered/`` beside it, and ``schemas.json`` beside the roots
are made here and by nobody else.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lakewright.deploy import dms, schemas
from lakewright.deploy.bundle import project_json
from lakewright.deploy.catalog import Catalog, LeftOut, catalog, tables
from lakewright.deploy.queries import queries
from lakewright.deploy.rules import rules
from lakewright.deploy.target import Target
from lakewright.deploy.variables import variables
from lakewright.errors import CheckFailed, DeployError
from lakewright.project.document import shown

VARIABLES = "terraform.tfvars.json"
FOLDER = "rendered"
_LINES = 20
"""How many lines of a difference are told."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """A file that is not what lake.yaml says: it changed, is missing, or is there and should not be; the lines that differ."""

    file: str
    kind: Literal["changed", "missing", "extra"]
    lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Rendered:
    """What was rendered: all files, of these those that were not as they should be before, and what the lake lacks on AWS."""

    environments: tuple[str, ...]
    files: tuple[str, ...]
    differences: tuple[Difference, ...]
    left_out: tuple[LeftOut, ...]


def render(targets: Sequence[Target], *, write: bool) -> Rendered:
    """Make the files of some environments anew and, with `write`, put them there.

    Raises `DeployError` where the lake's tables or how its files are read is not known, DMS cannot follow one, a rule is none, or
    the files cannot be written.
    """
    roots = targets[0].roots
    known = schemas.known(targets[0].project, roots)
    files = {roots / schemas.FILE: json_bytes(schemas.committed(known))}
    left_out: dict[LeftOut, None] = {}
    for target in targets:
        found = catalog(target, known)
        saved, ruled = queries(target, found), rules(target, found)
        texts = {f"queries/{name}.sql": text for name, text in saved.texts.items()}
        texts |= {f"rules/{name}.dqdl": text for name, text in ruled.texts.items()}
        files |= {target.folder / name: content for name, content in _files(target, known, found, texts).items()}
        left_out |= dict.fromkeys((*found.left_out, *saved.left_out, *ruled.left_out))
    extra = [
        path for target in targets for path in sorted((target.folder / FOLDER).rglob("*")) if path.is_file() and path not in files
    ]
    differences = [*_differences(files), *(Difference(shown(path), "extra") for path in extra)]
    if write:
        _write(files, extra)
    names = tuple(target.environment for target in targets)
    return Rendered(names, tuple(map(shown, files)), tuple(sorted(differences, key=lambda d: d.file)), tuple(left_out))


def require_current(rendered: Rendered) -> None:
    """Raise `CheckFailed` LW-603 where a file differs."""
    if rendered.differences:
        count = len(rendered.differences)
        message = f"{count} rendered file{'s are' if count > 1 else ' is'} not what lake.yaml says"
        hint = "`lakewright deploy render` writes them; what they hold is changed in lake.yaml"
        raise CheckFailed("LW-603", message, hint=hint)


def _files(target: Target, known: schemas.Known, found: Catalog, texts: Mapping[str, str]) -> dict[str, bytes]:
    """Every file of an environment, by its name in the root's folder; `texts` by their names in the folder `FOLDER`."""
    files = {VARIABLES: json_bytes(variables(target)), f"{FOLDER}/tables.json": json_bytes(tables(found))}
    definitions = schemas.definitions(target.project)
    files[f"{FOLDER}/project.json"] = project_json(target.resolved, target.name, target.deployment.region, known, definitions)
    for source in target.settings.databases:
        folder = f"{FOLDER}/dms/{source}"
        try:
            files[f"{folder}/table-mappings.json"] = json_bytes(dms.table_mappings(known[source]))
        except DeployError as error:
            error.where = target.project.document.where(("sources", source))
            raise
        files[f"{folder}/task-settings.json"] = json_bytes(dms.task_settings(target.settings.dms.lob_max_kb))
    return files | {f"{FOLDER}/{name}": text.encode() for name, text in texts.items()}


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """JSON as it is committed: sorted and indented, one value a line."""
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _differences(wanted: Mapping[Path, bytes]) -> list[Difference]:
    found = []
    for path, content in wanted.items():
        current = path.read_bytes() if path.is_file() else None
        if current is None:
            found.append(Difference(shown(path), "missing"))
        elif current != content:
            found.append(Difference(shown(path), "changed", _diff(current, content)))
    return found


def _diff(before: bytes, after: bytes) -> tuple[str, ...]:
    """The lines that differ, as `diff` writes them, the first ones of many."""
    old, new = (content.decode(errors="replace").splitlines() for content in (before, after))
    lines = [line for line in difflib.unified_diff(old, new, n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))]
    more = [f"... and {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
    return (*lines[:_LINES], *more)


def _write(wanted: Mapping[Path, bytes], extra: Sequence[Path]) -> None:
    try:
        for path, content in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for path in extra:
            path.unlink()
    except OSError as error:
        message = f"cannot write {shown(Path(error.filename))}: {error.strerror}"
        raise DeployError("LW-702", message, hint="`deploy.terraform` in lake.yaml names the folder of the roots") from error
