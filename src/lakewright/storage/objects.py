"""What every store says of the names of objects: which are allowed, which are taken, gone, or not what they were."""

from __future__ import annotations

import urllib.parse

from lakewright.errors import AlreadyExists, Changed, NotFound, StorageError

_NEVER = frozenset(("", ".", ".."))


def is_name(name: str) -> bool:
    """Whether an object may have this name."""
    return "\0" not in name and _NEVER.isdisjoint(name.split("/"))


def path_part(name: str) -> str:
    """A name as one part of an object's: percent-encoded, also where it would be hidden, a dot folder, or one of ours (``_``)."""
    quoted = urllib.parse.quote(name, safe="", errors="surrogateescape")
    return f"%{ord(quoted[0]):02X}{quoted[1:]}" if quoted[:1] in (".", "_") else quoted


def named_by(part: str) -> str:
    """The name that `path_part` was given."""
    return urllib.parse.unquote(part, errors="surrogateescape")


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
