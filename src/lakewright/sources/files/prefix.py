"""Source files on S3: the objects below a prefix of a bucket, which others write and which are only ever read."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator
from typing import Any

from lakewright.errors import NotFound, SourceError, SourceUnreachable, StorageError, StorageUnreachable
from lakewright.sources.files.origin import CHUNK, OriginFile, changed
from lakewright.storage.s3_requests import SCHEME, PastEnd, Refused, Requests, place_of

_MTIME = "file-mtime"
_NOTED = re.compile(r"([0-9]{1,19})(ns)?")
"""A number of nanoseconds since 1970, or, without the unit, of milliseconds."""
_RIGHTS = "the credentials need s3:ListBucket on the bucket and s3:GetObject on its objects"


class Prefix:
    """The origin that is what lies below `url`, as ``s3://bucket/exports``; messages call it by `called`, or else by its URL.

    `endpoint` and `region` are AWS's own settings where they are None; credentials always are. The bytes that one
    `read` gives are of one version of the object. An empty object whose name ends in a slash, as consoles make for a folder, is
    no file.
    """

    def __init__(self, url: str, called: str | None = None, *, endpoint: str | None = None, region: str | None = None) -> None:
        bucket, self._prefix = place_of(url)
        self.called = called or f"{SCHEME}{bucket}/{self._prefix}"
        with _translated(self.called):
            self._requests = Requests(bucket, endpoint, region)

    def files(self) -> list[OriginFile]:
        """See `Origin`; raises `SourceUnreachable` where there is no bucket, or nothing at all below the prefix."""
        found, is_there = list[OriginFile](), False
        with _translated(self.called):
            for page in self._requests.pages("list_objects_v2", Prefix=self._prefix):
                for entry in page.get("Contents", ()):
                    is_there = True
                    if entry["Size"] or not entry["Key"].endswith("/"):
                        name = entry["Key"].removeprefix(self._prefix)
                        found.append(_file(name, entry["Size"], entry["LastModified"], entry["ETag"]))
        if not is_there:  # S3 knows no folders: this is how one that is gone looks, or one that is misspelt
            hint = "correct `path` of the source in lake.yaml, or let its first file come; it is looked at again by itself"
            raise SourceUnreachable("LW-280", f"there is nothing at {self.called!r}", hint=hint)
        return sorted(found, key=lambda file: file.name)

    def look(self, name: str) -> OriginFile | None:
        """The object as it is now; None where there is none of this name."""
        with _translated(name):
            try:
                answer = self._requests.send("head_object", self._prefix + name)
            except NotFound:
                return None
        file = _file(name, answer["ContentLength"], answer["LastModified"], answer["ETag"])
        return file if file.is_regular else None

    def require_readable(self, name: str) -> None:
        """See `Origin`; asks for the first byte."""
        with _translated(name), contextlib.suppress(PastEnd):
            try:
                self._requests.read(self._prefix + name, Range="bytes=0-0")
            except NotFound:
                raise changed(name) from None

    def written(self, file: OriginFile) -> datetime.datetime:
        """The time that AWS DataSync, or a file gateway, noted of the file that it brought; the object's own where none did.

        https://docs.aws.amazon.com/datasync/latest/userguide/metadata-copied.html,
        https://docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html
        """
        with _translated(file.name):
            try:
                noted = self._requests.send("head_object", self._prefix + file.name)["Metadata"].get(_MTIME, "")
            except NotFound:
                return file.modified  # who reads it next is told
        match = _NOTED.fullmatch(noted)
        if match is None:
            return file.modified
        try:
            since = datetime.timedelta(microseconds=int(match[1]) // 1000 if match[2] else int(match[1]) * 1000)
            return datetime.datetime.fromtimestamp(0, datetime.UTC) + since
        except OverflowError:  # anybody may write such a note
            return file.modified

    def read(self, name: str) -> Iterator[bytes]:
        """The object's bytes, all of one version; raises `SourceError` where it vanished, was replaced, or cannot be read."""
        offset, version = 0, dict[str, Any]()
        with _translated(name):
            while True:
                try:
                    wanted = f"bytes={offset}-{offset + CHUNK - 1}"
                    data, answer = self._requests.read(self._prefix + name, Range=wanted, **version)
                except PastEnd:
                    return
                except (Refused, NotFound):
                    raise changed(name) from None
                version["IfMatch"] = answer["ETag"]
                offset += len(data)
                yield data
                if offset >= int(answer["ContentRange"].rpartition("/")[2]):
                    return


def _file(name: str, size: int, modified: datetime.datetime, tag: str) -> OriginFile:
    """What is told of an object, in whole seconds: answers about a single one have no more."""
    time = modified.astimezone(datetime.UTC).replace(microsecond=0)
    return OriginFile(name, size, time, f"{size:x}-{time:%Y%m%d%H%M%S}-{tag}", not name.endswith("/"))


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn what keeps `name` from being read into the errors of a source."""
    try:
        yield
    except StorageUnreachable as error:
        raise SourceUnreachable("LW-283", f"{name!r} cannot be read: {error.message}", hint=error.hint) from None
    except StorageError as error:
        if error.code == "LW-311":
            hint = "correct `path` of the source in lake.yaml, or make the bucket; it is looked at again by itself"
            raise SourceUnreachable("LW-280", error.message, hint=hint) from None
        mend = _RIGHTS if error.code == "LW-312" else error.hint
        raise SourceError("LW-281", f"{name!r} cannot be read: {error.message}", hint=mend) from None
