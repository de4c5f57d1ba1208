"""The raw log of one source: manifests read, appended under the next number, and folded together.

Manifests are numbered without gaps and created if absent, so writers agree on one order; none is ever changed. A fold stands for
all manifests from some number up to its own and lets them be deleted, in ascending order. Hence whoever knows manifest n, finds
or creates n + 1, and then still finds n, knows that n + 1 was never deleted: it counts. Where n is gone, list again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import threading

from lakewright.errors import AlreadyExists, Changed, LogError, NotFound
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.raw import bookmarks, layout, reloads
from lakewright.raw.manifest import Manifest, RawFile
from lakewright.raw.schemas import Schemas
from lakewright.raw.view import LoadInfo, LogView
from lakewright.raw.writer import LogWriter, next_manifest
from lakewright.storage.lease import Lease

__all__ = ["LoadInfo", "LogView", "LogWriter", "RawLog"]

_ATTEMPTS = 5
_CHUNK = 8 * 1024 * 1024
_RESTORE = "restore the folder _manifests from a backup, or load the source into a new lake"


class RawLog:
    """The log of `source` in the raw zone whose prefix is `zone`; safe from several threads.

    Errors are `LogError` where the log is damaged and `StorageError` where the store fails.
    """

    def __init__(self, store: Store, zone: str, source: str) -> None:
        self.store = store
        self.folder = layout.source_folder(zone, source)
        self.lease_name = self.folder + layout.LEASE
        self._view = LogView()
        self._schemas = Schemas(store, self.folder)
        self._guard = threading.Lock()

    # ---- manifests

    def view(self) -> LogView:
        """What the log says now; costs two look-ups in the store where nothing is new."""
        with self._guard:
            self._view = self._advanced(self._view) or self._listed()
            return self._view

    def writer(self, lease: Lease) -> LogWriter:
        """Take over writing: append a manifest with the lease's number, then remove files that were there and no manifest names.

        Once for a lease: raises `LeaseLost` where the log has its number or a higher one. Whoever holds a lower one cannot
        append any more.
        """
        listed = [entry.name for entry in self.store.list(self.folder)]
        writer = LogWriter(self, lease)
        writer.open()
        named = {self.folder + file.name for manifest in self.view().manifests for file in manifest.files}
        for name in listed:
            if not name.startswith(f"{self.folder}_") and name not in named:
                self.store.delete(name)
        return writer

    def ask_reload(self, table: TableName) -> None:
        """Ask the capture that runs now or next to load the table again."""
        reloads.ask(self.store, self.folder, table)

    def asked_reloads(self) -> list[TableName]:
        """The tables that are to be loaded again."""
        return reloads.asked(self.store, self.folder)

    def reloaded(self, table: TableName) -> None:
        """Take back `ask_reload`."""
        reloads.done(self.store, self.folder, table)

    def fold_manifests(self) -> bool:
        """Replace the manifests of the current feed by one that says the same; False where somebody appended meanwhile.

        Safe beside writers and readers, and in any crash: what is left undone the next fold does.
        """
        view = self.view()
        kept = view.earlier_feeds()
        first = kept[-1].number + 1 if kept else 1
        folded = view.manifests[len(kept) :]
        if len(folded) < 2:
            return False
        fold = dataclasses.replace(
            next_manifest(view, "fold", view.highest_lease),
            start=folded[0].start,
            files=tuple(file for manifest in folded for file in manifest.files),
            stopped=view.stops(),
            replaces=first,
        )
        if not self.create(fold):
            return False
        for number in self._numbers():
            if first <= number < fold.number:
                self.store.delete(self._manifest_name(number))
        return True

    def create(self, manifest: Manifest) -> bool:
        """Create a manifest, which follows one that was seen; False where another has its number.

        Raises `Changed` where a fold has passed the number: the log must be read again before anything is written.
        """
        name = self._manifest_name(manifest.number)
        try:
            self.store.create(name, manifest.to_bytes())
        except AlreadyExists:
            won = self._read(manifest.number)
            if won is not None and won != manifest:
                return False
        before = manifest.number - 1
        if not (before and self.store.exists(self._manifest_name(before))) and manifest not in self._listed().manifests:
            self.store.delete(name)
            raise Changed("LW-303", f"manifest {manifest.number} was folded away while it was written", hint="try again")
        return True

    def _advanced(self, view: LogView) -> LogView | None:
        """The view with the manifests after it; None where its own is gone, so that what follows may be gone too."""
        if not view.number:
            return None
        new: list[Manifest] = []
        while (manifest := self._read(view.number + len(new) + 1)) is not None:
            new.append(manifest)
        if not self.store.exists(self._manifest_name(view.number)):
            return None
        for manifest in new:
            view = view.grown(manifest)
        return view

    def _listed(self) -> LogView:
        """The view from the newest manifest back, over what folds replace."""
        for _ in range(_ATTEMPTS):
            numbers = self._numbers()
            found: list[Manifest] = []
            missing = 0
            number = numbers[-1] if numbers else 0
            while number and not missing:
                manifest = self._read(number)
                if manifest is None:  # folded away since it was listed, or lost
                    missing = number
                else:
                    found.append(manifest)
                    number = (manifest.replaces or number) - 1
            if not missing:
                return LogView.of(reversed(found))
        raise LogError("LW-355", f"{self._manifest_name(missing)} is missing", hint=_RESTORE)

    def _numbers(self) -> list[int]:
        names = (layout.number_in(entry.name) for entry in self.store.list(self.folder + layout.MANIFESTS))
        return [number for number in names if number is not None]

    def _manifest_name(self, number: int) -> str:
        return self.folder + layout.manifest_name(number)

    def _read(self, number: int) -> Manifest | None:
        name = self._manifest_name(number)
        try:
            return Manifest.from_bytes(self.store.read(name), name, number)
        except NotFound:
            return None

    # ---- files, schemas, bookmarks

    def location(self, file: RawFile) -> str:
        """Where an engine finds the file."""
        return self.store.location(self.folder + file.name)

    def verify(self, file: RawFile) -> None:
        """Read the file and compare it with its manifest's entry; raises `LogError` where it is missing or damaged."""
        name, digest, size = self.folder + file.name, hashlib.sha256(), 0
        hint = f"restore it from a backup, or `lakewright resync {file.table}` loads the table anew"
        try:
            while chunk := self.store.read_range(name, size, _CHUNK):
                digest.update(chunk)
                size += len(chunk)
        except NotFound:
            raise LogError("LW-357", f"raw file {name} is missing", hint=hint) from None
        if (size, digest.hexdigest()) != (file.bytes, file.sha256):
            raise LogError("LW-358", f"raw file {name} is not what its manifest says: it was changed or damaged", hint=hint)

    def store_schema(self, schema: TableSchema) -> TableSchema:
        """The schema with its number: that of the table's newest schema where they are equal, else the next one."""
        return self._schemas.store(schema)

    def newest_schema(self, table: TableName) -> TableSchema:
        """The table's schema with the highest number; raises `LogError` where there is none."""
        return self._schemas.read(table, max(1, self._schemas.newest(table)))

    def schema(self, table: TableName, number: int) -> TableSchema:
        """The table's schema of that number; raises `LogError` where it is missing or damaged."""
        return self._schemas.read(table, number)

    def request(self, position: Position) -> contextlib.AbstractContextManager[None]:
        """Tell an idle capture, for the time of a block, that somebody waits for the log to reach `position`."""
        return bookmarks.request(self.store, self.folder, position)

    def requested(self) -> Position | None:
        """The highest position that somebody alive waits for."""
        return bookmarks.requested(self.store, self.folder)
