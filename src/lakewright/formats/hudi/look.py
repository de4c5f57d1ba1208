"""What readers see of a table, kept from one read to the next: where the listings are as they were, so is what they mean."""

from __future__ import annotations

import dataclasses
import functools

from lakewright.formats.hudi import slices
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.slices import View
from lakewright.model.contracts import Entry
from lakewright.model.table import Snapshot


@dataclasses.dataclass
class Look:
    """A view without what only writers ask for, the listings that it is made of, and the snapshot that was read last."""

    folder: Folder
    listed: tuple[list[Entry], list[Entry]]
    view: View
    snapshot: Snapshot | None = None

    @functools.cached_property
    def cleaned(self) -> list[bool]:
        """For each write of the timeline, whether its snapshot cannot be read any more."""
        return slices.cleaned(self.folder, self.view)

    @functools.cached_property
    def settled(self) -> dict[str, Entry]:
        """The base files whose instants completed, which nobody writes any more; another engine may go on with a log."""
        completed = {file.name for file in self.view.completed_files()}
        return {entry.name: entry for entry in self.listed[1] if entry.name in completed}


def again(folder: Folder, last: Look | None) -> Look:
    """List the table; `last` is given back where nothing changed since."""
    while True:
        listed = list(folder.public()), list(folder.entries(last.settled if last else None))
        if last is not None and listed == last.listed:
            return last
        view = slices.of_listings(folder, folder.hoodie(listed[0]), *folder.data(listed[1]))
        if view is not None:
            return Look(folder, listed, view)
