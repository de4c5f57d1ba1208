"""One file into the store: read once, hashed and written at the same time, and what was stored is read back."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Self

from lakewright.errors import AlreadyExists, StorageError
from lakewright.model.contracts import Store
from lakewright.sources.files.aside import Interrupted
from lakewright.sources.files.origin import CHUNK, Origin, OriginFile, SourceChanged, changed
from lakewright.storage.partial import translated

Progress = Callable[[str, int, int], None]
"""Told a file's name, how many bytes of it were read so far, and its size; called from several threads."""
_LOOK_SECONDS = 0.2
"""How often a copy that waits for its turn looks whether it is to stop."""


class Pace:
    """At most so many bytes a second (None: any number) for all who share it."""

    def __init__(self, bytes_per_second: int | None, stopped: Callable[[], bool]) -> None:
        self._rate = bytes_per_second
        self._stopped = stopped
        self._next = time.monotonic()
        self._guard = threading.Lock()

    def take(self, size: int) -> None:
        """Wait until `size` bytes more may be used; raises `Interrupted` when it is time to stop."""
        with self._guard:
            due = self._next = max(self._next, time.monotonic())
            self._next += size / self._rate if self._rate else 0.0
        self.check()
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
            self.check()

    def check(self) -> None:
        """Raise `Interrupted` when it is time to stop."""
        if self._stopped():
            raise Interrupted


class Copier:
    """Copies files of `origin` into `store`; safe from several threads.

    A checksum is always that of the bytes that the origin gave, read in one go while the file did not change. With `verify` the
    stored object is read back and compared; what was resumed, or was there before, is compared in any case.
    """

    def __init__(self, origin: Origin, store: Store, *, verify: bool, pace: Pace, progress: Progress) -> None:
        self._origin = origin
        self._store = store
        self._verify = verify
        self._pace = pace
        self._progress = progress

    def checksum(self, file: OriginFile) -> str:
        """The SHA-256 of a file of the origin; raises `SourceError` where it is not, or not for all the time, the one given."""
        return _digest(self._read(file))

    def copy(self, file: OriginFile, stored_name: Callable[[int], str]) -> tuple[str, str]:
        """Copy a file into a new object and return its name and checksum.

        `stored_name` gives the name for each attempt, from 0: an object is taken as it is where it has these bytes already, as
        after a crash, and left alone where it has others. Raises `SourceError` as `checksum`, and `StorageError` where what is
        stored is not what was written; no object is left then. After an interruption the next copy of the version goes on.
        """
        for attempt in itertools.count():
            stored, ours, resumed, back = stored_name(attempt), False, False, None
            if self._store.exists(stored):
                sha256 = self.checksum(file)
            else:
                with contextlib.suppress(AlreadyExists):
                    with self._store.upload(stored, resume=file.version) as target:
                        resumed = target.tell() > 0
                        sha256, back = self._through(file, target, stored)
                    ours = True
            if ours and not resumed and not self._verify:
                break
            if (back if ours and back else self.stored_checksum(stored)) == sha256:
                break
            if ours:
                self._store.delete(stored)
                if not resumed:
                    hint = "look at the disk and the memory of this machine; the file is copied again by itself"
                    raise StorageError("LW-285", f"{stored} does not read back as it was written", hint=hint)
        return stored, sha256

    def stored_checksum(self, stored: str) -> str:
        """The SHA-256 of an object of the store; raises `NotFound`."""
        return _digest(self._read_back(stored))

    def _through(self, file: OriginFile, target: BinaryIO, stored: str) -> tuple[str, str | None]:
        """Read the file to its end and write what `target` does not have yet; the checksum of all of it.

        And that of what `target` has, read back while the rest is written; None where that has to wait, or nobody asks for it.
        """
        kept, position = target.tell(), 0
        at_once = target.readable() and (self._verify or kept > 0)

        def read_back(offset: int, size: int) -> bytes:
            with translated(stored):
                return os.pread(target.fileno(), size, offset)

        try:
            with _Digest() as given, _Digest() as back:
                for chunk in self._read(file):
                    given.add(bytes, chunk)
                    target.write(memoryview(chunk)[max(0, kept - position) :])
                    if at_once:
                        back.add(read_back, position, len(chunk))
                    position += len(chunk)
                return given.text(), back.text() if at_once and target.tell() == position else None
        except SourceChanged:
            target.truncate(0)  # nobody will ask for this version again
            raise

    def _read(self, file: OriginFile) -> Iterator[bytes]:
        """The bytes of that version of the file; raises `SourceChanged` at the end where it is another one by now."""
        done = 0
        for chunk in self._origin.read(file.name):
            self._pace.take(len(chunk))
            done += len(chunk)
            if done > file.size:
                raise changed(file.name)
            yield chunk
            self._progress(file.name, done, file.size)
        if done != file.size or self._origin.look(file.name) != file:
            raise changed(file.name)

    def _read_back(self, stored: str) -> Iterator[bytes]:
        offset = 0
        while chunk := self._store.read_range(stored, offset, CHUNK):
            self._pace.check()
            offset += len(chunk)
            yield chunk


class _Digest:
    """The SHA-256 of chunks, which a thread gets and hashes while the caller goes on to the next; leave it to end the thread."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def add(self, get: Callable[..., bytes], *arguments: object) -> None:
        """Hash the chunk that `get` gives, once the one before is; raises what kept that from it."""
        self._wait()
        self._last = self._pool.submit(lambda: self._hash.update(get(*arguments)))

    def text(self) -> str:
        """Of all chunks, in hexadecimal digits."""
        self._wait()
        return self._hash.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()


def _digest(chunks: Iterable[bytes]) -> str:
    with _Digest() as digest:
        for chunk in chunks:
            digest.add(bytes, chunk)
        return digest.text()
