"""Small languages inside strings: date patterns, regular-expression replacements and JSON paths, in DuckDB's spelling."""

from __future__ import annotations

import re

# date_format and date_parse: MySQL's specifiers (trino.io/docs/current/functions/datetime.html).
_MYSQL = {
    **{same: f"%{same}" for same in "YymdHSfpabjI%"},
    **dict(zip("isMWhklecvx", ("%M", "%S", "%B", "%A", "%I", "%-H", "%-I", "%-d", "%-m", "%V", "%G"), strict=True)),
    "T": "%H:%M:%S",
    "r": "%I:%M:%S %p",
}

# format_datetime and parse_datetime: Joda-Time's letters.
_JODA = dict(
    pair.split("=")
    for pair in [
        "yyyy=%Y",
        "YYYY=%Y",
        "yy=%y",
        "xxxx=%G",
        "MMMM=%B",
        "MMM=%b",
        "MM=%m",
        "M=%-m",
        "ww=%V",
        "dd=%d",
        "d=%-d",
        "DDD=%j",
        "EEEE=%A",
        "EEE=%a",
        "E=%a",
        "e=%u",
        "HH=%H",
        "H=%-H",
        "hh=%I",
        "h=%-I",
        "a=%p",
        "mm=%M",
        "m=%-M",
        "ss=%S",
        "s=%-S",
        "SSS=%g",
    ]
)

_JODA_TOKEN = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<letters>([A-Za-z])\3*)|(?P<other>[^A-Za-z']+)")
_PATH = re.compile(r"""\$((?:\.[A-Za-z_]\w*|\[\d+\]|\["[^"\\]+"\]|\."[^"\\]+")*)""")
_PATH_STEP = re.compile(r"""\["([^"\\]+)"\]""")


def from_mysql(pattern: str) -> str:
    """strftime's pattern for MySQL's; raises ValueError with the specifier that has none."""

    def one(match: re.Match[str]) -> str:
        if match[1] not in _MYSQL:
            raise ValueError(match[0])
        return _MYSQL[match[1]]

    return re.sub(r"%(.?)", one, pattern)


def from_joda(pattern: str) -> str:
    """strftime's pattern for Joda-Time's; raises ValueError with the letters that have none."""
    made = ""
    end = 0
    for match in _JODA_TOKEN.finditer(pattern):
        if match.start() != end:
            break
        end = match.end()
        if match["letters"]:
            if match["letters"] not in _JODA:
                raise ValueError(match["letters"])
            made += _JODA[match["letters"]]
        else:
            literal = match["other"] or match["quoted"].replace("''", "'") or "'"
            made += literal.replace("%", "%%")
    if end != len(pattern):
        raise ValueError(pattern[end:])
    return made


def replacement(text: str) -> str | None:
    r"""DuckDB's ``\1`` for Java's ``$1``; None where a group is named."""
    made = ""
    for match in re.finditer(r"\\(.)|\$(\d)|(\$)|(.)", text, re.S):
        if match[3]:
            return None
        made += f"\\{match[2]}" if match[2] else (match[1] or match[4]).replace("\\", "\\\\")
    return made


def json_path(path: str) -> str | None:
    """A path of names and indices as DuckDB writes it; None for any other path."""
    if not _PATH.fullmatch(path):
        return None
    return _PATH_STEP.sub(r'."\1"', path)
