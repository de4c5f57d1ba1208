"""Store: bytes under names."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple, Protocol


class Entry(NamedTuple):
    """One object in a listing: its name below the store's root, size in bytes, and when it was last written (UTC)."""

    name: str
    size: int
    modified: datetime.datetime


class Store(Protocol):
    """Bytes under names such as ``raw/database/shop/_manifests/00000000000000000001.json``.

    Names use ``/`` and are relative to the store's root. Every write is durable when the call returns and visible whole or not
    at all; a crash leaves no partial object under a name. Calls are safe from several threads and processes. A call that
    raises may still have taken effect (a lost answer): callers must be able to repeat it. Errors are `StorageError`.
    """

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; raises `AlreadyExists` where the name is taken. Of several callers exactly one succeeds."""
        ...

    def replace(self, name: str, data: bytes, expected: str | None) -> str:
        """Write the object if it is still the one with tag `expected` (None: if it does not exist); return its new tag.

        Raises `Changed` where it is another. Of several callers with one `expected` exactly one succeeds.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write an object, over an existing one if there is one."""
        ...

    def upload(self, name: str, resume: str | None = None) -> contextlib.AbstractContextManager[BinaryIO]:
        """A writable file whose content becomes the new object when the block ends without an exception; memory is bounded.

        Raises `AlreadyExists` at the end where the name is taken. After an exception nothing is left under the name.

        With `resume`, a text that stands for this very content, the bytes written are kept when the block ends with an exception
        or the process dies, and the next upload of the same name and `resume` goes on behind them: ``tell()`` says at first how
        many there are. There may be fewer or none: where another writer is at it, when no space was left, after a week, after
        ``truncate(0)``. A power cut may have damaged them: who goes on compares the object's checksum in the end.

        Where the file is ``readable()`` it becomes the object itself: what ``os.pread`` gives of its ``fileno()`` is read back.
        """
        ...

    def read(self, name: str) -> bytes:
        """The object's bytes; raises `NotFound`."""
        ...

    def read_tagged(self, name: str) -> tuple[bytes, str]:
        """The object's bytes and its tag for `replace`; raises `NotFound`."""
        ...

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; raises `NotFound`."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        ...

    def list(self, prefix: str, after: str | None = None, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
        """Objects whose name starts with `prefix`, in name order, those up to and including `after` left out.

        An object written before the call is in it; one written or deleted meanwhile may be. `known` tells of objects, by name,
        that are never written again: of one that is still there its entry may be given, and nothing is asked.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove the object; no error where there is none."""
        ...

    def location(self, name: str) -> str:
        """Where an engine finds the object: an absolute path, or a URL with a scheme."""
        ...
