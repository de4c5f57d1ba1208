"""How values look: as JSON, which is a contract, and as text for people."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import math
from collections.abc import Mapping
from typing import Any

from lakewright.errors import LakewrightError
from lakewright.model.printable import printable
from lakewright.model.times import FarTime


def to_json(value: Any) -> Any:
    """A value as JSON has it: dataclasses as objects, times as ISO 8601 in UTC, decimals as text, bytes as base64.

    Numbers that are not finite are null. Whatever else there is appears as its text.
    """
    if isinstance(value, FarTime):
        return value.dated(to_json(value.near))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, LakewrightError):
        return error_to_json(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime | datetime.date):
        return _time(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if type(value) in (list, tuple, set, frozenset):  # a named tuple such as a position is its text
        return [to_json(item) for item in value]
    return str(value)


def error_to_json(error: LakewrightError) -> dict[str, Any]:
    """An error; ``also`` are further faults, ``excerpt`` (only where SQL is wrong) the line and the carets below it."""
    fields = {"code": error.code, "message": error.message, "where": error.where, "hint": error.hint}
    excerpt: str | None = getattr(error, "excerpt", None)
    return {**fields, "also": getattr(error, "__notes__", []), **({"excerpt": excerpt} if excerpt else {})}


def to_text(value: Any, unit: str = "") -> str:
    """A value as a cell of a table shows it, on one line and without control characters; `unit` is bytes, seconds or nothing."""
    if value is None:
        return ""
    if unit == "bytes" and isinstance(value, int):
        return _bytes(value)
    if unit == "seconds" and isinstance(value, float | int):
        return f"{value:,.1f} s"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping):
        return "  ".join(f"{key}={to_cell(item)}" for key, item in value.items())
    if type(value) in (list, tuple):
        return ", ".join(to_text(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else to_cell(value)


def to_cell(value: Any) -> str:
    """A value of a row: exact, on one line; control characters are escaped, so that no row can steer a terminal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, datetime.datetime):
        text = value.replace(tzinfo=None).isoformat(" ", "milliseconds" if value.microsecond % 1000 == 0 else "microseconds")
        return f"{text} UTC" if value.tzinfo else text
    if isinstance(value, FarTime):
        return value.dated(to_cell(value.near))
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if type(value) in (list, tuple):  # a map is a list of pairs
        items = ", ".join(map(to_cell, value))
        return f"[{items}]" if isinstance(value, list) else f"({items})"
    return printable(str(value))


def _time(value: datetime.datetime | datetime.date) -> str:
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def _bytes(count: int) -> str:
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
