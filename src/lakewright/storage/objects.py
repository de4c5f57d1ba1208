"""What every store says of the names of objects: which are allowed, which are taken, gone, or not what they were."""

from __future__ import annotations

from lakewright.errors import AlreadyExists, Changed, NotFound, StorageError


_NEVER = frozenset(("", ".", ".."))


def is_name(name: str) -> bool:
    """Whether an object may have this name."""
    return "\0" not in name and _NEVER.isdisjoint(name.split("/"))


def not_a_name(name: str) -> StorageError:
    """The error for a name that no object may have."""
    return StorageError("LW-307", f"{name!r} is not a name of an object", hint="names are relative, without '.' and '..'")


def taken(name: str) -> AlreadyExists:
    """The error for a name that is written a second time."""
    return AlreadyExists("LW-302", f"{name} exists already, and a name is written once")


def changed(name: str) -> Changed:
    """The error for an object that is not the one that was read."""
    return Changed("LW-303", f"{name} was replaced by somebody else since it was read", hint="try again")


def missing(name: str) -> NotFound:
    """The error for a name without object."""
    return NotFound("LW-301", f"{name} does not exist")
