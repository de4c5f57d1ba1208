"""Moments: a time as people give it, which becomes a position of a source."""

from __future__ import annotations

import datetime
import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakewright.errors import NotFound, QueryError
from lakewright.model.batch import COMMIT_TIME, POSITION
from lakewright.model.position import LAST, START, Position
from lakewright.pipeline import table_at
from lakewright.pipeline.mirror import Mirror
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.raw.view import LogView
from lakewright.storage.reading import StoredFile

_AGO = re.compile(r"(\d+)\s*(s|m|h|d)( ago)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SECONDS = "%Y-%m-%d %H:%M:%S"


def parse_time(text: str, now: datetime.datetime) -> datetime.datetime:
    """``2026-03-01 12:00:00`` (UTC unless it says otherwise), an instant ``20260301120000000``, or ``15m`` ago; in UTC.

    Raises `QueryError` LW-521 for anything else, LW-525 for a time after `now`.
    """
    try:
        moment = _moment(text.strip(), now).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise QueryError(
            "LW-521",
            f"{text!r} is no time",
            hint="write 2026-03-01T12:00:00 (UTC unless it says otherwise), an instant of `lakewright history TABLE`, or a span"
            " before now in s, m, h or d: 30s, 15m, 2h, 7d",
        ) from None
    if moment > now:
        message = f"{text!r} is in the future: that is {moment:{_SECONDS}} UTC, and now is {now:{_SECONDS}} UTC"
        raise QueryError("LW-525", message, hint="choose a time up to now; one without an offset such as +02:00 is in UTC")
    return moment


def _moment(text: str, now: datetime.datetime) -> datetime.datetime:
    if ago := _AGO.fullmatch(text):
        return now - datetime.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if re.fullmatch(r"\d{17}", text):
        return datetime.datetime.strptime(text + "000", "%Y%m%d%H%M%S%f").replace(tzinfo=datetime.UTC)
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def require_loaded(mirror: Mirror, view: LogView, moment: datetime.datetime) -> None:
    """Raise `QueryError` LW-520 for a moment before the table's first load in the log."""
    load = view.first_load(mirror.origin)
    if load is not None and moment < load.time:
        raise QueryError(
            "LW-520",
            f"table {mirror.name} was loaded at {load.time:{_SECONDS}} UTC; nothing is known of"
            f" {moment.astimezone(datetime.UTC):{_SECONDS}} UTC",
            hint="choose that time or a later one; what `lakewright history` lists from before it is of a former load",
        )


def require_kept(mirror: Mirror, view: LogView, moment: datetime.datetime) -> None:
    """Raise `QueryError` LW-527 where changes of the table after that moment have expired: its `position_at` is not known."""
    expired = view.expired(mirror.origin)
    if expired is not None and moment < expired.time:
        table_at.require_kept(mirror, view, START, None)


def position_at(log: RawLog, view: LogView, moment: datetime.datetime) -> Position:
    """The position before the first transaction that committed after `moment` in the source; the log's end if there is none.

    It is one position for all tables of the source. Commit times may go back a little from one transaction to the next; the
    first in log order counts. A table that was loaded again after `moment` had its former rows then.
    """
    end = min([view.watermark, *(Position(load.lsn - 1, LAST) for load in view.reloads_after(moment))])
    later = [file for table in view.tables() for file in view.changes_after_time(table, moment)]
    first = min((position for file in later for position in _positions_after(log, file, moment)), default=None)
    return end if first is None else min(end, Position(Position.parse(first).lsn, 0))


def _positions_after(log: RawLog, file: RawFile, moment: datetime.datetime) -> list[str]:
    """The first position, in each row group of a raw file, of what was committed after `moment`; no engine is needed for that.

    Raises `LogError` for a file that is missing or damaged.
    """
    found = []
    try:
        data = pa.PythonFile(StoredFile(log.store, log.folder + file.name, file.bytes), mode="r")
        with pq.ParquetFile(data) as groups:
            for number in range(groups.num_row_groups):
                rows = groups.read_row_group(number, [COMMIT_TIME, POSITION])
                later = rows.filter(pc.greater(rows.column(COMMIT_TIME), pa.scalar(moment, pa.timestamp("us", "UTC"))))
                found += [pc.min(later.column(POSITION)).as_py()] if later.num_rows else []
    except (pa.ArrowException, OSError, NotFound):
        log.verify(file)
        raise
    return found
