"""Folds: what a manifest says that stands for all before it, and what it says otherwise than those.

A fold may leave files out: what expired, and small files whose rows a larger one has. It names those as ``replaced``: they are
deleted later, and until then who still knows of them can read them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from lakewright.errors import Changed
from lakewright.model.names import TableName
from lakewright.raw.manifest import Expired, Manifest, Page, RawFile
from lakewright.raw.pages import Pages, split
from lakewright.raw.table_log import there
from lakewright.raw.view import LogView, next_manifest


@dataclasses.dataclass(frozen=True)
class Window:
    """Files of a feed that lie next to each other: those of its pages from ``begin`` to ``end`` (excluded); where that is None,
    of all pages from ``begin`` on, and those that no page has."""

    begin: int
    end: int | None = None

    @classmethod
    def oldest(cls, view: LogView, tables: Collection[TableName], pages: int) -> Window:
        """The files of so many pages from the first one that has any of those tables on, up to the log's end."""
        known = _pages(view)
        begin = next((number for number, page in enumerate(known) if not set(tables).isdisjoint(page.tables)), len(known))
        return cls(begin, begin + pages if begin + pages < len(known) else None)

    @classmethod
    def newest(cls, view: LogView, pages: int) -> Window:
        """The files of the last so many pages, and those that no page has."""
        return cls(max(0, len(_pages(view)) - pages))

    def files(self, view: LogView) -> list[RawFile]:
        """The files, each table's changes in position order."""
        paged = itertools.chain.from_iterable(view.read(page) for page in _pages(view)[self.begin : self.end])
        return [*paged, *(_own_files(view) if self.end is None else ())]


@dataclasses.dataclass(frozen=True)
class Care:
    """What a fold says otherwise than the manifests that it stands for, planned while the highest lease number was ``lease``.

    ``instead`` has, for the name of each file in ``window`` that is left out, what stands in its place. ``expired`` is how far
    changes of some tables are left out by now, and ``loads`` are the files of loads that are gone with them. The files of the
    pages ``deleted`` are deleted: nobody has to know of them any more.
    """

    lease: int
    window: Window
    instead: Mapping[str, Sequence[RawFile]] = dataclasses.field(default_factory=dict)
    expired: Sequence[Expired] = ()
    loads: Sequence[RawFile] = ()
    deleted: Sequence[Page] = ()


def folded(view: LogView, pages: Pages, care: Care | None = None) -> Manifest:
    """A fold of all manifests of `view`, which follows them; its new pages are written, the fold is not.

    Raises `Changed` where `care` does not fit the log any more: others left its files out, or a capture took over. That one
    sweeps what it listed and nobody named, which may be the new files.
    """
    kept, own, earlier = _pages(view), _own_files(view), view.earlier_feeds()
    care = care or Care(view.highest_lease, Window(len(kept)))
    covered = care.window.files(view)
    left_out = [file for file in covered if file.name in care.instead]
    if care.lease != view.highest_lease or len(left_out) < len(care.instead):
        raise Changed("LW-303", f"the log was cared for or taken over meanwhile, at {view.watermark}", hint="try again")
    covered = [new for file in covered for new in care.instead.get(file.name, (file,))]
    fold = next_manifest(view, "fold", view.highest_lease)
    begin, end = care.window.begin, care.window.end
    middle: list[Page] = []
    if end is not None:
        middle = [*pages.write(fold.number, covered), *kept[end:]]
    older, own = split(covered if end is None else own)
    former = [page for manifest in view.manifests for page in manifest.former] + [p for m in earlier for p in m.pages]
    replaced = [page for manifest in view.manifests for page in manifest.replaced if page not in care.deleted]
    return dataclasses.replace(
        fold,
        start=view.current_feed()[0].start,
        files=tuple(own),
        stopped=view.all_stops(),
        replaces=1,
        pages=(*kept[:begin], *middle, *pages.write(fold.number, older)),
        former=(*former, *pages.write(fold.number, [file for manifest in earlier for file in there(manifest)])),
        generations=view.generations(),
        expired=_newest([*view.expirations(), *care.expired]),
        replaced=(*replaced, *pages.write(fold.number, [*left_out, *care.loads])),
    )


def _pages(view: LogView) -> list[Page]:
    return [page for manifest in view.current_feed() for page in manifest.pages]


def _own_files(view: LogView) -> list[RawFile]:
    return [file for manifest in view.current_feed() for file in manifest.files]


def _newest(expired: Iterable[Expired]) -> tuple[Expired, ...]:
    """The last of each table, in name order."""
    return tuple(each for _, each in sorted({each.table: each for each in expired}.items()))
