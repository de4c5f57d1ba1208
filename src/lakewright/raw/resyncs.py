"""Resyncs: tables that somebody wants loaded again, for the capture that runs now or next.

Only capture loads a table: between two streams, so that no change after the load's consistent point is missed.
"""

from __future__ import annotations

import contextlib

from lakewright.errors import AlreadyExists
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.raw import layout
from lakewright.storage.objects import named_by


def ask(store: Store, folder: str, table: TableName) -> None:
    """Ask the capture of the source in `folder` to load `table`; asking twice is asking once."""
    with contextlib.suppress(AlreadyExists):
        store.create(_name(folder, table), b"{}")


def asked(store: Store, folder: str) -> list[TableName]:
    """The tables that are to be loaded, in name order."""
    prefix = folder + layout.RESYNCS
    names = (entry.name[len(prefix) :].removesuffix(".json").split("/") for entry in store.list(prefix))
    return [TableName(named_by(parts[0]), named_by(parts[1])) for parts in names if len(parts) == 2]


def done(store: Store, folder: str, table: TableName) -> None:
    """The table was loaded, or cannot be; the wish is gone."""
    store.delete(_name(folder, table))


def _name(folder: str, table: TableName) -> str:
    return f"{folder}{layout.RESYNCS}{layout.table_folder(table).rstrip('/')}.json"
