"""The pages of error codes, from errors.toml."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib.resources
import tomllib

from lakewright.errors import ConfigError


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
        close = difflib.get_close_matches(wanted, list(pages()), n=3, cutoff=0.8)
        hint = f"did you mean {' or '.join(close)}?" if close else "`lakewright explain` lists them all"
        raise ConfigError("LW-150", f"there is no error code {code!r}", hint=hint)
    return pages()[wanted]
