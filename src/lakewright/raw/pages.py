"""Pages: where folds put the names of older files, so that what a fold says itself stays small however long the log is.

A page never changes, and is full unless care left files out. The folds after it name it too, until one says otherwise what it
says. It is read only where somebody asks for what it covers.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterable, Sequence

from lakewright.model.contracts import Store
from lakewright.raw import layout
from lakewright.raw.manifest import Manifest, Page, RawFile, page_from_bytes, page_to_bytes

FILES = 4096
"""Files that a page names; a fold names about as many itself."""
_REMEMBERED = 4


class Pages:
    """The pages of the source whose folder is `folder`.

    `read` gives the files that a page names; it raises `NotFound`, or `LogError` where the page is damaged, and remembers a few.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self.read = functools.lru_cache(_REMEMBERED)(self._read)

    def write(self, number: int, files: Sequence[RawFile]) -> list[Page]:
        """New pages that fold `number` will name, of up to `FILES` files each in the order given, which is each table's own."""
        return [self._write(number, files[begin : begin + FILES]) for begin in range(0, len(files), FILES)]

    def sweep(self, fold: Manifest) -> None:
        """Delete pages that were left by folds which did not come about.

        `fold` counts. So a page of its number or a lower one that it does not name will never be named.
        """
        named = {self._folder + page.name for page in (*fold.pages, *fold.former, *fold.replaced)}
        for entry in self._store.list(self._folder + layout.PAGES):
            number = layout.page_number_in(entry.name)
            if number is not None and number <= fold.number and entry.name not in named:
                self._store.delete(entry.name)

    def _write(self, number: int, files: Sequence[RawFile]) -> Page:
        page = Page(
            name=layout.page_name(number, secrets.token_hex(8)),
            tables=tuple(sorted({file.table for file in files})),
            files=len(files),
            first=min(file.first for file in files),
            last=max(file.last for file in files),
            last_time=max(file.last_time for file in files),
        )
        self._store.create(self._folder + page.name, page_to_bytes(files))
        return page

    def _read(self, page: Page) -> tuple[RawFile, ...]:
        return page_from_bytes(self._store.read(self._folder + page.name), page, self._folder + page.name)


def split(files: Iterable[RawFile]) -> tuple[list[RawFile], list[RawFile]]:
    """Of one feed's files those that go to pages, which fill them, and those that a fold names itself.

    These are the loads, the newest changes of each table, and what does not fill a page; each table's in position order.
    """
    loads: list[RawFile] = []
    changes: list[RawFile] = []
    for file in files:
        (changes if file.generation is None else loads).append(file)
    changes.sort(key=lambda file: file.first)
    newest = {file.table: file for file in changes}
    older = [file for file in changes if file is not newest[file.table]]
    full = len(older) - len(older) % FILES
    return older[:full], [*loads, *older[full:], *newest.values()]
