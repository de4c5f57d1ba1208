"""Audit: whether the files of a folder are, byte by byte, those that were taken from it. Sizes and times do not prove that."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Literal

from lakewright.errors import SourceError
from lakewright.model.contracts import Waiting
from lakewright.sources.files.arrivals import Arrival, Arrivals, label
from lakewright.sources.files.copying import Copier
from lakewright.sources.files.origin import OriginFile
from lakewright.sources.files.selection import Assignment

TELL_SECONDS = 2.0
"""How often an audit tells how far it is."""
_TOUCH = "it has other content under the same size and time; `touch` it, and the next look takes it"
_LATER = "nothing of it was taken yet, or not as it is now; the next look takes it, once it stands still"


@dataclasses.dataclass(frozen=True)
class FileCheck:
    """A file of a source's folder that the lake does not have as it is, by its path below the folder.

    ``different``: it has other bytes than those taken of it, which no look notices; ``waits``: it has arrived and cannot be read,
    or too many of its rows do not fit; ``not taken``: it came or changed just now, or cannot be taken.
    """

    file: str
    verdict: Literal["different", "waits", "not taken"]
    detail: str


def audit(assignment: Assignment, arrivals: Arrivals, copier: Copier) -> Iterator[FileCheck]:
    """The files that are not what their newest arrivals say, in name order; every file of a dataset is read whole.

    A file that is registered and is not in the folder any more is none of them.
    """
    for name, error in assignment.faults.items():
        yield FileCheck(label(name), "not taken", f"{error.message} ({error.code})")
    newest = arrivals.newest()
    for file, dataset in assignment.taken:
        try:
            sha256 = copier.checksum(file)
        except SourceError as error:
            yield FileCheck(label(file.name), "not taken", f"{error.message} ({error.code})")
            continue
        if not _is_taken(newest.get(file.name), dataset, sha256):
            newest = arrivals.newest()  # it may have been taken meanwhile
        last = newest.get(file.name)
        if not _is_taken(last, dataset, sha256):
            unseen = last is not None and _looks_taken(last, dataset, file)
            yield FileCheck(label(file.name), "different" if unseen else "not taken", _TOUCH if unseen else _LATER)


class AuditProgress:
    """Tells now and then how many of the bytes of some files were read."""

    def __init__(self, assignment: Assignment, source: str, told: Waiting) -> None:
        self._files = len(assignment.taken)
        self._size = sum(file.size for file, _ in assignment.taken)
        self._source = source
        self._told = told
        self._read = 0
        self._at = time.monotonic()

    def __call__(self, name: str, done: int, size: int) -> None:
        """`done` of the `size` bytes of a file were read."""
        now = time.monotonic()
        if now - self._at > TELL_SECONDS:
            self._at = now
            share = 100 * (self._read + done) // max(1, self._size)
            self._told(f"the checksums of {self._files:,} files of {self._source} ({share} %)")
        self._read += size if done == size else 0


def _is_taken(last: Arrival | None, dataset: str, sha256: str) -> bool:
    return last is not None and not last.removed and (last.dataset, last.sha256) == (dataset, sha256)


def _looks_taken(last: Arrival, dataset: str, file: OriginFile) -> bool:
    """Whether a look at the folder takes the file for what was taken."""
    same = (last.dataset, last.size, last.modified) == (dataset, file.size, file.modified)
    return same and not last.removed
