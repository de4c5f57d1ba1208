"""Bookmarks: readers that wait until the log reaches a position say so, and an idle capture hears it.

A bookmark decides nothing: without it the reader only waits longer, until the next manifest comes by itself.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import secrets
from collections.abc import Iterator

from lakewright.errors import NotFound
from lakewright.model.contracts import Store
from lakewright.model.position import Position
from lakewright.model.times import utc_now
from lakewright.raw import layout
from lakewright.storage.process import Process

_STALE = datetime.timedelta(minutes=10)


@contextlib.contextmanager
def request(store: Store, folder: str, position: Position) -> Iterator[None]:
    """Tell the capture of the source in `folder`, for the time of the block, that somebody waits for `position`."""
    name = folder + layout.bookmark_name(position, secrets.token_hex(8))
    store.create(name, json.dumps({"version": 1, **Process.current().to_json()}).encode())
    try:
        yield
    finally:
        store.delete(name)


def requested(store: Store, folder: str) -> Position | None:
    """The highest position that somebody alive waits for; what the dead left behind is removed."""
    highest: Position | None = None
    now = utc_now()
    for entry in store.list(folder + layout.BOOKMARKS):
        position = layout.position_in(entry.name)
        if position is None:
            continue
        if now - entry.modified > _STALE or _is_abandoned(store, entry.name):
            store.delete(entry.name)
        else:
            highest = position  # names are in position order
    return highest


def _is_abandoned(store: Store, name: str) -> bool:
    try:
        fields = json.loads(store.read(name))
        return Process(fields["host"], fields["boot"], fields["pid"], fields["started"]).is_dead()
    except NotFound:
        return True
    except (ValueError, KeyError, TypeError):
        return False  # another version's: age decides
