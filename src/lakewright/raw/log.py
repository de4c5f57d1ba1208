"""The raw log of one source: manifests read, appended under the next number, and folded together.

Manifests are numbered without gaps and created if absent, so writers agree on one order; none is ever changed, and each holds
the random id of the one that it follows. A fold is a manifest that stands for all before it and lets them be deleted, in
ascending order. Hence two rules.

- Whoever knows manifest n, finds or creates n + 1, and then still finds that same n, knows that n + 1 was not deleted before: it
  counts. Where n is gone, list again. A number that was deleted may come back, by a writer that was suspended before the fold;
  it holds another id, so nobody takes it for the one that counted.
- Whoever lists and reads from the highest number back to a fold, each the one that its follower names, has manifests that count.

A fold must stand for all before it, not for a range of numbers: a reader whose newest manifest is the last one before such a
range would find that for ever, and nothing behind it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import threading
from collections.abc import Iterable, Sequence

from lakewright.errors import AlreadyExists, Changed, LogError, NotFound
from lakewright.model.contracts import Past, Store
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.raw import bookmarks, layout, resyncs
from lakewright.raw.folds import Care, folded
from lakewright.raw.manifest import HEAD, Manifest, Page, RawFile
from lakewright.raw.pages import Pages
from lakewright.raw.schemas import Schemas
from lakewright.raw.view import LogView

_ATTEMPTS = 5
_CHUNK = 8 * 1024 * 1024
_RESTORE = "restore the folders _manifests and _pages from a backup, or load the source into a new lake"


class RawLog:
    """The log of `source` in the raw zone whose prefix is `zone`, in its folder `group`; safe from several threads.

    Errors are `LogError` where the log is damaged and `StorageError` where the store fails; `Changed` where what an older view
    names was replaced and deleted since, so that it is to be looked at again.
    """

    def __init__(self, store: Store, zone: str, source: str, group: str = "database") -> None:
        self.store = store
        self.folder = layout.source_folder(zone, source, group)
        self.lease_name = self.folder + layout.LEASE
        self._view = LogView()
        self._pages = Pages(store, self.folder)
        self._schemas = Schemas(store, self.folder)
        self._guard = threading.Lock()

    # ---- manifests

    def view(self) -> LogView:
        """What the log says now; costs two look-ups in the store where nothing is new."""
        with self._guard:
            self._view = self._advanced(self._view) or self._listed()
            return self._view

    def fold_manifests(self, care: Care | None = None) -> bool:
        """Let one manifest stand for all, so that the log says the same but for `care`; False where somebody appended meanwhile.

        Safe beside writers and readers, and in any crash: what is left undone the next fold does. Raises as `folds.folded`.
        """
        view = self.view()
        if not view.manifests or (len(view.manifests) == 1 and care is None):
            return False
        fold = folded(view, self._pages, care)
        if not self.create(fold):
            return False
        self.view()  # goes on to the fold from what it stands for, which is there yet
        for number in self._numbers():
            if number < fold.number:
                self.store.delete(self._manifest_name(number))
        self._pages.sweep(fold)
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
        if not self._is_there(manifest.number - 1, manifest.after) and manifest not in self._listed().manifests:
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
        if not self._is_there(view.number, view.manifests[-1].id):
            return None
        return _grown(view, new)

    def _listed(self) -> LogView:
        """The view from the newest manifest back, over what folds replace."""
        for _ in range(_ATTEMPTS):
            numbers = self._numbers()
            found: list[Manifest] = []
            missing = 0
            number = numbers[-1] if numbers else 0
            while number and not missing:
                manifest = self._read(number)
                if manifest is None or (found and not _follows(found[-1], manifest)):  # folded away since it was listed, or lost
                    missing = number
                else:
                    found.append(manifest)
                    number = (manifest.replaces or number) - 1
            if not missing:
                return _grown(LogView(read=self._page), reversed(found))
        raise LogError("LW-355", f"{self._manifest_name(missing)} is missing", hint=_RESTORE)

    def _is_there(self, number: int, id_: str | None) -> bool:
        """Whether the manifest of that number and id is in the folder; not another one under its name."""
        if id_ is None:
            return False
        try:
            return Manifest.is_head(self.store.read_range(self._manifest_name(number), 0, HEAD), number, id_)
        except NotFound:
            return False

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

    def _page(self, page: Page) -> Sequence[RawFile]:
        try:
            return self._pages.read(page)
        except NotFound:
            if any(page in (*m.pages, *m.former, *m.replaced) for m in self.view().manifests):
                raise LogError("LW-355", f"{self.folder}{page.name} is missing", hint=_RESTORE) from None
            raise _replaced(page.name) from None

    # ---- files and schemas

    def location(self, file: RawFile) -> str:
        """Where an engine finds the file."""
        return self.store.location(self.folder + file.name)

    def verify(self, file: RawFile) -> None:
        """Read the file and compare it with its manifest's entry; raises `LogError` where it is missing or damaged.

        Raises `Changed` where the log names it no more.
        """
        name, digest, size = self.folder + file.name, hashlib.sha256(), 0
        hint = f"restore it from a backup, or `lakewright resync {file.table}` loads the table anew"
        try:
            while chunk := self.store.read_range(name, size, _CHUNK):
                digest.update(chunk)
                size += len(chunk)
        except NotFound:
            if not self.view().names(file):
                raise _replaced(name) from None
            raise LogError("LW-357", f"raw file {name} is missing", hint=hint) from None
        if (size, digest.hexdigest()) != (file.bytes, file.sha256):
            raise LogError("LW-358", f"raw file {name} is not what its manifest says: it was changed or damaged", hint=hint)

    def store_schema(self, schema: TableSchema) -> TableSchema:
        """The schema with its number: that of the table's newest schema where they are equal, else the next one."""
        return self._schemas.store(schema, self.view().schema_number(schema.name))

    def followed(self) -> list[TableSchema]:
        """The tables whose changes are in the log up to its end, in name order, each under the schema of its last row there."""
        view = self.view()
        return [self.schema(table, view.schema_number(table)) for table in sorted(view.followed())]

    def unreadable(self) -> list[tuple[TableName, LogError]]:
        """Those of the same tables whose schema is missing or damaged, so that `followed` raises, and why."""
        view, found = self.view(), list[tuple[TableName, LogError]]()
        for table in sorted(view.followed()):
            try:
                self.schema(table, view.schema_number(table))
            except LogError as error:
                found.append((table, error))
        return found

    def past(self) -> Past:
        """What a source has to know of the log."""

        def schema_at(table: TableName, lsn: int) -> TableSchema | None:
            number = self.view().schema_number_at(table, lsn)
            try:
                return self.schema(table, number) if number else None
            except LogError:
                if table in self.view().followed():
                    raise
                return None  # it stopped, maybe for just that, and no row of it is asked for

        return dataclasses.replace(self.view().past(), schema_at=schema_at)

    def definitions(self, table: TableName) -> set[str]:
        """Under which definitions the table's rows from its newest load on may have been read."""
        view = self.view()
        load = view.newest_load(table)
        numbers = range(load.schema, view.schema_number(table) + 1) if load else ()
        return {self.schema(table, number).definition for number in numbers} - {""}

    def newest_schema(self, table: TableName) -> TableSchema:
        """The table's schema with the highest number; raises `LogError` where there is none."""
        return self._schemas.read(table, max(1, self._schemas.newest(table)))

    def schema(self, table: TableName, number: int) -> TableSchema:
        """The table's schema of that number; raises `LogError` where it is missing or damaged."""
        return self._schemas.read(table, number)

    # ---- what others ask of the capture

    def ask_resync(self, table: TableName) -> None:
        """Ask the capture that runs now or next to load the table again."""
        resyncs.ask(self.store, self.folder, table)

    def asked_resyncs(self) -> list[TableName]:
        """The tables that are to be loaded again."""
        return resyncs.asked(self.store, self.folder)

    def resynced(self, table: TableName) -> None:
        """Take back `ask_resync`."""
        resyncs.done(self.store, self.folder, table)

    def request(self, position: Position) -> contextlib.AbstractContextManager[None]:
        """Tell an idle capture, for the time of a block, that somebody waits for the log to reach `position`."""
        return bookmarks.request(self.store, self.folder, position)

    def requested(self) -> Position | None:
        """The highest position that somebody alive waits for."""
        return bookmarks.requested(self.store, self.folder)


def _follows(later: Manifest, manifest: Manifest) -> bool:
    """Whether `later` names `manifest` as the one before; a fold, which replaced it, does not tell."""
    return later.kind == "fold" or later.after == manifest.id


def _replaced(name: str) -> Changed:
    return Changed("LW-303", f"{name} was left out of the log since it was looked at", hint="try again")


def _grown(view: LogView, manifests: Iterable[Manifest]) -> LogView:
    for manifest in manifests:
        view = view.grown(manifest)
    return view
