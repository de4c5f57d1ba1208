"""How every DuckDB of ours is set: within its limits, in UTC, and closed to what a text that it is given could reach for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lakewright.model.names import quote_literal


def statements(temp: Path, memory_limit: str, max_temp: str, more: Mapping[str, object] | None = None) -> Iterator[str]:
    """What a new connection is to execute: it holds at most `memory_limit` and at most `max_temp` in files below `temp`.

    The settings of `more` come too, and nothing can be set after them. Not in connect(): DuckDB then looks for an extension that
    is built in.
    """
    settings: dict[str, object] = {
        "TimeZone": "UTC",
        "memory_limit": memory_limit,
        "temp_directory": str(temp),
        "max_temp_directory_size": max_temp,
        "python_enable_replacements": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        **(more or {}),
        "lock_configuration": True,
    }
    for name, value in settings.items():
        yield f"SET {name} = {quote_literal(value) if isinstance(value, str) else value}"
