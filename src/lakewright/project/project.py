"""A lake's folder, read: its settings, its saved queries and its rules."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path
from typing import Any

from lakewright.errors import ConfigError, SourceError
from lakewright.model.names import did_you_mean
from lakewright.project import known
from lakewright.project.check import check
from lakewright.project.document import Document, KeyPath, read, shown
from lakewright.project.resolved import ResolvedLake, resolve
from lakewright.project.spec import LakeSettings

FILE = "lake.yaml"


@dataclasses.dataclass(frozen=True)
class Project:
    """A folder and what its lake.yaml says; values only, nothing is opened."""

    folder: Path
    settings: LakeSettings
    document: Document = dataclasses.field(repr=False)

    @functools.cached_property
    def resolved(self) -> ResolvedLake:
        """What merging needs of the settings, and of the tables that DMS captures; raises `DeployError` as `known.read`."""
        deploy = self.settings.deploy
        if deploy is None:
            return resolve(self.settings, {})
        tables = known.read(Path(os.path.normpath(self.folder / deploy.terraform)) / known.FILE)
        captured = {source for environment in deploy.environments.values() for source in environment.databases}
        chosen = {name: [t for t in tables.get(name, ()) if self.settings.sources[name].wants(t.name)] for name in captured}
        return resolve(self.settings, chosen)

    def queries(self) -> dict[str, Path]:
        """The saved queries' files by name, in name order."""
        return {path.stem: path for path in sorted((self.folder / self.settings.queries).glob("*.sql"))}

    def rules(self) -> dict[str, Path]:
        """The files of rules by their tables' names, in name order."""
        return {path.stem: path for path in sorted((self.folder / self.settings.rules).glob("*.dqdl"))}

    def query(self, name: str) -> str:
        """The text of a saved query; raises `ConfigError` where there is none of that name."""
        queries = self.queries()
        if name not in queries:
            hint = did_you_mean(name, queries) or f"saved queries: {', '.join(queries) or 'none yet'}"
            raise ConfigError("LW-120", f"there is no query {name} in {shown(self.folder / self.settings.queries)}", hint=hint)
        try:
            return queries[name].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("LW-123", f"cannot read {shown(queries[name])}: {error}", hint="save it as UTF-8 text") from error

    def reference(self, path: KeyPath) -> str | None:
        """A setting as it is written, where ``${...}`` gives it its value, which is then not to be printed; else None."""
        return self.document.written(path) if path in self.document.replaced else None

    def effective(self) -> dict[str, Any]:
        """All settings with their defaults, as JSON values. Replaced values and URLs stand as written, without passwords;
        a URL of which no password can be told apart is ``***``."""
        data: dict[str, Any] = self.settings.model_dump(mode="json", by_alias=True)
        urls: set[KeyPath] = {
            ("sources", name, "url") for name, source in self.settings.sources.items() if source.kind == "postgres"
        }
        for path in self.document.replaced | urls:
            group = data
            for part in path[:-1]:
                group = group[part]  # type: ignore[index]  # a path of the document: mappings by text, lists by number
            is_hidden = path in urls and not _is_understood(self.document.with_defaults(path))
            group[path[-1]] = "***" if is_hidden else self.document.written(path)  # type: ignore[index]
        return data


def _is_understood(url: str) -> bool:
    """Whether a source's url can be divided into its parts, or has none."""
    from lakewright.sources.postgres.url import parse  # the driver is loaded only where a URL is shown

    if url in ("embedded", "1"):
        return True
    try:
        parse(url)
    except SourceError:
        return False
    return True


def find(start: Path) -> Path:
    """The nearest folder at or above `start` that has a lake.yaml; raises `ConfigError`."""
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / FILE).is_file():
            return folder
    raise ConfigError(
        "LW-107",
        f"there is no {FILE} in {shown(start.absolute())} or above it",
        hint="`lakewright init FOLDER` writes a new one, `lakewright -C FOLDER ...` names another folder",
    )


def open_project(folder: Path) -> Project:
    """Read a folder's lake.yaml; raises `ConfigError` with file:line for the first fault, the others in its notes."""
    folder = folder.absolute()
    document = read(folder / FILE)
    return Project(folder, check(document, LakeSettings), document)


def schema_text(schema: dict[str, Any]) -> str:
    """A JSON Schema as it is printed and written to a folder."""
    return json.dumps(schema, indent=2) + "\n"
