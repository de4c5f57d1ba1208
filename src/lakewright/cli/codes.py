"""The pages of error codes, from errors.toml."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import tomllib

from lakewright.errors import ConfigError
from lakewright.model.names import did_you_mean


@dataclasses.dataclass(frozen=True)
class Page:
    """What an error code means and what mends it."""

    code: str
    title: str
    meaning: str
    mend: str


@functools.cache
def pages() -> dict[str, Page]:
    """All codes in order."""
    text = importlib.resources.files("lakewright").joinpath("errors.toml").read_text(encoding="utf-8")
    return {code: Page(code, **page) for code, page in tomllib.loads(text).items()}


def page(code: str) -> Page:
    """One code's page; ``104`` and ``lw-104`` name it too. Raises `ConfigError` with the nearest code."""
    wanted = code.upper() if code.upper().startswith("LW-") else f"LW-{code}"
    if wanted not in pages():
        hint = did_you_mean(wanted, pages(), likeness=0.8) or "`lakewright explain` lists them all"
        raise ConfigError("LW-150", f"there is no error code {code!r}", hint=hint)
    return pages()[wanted]
