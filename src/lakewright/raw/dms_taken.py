"""Taken: which files of DMS are in a log, as a sealed record of each landing, so that a restart takes nothing twice.

A landing moves the log's end from (n, 0) to (n + 1, 0). Its record, ``_landings/<n, 16 hex digits>-<lease>.json``, is written
before the manifest that names its files, and counts once the log's end is after n. Nobody can append under a lower lease number
than another has appended with, so of several records of one n that with the highest lease is of who moved the log's end.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Mapping
from typing import Any

from lakewright.errors import LogError, NotFound
from lakewright.model import fields, sealed
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.raw.dms import Stamp
from lakewright.raw.log import RawLog

LANDINGS = "_landings/"
_NAME = re.compile(r".*/([0-9A-F]{16})-(\d{8})\.json")


@dataclasses.dataclass(frozen=True)
class Span:
    """A file of changes: its stamp, and the lowest and the highest sequence in it."""

    stamp: Stamp
    first: str
    last: str


@dataclasses.dataclass(frozen=True)
class TakenTable:
    """What is taken of a table.

    ``load`` are the files of its load, none of a table that had no rows; changes count that were written ``since`` the first of
    them (None: all). ``last`` is the sequence of the newest change that is in the log after the load ("": none), and ``files``
    those that it came in; of the last ones rows may be left.
    """

    load: Mapping[str, Stamp] = dataclasses.field(default_factory=dict)
    since: datetime.datetime | None = None
    last: str = ""
    files: Mapping[str, Span] = dataclasses.field(default_factory=dict)


Taken = Mapping[TableName, TakenTable]


def read(log: RawLog, end: Position) -> Taken:
    """What the log, whose end that is, has taken; raises `LogError` LW-354 where the record is missing or damaged."""
    if end.lsn <= 1:
        return {}
    prefix = f"{log.folder}{LANDINGS}{end.lsn - 1:016X}-"
    name = max((entry.name for entry in log.store.list(prefix)), default=f"{prefix}00000000.json")
    try:
        content = sealed.load(log.store.read(name))
        if content["version"] != 1:
            raise ValueError(f"its version is {content['version']}, this program reads 1")
        return {TableName(*table): _table(data) for table, data in content["tables"]}
    except NotFound:
        raise _damaged(name, "it is missing") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(name, fields.damage(error)) from None


def write(log: RawLog, end: Position, lease: int, taken: Taken) -> None:
    """Write the record of the landing that moves the log on from `end`, under a lease that no other run has."""
    tables = [[table, _to_json(each)] for table, each in sorted(taken.items())]
    log.store.put(f"{log.folder}{LANDINGS}{end.lsn:016X}-{lease:08d}.json", sealed.dump({"version": 1, "tables": tables}))


def sweep(log: RawLog, end: Position, lease: int) -> None:
    """Delete the records that count no more, and those of runs that died, where the log's end is `end`."""
    for entry in log.store.list(log.folder + LANDINGS):
        match = _NAME.fullmatch(entry.name)
        if match and (int(match[1], 16) < end.lsn - 1 or (int(match[1], 16) >= end.lsn and int(match[2]) < lease)):
            log.store.delete(entry.name)


def _to_json(table: TakenTable) -> dict[str, Any]:
    return {
        "load": {name: _stamp_to_json(stamp) for name, stamp in sorted(table.load.items())},
        "since": table.since and table.since.isoformat(),
        "last": table.last,
        "files": {n: [*_stamp_to_json(span.stamp), span.first, span.last] for n, span in sorted(table.files.items())},
    }


def _stamp_to_json(stamp: Stamp) -> list[Any]:
    return [stamp.size, stamp.modified.isoformat()]


def _table(data: Any) -> TakenTable:
    return TakenTable(
        load={name: _stamp(*stamp) for name, stamp in fields.get(data, "load", dict).items()},
        since=None if data["since"] is None else fields.time(data, "since"),
        last=fields.get(data, "last", str),
        files={
            name: Span(_stamp(size, modified), first, last)
            for name, (size, modified, first, last) in fields.get(data, "files", dict).items()
        },
    )


def _stamp(size: int, modified: str) -> Stamp:
    return Stamp(size, datetime.datetime.fromisoformat(modified))


def _damaged(name: str, reason: str) -> LogError:
    hint = "restore the folder _landings from a backup; or move the source's log away, and all of DMS's files are taken again"
    return LogError("LW-354", f"{name} is not a record of what was taken: {reason}", hint=hint)
