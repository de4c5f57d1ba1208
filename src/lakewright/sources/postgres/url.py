"""A database's URL, or ``key=value`` string: its parts as libpq reads them. No error repeats any of it."""

from __future__ import annotations

import psycopg2
from psycopg2.extensions import parse_dsn

from lakewright.errors import SourceError

_FORM = "postgresql://USER:PASSWORD@HOST:5432/DATABASE, with @ / ? % in a part written as %40 %2F %3F %25"
_LAST_PORT = 65_535


def parse(url: str) -> dict[str, str]:
    """The parts of a URL by libpq's keywords; raises `SourceError` for what libpq does not know or would misread."""
    try:
        given = None if _is_split_wrongly(url) else parse_dsn(url)
    except psycopg2.ProgrammingError:
        given = None
    if given is None:
        raise not_understood()
    if not all(_is_port(port.strip()) for port in given.get("port", "").split(",")):
        hint = "a shell cuts a URL at ; and & unless it is quoted: export LAKE_URL='postgresql://...'"
        raise SourceError("LW-202", f"the port in the source's url is not a number from 1 to {_LAST_PORT}", hint=hint)
    return {str(keyword): str(value) for keyword, value in given.items()}


def not_understood() -> SourceError:
    """The error of a URL that is none, or has a value that none has."""
    return SourceError("LW-202", "the source's url is not one that PostgreSQL understands", hint=_FORM)


def _is_split_wrongly(url: str) -> bool:
    """Whether a URL has an @ where libpq would take a part of the password for the host, the port or the database."""
    before, scheme, rest = url.partition("://")
    if not scheme or "=" in before:
        return False
    authority, _, path = rest.partition("?")[0].partition("/")
    return authority.count("@") > 1 or "@" in path


def _is_port(text: str) -> bool:
    """Whether it is a port, or nothing, which is the usual one."""
    return not text or (text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_PORT)
