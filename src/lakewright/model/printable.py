"""What stands in a line for people: text of others, such as the name of a file, and counts."""

from __future__ import annotations

import json
from typing import Any

_IN_JSON = {code: f"\\u{code:04x}" for code in range(127, 160)}
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {9: "\\t", 10: "\\n", 13: "\\r"}


def printable(text: str) -> str:
    """The text on one line: control characters are escaped, so that none steers a terminal or begins a line of its own."""
    return text.translate(_CONTROL)


def json_text(value: Any) -> str:
    """The value as compact JSON, beyond ASCII too; what steers a terminal is escaped, also where JSON would let it be."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_IN_JSON)


def counted(count: int, noun: str) -> str:
    """``1 row``, ``2,000 rows``: a count of what has a plural in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
