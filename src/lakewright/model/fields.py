"""Strict reading of JSON objects: a field of another type or range is a `ValueError`, a missing one a `KeyError`."""

from __future__ import annotations

import datetime
from typing import Any, TypeVar

Value = TypeVar("Value")


def get(data: Any, key: str, kind: type[Value]) -> Value:
    """A field of that type; a truth value is no number."""
    value = data[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{key} {value!r} is not of type {kind.__name__}")
    return value


def count(data: Any, key: str) -> int:
    """A whole number from 0 on."""
    if get(data, key, int) < 0:
        raise ValueError(f"{key} {data[key]} is negative")
    return int(data[key])


def one_of(data: Any, key: str, allowed: tuple[Any, ...]) -> Any:
    """One of the values of an enumeration."""
    if data[key] not in allowed:
        raise ValueError(f"{key} {data[key]!r} is not one of {', '.join(allowed)}")
    return data[key]


def time(data: Any, key: str) -> datetime.datetime:
    """A time in UTC, in ISO 8601."""
    value = datetime.datetime.fromisoformat(get(data, key, str))
    if value.utcoffset() != datetime.timedelta(0):
        raise ValueError(f"{key} {data[key]} is not in UTC")
    return value


def damage(error: Exception) -> str:
    """What is wrong, from an error of these functions, in words."""
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
