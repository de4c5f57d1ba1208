"""A `Store` in a local directory: atomic, fsynced, safe between threads and processes.

A write goes to a file of its own below ``.lakewright/store``, is fsynced, and only then appears under its name: by a hard link,
which fails where the name is taken (`create`, `upload`), or by a rename (`put`, `replace`).
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from lakewright.model.contracts import Entry
from lakewright.storage import objects
from lakewright.storage.partial import LOCK, Partial, Partials, translated

_PRIVATE = ".lakewright/store"
_ATTEMPTS = 100


class LocalStore:
    """Fulfils `lakewright.model.contracts.Store` below the directory `root`, which is made when something is first written.

    A tag holds the object's modification time, which `replace` and `put` make grow strictly, and a hash of its bytes, so that two
    versions of a name never share one. Names below ``.lakewright/store`` are the store's own and refused.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).absolute()
        self._folder = f"{self.root}/".replace("//", "/")  # text: a Path costs more than the call of the system
        self._private = self.root / _PRIVATE
        self._durable: set[Path] = set()
        self._partials = Partials(self._private, become=True)

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; raises `AlreadyExists` where the name is taken."""
        with self.upload(name) as file:
            file.write(data)

    def replace(self, name: str, data: bytes, expected: str | None) -> str:
        """Write the object if it is still the one with tag `expected` (None: if it does not exist); return its new tag."""
        path = self._path(name)
        with translated(name), self._written(name, data) as file, self._lock():
            before = _stat(path)
            current = None if before is None else self.read_tagged(name)[1]
            if current != expected:
                raise objects.changed(name)
            if before is None:
                try:
                    self._link(file, path)
                except FileExistsError:
                    raise objects.changed(name) from None
            else:
                self._rename(file, path, before)
            return _tag(os.fstat(file.fileno()).st_mtime_ns, data)

    def put(self, name: str, data: bytes) -> None:
        """Write an object, over an existing one if there is one."""
        path = self._path(name)
        with translated(name), self._written(name, data) as file, self._lock():
            self._rename(file, path, _stat(path))

    @contextlib.contextmanager
    def upload(self, name: str, resume: str | None = None) -> Iterator[BinaryIO]:
        """A writable file that becomes the new object when the block ends without an exception; `resume`: see the protocol."""
        path = self._path(name)
        with self._partials.writing(name, resume) as file:
            yield cast(BinaryIO, file)
            with translated(name):
                os.fsync(file.fileno())
                self._link(file, path)

    def read(self, name: str) -> bytes:
        """The object's bytes; raises `NotFound`."""
        with translated(name), open(self._place(name), "rb") as file:
            return file.read()

    def read_tagged(self, name: str) -> tuple[bytes, str]:
        """The object's bytes and its tag for `replace`; raises `NotFound`."""
        with translated(name), open(self._place(name), "rb") as file:
            data = file.read()
            return data, _tag(os.fstat(file.fileno()).st_mtime_ns, data)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; raises `NotFound`."""
        with translated(name), open(self._place(name), "rb") as file:
            file.seek(offset)
            return file.read(length)

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        with translated(name):
            return _stat(self._place(name)) is not None

    def list(self, prefix: str, after: str | None = None, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
        """Objects whose name starts with `prefix`, in name order, those up to and including `after` left out.

        A directory tells no more than names: to ask for the rest is most of the time of a listing, and left out where `known`.
        """
        with translated(prefix):
            folder = prefix.rpartition("/")[0]
            if folder:
                self._place(folder)
            yield from itertools.chain.from_iterable(self._walk(f"{folder}/" if folder else "", prefix, after, known or {}))

    def delete(self, name: str) -> None:
        """Remove the object and folders left empty; no error where there is none. A power cut may bring it back."""
        path = self._path(name)
        with translated(name), self._lock():
            if _stat(path) is not None:
                path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root or not _remove_empty(folder):
                break

    def location(self, name: str) -> str:
        """The object's absolute path."""
        return self._place(name)

    def _place(self, name: str) -> str:
        if not objects.is_name(name) or f"{name}/".startswith(f"{_PRIVATE}/"):
            raise objects.not_a_name(name)
        return f"{self._folder}{name}"

    def _path(self, name: str) -> Path:
        return Path(self._place(name))

    def _walk(self, folder: str, prefix: str, after: str | None, known: Mapping[str, Entry]) -> Iterator[Sequence[Entry]]:
        """Entries below `folder` ("" or ending in ``/``), listed from one directory to the next.

        A directory sorts as its name and ``/``, as its objects do.
        """
        found: list[tuple[str, bool]] = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(f"{self._folder}{folder}") as entries:
            for entry in entries:
                is_folder = entry.is_dir()
                found.append((f"{folder}{entry.name}/" if is_folder else f"{folder}{entry.name}", is_folder))
        files: list[Entry] = []
        for name, is_folder in sorted(found):
            if not (name.startswith(prefix) or (is_folder and prefix.startswith(name))) or name == f"{_PRIVATE}/":
                continue
            if is_folder and (after is None or name > after or after.startswith(name)):
                yield files
                files = []
                yield from self._walk(name, prefix, after, known)
            elif not is_folder and (after is None or name > after) and (listed := known.get(name) or self._entry(name)):
                files.append(listed)
        yield files

    def _entry(self, name: str) -> Entry | None:
        seen = _stat(f"{self._folder}{name}")
        return Entry(name, seen.st_size, datetime.datetime.fromtimestamp(seen.st_mtime, datetime.UTC)) if seen else None

    # ---- links and renames -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _written(self, name: str, data: bytes) -> Iterator[Partial]:
        with self._partials.writing(name) as file:
            file.write(data)
            os.fsync(file.fileno())
            yield file

    def _link(self, file: Partial, path: Path) -> None:
        self._in_folder(path, lambda: os.link(file.path, path))

    def _rename(self, file: Partial, path: Path, before: os.stat_result | None) -> None:
        """Put the file in the place of what was there; its modification time grows even if the clock goes backwards."""
        if before is not None:
            newer = max(os.fstat(file.fileno()).st_mtime_ns, before.st_mtime_ns + 1)
            os.utime(file.fileno(), ns=(newer, newer))
            os.fsync(file.fileno())
        self._in_folder(path, lambda: os.rename(file.path, path))

    def _in_folder(self, path: Path, change: Callable[[], None]) -> None:
        """Make a change in the object's directory, which is made if need be, and make it durable."""
        for attempt in range(_ATTEMPTS):
            try:
                self._make_durable(path.parent)
                change()
                break
            except FileNotFoundError:  # `delete` removed a directory, empty again, since we made it
                if attempt == _ATTEMPTS - 1:
                    raise
                self._durable.clear()
        with contextlib.suppress(FileNotFoundError):  # the object was deleted since, and its directory with it
            _sync_folder(path.parent)

    def _make_durable(self, folder: Path) -> None:
        """Make the directory, and be sure that it and those above it outlive a power cut, whoever made them."""
        if folder in self._durable:
            return
        if folder != self.root:
            self._make_durable(folder.parent)
        try:
            folder.mkdir(parents=folder == self.root)
        except FileExistsError:  # not `exist_ok`, which asks again, and then a directory may be gone
            if _stat(folder) is not None:
                raise
        _sync_folder(folder.parent)
        self._durable.add(folder)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One caller at a time, over all threads and processes."""
        self._make_durable(self._private)
        with open(self._private / LOCK, "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)  # closing alone would not, where a child process holds a copy


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:  # not empty, or gone already
        return False
    return True


def _stat(path: str | Path) -> os.stat_result | None:
    """What the object at `path` is; None where there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if stat.S_ISDIR(found.st_mode) else found


def _tag(modified_ns: int, data: bytes) -> str:
    return f"{modified_ns:x}-{hashlib.sha256(data).hexdigest()[:32]}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
