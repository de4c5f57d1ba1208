"""Where source files come from: a folder that others write into, and that is only ever read. See `prefix` for one on S3.

A link is never followed, neither when the folder is listed nor when a file is opened, so no name leads out of the folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from lakewright.errors import Retry, SourceError, SourceUnreachable

CHUNK = 4 * 1024 * 1024
"""Bytes that are read at once."""
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_YEARS = (datetime.datetime.min.replace(tzinfo=datetime.UTC), datetime.datetime.max.replace(tzinfo=datetime.UTC))
_NO_SUCH_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
_NOT_PERMITTED = {errno.EACCES, errno.EPERM}


@dataclasses.dataclass(frozen=True, slots=True)
class OriginFile:
    """A file as it was seen: its name below the origin, size in bytes, and the time it was last written (UTC, microseconds).

    ``version`` is another one when the file was written or replaced, as far as the origin can tell. What is not regular, as a
    link, a pipe or a device, is only told of: it is never read.
    """

    name: str
    size: int
    modified: datetime.datetime
    version: str
    is_regular: bool = True


class SourceChanged(SourceError):
    """A file changed, or went, while it was read."""

    retry = Retry.SOON


class Origin(Protocol):
    """Files that somebody else writes. A file may change, come and go at any moment, also while it is read.

    Messages call it by ``called``.
    """

    called: str

    def files(self) -> list[OriginFile]:
        """Every file, and what is none but stands there as one, in name order; raises `SourceUnreachable` where the origin is
        gone: that is not an empty one."""
        ...

    def look(self, name: str) -> OriginFile | None:
        """The file as it is now; None where there is none."""
        ...

    def require_readable(self, name: str) -> None:
        """Raise `SourceError` where the file cannot be opened to be read."""
        ...

    def written(self, file: OriginFile) -> datetime.datetime:
        """When who made the file wrote it (UTC), by which files that come at once are in order; `modified` may be when it was
        brought here. Raises `SourceError` where it cannot be told."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """The file's bytes in chunks of at most `CHUNK`; raises `SourceError` where it cannot be read."""
        ...


class Folder:
    """The origin that is a folder of this machine, with the folders in it; messages call it by `called`, or else by its path."""

    def __init__(self, root: str | os.PathLike[str], called: str | None = None) -> None:
        self.root = Path(root).absolute()
        self.called = called or str(self.root)

    def files(self) -> list[OriginFile]:
        """See `Origin`; raises `SourceUnreachable` where the folder is gone, `SourceError` where it cannot be read."""
        found: list[OriginFile] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            with _translated(folder or self.called), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(f"{folder}{entry.name}/")
                        elif file := self._entry(f"{folder}{entry.name}"):
                            found.append(file)
        if not self.root.is_dir():  # asked at the end: what vanished meanwhile must not look like an empty folder
            hint = "make it, mount it, or correct `path` of the source in lake.yaml; it is looked at again by itself"
            raise SourceUnreachable("LW-280", f"the folder {self.called!r} is not there", hint=hint)
        return sorted(found, key=lambda file: file.name)

    def look(self, name: str) -> OriginFile | None:
        """The file as it is now; None where there is no regular file of this name."""
        file = self._entry(name)
        return file if file and file.is_regular else None

    def written(self, file: OriginFile) -> datetime.datetime:
        """The file's own time."""
        return file.modified

    def _entry(self, name: str) -> OriginFile | None:
        """What stands under the name now, be it a regular file or not; None where nothing does."""
        with _translated(name):
            try:
                seen = os.stat(self.root / name, follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                return None
        version = f"{seen.st_size:x}-{seen.st_mtime_ns:x}-{seen.st_ctime_ns:x}-{seen.st_ino:x}"
        return OriginFile(name, seen.st_size, _time(seen.st_mtime_ns), version, stat.S_ISREG(seen.st_mode))

    def require_readable(self, name: str) -> None:
        """See `Origin`."""
        with _translated(name):
            self._open(name).close()

    def read(self, name: str) -> Iterator[bytes]:
        """The file's bytes; raises `SourceError` where it vanished or cannot be read."""
        with _translated(name), self._open(name) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def _open(self, name: str) -> BinaryIO:
        """Open the file one folder after the other, so that none of them can be a link; a device or a pipe is no file."""
        *folders, last = name.split("/")
        if {"", ".", ".."} & {*folders, last}:
            raise FileNotFoundError(errno.ENOENT, "not a name below the folder")
        inside = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for folder in folders:
                above, inside = inside, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=inside)
                os.close(above)
            descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
        finally:
            os.close(inside)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "not a regular file")
        return os.fdopen(descriptor, "rb", buffering=0)


def changed(name: str) -> SourceChanged:
    """The error of a file that is not what it was when its reading began."""
    return SourceChanged(
        "LW-282",
        f"the file {name!r} was changed, replaced or removed while it was read",
        hint="nothing was taken of it and it is read again by itself; let its writer use a temporary name, or raise `settle`",
    )


def _time(nanoseconds: int) -> datetime.datetime:
    """The time of a file; a file system may have one that no calendar has."""
    try:
        return _EPOCH + datetime.timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return _YEARS[nanoseconds > 0]


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn what the operating system says about `name` into the error tree, without its own error, which has the whole path."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            raise changed(name) from None
        if error.errno in _NOT_PERMITTED:
            hint = "give the user that runs lakewright the right to read the folder and its files"
            raise SourceError("LW-281", f"{name!r} cannot be read: {error.strerror}", hint=hint) from None
        hint = "look at the disk or the network that holds the folder; it is tried again by itself"
        raise SourceUnreachable("LW-283", f"{name!r} cannot be read: {error.strerror}", hint=hint) from None
