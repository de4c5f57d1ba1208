"""A `Store` in a bucket of S3, or of anything that speaks its API with conditional writes.

A name is written once by ``If-None-Match: *`` and replaced by ``If-Match`` with the ETag. Each write carries an id of its own in
its metadata: a write that is refused looks whether the object there is its own, whose answer was lost. An upload gathers in a
partial file on this machine, from which it is sent, in parts where it is large, as often as need be.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, cast

from lakewright.errors import NotFound, StorageError
from lakewright.model.contracts import Entry
from lakewright.model.times import utc_now
from lakewright.storage import objects
from lakewright.storage.partial import Partial, Partials
from lakewright.storage.s3_requests import SCHEME, Conflict, PastEnd, Refused, Requests, place_of, repeated

PART_BYTES = 16 << 20
"""Size of a part of a large object, at most this many are in memory times `_SENDERS`; larger where there would be too many."""
_MOST_PARTS = 10_000
_SENDERS = 4
_KEPT = datetime.timedelta(days=7)
"""How long the parts of an upload whose writer died are kept."""
_WRITER = "lakewright-write"
_PART_FIELDS = ("ETag", "ChecksumCRC32", "ChecksumCRC64NVME")
"""What S3 is told of a part again at the end, to compare."""


class S3Store:
    """Fulfils `lakewright.model.contracts.Store` below `url`, as ``s3://bucket/prefix``.

    `partials` is a folder of this machine for what is being uploaded. `endpoint` and `region` are AWS's own settings where they
    are None; credentials always are. A tag is the ETag and the writer's id. S3 compares only the ETag in one step with the write,
    so of several writers at once with one tag two may succeed if an object of the same bytes came back between them: what is
    replaced under control should say in its bytes who wrote it, as leases do.
    """

    def __init__(
        self, url: str, partials: str | os.PathLike[str], *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        bucket, self._prefix = place_of(url)
        self._root = f"{SCHEME}{bucket}/{self._prefix}"
        self._made = functools.partial(S3Store, url, partials, endpoint=endpoint, region=region)
        self._requests = Requests(bucket, endpoint, region)
        self._partials = Partials(Path(partials).absolute(), become=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process it goes as what it was made of; that one finds credentials of its own."""
        return self._made, ()

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; raises `AlreadyExists` where the name is taken."""
        try:
            self._put(name, data, IfNoneMatch="*")
        except Refused:
            raise objects.taken(self.location(name)) from None

    def replace(self, name: str, data: bytes, expected: str | None) -> str:
        """Write the object if it is still the one with tag `expected` (None: if it does not exist); return its new tag."""
        try:
            if expected is None:
                return self._put(name, data, IfNoneMatch="*")
            if self._tag(name) == expected:
                return self._put(name, data, IfMatch=expected.partition(" ")[0])
        except (Refused, NotFound):
            pass
        raise objects.changed(self.location(name))

    def put(self, name: str, data: bytes) -> None:
        """Write an object, over an existing one if there is one."""
        self._put(name, data)

    @contextlib.contextmanager
    def upload(self, name: str, resume: str | None = None) -> Iterator[BinaryIO]:
        """A writable file that becomes the new object when the block ends without an exception; `resume`: see the protocol."""
        place = self.location(name)
        with self._partials.writing(place, resume) as file:
            yield cast(BinaryIO, file)
            try:
                self._send(name, file)
            except Refused:
                raise objects.taken(place) from None

    def read(self, name: str) -> bytes:
        """The object's bytes; raises `NotFound`."""
        return self._requests.read(self._key(name))[0]

    def read_tagged(self, name: str) -> tuple[bytes, str]:
        """The object's bytes and its tag for `replace`; raises `NotFound`."""
        data, answer = self._requests.read(self._key(name))
        return data, _tag_of(answer)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; raises `NotFound`."""
        if length <= 0:
            self._tag(name)
            return b""
        try:
            return self._requests.read(self._key(name), Range=f"bytes={offset}-{offset + length - 1}")[0]
        except PastEnd:
            return b""

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        try:
            return bool(self._tag(name))
        except NotFound:
            return False

    def list(self, prefix: str, after: str | None = None, known: Mapping[str, Entry] | None = None) -> Iterator[Entry]:
        """Objects whose name starts with `prefix`, in name order, those up to and including `after` left out.

        A listing tells all of each object, and what is `known` saves nothing.
        """
        folder = prefix.rpartition("/")[0]
        if folder:
            self._key(folder)
        start, last = {"StartAfter": self._prefix + after} if after else {}, ""
        for page in self._requests.pages("list_objects_v2", Prefix=self._prefix + prefix, **start):
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(self._prefix)
                if name < last:
                    hint = "choose a server that lists as S3 does, by the bytes of the names"
                    raise StorageError("LW-317", f"{self._root} lists {name} behind {last}: out of order", hint=hint)
                last = name
                if objects.is_name(name):  # consoles make objects that stand for folders, ending in a slash
                    yield Entry(name, found["Size"], found["LastModified"].astimezone(datetime.UTC))

    def delete(self, name: str) -> None:
        """Remove the object; no error where there is none."""
        key = self._key(name)
        repeated(lambda: self._requests.send("delete_object", key), self.location(name))

    def location(self, name: str) -> str:
        """The object's URL, as ``s3://bucket/prefix/name``."""
        self._key(name)
        return self._root + name

    def examine(self) -> None:
        """Write, list and delete an object; raises `StorageError`, LW-317 where the server ignores the conditions of a write."""
        name = f"_examined-{secrets.token_hex(8)}"
        self._put(name, b"", IfNoneMatch="*")
        try:
            for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"another"'}):
                with contextlib.suppress(Refused):
                    self._put(name, b"", **condition)
                    said = f"{self._root}: the server ignores {next(iter(condition))}, which keeps two writers apart"
                    raise StorageError("LW-317", said, hint="choose a server with S3's conditional writes")
            next(self.list(""), None)
        finally:
            self.delete(name)

    def _key(self, name: str) -> str:
        if not objects.is_name(name):
            raise objects.not_a_name(name)
        return self._prefix + name

    def _tag(self, name: str) -> str:
        return _tag_of(self._requests.send("head_object", self._key(name)))

    # ---- writing ---------------------------------------------------------------------------------------------------------

    def _put(self, name: str, data: bytes, **condition: str) -> str:
        """Write in one request; returns the tag. Raises `Refused` where the condition does not hold."""
        key, writer = self._key(name), secrets.token_hex(8)

        def write() -> str:
            answer = self._requests.send("put_object", key, Body=data, Metadata={_WRITER: writer}, **condition)
            return _tag(answer["ETag"], writer)

        try:
            return repeated(write, self.location(name))
        except (Refused, NotFound):
            return self._own(name, writer)

    def _send(self, name: str, file: Partial) -> None:
        """Make what was written to `file` a new object; raises `Refused` where the name is taken."""
        size = os.fstat(file.fileno()).st_size
        with open(file.path, "rb") as content:
            if size <= PART_BYTES:
                self._put(name, content.read(), IfNoneMatch="*")
            else:
                self._abort_leftovers()
                repeated(lambda: self._send_parts(name, content.fileno(), size), self.location(name))

    def _send_parts(self, name: str, content: int, size: int) -> None:
        key, writer = self._key(name), secrets.token_hex(8)
        step = max(PART_BYTES, -(-size // _MOST_PARTS))
        upload = self._requests.send("create_multipart_upload", key, Metadata={_WRITER: writer})["UploadId"]

        def send_part(number: int) -> dict[str, Any]:
            data = os.pread(content, step, (number - 1) * step)
            answer = self._requests.send("upload_part", key, UploadId=upload, PartNumber=number, Body=data)
            return {"PartNumber": number} | {field: answer[field] for field in _PART_FIELDS if field in answer}

        try:
            with ThreadPoolExecutor(_SENDERS, "upload") as pool:
                parts = {"Parts": [*pool.map(send_part, range(1, -(-size // step) + 1))]}
            self._requests.send("complete_multipart_upload", key, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
        except BaseException as error:
            with contextlib.suppress(StorageError, Refused, Conflict):
                self._requests.send("abort_multipart_upload", key, UploadId=upload)
            if not isinstance(error, (Refused, NotFound)):
                raise
            self._own(name, writer)

    def _own(self, name: str, writer: str) -> str:
        """The tag of the object, if it is what `writer` wrote and the answer to that was lost; else raises `Refused`."""
        with contextlib.suppress(NotFound):
            tag = self._tag(name)
            if tag.endswith(f" {writer}"):
                return tag
        raise Refused

    def _abort_leftovers(self) -> None:
        """End the uploads of dead writers, whose parts nobody lists and somebody pays for."""
        before = utc_now() - _KEPT
        with contextlib.suppress(StorageError):
            for page in self._requests.pages("list_multipart_uploads", Prefix=self._prefix):
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"] < before:
                        self._requests.send("abort_multipart_upload", upload["Key"], UploadId=upload["UploadId"])


def _tag_of(answer: dict[str, Any]) -> str:
    return _tag(answer["ETag"], answer["Metadata"].get(_WRITER, ""))


def _tag(etag: str, writer: str) -> str:
    return f"{etag} {writer}"
