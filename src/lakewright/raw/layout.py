"""Where things lie in the raw zone: AWS DMS's folders and file names, with what makes a name unique behind.

Below ``<zone>/database/<source>/``, of a source of files ``<zone>/files/<source>/``::

    <schema>/<table>/LOAD00000001-<lease>-<writer>.parquet                       full load, DMS's hexadecimal counter
    <schema>/<table>/YYYY/MM/DD/YYYYMMDD-HHMMSSmmm-<lease>-<writer>-<n>.parquet  changes, by commit time in UTC
    _manifests/<20 digits>.json                  manifests: which of these files count
    _pages/<20 digits>-<token>.json.gz           older files that folds of that number and later ones name
    _schemas/<schema>/<table>/<8 digits>.json    tables' schemas
    _bookmarks/<position>-<token>.json           wishes of readers to see a position
    _resyncs/<schema>/<table>.json               wishes to load a table again
    _lease.json                                  who captures

``<writer>`` is random for each `Names` and ``<n>`` counts its files, so no name is used twice, whatever the clock does.
Source: AWS DMS guide, "Using Amazon S3 as a target" (DatePartitionEnabled, YYYYMMDD, SLASH).
"""

from __future__ import annotations

import collections
import datetime
import re
import secrets
import threading

from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.storage.objects import path_part

MANIFESTS = "_manifests/"
PAGES = "_pages/"
SCHEMAS = "_schemas/"
BOOKMARKS = "_bookmarks/"
RESYNCS = "_resyncs/"
LEASE = "_lease.json"

_NUMBERED = re.compile(r".*/(\d+)\.json")
_PAGE = re.compile(r".*/(\d+)-[0-9a-f]+\.json\.gz")


def source_folder(zone: str, source: str, group: str) -> str:
    """``<zone>/<group>/<source>/``, with the group ``database`` or ``files``; `zone` is the raw zone's prefix."""
    return f"{zone.rstrip('/')}/{group}/{path_part(source)}/"


def table_folder(table: TableName) -> str:
    """``<schema>/<table>/``."""
    return f"{path_part(table.schema)}/{path_part(table.table)}/"


def manifest_name(number: int) -> str:
    """A manifest's name; text order is number order."""
    return f"{MANIFESTS}{number:020d}.json"


def page_name(number: int, token: str) -> str:
    """The name of a page that the fold of that number writes."""
    return f"{PAGES}{number:020d}-{token}.json.gz"


def page_number_in(name: str) -> int | None:
    """The number of the fold that wrote a page, from the page's name; None for another file."""
    match = _PAGE.fullmatch(name)
    return int(match[1]) if match else None


def schema_folder(table: TableName) -> str:
    """Where a table's schemas are kept."""
    return f"{SCHEMAS}{table_folder(table)}"


def schema_name(table: TableName, number: int) -> str:
    """The name of a table's schema of that number."""
    return f"{schema_folder(table)}{number:08d}.json"


def number_in(name: str) -> int | None:
    """The number of a manifest or schema, from its name; None for another file."""
    match = _NUMBERED.fullmatch(name)
    return int(match[1]) if match else None


def bookmark_name(position: Position, token: str) -> str:
    """The name of a reader's wish to see `position`."""
    return f"{BOOKMARKS}{position}-{token}.json"


def position_in(name: str) -> Position | None:
    """The position of a bookmark, from its name; None for another file."""
    try:
        return Position.parse(name.rpartition("/")[2].partition("-")[0])
    except ValueError:
        return None


class Names:
    """New names for raw files, each given once; safe from several threads."""

    def __init__(self, lease: int) -> None:
        self._mark = f"{lease:08d}-{secrets.token_hex(4)}"
        self._count: collections.Counter[TableName] = collections.Counter()
        self._guard = threading.Lock()

    def load(self, table: TableName) -> str:
        """A name for rows of a full load."""
        return f"{table_folder(table)}LOAD{self._next(table):08X}-{self._mark}.parquet"

    def log(self, table: TableName, committed: datetime.datetime) -> str:
        """A name for changes of which the first was committed at that time (UTC)."""
        folder, second = committed.strftime("%Y/%m/%d"), committed.strftime("%Y%m%d-%H%M%S")
        name = f"{second}{committed.microsecond // 1000:03d}-{self._mark}-{self._next(table):08X}.parquet"
        return f"{table_folder(table)}{folder}/{name}"

    def _next(self, table: TableName) -> int:
        with self._guard:
            self._count[table] += 1
            return self._count[table]
