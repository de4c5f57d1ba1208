"""Leftovers: copies of files that no arrival names, since whoever made them died before it could register them.

A copy is nobody's only once it is old: whoever makes one may still be comparing it, or wait for the files before it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from lakewright.model.contracts import Store
from lakewright.sources.files.arrivals import Arrivals, sources

OLD = datetime.timedelta(days=8)
"""A day more than what was written of an upload is kept to be resumed: the copy has the time of its last byte."""


def sweep(store: Store, zone: str, now: datetime.datetime) -> list[str]:
    """Remove the leftovers of all sources from the raw zone of that prefix, and return their names.

    To be called under the source's lease, after a look at the folder: that registers a copy which can still be used. What is not
    whole yet is no copy. Memory follows the number of copies. Raises `LogError` where an arrival is damaged or missing, and
    removes nothing then.
    """
    left = {name for name, written in _copies(store, f"{zone.rstrip('/')}/csv/") if now - written > OLD}
    for source in sorted(sources(store, zone)) if left else ():  # listed later than the copies
        for arrival in Arrivals(store, zone, source).after(0):
            left.discard(arrival.stored)
    for name in sorted(left):
        store.delete(name)
    return sorted(left)


def _copies(store: Store, folder: str) -> Iterator[tuple[str, datetime.datetime]]:
    """Each copy, and when it was written."""
    for entry in store.list(folder):
        if not entry.name.startswith(f"{folder}_"):
            yield entry.name, entry.modified
