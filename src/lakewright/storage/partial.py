"""Files that are being written, in a folder of the store's own, and what dead writers left of them.

A writer holds an flock on its file until the end, so that a file nobody has locked is the leftover of a dead one. The file of an
upload that can be resumed has a name of its own, which the next writer finds, and is removed a week after it was last written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lakewright.errors import AlreadyExists, StorageError
from lakewright.storage import objects

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LOCK = "lock"
"""A file of the folder that is no partial one."""
_RESUMABLE = "resumable-"
_KEPT = 7 * 24 * 3600.0
"""Seconds for which what was written of an upload that can be resumed is kept."""
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""The numbers of the operating system's errors for a disk that is full, or as full as it may be."""
_NOT_PERMITTED = {errno.EACCES, errno.EPERM, errno.EROFS}


class Partial(io.FileIO):
    """The file behind a write: every byte is written or a `StorageError` raised. ``path`` is where it stands."""

    def __init__(self, path: Path, name: str, mode: str) -> None:
        super().__init__(path, mode)
        self.path = path
        self._object = name

    def write(self, data: ReadableBuffer) -> int:
        with translated(self._object):
            rest = memoryview(data).cast("B")
            total = len(rest)
            while rest:
                rest = rest[super().write(rest) :]
            return total


class Partials:
    """The partial files in `folder`, which is made when it is first needed; opening it removes the leftovers.

    `become` tells that they become the objects themselves: then they can be read, as `Store.upload` says.
    """

    def __init__(self, folder: Path, *, become: bool) -> None:
        self.folder = folder
        self._mode = "+b" if become else "b"
        with translated(str(folder)):
            self._remove_leftovers()

    @contextlib.contextmanager
    def writing(self, name: str, resume: str | None = None) -> Iterator[Partial]:
        """A file for the content of the object `name`, gone when the block ends.

        With `resume` it is kept where the block fails, as `Store.upload` says, unless the name is taken or no space was left.
        """
        kept = False
        with translated(name):
            file = (resume is not None and self._open_resumable(name, resume)) or self._open(name)
        try:
            yield file
        except BaseException as error:
            kept = resume is not None and os.fstat(file.fileno()).st_size > 0 and not _is_useless(error)
            raise
        finally:
            if not kept:
                file.path.unlink(missing_ok=True)
            file.close()

    def _open(self, name: str) -> Partial:
        while True:
            file = Partial(self._new_path(), name, f"x{self._mode}")
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()  # removed as a leftover before it was locked

    def _open_resumable(self, name: str, resume: str) -> Partial | None:
        """The file that an upload of this name and `resume` left behind, or a new one; None where it is not ours alone."""
        digest = hashlib.sha256(f"{name}\0{resume}".encode(errors="surrogateescape")).hexdigest()
        file = Partial(self._new_path().with_name(f"{_RESUMABLE}{digest[:32]}"), name, f"a{self._mode}")
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            seen = os.fstat(file.fileno())
            # Else another writer ended before it was locked.
            if file.path.exists() and os.path.samestat(seen, file.path.stat()):
                if seen.st_nlink == 1:
                    file.seek(0, os.SEEK_END)
                    return file
                file.path.unlink()  # it is the object by now: its writer died just then
        except BlockingIOError:
            pass
        file.close()
        return None

    def _new_path(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{os.getpid()}-{secrets.token_hex(8)}"

    def _remove_leftovers(self) -> None:
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.name == LOCK:
                continue
            with contextlib.suppress(FileNotFoundError, BlockingIOError), open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not path.name.startswith(_RESUMABLE) or time.time() - os.fstat(file.fileno()).st_mtime > _KEPT:
                    path.unlink()


def _is_useless(error: BaseException) -> bool:
    """Whether what was written helps nobody after this error."""
    if isinstance(error, AlreadyExists):
        return True
    return isinstance(error, StorageError) and isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_SPACE


@contextlib.contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn what the operating system says about the object `name` into the error tree."""
    try:
        yield
    except FileExistsError:
        raise objects.taken(name) from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise objects.missing(name) from None
    except OSError as error:
        if error.errno in NO_SPACE:
            raise StorageError("LW-304", f"no space left on the disk that holds {name}", hint="free some, then go on") from error
        if error.errno in _NOT_PERMITTED:
            raise StorageError("LW-305", f"{name}: {error.strerror}", hint="give this user the right to write there") from error
        raise StorageError("LW-306", f"{name}: {error.strerror}", hint="look at the disk and the system's log") from error
