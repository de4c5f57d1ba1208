"""A new folder for a lake: lake.yaml with examples, a saved query, and what editors need to complete settings."""

from __future__ import annotations

import importlib.resources
import re
from pathlib import Path

from lakewright.errors import ConfigError
from lakewright.project.document import shown
from lakewright.project.project import FILE, schema_text
from lakewright.project.spec import json_schema
from lakewright.project.values import MAX_SHORT_NAME

FILES = {
    FILE: "lake.yaml",
    "queries/hello.sql": "hello.sql",
    ".gitignore": "gitignore",
    ".vscode/settings.json": "settings.json",
}
"""The files of a new folder, each from its template."""
SCHEMA_FILE = ".vscode/lake.schema.json"


def scaffold(folder: Path) -> list[Path]:
    """Write a new folder; returns its files. Raises `ConfigError`, before it writes anything, where the folder is not empty."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError("LW-108", f"{shown(folder.absolute())} is not an empty folder", hint="choose a new folder")
        templates = importlib.resources.files("lakewright.project").joinpath("templates")
        texts = {name: templates.joinpath(template).read_text(encoding="utf-8") for name, template in FILES.items()}
        texts[FILE] = texts[FILE].replace("{name}", lake_name(folder), 1)
        texts[SCHEMA_FILE] = schema_text(json_schema())
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError("LW-109", f"cannot write {error.filename}: {error.strerror}", hint="choose another folder") from error
    return [folder / name for name in texts]


def lake_name(folder: Path) -> str:
    """A lake's name made of its folder's."""
    text = re.sub(r"[^a-z0-9_]+", "_", folder.absolute().name.lower()).strip("_")
    return re.sub(r"^(?=\d)", "_", text)[:MAX_SHORT_NAME] or "lake"
